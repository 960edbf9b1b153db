import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { partitionOf } from './hash-space.ts';
import { ALL_HASHES, covers, rangeOf, rangesHeld, rangesOwed, rangesShared } from './ranges.ts';

const place = (ringBits: number, partition: number): Place => ({
  ringBits,
  partition: partition as PartitionId,
});
const places = (ringBits: number): Place[] =>
  Array.from({ length: 1 << ringBits }, (_, partition) => place(ringBits, partition));

/** In eighths of hash space. */
const eighths = (ranges: readonly HashRange[]): string =>
  ranges.map(({ start, end }) => `${start / 2 ** 29}-${end / 2 ** 29}`).join(' ');

/** Where a place stands in the list of a hash, or undefined when it is not among the first n. */
function positionOf(hashHi: number, { ringBits, partition }: Place, n: number): number | undefined {
  const size = 1 << ringBits;
  const position = (partition - partitionOf(hashHi, ringBits) + size) % size;
  return position < Math.min(n, size) ? position : undefined;
}

const hash = fc.nat(0xffffffff);
const n = fc.integer({ min: 1, max: 5 });
const anyPlace = fc
  .integer({ min: 3, max: 6 })
  .chain((bits) => fc.nat((1 << bits) - 1).map((partition) => place(bits, partition)));

describe('ranges', () => {
  it.each([
    [1, '0-1'],
    [0, '7-8'],
    [7, '6-7'],
  ])('of eight: partition %i is first for %s', (first, range) =>
    expect(eighths([rangeOf(first as PartitionId, 3)])).toBe(range),
  );

  it.each([
    [4, 3, '1-4'],
    [1, 3, '0-1 6-8'],
    [0, 3, '5-8'],
    [5, 1, '4-5'],
  ])('partition %i of eight holds with n=%i: %s', (partition, copies, held) =>
    expect(eighths(rangesHeld(place(3, partition), copies))).toBe(held),
  );

  it('neighbours share what both hold, and strangers nothing', () => {
    expect(eighths(rangesShared(place(3, 4), place(3, 5), 3))).toBe('2-4');
    expect(eighths(rangesShared(place(3, 4), place(3, 7), 3))).toBe('');
  });

  it('a range covers a hash exactly when its partition is first in the list', () =>
    fc.assert(
      fc.property(hash, anyPlace, (hashHi, { ringBits, partition }) => {
        expect(covers([rangeOf(partition, ringBits)], hashHi)).toBe(
          partitionOf(hashHi, ringBits) === partition,
        );
        expect(covers([ALL_HASHES], hashHi)).toBe(true);
      }),
    ));

  it('held is what has the place in its list, shared what has both', () =>
    fc.assert(
      fc.property(hash, anyPlace, anyPlace, n, (hashHi, a, b, copies) => {
        const holdsA = positionOf(hashHi, a, copies) !== undefined;
        const holdsB = positionOf(hashHi, b, copies) !== undefined;
        expect(covers(rangesHeld(a, copies), hashHi)).toBe(holdsA);
        expect(covers(rangesShared(a, b, copies), hashHi)).toBe(holdsA && holdsB);
      }),
    ));

  it('every copy of a key in the new ring comes from exactly one in the old, and no two from one', () =>
    fc.assert(
      fc.property(
        hash,
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 3, max: 6 }),
        n,
        (hashHi, from, to, copies) => {
          const givers: number[] = [];
          for (const target of places(to)) {
            const sources = places(from).filter((source) =>
              covers(rangesOwed(source, target, copies), hashHi),
            );
            expect(sources.length).toBe(positionOf(hashHi, target, copies) === undefined ? 0 : 1);
            givers.push(...sources.map(({ partition }) => partition));
          }
          expect(new Set(givers).size).toBe(givers.length);
          expect(givers.length).toBe(copies);
        },
      ),
    ));
});
