/**
 * Assignment: who takes over what is given up, so that nobody comes to stand in a list of three twice.
 *
 * Partitions given up by one leaver lie three or more apart, so none cares who gets another. Who may take which
 * is then a bipartite graph, and balance says how many each must and may take: an assignment problem, solved exactly
 * by augmenting paths. If it has no solution, one move more may give it one: some partition that stays goes to someone else
 * first, and each such move is tried.
 *
 * Source: Kuhn, "The Hungarian Method" (1955), with lower and upper capacities.
 * Holds: where the result is defined, it is balanced, everything in place stays but one partition at most, and if no two
 * ownerless partitions lie within two of each other, no new list of three has an owner twice. Then also: where it is
 * undefined, there is no such ring.
 */
import { CRAMPED_MEMBERS } from './room.ts';
import { LEAVER, countOwners } from './shares.ts';
import type { Steps } from './steps.ts';

/** One move sets free those within two of it, of which no more than two are a leaver's. */
const FREED_MAX = 2;
/** Up to so many stuck ones the fewest moves are looked for; how far, is bounded where more than one is needed. */
const DEEPEN_MAX = 4;
const TRIES_MAX = 200;
/** With more there is always room. */
const CRAMPED_MEMBERS_MAX = 6;

/**
 * `owners`: what stays, and `LEAVER` for what is given up. So many partitions more may move, at most; the fewest are found
 * first. Undefined where that cannot be done.
 */
export function assignOpen(
  owners: Int32Array,
  memberCount: number,
  extraMax: number,
): Int32Array | undefined {
  const stuck = stuckIn(owners, memberCount).length;
  const fewest = Math.ceil(stuck / FREED_MAX);
  for (let extra = stuck > DEEPEN_MAX ? stuck : fewest; extra <= extraMax; extra++) {
    const assigned = assignAfter(owners.slice(), memberCount, extra, {
      left: extra > 1 ? TRIES_MAX : Infinity,
    });
    if (assigned !== undefined) return assigned;
  }
  return undefined;
}

/** Tries each partition that could set the first stuck one free, any partition when none is stuck. */
function assignAfter(
  owners: Int32Array,
  memberCount: number,
  extra: number,
  tries: { left: number },
): Int32Array | undefined {
  const stuck = stuckIn(owners, memberCount);
  if (stuck.length > FREED_MAX * extra || tries.left-- <= 0) return undefined;
  const assigned = stuck.length === 0 ? new Assignment(owners, memberCount).solve() : undefined;
  if (assigned !== undefined || extra === 0) return assigned;
  for (let p = 0; p < owners.length; p++) {
    const owner = owners[p] as number;
    if (owner === LEAVER || (stuck.length > 0 && !isNear(stuck[0] as number, p, owners.length))) continue;
    for (const taker of takersOf(owners, p, memberCount)) {
      if (taker === owner) continue;
      owners[p] = taker;
      const found = assignAfter(owners, memberCount, extra - 1, tries);
      if (found !== undefined) return found;
    }
    owners[p] = owner;
  }
  return undefined;
}

function stuckIn(owners: Int32Array, memberCount: number): number[] {
  return placesOf(owners, LEAVER).filter((p) => takersOf(owners, p, memberCount).length === 0);
}

/** Of five or six members, how many could not leave with at most one move more than the least (room.ts). */
export function* leaversHeldBack(owners: Int32Array, memberCount: number): Steps<number> {
  if (memberCount < CRAMPED_MEMBERS || memberCount > CRAMPED_MEMBERS_MAX) return 0;
  let held = 0;
  for (let leaver = 0; leaver < memberCount; leaver++) {
    yield;
    const others = owners.map((owner) => (owner === leaver ? LEAVER : owner > leaver ? owner - 1 : owner));
    if (assignOpen(others, memberCount - 1, 1) === undefined) held++;
  }
  return held;
}

function placesOf(owners: Int32Array, owner: number): number[] {
  const places: number[] = [];
  for (let p = 0; p < owners.length; p++) if (owners[p] === owner) places.push(p);
  return places;
}

function isNear(p: number, q: number, size: number): boolean {
  const apart = Math.abs(p - q);
  return Math.min(apart, size - apart) <= 2;
}

/** Members who do not stand within two partitions of this one, which may be its owner too. */
function takersOf(owners: Int32Array, p: number, memberCount: number): number[] {
  const size = owners.length;
  const w = owners[(p + size - 2) % size];
  const x = owners[(p + size - 1) % size];
  const y = owners[(p + 1) % size];
  const z = owners[(p + 2) % size];
  const takers: number[] = [];
  for (let member = 0; member < memberCount; member++) {
    if (member !== w && member !== x && member !== y && member !== z) takers.push(member);
  }
  return takers;
}

class Assignment {
  readonly #owners: Int32Array;
  readonly #memberCount: number;
  readonly #places: readonly number[];
  readonly #takers: readonly (readonly number[])[];
  /** For each place who takes it, or `LEAVER` while nobody does. */
  readonly #takenBy: Int32Array;
  readonly #load: Int32Array;

  constructor(owners: Int32Array, memberCount: number) {
    this.#owners = owners;
    this.#memberCount = memberCount;
    this.#places = placesOf(owners, LEAVER);
    this.#takers = this.#places.map((p) => takersOf(owners, p, memberCount));
    this.#takenBy = new Int32Array(this.#places.length).fill(LEAVER);
    this.#load = new Int32Array(memberCount);
  }

  /** First everyone gets what it must have, then the rest goes to those who may have one more: no load ever shrinks. */
  solve(): Int32Array | undefined {
    const floor = Math.floor(this.#owners.length / this.#memberCount);
    const kept = countOwners(this.#owners, this.#memberCount);
    if (kept.some((count) => count > floor + 1)) return undefined;
    const least = kept.map((count) => Math.max(0, floor - count));
    this.#fill(least);
    if (this.#load.some((load, member) => load < (least[member] as number))) return undefined;
    if (!this.#fill(kept.map((count) => floor + 1 - count))) return undefined;
    const owners = this.#owners.slice();
    this.#places.forEach((p, at) => (owners[p] = this.#takenBy[at] as number));
    return owners;
  }

  /** Whether every place has found a taker. */
  #fill(capacity: Int32Array): boolean {
    let isFull = true;
    for (let at = 0; at < this.#places.length; at++) {
      if (this.#takenBy[at] === LEAVER && !this.#augment(at, capacity, new Set())) isFull = false;
    }
    return isFull;
  }

  /** Finds a taker for a place, letting others who are taken change theirs. */
  #augment(at: number, capacity: Int32Array, asked: Set<number>): boolean {
    for (const member of this.#takers[at] as readonly number[]) {
      if (asked.has(member)) continue;
      asked.add(member);
      if ((this.#load[member] as number) < (capacity[member] as number)) {
        this.#load[member] = (this.#load[member] as number) + 1;
        this.#takenBy[at] = member;
        return true;
      }
      for (let other = 0; other < this.#places.length; other++) {
        if (this.#takenBy[other] !== member || !this.#augment(other, capacity, asked)) continue;
        this.#takenBy[at] = member;
        return true;
      }
    }
    return false;
  }
}
