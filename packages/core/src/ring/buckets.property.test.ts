import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, Buckets, bucketsOf } from './buckets.ts';
import type { BucketProperties } from './document.ts';

/** Few letters, so that prefixes meet; the last latin1 letter among them. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '\xff'), maxLength: 6 });
const bucket = fc.record({
  prefix: text,
  n: fc.integer({ min: 1, max: 8 }),
  level: fc.constantFrom('eventual' as const, 'strict' as const),
});
const lists = fc
  .uniqueArray(bucket, { selector: ({ prefix }) => prefix, maxLength: 24 })
  .map((buckets): BucketProperties[] => [
    { prefix: '', n: 3, level: 'eventual' },
    ...buckets.filter(({ prefix }) => prefix !== ''),
  ]);

/** Looks at each of them. */
function dumb(buckets: readonly BucketProperties[], key: string): BucketProperties {
  const fitting = buckets.filter(({ prefix }) => key.startsWith(prefix));
  return fitting.toSorted((x, y) => y.prefix.length - x.prefix.length)[0] as BucketProperties;
}

describe('the bucket of a key', () => {
  it('is that of the longest prefix that fits, whatever the order and number of buckets', () => {
    fc.assert(
      fc.property(lists, fc.array(text, { minLength: 1, maxLength: 12 }), (buckets, keys) => {
        for (const key of [...keys, ...buckets.map(({ prefix }) => prefix)]) {
          expect(bucketOf({ buckets }, key)).toBe(dumb(buckets, key));
          expect(new Buckets(buckets.toReversed()).of(key)).toBe(dumb(buckets, key));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is looked for in a list that is sorted once', () => {
    const document = { buckets: [{ prefix: '', n: 3, level: 'eventual' as const }] };
    expect(bucketsOf(document)).toBe(bucketsOf(document));
  });

  it('tells the copies of a key, and all numbers of them that there are', () => {
    const buckets = new Buckets([
      { prefix: '', n: 3, level: 'eventual' },
      { prefix: 'a', n: 5, level: 'strict' },
      { prefix: 'b', n: 3, level: 'strict' },
    ]);
    expect(buckets.numbers).toEqual([3, 5]);
    expect(['', 'ab', 'b', 'c'].map((key) => buckets.copiesOf(key))).toEqual([3, 5, 3, 3]);
  });
});
