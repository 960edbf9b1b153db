import { partitionOf, rangeOf, type PartitionId } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beforeHash, hashAt, POSITION_END, positionOf, rangeAt } from './key-space.ts';

const SIZES = [8, 16, 32, 64, 128, 256, 512, 1024];
const bitsOf = (size: number): number => Math.log2(size);

describe('ranges', () => {
  it.each(SIZES)(
    'of a ring of %i follow one another, from the beginning of hash space to its end',
    (size) => {
      const bits = bitsOf(size);
      let end = 0;
      // The keys of partition 0 are those before the beginning: they lie at the end.
      for (const range of [...[...Array(size - 1).keys()].map((p) => p + 1), 0] as PartitionId[]) {
        const { start, end: next } = rangeOf(range, bits);
        expect(start).toBe(end);
        end = next;
        expect(partitionOf(start, bits)).toBe(range);
        expect(partitionOf(end - 1, bits)).toBe(range);
      }
      expect(end).toBe(2 ** 32);
    },
  );
});

describe('positions', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });

  it('are in the order of hashes, and fit 52 bits', () => {
    fc.assert(
      fc.property(word, word, word, word, (aHi, aLo, bHi, bLo) => {
        const [a, b] = [positionOf(aHi, aLo), positionOf(bHi, bLo)];
        expect(a).toBeGreaterThanOrEqual(0);
        expect(a).toBeLessThan(POSITION_END);
        if (aHi < bHi || (aHi === bHi && aLo < bLo)) expect(a).toBeLessThanOrEqual(b);
      }),
    );
  });

  it('lead to the first hash that has them', () => {
    fc.assert(
      fc.property(word, word, (hi, lo) => {
        const { hashHi, hashLo } = hashAt(positionOf(hi, lo));
        expect({ hashHi, hashLo }).toEqual({ hashHi: hi, hashLo: (lo & ~0xfff) >>> 0 });
        expect(positionOf(hashHi, hashLo)).toBe(positionOf(hi, lo));
      }),
    );
  });

  it.each(SIZES)('lie in one range of a ring of %i', (size) => {
    const bits = bitsOf(size);
    fc.assert(
      fc.property(word, word, (hi, lo) => {
        const range = rangeAt(positionOf(hi, lo), bits);
        expect(range).toBe(partitionOf(hi, bits));
        const { start, end } = rangeOf(range, bits);
        expect(positionOf(start, 0)).toBeLessThanOrEqual(positionOf(hi, lo));
        expect(positionOf(hi, lo)).toBeLessThan(positionOf(end, 0));
      }),
      { numRuns: 50 },
    );
  });

  it('end where the last range ends', () => {
    expect(positionOf(rangeOf(0 as PartitionId, 4).end, 0)).toBe(POSITION_END);
  });

  it('a walk that begins before a hash comes by all that begin with it', () => {
    expect(beforeHash(0)).toBeUndefined();
    expect(beforeHash(0x8000_0000)).toEqual({ hashHi: 0x7fff_ffff, hashLo: 0xffff_ffff, key: '' });
  });
});
