/** Sums and differences of stretches against their dumb twins: sets of texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Decode, latin1Encode } from '../base/bytes.ts';
import { digestsOf, isSameSum, itemsNotAmong, sumOf } from './stretch.ts';

const texts = fc.uniqueArray(fc.string({ unit: 'binary-ascii', maxLength: 6 }), { maxLength: 30 });
const itemsOf = (some: readonly string[]): Uint8Array[] => some.map(latin1Encode);

describe('a stretch', () => {
  it('has the sum of another just when it holds the same, in whatever order', () => {
    fc.assert(
      fc.property(texts, texts, (some, others) => {
        const sum = sumOf(digestsOf(itemsOf(some)));
        expect(isSameSum(sum, sumOf(digestsOf(itemsOf(some.toReversed()))))).toBe(true);
        const same = JSON.stringify(some.toSorted()) === JSON.stringify(others.toSorted());
        expect(isSameSum(sum, sumOf(digestsOf(itemsOf(others))))).toBe(same);
      }),
    );
  });

  it('its sum is that of big integers', () => {
    fc.assert(
      fc.property(texts, (some) => {
        const digests = digestsOf(itemsOf(some));
        let expected = 0n;
        for (let i = 0; i < digests.length; i += 2)
          expected += (BigInt(digests[i] as number) << 32n) + BigInt(digests[i + 1] as number);
        const { count, hi, lo } = sumOf(digests);
        expect(count).toBe(some.length);
        expect((BigInt(hi) << 32n) + BigInt(lo)).toBe(BigInt.asUintN(64, expected));
      }),
    );
  });

  it('what is not among others is what the sets say', () => {
    fc.assert(
      fc.property(texts, texts, (some, others) => {
        const missing = itemsNotAmong(itemsOf(some), digestsOf(itemsOf(others)));
        const held = new Set(others);
        expect(missing.map((item) => latin1Decode(item))).toEqual(some.filter((text) => !held.has(text)));
      }),
    );
  });
});
