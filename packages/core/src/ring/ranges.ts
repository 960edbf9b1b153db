/**
 * Ranges of hash space: which keys a partition holds a copy of, and which of them another place holds too.
 *
 * A key's *range* is the interval of hashes before the first partition of its preference list, and its *position* at a
 * partition is how far down the list that partition stands. Partition p holds the ranges p, p-1, .. p-n+1 in the
 * positions 0, 1, .. n-1. Between rings of different sizes a copy goes to the same position of the key's other list, so
 * that each of the n copies there comes from another one here.
 *
 * Source: rules 4; Riak's resize ("same preference-list position in the new ring").
 */
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { partitionOf } from './hash-space.ts';

/** One more than the last first word of a hash. */
const HASHES_END = 2 ** 32;

/** The whole ring, as one range of first words of hashes. */
export const ALL_HASHES: HashRange = { start: 0, end: HASHES_END };

/** The hashes whose keys have this partition first in their preference lists. */
export function rangeOf(first: PartitionId, ringBits: number): HashRange {
  const width = HASHES_END / 2 ** ringBits;
  const interval = (first - 1) & ((1 << ringBits) - 1);
  return { start: interval * width, end: (interval + 1) * width };
}

/** What the owner of this place holds with n copies of each key. */
export function rangesHeld({ ringBits, partition }: Place, n: number): HashRange[] {
  const size = 1 << ringBits;
  const ranges: HashRange[] = [];
  for (let back = 0; back < Math.min(n, size); back++)
    ranges.push(rangeOf(((partition - back + size) % size) as PartitionId, ringBits));
  return merged(ranges);
}

/** Of the keys that `source` holds, those which have `target` in the same position of their list in its ring. */
export function rangesOwed(source: Place, target: Place, n: number): HashRange[] {
  const [here, there] = [1 << source.ringBits, 1 << target.ringBits];
  const ranges: HashRange[] = [];
  for (let position = 0; position < Math.min(n, here, there); position++) {
    const ours = rangeOf(((source.partition - position + here) % here) as PartitionId, source.ringBits);
    const theirs = rangeOf(((target.partition - position + there) % there) as PartitionId, target.ringBits);
    ranges.push(...overlap([ours], [theirs]));
  }
  return merged(ranges);
}

/** Every place of a ring that this one owes something, and what: the places whose `rangesOwed` is not empty. */
export function placesOwed(
  source: Place,
  bits: number,
  n: number,
): { readonly target: Place; readonly ranges: HashRange[] }[] {
  const [here, there] = [1 << source.ringBits, 1 << bits];
  const targets = new Set<number>();
  for (let position = 0; position < Math.min(n, here, there); position++) {
    const { start, end } = rangeOf(
      ((source.partition - position + here) % here) as PartitionId,
      source.ringBits,
    );
    const [first, last] = [partitionOf(start, bits), partitionOf(end - 1, bits)];
    const count = ((last - first + there) % there) + 1;
    for (let i = 0; i < count; i++) targets.add((first + i + position) % there);
  }
  return [...targets]
    .toSorted((a, b) => a - b)
    .map((partition) => {
      const target: Place = { ringBits: bits, partition: partition as PartitionId };
      return { target, ranges: rangesOwed(source, target, n) };
    });
}

/** The keys that both places hold a copy of, in whatever position. */
export function rangesShared(a: Place, b: Place, n: number): HashRange[] {
  return overlap(rangesHeld(a, n), rangesHeld(b, n));
}

/** Whether a hash with this first word lies in one of the ranges. */
export function covers(ranges: readonly HashRange[], hashHi: number): boolean {
  return ranges.some(({ start, end }) => hashHi >= start && hashHi < end);
}

function overlap(some: readonly HashRange[], others: readonly HashRange[]): HashRange[] {
  return some.flatMap((one) =>
    others.flatMap((other) => {
      const [start, end] = [Math.max(one.start, other.start), Math.min(one.end, other.end)];
      return start < end ? [{ start, end }] : [];
    }),
  );
}

/** In hash order, neighbours made one. */
function merged(ranges: readonly HashRange[]): HashRange[] {
  const result: HashRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last?.end === range.start) result[result.length - 1] = { start: last.start, end: range.end };
    else result.push(range);
  }
  return result;
}
