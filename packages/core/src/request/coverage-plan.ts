/**
 * Coverage plan: the fewest vnodes that together hold every key of the ring once, or of those ranges that are wanted.
 *
 * Vnode p holds the n ranges p, p-1, .. p-n+1. Going round the ring, whoever has to cover the next range takes the usable
 * vnode that reaches furthest beyond it; that is best on a line. On a circle it depends on where one begins, so every vnode
 * that covers the first range has its turn as the first one, and the shortest plan wins: n rounds, and no plan is shorter.
 * Riak's planner chooses the vnode that covers most each time; with three in ten vnodes away one plan in five of it is longer,
 * at worst by three quarters (rings of 8 and 16).
 *
 * A vnode may hold more than it is asked for: each range stands in the plan once, at the vnode that was chosen first.
 *
 * Source: Riak's riak_core_coverage_plan. coverage-plan.property.test.ts compares it with all plans there are.
 */
import type { PartitionId } from '../contracts/ids.ts';

/** What is wanted, and who may be asked. */
export interface CoverageProblem {
  readonly ringSize: number;
  /** Copies of each key. */
  readonly n: number;
  /** Ranges, by the partition that is first in their preference list. */
  isWanted(range: PartitionId): boolean;
  /** Whether this partition's owner may be asked. */
  isUsable(partition: PartitionId): boolean;
  /** Where to begin, so that not every plan is the same: any whole number from 0 on. */
  readonly offset: number;
}

export interface CoveragePlan {
  /** The vnodes to be asked, and for which of the ranges that they hold. */
  readonly asks: readonly { readonly partition: PartitionId; readonly ranges: readonly PartitionId[] }[];
  /** Wanted, and held by no vnode that may be asked. */
  readonly missing: readonly PartitionId[];
}

/** The fewest vnodes that hold all that is wanted, and what nobody holds who can be asked. */
export function planCoverage({ ringSize, n, isWanted, isUsable, offset }: CoverageProblem): CoveragePlan {
  const reach = Math.min(n, ringSize);
  const at = (place: number): PartitionId => (place % ringSize) as PartitionId;
  /** Usable holders of the range at this place, those that reach furthest first. */
  const holdersOf = (place: number): number[] => {
    const holders: number[] = [];
    for (let ahead = reach - 1; ahead >= 0; ahead--)
      if (isUsable(at(place + ahead))) holders.push(place + ahead);
    return holders;
  };
  const wanted: number[] = [];
  const missing: PartitionId[] = [];
  for (let i = 0; i < ringSize; i++) {
    const place = (offset % ringSize) + i;
    if (!isWanted(at(place))) continue;
    if (holdersOf(place).length > 0) wanted.push(place);
    else missing.push(at(place));
  }
  let best: readonly number[] | undefined;
  const [first] = wanted;
  for (const holder of first === undefined ? [] : holdersOf(first)) {
    const chosen = [holder];
    for (const place of wanted) {
      const last = chosen.at(-1) as number;
      if (place <= last || place + ringSize <= holder || covers(holder, place, reach, ringSize)) continue;
      chosen.push(holdersOf(place)[0] as number);
    }
    if (best === undefined || chosen.length < best.length) best = chosen;
  }
  return { asks: assign(best ?? [], wanted, reach, ringSize, at), missing };
}

/** Whether the vnode at `holder` holds the range at `place`, both counted on round the ring. */
function covers(holder: number, place: number, reach: number, ringSize: number): boolean {
  return (((holder - place) % ringSize) + ringSize) % ringSize < reach;
}

function assign(
  chosen: readonly number[],
  wanted: readonly number[],
  reach: number,
  ringSize: number,
  at: (place: number) => PartitionId,
): CoveragePlan['asks'] {
  const left = new Set(wanted);
  return chosen.map((holder) => {
    const ranges = [...left].filter((place) => covers(holder, place, reach, ringSize));
    for (const place of ranges) left.delete(place);
    return { partition: at(holder), ranges: ranges.map(at) };
  });
}
