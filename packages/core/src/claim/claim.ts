/**
 * Claim: who should own which partition, given who owns it now and who is to be a member.
 *
 * Wishes, the most important first:
 * 1. counts differ by at most one;
 * 2. no preference list of three with fewer locations than could be; then none with a node twice;
 * 3. at most the least number of moves, and one;
 * 4. with five members, room for the next leave (room.ts); lists of four (the target) without a node twice. A ring drawn anew,
 *    most of which changes hands, takes the two the other way round: only there the target can always be met;
 * 5. fewer moves; and every member near every other equally often (spacing.ts tells what for).
 * With three members or fewer spacing decides alone (stripe.ts), moves only among equals.
 *
 * Source: Riak's riak_core_claim states the problem; the way is our own: several starts (seed.ts), each followed by a search.
 * What a leaver gives up is an assignment problem, and that start is exact (assignment.ts).
 *
 * Holds for every input: 1; the same input gives the same output; a ring that meets 2 and is balanced stays as it is.
 * Holds for three members or fewer: the fewest lists with a node twice that there can be.
 * Holds for one leaver of a balanced ring without a repeat in three, four or more left, no locations: least moves and one,
 * without a repeat, if there is such a ring.
 * Best effort: 2 to 5. The certificate says what was reached and what is possible. As claim.slow.test.ts sweeps it, rings
 * of 8..256 and up to twelve members, all at once or one by one: no list has a node twice where arithmetic lets that
 * be, and a join makes no more moves than 3 allows. So does a leave, except some from five members to four, where the test
 * proves that no ring does with so few, and they move one or two more: on a ring of five, lists of four without a repeat and
 * room for every leave exclude each other.
 * Not promised: that the fewest moves are found once that happens; nor, where locations have unequal shares, the best
 * ring for them. As locations come before moves, a change with locations may move much more than the least.
 */
import type { NodeId } from '../contracts/ids.ts';
import { leaversHeldBack } from './assignment.ts';
import { certify, type Certificate } from './certificate.ts';
import { compareTallies, problemOf, tallyOf, type ClaimInput, type Problem, type Tally } from './problem.ts';
import { arrange, isMainReached, type Arranged, type Patience } from './search.ts';
import { CRAMPED_MEMBERS } from './room.ts';
import { blankRing, handedOver, visitedStripe, seedRing, zonedRing } from './seed.ts';
import { LEAVER } from './shares.ts';
import { leastWindowsWithRepeat } from './spacing.ts';
import { inOneStep, toTheEnd, type Steps } from './steps.ts';
import { STRIPES_DECIDE_MAX, STRIPES_START_MAX, arrangeStripe } from './stripe.ts';

/** Better owners, and what claim says of them. */
export interface ClaimResult {
  /** The owner of each partition afterwards. */
  readonly owners: readonly NodeId[];
  readonly certificate: Certificate;
}

/** Pure. Members must be distinct and at least one, the ring at least six partitions long (asserted). */
export function claim(input: ClaimInput): ClaimResult {
  return toTheEnd(claimInSteps(input));
}

/** The same in steps of some tenths of a millisecond; on a ring of 1024 with five or six members a few take long. */
export function* claimInSteps(input: ClaimInput): Steps<ClaimResult> {
  const problem = problemOf(input);
  const arranged = yield* problem.memberCount <= STRIPES_DECIDE_MAX
    ? arrangeStripe(problem)
    : arrangeFreely(problem);
  const owners = Array.from(arranged, (member) => input.members[member] as NodeId);
  return { owners, certificate: certify({ ...input, after: owners }) };
}

/** Where in the pace of giving up the seeds begin. */
const PHASES: readonly number[] = [0, 0.5, 0.25];
const ZONE_PHASES: readonly number[] = [0, 0.5, 0.25, 0.75, 0.125, 0.375, 0.625, 0.875];
const STARTS_IN_VAIN_MAX = 2;
const STARTS_FOR_ROOM_IN_VAIN_MAX = 3;

function* arrangeFreely(problem: Problem): Steps<Int32Array> {
  const least = leastTally(problem);
  if (problem.shares.leastMoves === 0 && isMainReached(tallyOf(problem, problem.before), least))
    return problem.before;
  const patience = patienceFor(problem.size);
  let best: Arranged | undefined;
  let startsInVain = 0;
  for (const start of startsOf(problem)) {
    const found = yield* arrange(problem, yield* start, least, patience);
    const arranged = yield* withRoom(found, problem.memberCount);
    const isBetter = best === undefined || compareTallies(problem, arranged.tally, best.tally) < 0;
    if (isBetter) best = arranged;
    startsInVain = isBetter ? 0 : startsInVain + 1;
    if (isGoodEnough(problem, best as Arranged, least) || startsInVain >= vainMax(best as Arranged, least))
      break;
  }
  return (best as Arranged).owners;
}

/** The search only estimates who is cramped. */
function* withRoom({ owners, tally }: Arranged, memberCount: number): Steps<Arranged> {
  return { owners, tally: { ...tally, heldBack: yield* leaversHeldBack(owners, memberCount) } };
}

/** How many starts to no avail are enough; none are while a list has an owner twice without need. */
function vainMax({ tally }: Arranged, least: Tally): number {
  if (tally.n3 > least.n3) return Infinity;
  return tally.heldBack > 0 ? STARTS_FOR_ROOM_IN_VAIN_MAX : STARTS_IN_VAIN_MAX;
}

function isGoodEnough({ isDrawnAnew }: Problem, { tally }: Arranged, least: Tally): boolean {
  return isMainReached(tally, least) && tally.nTarget === 0 && (isDrawnAnew || tally.heldBack === 0);
}

/** Close to the ring as it is, and one drawn anew: last as the way out of a dead end, first where little stays anyway. */
function startsOf(problem: Problem): Steps<Int32Array>[] {
  const { memberCount, locations } = problem;
  const near = PHASES.map((phase) => inOneStep(() => seedRing(problem, phase)));
  if (locations === undefined) {
    const over = problem.before.includes(LEAVER) ? handedOver(problem) : undefined;
    if (over !== undefined) near.unshift(inOneStep(() => over));
    else if (memberCount === CRAMPED_MEMBERS)
      near.unshift(...ZONE_PHASES.map((phase) => inOneStep(() => zonedRing(problem, phase))));
  }
  const anew = inOneStep(() => (locations === undefined ? visitedStripe(problem) : blankRing(problem)));
  const far = memberCount <= STRIPES_START_MAX ? [anew, arrangeStripe(problem)] : [anew];
  return problem.isDrawnAnew ? [...far, ...near] : [...near, ...far.toReversed()];
}

/** No ring is better than this; most often one reaches all but the last. */
function leastTally({ size, memberCount, locations }: Problem): Tally {
  const n3 = leastWindowsWithRepeat(size, memberCount);
  const tooLocal = locations?.count === 3 ? leastWindowsWithRepeat(size, 3) : 0;
  return { tooLocal, n3, movesOver: 0, heldBack: 0, cramped: 0, nTarget: 0, moves: 0, unevenness: 0 };
}

/** A turn looks at the whole ring, so large rings get fewer of them. */
function patienceFor(size: number): Patience {
  const turns = Math.floor(100_000 / size);
  return {
    main: Math.min(2000, Math.max(400, turns)),
    last: Math.min(2000, Math.max(400, turns >> 2)),
    most: 8 * turns,
  };
}
