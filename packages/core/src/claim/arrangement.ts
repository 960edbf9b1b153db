/**
 * Arrangement: a ring being rearranged, which knows at once what a change would cost.
 *
 * A partition lies in few windows, so a change of its owner is priced by looking at its neighbours and never at
 * the whole ring. The price is a weighted sum that shows the search its way; which ring is best in the end is
 * judged wish by wish (`compareTallies`).
 *
 * The owners stand in an array whose ends repeat the other end, so that windows need no modulo.
 */
import type { Problem } from './problem.ts';
import { CRAMPED_MEMBERS, crampedBy, isStuck, stuckOf } from './room.ts';
import { countOwners } from './shares.ts';
import { lackingOf, neighboursOf } from './spacing.ts';

/**
 * Prices. A wish is not outbid by the next one in a single change: that one touches at most nine windows of the
 * target (36 < one move too many) and makes two moves (82 < one window of three).
 */
const PRICE_LACKING = 4000;
const PRICE_N3 = 400;
const PRICE_MOVE_OVER = 40;
const PRICE_CRAMPED = 6;
const PRICE_CRAMPED_ANEW = 2;
const PRICE_TARGET = 4;
const PRICE_MOVE = 1;
const PRICE_UNEVEN = 0.05;
/** A change whose other prices are so much worse than what is at hand is not worth weighing its unevenness. */
const UNEVEN_MATTERS = 5;

/** Who stands within two partitions shares a list of three. */
const NEAR_REACH = 2;
/** Whether a neighbour is stuck depends on its neighbours. */
const PAD_LEAST = 2 * NEAR_REACH;
const NEAR: readonly number[] = [-2, -1, 1, 2];

/** What is wrong with a partition's place: nothing, a window of the target, too many moves, a window of three. */
export type Severity = 0 | 1 | 2 | 3;

export class Arrangement {
  /** Partitions per member. */
  readonly counts: Int32Array;
  /** The price of what is wished for, relative to the start; whole numbers. */
  wishes = 0;
  /** How uneven the ring is, relative to the start. */
  unevenness = 0;
  #moves = 0;
  /** Stuck partitions per member (room.ts); all zero unless there are five. */
  readonly #stuck: Int32Array;
  /** A change that is so much worse otherwise is not worth weighing its room: two partitions, and two on each side. */
  readonly #crampedMatters: number;
  readonly #priceCramped: number;
  readonly #problem: Problem;
  /** How many places a window reaches back, and how many of the other end are repeated at each end of the array. */
  readonly #reach: number;
  readonly #pad: number;
  readonly #ring: Int32Array;
  /** Of how many partitions of a member another one stands within two. */
  readonly #near: Int32Array;
  /** How often a member stands within two of a partition. */
  readonly #around: Uint8Array;

  /** `owners`: members only, no leavers. */
  constructor(problem: Problem, owners: Int32Array) {
    this.#problem = problem;
    this.#reach = problem.target - 1;
    this.#pad = Math.max(this.#reach, PAD_LEAST);
    this.#ring = new Int32Array(problem.size + 2 * this.#pad);
    this.#near = neighboursOf(owners, problem.memberCount);
    const isAtRisk = problem.memberCount === CRAMPED_MEMBERS;
    this.#stuck = isAtRisk ? stuckOf(owners, problem.memberCount) : new Int32Array(0);
    this.#priceCramped = problem.isDrawnAnew ? PRICE_CRAMPED_ANEW : PRICE_CRAMPED;
    this.#crampedMatters = isAtRisk ? 10 * this.#priceCramped : 0;
    this.#around = new Uint8Array(problem.size * problem.memberCount);
    this.counts = countOwners(owners, problem.memberCount);
    for (let p = 0; p < problem.size; p++) {
      this.#put(p, owners[p] as number);
      if (owners[p] !== problem.before[p]) this.#moves++;
    }
    for (let p = 0; p < problem.size; p++) {
      for (const offset of NEAR) {
        const at = p * problem.memberCount + this.ownerOf((p + offset + problem.size) % problem.size);
        this.#around[at] = (this.#around[at] as number) + 1;
      }
    }
  }

  ownerOf(partition: number): number {
    return this.#ring[partition + this.#pad] as number;
  }

  owners(): Int32Array {
    return this.#ring.slice(this.#pad, this.#pad + this.#problem.size);
  }

  /** What guides the search, relative to the start. */
  get price(): number {
    return this.wishes + PRICE_UNEVEN * this.unevenness;
  }

  place(partition: number, owner: number): void {
    const old = this.ownerOf(partition);
    this.counts[old] = (this.counts[old] as number) - 1;
    this.counts[owner] = (this.counts[owner] as number) + 1;
    const moveChange = this.#moveChange(partition, owner);
    this.unevenness += this.#exchange(partition, old, owner);
    this.wishes += this.#priceOfPutting(partition, owner) + this.#priceOfMoves(moveChange);
    this.#put(partition, old);
    this.wishes += this.#priceOfRoom(partition, owner);
    this.#moves += moveChange;
  }

  /** What the price changes by when this partition goes to `owner`. */
  priceOfPlacing(partition: number, owner: number): number {
    const old = this.ownerOf(partition);
    const moves = this.#moveChange(partition, owner);
    const uneven = this.#exchange(partition, old, owner);
    this.#exchange(partition, owner, old);
    let price = this.#priceOfPutting(partition, owner) + this.#priceOfMoves(moves);
    this.#put(partition, old);
    price += this.#priceOfRoom(partition, owner);
    this.#write(partition, old);
    return price + PRICE_UNEVEN * uneven;
  }

  /** What the price changes by when two partitions exchange owners; only roughly when it is well above `enough`. */
  priceOfSwapping(p: number, q: number, enough: number): number {
    const ownerP = this.ownerOf(p);
    const ownerQ = this.ownerOf(q);
    const moves = this.#moveChange(p, ownerQ) + this.#moveChange(q, ownerP);
    let price = this.#priceOfMoves(moves) + this.#priceOfPutting(p, ownerQ) + this.#priceOfPutting(q, ownerP);
    this.#put(q, ownerQ);
    this.#put(p, ownerP);
    if (price > enough + UNEVEN_MATTERS + this.#crampedMatters) return price;
    price += this.#priceOfRoom(p, ownerQ) + this.#priceOfRoom(q, ownerP);
    this.#write(q, ownerQ);
    this.#write(p, ownerP);
    if (price > enough + UNEVEN_MATTERS) return price;
    let uneven = this.#exchange(p, ownerP, ownerQ);
    this.#put(p, ownerQ);
    uneven += this.#exchange(q, ownerQ, ownerP);
    this.#exchange(q, ownerP, ownerQ);
    this.#put(p, ownerP);
    this.#exchange(p, ownerQ, ownerP);
    return price + PRICE_UNEVEN * uneven;
  }

  severityOf(partition: number): Severity {
    const price = this.#priceAround(partition);
    if (price >= PRICE_N3) return 3;
    if (this.#moves > this.#problem.movesFree && this.ownerOf(partition) !== this.#problem.before[partition])
      return 2;
    return price > 0 || this.#isCramped(partition) ? 1 : 0;
  }

  /** Gives a partition to `owner`, for a look only; returns what that changes in the price of windows. */
  #priceOfPutting(partition: number, owner: number): number {
    const before = this.#priceAround(partition);
    this.#put(partition, owner);
    return this.#priceAround(partition) - before;
  }

  /** Gives a partition to `owner`; returns what that changes in the price of room. */
  #priceOfRoom(partition: number, owner: number): number {
    return this.#write(partition, owner) * this.#priceCramped;
  }

  /** Whether this partition is stuck, and not its owner's only one. */
  #isCramped(partition: number): boolean {
    const stuck = this.#stuck[this.ownerOf(partition)] ?? 0;
    return crampedBy(stuck) > 0 && this.#isStuck(partition + this.#pad);
  }

  #isStuck(at: number): boolean {
    const ring = this.#ring;
    return isStuck(
      ring[at - 2] as number,
      ring[at - 1] as number,
      ring[at] as number,
      ring[at + 1] as number,
      ring[at + 2] as number,
    );
  }

  /** Counts the partitions that are stuck within two of this one, in or out; returns what that changes. */
  #countStuckAround(partition: number, by: 1 | -1): number {
    if (this.#stuck.length === 0) return 0;
    let change = 0;
    const middle = partition + this.#pad;
    for (let at = middle - NEAR_REACH; at <= middle + NEAR_REACH; at++) {
      if (!this.#isStuck(at)) continue;
      const owner = this.#ring[at] as number;
      const stuck = this.#stuck[owner] as number;
      this.#stuck[owner] = stuck + by;
      change += crampedBy(stuck + by) - crampedBy(stuck);
    }
    return change;
  }

  /** The price of all windows that this partition lies in. */
  #priceAround(partition: number): number {
    let price = 0;
    const last = partition + this.#pad;
    for (let at = last - this.#reach; at <= last; at++) price += this.#windowPrice(at);
    return price;
  }

  /** The windows of three and of the target that begin at this place of the padded array. */
  #windowPrice(at: number): number {
    const ring = this.#ring;
    const a = ring[at] as number;
    const b = ring[at + 1] as number;
    const c = ring[at + 2] as number;
    let price = 0;
    if (a === b || b === c || a === c) price = PRICE_N3 + PRICE_TARGET;
    else if (this.#repeatsBeyondThree(at)) price = PRICE_TARGET;
    const locations = this.#problem.locations;
    if (locations === undefined) return price;
    const { of, wanted } = locations;
    return price + PRICE_LACKING * lackingOf(of[a] as number, of[b] as number, of[c] as number, wanted);
  }

  #repeatsBeyondThree(at: number): boolean {
    const ring = this.#ring;
    const end = at + this.#problem.target;
    for (let late = at + 3; late < end; late++) {
      for (let early = at; early < late; early++) if (ring[early] === ring[late]) return true;
    }
    return false;
  }

  #moveChange(partition: number, owner: number): number {
    const home = this.#problem.before[partition];
    return (owner === home ? 0 : 1) - (this.ownerOf(partition) === home ? 0 : 1);
  }

  #priceOfMoves(change: number): number {
    if (change === 0) return 0;
    const free = this.#problem.movesFree;
    const over = Math.max(0, this.#moves + change - free) - Math.max(0, this.#moves - free);
    return change * PRICE_MOVE + over * PRICE_MOVE_OVER;
  }

  /** Keeps track of who stands near whom when a partition goes from `old` to `owner`; returns the change of unevenness. */
  #exchange(partition: number, old: number, owner: number): number {
    let change = this.#meetAll(partition, old, -1);
    for (const offset of NEAR) {
      change += this.#standBy(partition + offset, old, -1) + this.#standBy(partition + offset, owner, 1);
    }
    return change + this.#meetAll(partition, owner, 1);
  }

  /** `owner` begins or ceases to own this partition: it meets those around, each once. */
  #meetAll(partition: number, owner: number, by: 1 | -1): number {
    const ring = this.#ring;
    const at = partition + this.#pad;
    const [w, x, y, z] = [
      ring[at - 2] as number,
      ring[at - 1] as number,
      ring[at + 1] as number,
      ring[at + 2] as number,
    ];
    let change = this.#meet(owner, w, by);
    if (x !== w) change += this.#meet(owner, x, by);
    if (y !== w && y !== x) change += this.#meet(owner, y, by);
    if (z !== w && z !== x && z !== y) change += this.#meet(owner, z, by);
    return change;
  }

  /** `member` begins or ceases to stand within two of this partition; its owner meets it only once. */
  #standBy(place: number, member: number, by: 1 | -1): number {
    const { size, memberCount } = this.#problem;
    const partition = place < 0 ? place + size : place >= size ? place - size : place;
    const at = partition * memberCount + member;
    const times = this.#around[at] as number;
    this.#around[at] = times + by;
    return times + by === (by === 1 ? 1 : 0) ? this.#meet(this.ownerOf(partition), member, by) : 0;
  }

  #meet(a: number, b: number, by: 1 | -1): number {
    const at = a * this.#problem.memberCount + b;
    const old = this.#near[at] as number;
    this.#near[at] = old + by;
    return by * (2 * old + by);
  }

  /** Returns the change in how cramped the members are. */
  #write(partition: number, owner: number): number {
    const before = this.#countStuckAround(partition, -1);
    this.#put(partition, owner);
    return before + this.#countStuckAround(partition, 1);
  }

  #put(partition: number, owner: number): void {
    const { size } = this.#problem;
    const pad = this.#pad;
    this.#ring[partition + pad] = owner;
    if (partition < pad) this.#ring[partition + pad + size] = owner;
    if (partition >= size - pad) this.#ring[partition + pad - size] = owner;
  }
}
