/**
 * Problem: what claim is asked, in numbers, and how one answer is told from a better one.
 *
 * Members are positions in the list of those wanted, in the order given; owners that are not wanted are `LEAVER`.
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import { crampedOf } from './room.ts';
import { LEAVER, sharesOf, type Shares } from './shares.ts';
import { locationsLacking, unevennessOf, windowsWithRepeat, type Locations } from './spacing.ts';

/** What claim is asked: who owns the ring now, who is to own it, and what else it shall heed. */
export interface ClaimInput {
  /** The owner of each partition now; may name nodes that are not members: they leave. */
  readonly owners: readonly NodeId[];
  /** Who is to own the ring afterwards, distinct, in an order that does not change from claim to claim. */
  readonly members: readonly NodeId[];
  /** Windows of so many partitions should have distinct owners too where it costs nothing (3..9). Default 4. */
  readonly target?: number;
  /** Failure domains. A member without one, or with an empty one, stands in a location of its own. */
  readonly locations?: ReadonlyMap<NodeId, string>;
}

export interface Problem {
  readonly size: number;
  readonly memberCount: number;
  readonly target: number;
  /** Owner per partition now. */
  readonly before: Int32Array;
  readonly shares: Shares;
  /** So many moves are within the bounds: the least, and one more where anything moves at all. */
  readonly movesFree: number;
  /** Most of the ring changes hands: then it is drawn for the target first, and otherwise room comes first. */
  readonly isDrawnAnew: boolean;
  /** Undefined when every member stands in a location of its own. */
  readonly locations: Locations | undefined;
}

const RING_SIZE_LEAST = 6;
const TARGET_DEFAULT = 4;

export function problemOf({ owners, members, target = TARGET_DEFAULT, locations }: ClaimInput): Problem {
  const positions = new Map(members.map((member, at) => [member, at]));
  assert(members.length > 0 && positions.size === members.length, 'members are distinct and at least one');
  assert(owners.length >= RING_SIZE_LEAST, `a ring has at least ${RING_SIZE_LEAST} partitions`);
  assert(target >= 3 && target <= Math.min(9, owners.length), 'the target spacing is 3..9 and fits the ring');
  const before = Int32Array.from(owners, (owner) => positions.get(owner) ?? LEAVER);
  const places = locationsOf(members, locations);
  const shares = sharesOf(before, roundOrder(members.length, places));
  return {
    size: owners.length,
    memberCount: members.length,
    target,
    before,
    shares,
    movesFree: shares.leastMoves === 0 ? 0 : shares.leastMoves + 1,
    isDrawnAnew: shares.leastMoves * 2 > owners.length,
    locations: places,
  };
}

function locationsOf(
  members: readonly NodeId[],
  named: ReadonlyMap<NodeId, string> | undefined,
): Locations | undefined {
  const numbers = new Map<string, number>();
  const of = Int32Array.from(members, (member, at) => {
    const name = named?.get(member) ?? '';
    const key = name === '' ? `member ${at}` : `location ${name}`;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key) as number;
  });
  return numbers.size === members.length
    ? undefined
    : { of, count: numbers.size, wanted: Math.min(3, numbers.size) };
}

/** The members in their order; with locations, the first of each, then the second of each, and so on. */
function roundOrder(memberCount: number, locations: Locations | undefined): number[] {
  const order = Array.from({ length: memberCount }, (_, member) => member);
  if (locations === undefined) return order;
  const seen = new Int32Array(locations.count);
  const rounds = locations.of.map((location) => {
    const round = seen[location] as number;
    seen[location] = round + 1;
    return round;
  });
  return order.toSorted((a, b) => (rounds[a] as number) - (rounds[b] as number));
}

/** How good a balanced ring is, the most important wish first; less is better. */
export interface Tally {
  /** Locations that windows of three lack, summed up. */
  readonly tooLocal: number;
  readonly n3: number;
  /** Moves beyond those that are within the bounds. */
  readonly movesOver: number;
  /** Members who could not leave with so few moves; known only of rings that a search has come to (assignment.ts). */
  readonly heldBack: number;
  /** Partitions that the next leave could not hand over with so few moves (room.ts). */
  readonly cramped: number;
  /** Windows of `target` partitions with an owner twice. */
  readonly nTarget: number;
  readonly moves: number;
  readonly unevenness: number;
}

export function tallyOf(problem: Problem, owners: Int32Array): Tally {
  let moves = 0;
  for (let p = 0; p < problem.size; p++) if (owners[p] !== problem.before[p]) moves++;
  return {
    tooLocal: problem.locations === undefined ? 0 : locationsLacking(owners, problem.locations).sum,
    n3: windowsWithRepeat(owners, 3),
    movesOver: Math.max(0, moves - problem.movesFree),
    heldBack: 0,
    cramped: crampedOf(owners, problem.memberCount),
    nTarget: windowsWithRepeat(owners, problem.target),
    moves,
    unevenness: unevennessOf(owners, problem.memberCount),
  };
}

/** Negative when `a` is the better ring, zero when they are equally good. */
export function compareTallies(problem: Problem, a: Tally, b: Tally): number {
  const target = a.nTarget - b.nTarget;
  return (
    a.tooLocal - b.tooLocal ||
    a.n3 - b.n3 ||
    a.movesOver - b.movesOver ||
    (problem.isDrawnAnew ? target : 0) ||
    a.heldBack - b.heldBack ||
    a.cramped - b.cramped ||
    target ||
    a.moves - b.moves ||
    a.unevenness - b.unevenness
  );
}
