/** Changes of the buckets as tables: the buckets before, a change, the buckets after or the refusal. */
import { describe, expect, it } from 'vitest';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { id, ring } from '../../test/ring-text.ts';
import { bucketOf } from '../ring/buckets.ts';
import type { BucketProperties, RingDocument } from '../ring/document.ts';
import { changeBucket, type BucketChange } from './bucket-changes.ts';
import { isRefusal } from './refusal.ts';

const bucket = (text: string): BucketProperties => {
  const [prefix = '', n, level = 'eventual'] = text.split(' ');
  return { prefix, n: Number(n), level: level as 'eventual' | 'strict' };
};

/** `a 5, ab 3 strict` beside the default, n=3. */
const withBuckets = (text: string, rest: Partial<RingDocument> = {}): RingDocument => {
  const document = ring('a b c');
  const more = text.split(', ').filter(Boolean).map(bucket);
  return { ...document, buckets: [...document.buckets, ...more], ...rest };
};

const show = ({ buckets }: Pick<RingDocument, 'buckets'>): string =>
  buckets
    .filter(({ prefix }) => prefix !== '')
    .map(({ prefix, n, level }) => `${prefix} ${n}${level === 'strict' ? ' strict' : ''}`)
    .join(', ');

/** As by somebody who has just looked. */
const change = (document: RingDocument, { prefix, to }: BucketChange): ReturnType<typeof changeBucket> =>
  changeBucket(document, { prefix, to, was: bucketOf(document, prefix) });

const set = (text: string): BucketChange => ({ prefix: bucket(text).prefix, to: bucket(text) });
const unset = (prefix: string): BucketChange => ({ prefix, to: null });

const moving = { pending: [{ partition: 1 as PartitionId, from: id('a'), to: id('b') }] };
const resizing = { resize: { ringSize: 32, owners: new Array<NodeId>(32).fill(id('a')) } };

describe('a change of the buckets', () => {
  it.each([
    ['', set('a 5'), 'a 5'],
    ['a 5', set('a 5 strict'), 'a 5 strict'],
    ['a 5, ab 1', set('a 3'), 'a 3, ab 1'],
    ['a 5, ab 1', unset('a'), 'ab 1'],
  ])('%s: %j makes it %s', (before, wanted, after) => {
    const changed = change(withBuckets(before), wanted);
    expect(isRefusal(changed) ? changed.message : show(changed)).toBe(after);
  });

  it('may be one of the default bucket, which stays', () => {
    const changed = change(ring('a b c'), { prefix: '', to: { n: 2, level: 'strict' } });
    expect((changed as RingDocument).buckets).toEqual([{ prefix: '', n: 2, level: 'strict' }]);
    expect(change(ring('a b c'), unset(''))).toMatchObject({ code: 'invalid_bucket' });
  });

  it('is none when it is so already, whatever moves', () => {
    for (const rest of [{}, moving, resizing]) {
      const before = withBuckets('a 5', rest);
      expect(change(before, set('a 5'))).toBe(before);
    }
  });

  it.each([
    [{ prefix: 'a', to: { n: 0, level: 'eventual' } }, /n must be a whole number from 1 to 8, not 0/],
    [{ prefix: 'a', to: { n: 9, level: 'eventual' } }, /from 1 to 8, not 9/],
    [{ prefix: 'a', to: { n: 1.5, level: 'eventual' } }, /not 1.5/],
    [{ prefix: 'a', to: { n: 3, level: 'strong' } }, /eventual or strict, not strong/],
    [{ prefix: 'a'.repeat(256), to: { n: 3, level: 'strict' } }, /at most 255 bytes, not 256/],
    [{ prefix: 'a\u0100', to: { n: 3, level: 'strict' } }, /made of bytes/],
  ])('%j is refused', (wanted, message) => {
    const refused = change(ring('a b c'), wanted as BucketChange);
    expect(refused).toMatchObject({ code: 'invalid_bucket', definite: true });
    expect(refused).toMatchObject({ message: expect.stringMatching(message) as string });
  });

  it('of a prefix that has no bucket is refused when it should go', () => {
    expect(change(withBuckets('ab 5'), unset('a'))).toMatchObject({ code: 'no_such_bucket' });
  });

  it('is refused beyond 256 buckets, and one of those may still be changed', () => {
    const full = withBuckets(Array.from({ length: 255 }, (_, at) => `${at} 3`).join(', '));
    expect(change(full, set('x 3'))).toMatchObject({ code: 'invalid_bucket' });
    expect(isRefusal(change(full, set('7 5')))).toBe(false);
  });

  it.each([
    ['n', set('a 5')],
    ['the level', set('a 3 strict')],
  ])('that changes %s of keys waits until nothing moves', (_, wanted) => {
    expect(change(withBuckets('', moving), wanted)).toMatchObject({ code: 'pending_changes' });
    expect(change(withBuckets('', resizing), wanted)).toMatchObject({ code: 'pending_changes' });
    expect(isRefusal(change(withBuckets(''), wanted))).toBe(false);
  });

  it('that changes nothing for any key waits for nothing', () => {
    expect(change(withBuckets('', moving), set('a 3'))).toMatchObject({ buckets: { length: 2 } });
    expect(change(withBuckets('a 3', resizing), unset('a'))).toMatchObject({ buckets: { length: 1 } });
  });

  it('is refused when its keys lie in another bucket than when they were looked for', () => {
    const looked = bucketOf(withBuckets(''), 'ab');
    const now = withBuckets('a 5');
    expect(changeBucket(now, { ...set('ab 1'), was: looked })).toMatchObject({ code: 'bucket_changed' });
    expect(changeBucket(now, { ...unset('a'), was: looked })).toMatchObject({ code: 'bucket_changed' });
  });
});
