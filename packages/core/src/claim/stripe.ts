/**
 * Stripes: rings for one, two or three members, and a start for four.
 *
 * So few leave no freedom: good spacing means that members take turns, `abcabc...`, and where the ring is no
 * multiple of the turn it breaks at one seam. Every order of the members and every place of the seam is tried,
 * and the ring as it is. Spacing comes before moves here: keeping more in place would leave lists with
 * one node twice for good.
 *
 * The stripe that begins at partition 0 is the one that people know from the tutorial. It is taken even where
 * another one would save a single move.
 */
import { tallyOf, type Problem, type Tally } from './problem.ts';
import { windowsWithRepeat } from './spacing.ts';
import type { Steps } from './steps.ts';

/** Up to so many members a stripe is the answer; up to so many it can be drawn. */
export const STRIPES_DECIDE_MAX = 3;
export const STRIPES_START_MAX = 4;

interface Candidate {
  readonly owners: Int32Array;
  readonly tally: Tally;
  /** Neighbours with one owner: what spacing still means when two members share the ring. */
  readonly n2: number;
}

/** The best spaced ring of stripes, and of those the one with the fewest moves. At most `STRIPES_START_MAX` members. */
export function* arrangeStripe(problem: Problem): Steps<Int32Array> {
  const orders = permutationsOf(problem.memberCount);
  const at = (seam: number): Candidate[] =>
    orders.map((order) => candidateOf(problem, stripe(problem.size, order, seam)));
  const familiar = at(0).reduce(better);
  let best = familiar;
  for (let seam = 1; seam < problem.size; seam++) {
    yield;
    best = at(seam).reduce(better, best);
  }
  if (problem.shares.leastMoves === 0) best = better(best, candidateOf(problem, problem.before));
  const slack = problem.movesFree - problem.shares.leastMoves;
  const isClose = familiar.tally.moves - best.tally.moves <= slack;
  return isClose && compareSpacing(familiar, best) <= 0 ? familiar.owners : best.owners;
}

function stripe(size: number, order: readonly number[], seam: number): Int32Array {
  const owners = new Int32Array(size);
  for (let i = 0; i < size; i++) owners[(seam + i) % size] = order[i % order.length] as number;
  return owners;
}

function candidateOf(problem: Problem, owners: Int32Array): Candidate {
  return { owners, tally: tallyOf(problem, owners), n2: windowsWithRepeat(owners, 2) };
}

/** The first of two equals, so that the order of trying decides. */
function better(a: Candidate, b: Candidate): Candidate {
  return (compareSpacing(a, b) || a.tally.moves - b.tally.moves) <= 0 ? a : b;
}

function compareSpacing(a: Candidate, b: Candidate): number {
  return a.tally.tooLocal - b.tally.tooLocal || a.tally.n3 - b.tally.n3 || a.n2 - b.n2;
}

/** All orders of 0..count-1, the natural one first. */
function permutationsOf(count: number): number[][] {
  if (count === 0) return [[]];
  const all: number[][] = [];
  for (const shorter of permutationsOf(count - 1)) {
    for (let at = count - 1; at >= 0; at--)
      all.push([...shorter.slice(0, at), count - 1, ...shorter.slice(at)]);
  }
  return all;
}
