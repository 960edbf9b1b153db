/**
 * Seeds: first rings that are balanced, from which the search sets out.
 *
 * Near the ring as it is: going round, partitions are given up at an even pace, so that what is given up - and so
 * what a joiner gets - is spread out, and so is what the owner of all keeps. Each goes to the member with an open
 * share that has waited longest for its next one (`seedRing`; in `zonedRing` one member gives up after the other),
 * or where an exact assignment puts it (`handedOver`). Drawn anew: locations and members by turns (`blankRing`), or
 * a stripe of four with visitors (`visitedStripe`).
 *
 * Holds: balanced; `seedRing` and `zonedRing` make exactly the least number of moves.
 * Not here: spacing beyond what the even pace brings.
 */
import { assignOpen } from './assignment.ts';
import type { Problem } from './problem.ts';
import { LEAVER, countOwners } from './shares.ts';

/** Beyond that the search does as well. */
const EXTRA_MAX = 12;

/** What is given up goes where nobody comes to stand in a list twice; undefined where that cannot be (assignment.ts). */
export function handedOver(problem: Problem): Int32Array | undefined {
  const owners = problem.before.slice();
  giveUp(owners, problem.shares.due, problem.shares.leastMoves, 0, problem.memberCount);
  return assignOpen(owners, problem.memberCount, EXTRA_MAX);
}

/** As `seedRing`, but given up by one member after the other, each in a zone of its own. */
export function zonedRing({ before, memberCount, shares }: Problem, phase: number): Int32Array {
  const owners = before.slice();
  rest(owners, shares.due, memberCount, phase);
  handOut(owners, shares.due, memberCount);
  return owners;
}

/** `phase` (0..1) shifts where giving up begins: another phase, another seed. */
export function seedRing(problem: Problem, phase: number): Int32Array {
  const { before, memberCount, shares } = problem;
  const owners = before.slice();
  giveUp(owners, shares.due, shares.leastMoves, phase, memberCount);
  handOut(owners, shares.due, memberCount);
  return owners;
}

/**
 * A ring drawn without regard to what is: locations take turns by their shares, and within each its members do.
 * Balanced; with equal shares the turns are stripes.
 */
export function blankRing({ size, memberCount, shares, locations }: Problem): Int32Array {
  const of = locations?.of ?? Int32Array.from({ length: memberCount }, (_, member) => member);
  const dueOf = new Int32Array(locations?.count ?? memberCount);
  of.forEach(
    (location, member) => (dueOf[location] = (dueOf[location] as number) + (shares.due[member] as number)),
  );
  const locationTurns = new Int32Array(dueOf.length);
  const memberTurns = new Int32Array(memberCount);
  return Int32Array.from({ length: size }, () => {
    const location = nextTurn(locationTurns, dueOf, () => true);
    return nextTurn(memberTurns, shares.due, (member) => of[member] === location);
  });
}

/**
 * A stripe of four, which the other members visit one after the other: each stands in for the first for a while, for the
 * next, and so on through all who were there before. So near a partition stand few different members, and most
 * of them can leave with few moves (room.ts), while lists of four are spaced as well as in the stripe.
 */
export function visitedStripe({ size, memberCount, shares }: Problem): Int32Array {
  const roles = Int32Array.from({ length: size }, (_, p) => p % STRIPE);
  for (let visitor = STRIPE; visitor < memberCount; visitor++) visit(roles, visitor);
  const members = Array.from(shares.due.keys()).toSorted(
    (a, b) => (shares.due[b] as number) - (shares.due[a] as number),
  );
  return roles.map((role) => members[role] as number);
}

const STRIPE = 4;

/** Those who were there before give the visitor what they have too much with it there, each in one go. */
function visit(roles: Int32Array, visitor: number): void {
  const size = roles.length;
  const held = countOwners(roles, visitor);
  let at = 0;
  for (let host = 0; host < visitor; host++) {
    const share = Math.floor(size / (visitor + 1)) + (host < size % (visitor + 1) ? 1 : 0);
    let surplus = (held[host] as number) - share;
    for (let steps = 0; surplus > 0 && steps < 2 * size; steps++, at++) {
      const p = at % size;
      if (roles[p] !== host || (steps < size && standsBy(roles, p, visitor))) continue;
      roles[p] = visitor;
      surplus--;
    }
  }
}

/** Whether a list of four has both this partition and one of the visitor's. */
function standsBy(roles: Int32Array, p: number, visitor: number): boolean {
  for (let apart = 1; apart < STRIPE; apart++) {
    if (roles[(p + apart) % roles.length] === visitor) return true;
    if (roles[(p - apart + roles.length) % roles.length] === visitor) return true;
  }
  return false;
}

/** Smooth weighted turns: everyone asked gains its weight, and who has most pays for all of them. */
function nextTurn(credit: Int32Array, weights: Int32Array, isAsked: (at: number) => boolean): number {
  let chosen = -1;
  let total = 0;
  for (let at = 0; at < credit.length; at++) {
    if (!isAsked(at)) continue;
    total += weights[at] as number;
    credit[at] = (credit[at] as number) + (weights[at] as number);
    if (chosen < 0 || (credit[at] as number) > (credit[chosen] as number)) chosen = at;
  }
  credit[chosen] = (credit[chosen] as number) - total;
  return chosen;
}

/** Marks as ownerless what each member holds beyond its due: first at the even pace, then what is left of it anywhere. */
function giveUp(
  owners: Int32Array,
  due: Int32Array,
  total: number,
  phase: number,
  memberCount: number,
): void {
  const surplus = countOwners(owners, memberCount).map((held, member) => held - (due[member] as number));
  const pace = total / owners.length;
  for (const patient of [true, false]) {
    let owed = phase;
    for (let p = 0; p < owners.length; p++) {
      const owner = owners[p] as number;
      owed += pace;
      if (owner === LEAVER) owed -= 1;
      else if ((surplus[owner] as number) > 0 && (owed >= 1 || !patient)) {
        owners[p] = LEAVER;
        surplus[owner] = (surplus[owner] as number) - 1;
        owed -= 1;
      }
    }
  }
}

/**
 * Marks as ownerless what each member holds beyond its due: the ring is cut into as many zones as there are members, and
 * each rests in one of them, as far as it has something to give up there. What is left of it goes anywhere.
 */
function rest(owners: Int32Array, due: Int32Array, memberCount: number, phase: number): void {
  const size = owners.length;
  const surplus = countOwners(owners, memberCount).map((held, member) => held - (due[member] as number));
  const isAwake = new Array<boolean>(memberCount).fill(true);
  const borderOf = (zone: number): number => Math.floor(((zone + phase) * size) / memberCount);
  for (let zone = 0; zone < memberCount; zone++) {
    const places = Array.from(
      { length: borderOf(zone + 1) - borderOf(zone) },
      (_, i) => (borderOf(zone) + i) % size,
    );
    const held = countOwners(
      Int32Array.from(places, (p) => owners[p] as number),
      memberCount,
    );
    const resting = held.reduce(
      (most, count, member) =>
        isAwake[member] === true && (surplus[member] as number) > 0 && count >= (held[most] ?? 0)
          ? member
          : most,
      -1,
    );
    if (resting < 0) continue;
    isAwake[resting] = false;
    yieldAll(
      owners,
      surplus,
      places.filter((p) => owners[p] === resting),
    );
  }
  yieldAll(owners, surplus, Array.from(owners.keys()));
}

/** Marks these as ownerless while their owners hold too much. */
function yieldAll(owners: Int32Array, surplus: Int32Array, places: readonly number[]): void {
  for (const p of places) {
    const owner = owners[p] as number;
    if (owner === LEAVER || (surplus[owner] as number) <= 0) continue;
    owners[p] = LEAVER;
    surplus[owner] = (surplus[owner] as number) - 1;
  }
}

/** Gives everything ownerless to the members with open shares. */
function handOut(owners: Int32Array, due: Int32Array, memberCount: number): void {
  const kept = countOwners(owners, memberCount);
  const open = due.map((share, member) => share - (kept[member] as number));
  const lastAt = Int32Array.from(open, (_, member) => member - memberCount - owners.length);
  for (let p = 0; p < owners.length; p++) {
    if (owners[p] === LEAVER) {
      const taker = longestWaiting(owners, p, open, lastAt);
      owners[p] = taker;
      open[taker] = (open[taker] as number) - 1;
    }
    lastAt[owners[p] as number] = p;
  }
}

/** Who has waited longest counts more the more it is still due; who stands close by takes only what nobody else can. */
function longestWaiting(owners: Int32Array, p: number, open: Int32Array, lastAt: Int32Array): number {
  const size = owners.length;
  let taker = -1;
  let longest = -Infinity;
  for (let member = 0; member < open.length; member++) {
    if ((open[member] as number) === 0) continue;
    const waited = p - (lastAt[member] as number);
    const isClose = waited < 3 || owners[(p + 1) % size] === member || owners[(p + 2) % size] === member;
    const claim = isClose ? waited - 4 * size : waited * (open[member] as number);
    if (claim > longest) {
      longest = claim;
      taker = member;
    }
  }
  return taker;
}
