/**
 * Changes of the buckets: which n and level hold for the keys with a prefix. Pure.
 *
 * Not staged: a change moves nothing, so there is nothing to plan. It is agreed as the next epoch and holds from then on.
 * Whether keys of it exist only the service knows, and whoever asks has looked (`rkv bucket`, rules 2); `was` tells the
 * bucket that they lay in when he did, so that of two changes at one time the second looks again.
 *
 * What changes n or level of any key waits until nothing moves. A move hands over a partition, or fills a place, with
 * what the ring said when it began: the fillings of a resize follow from the largest n, so another n would call for
 * transfers that nobody began, beside such as were told to be done; and keys whose level changes half-way would be in
 * a range that was handed over without being sealed. A prefix for which its keys' properties stay as they are is
 * written down at any time.
 *
 * As in staging.ts: the document as it should be, the very same object when there is nothing to change, or a refusal.
 */
import { bucketOf, BUCKETS_MAX, PREFIX_MAX, REPLICAS_MAX } from '../ring/buckets.ts';
import type { BucketProperties, RingDocument } from '../ring/document.ts';
import { refuse, type Refusal } from './refusal.ts';
import { pendingRefusal } from './staging.ts';

/** A bucket that is to be set, or dropped. */
export interface BucketChange {
  /** Latin1, a byte each. */
  readonly prefix: string;
  /** null: its keys are to lie in the next shorter prefix's bucket. */
  readonly to: Pick<BucketProperties, 'n' | 'level'> | null;
}

export function changeBucket(
  document: RingDocument,
  change: BucketChange & { readonly was: BucketProperties },
): RingDocument | Refusal {
  const buckets = bucketsAfter(document, change);
  if ('kind' in buckets || buckets === document.buckets) return 'kind' in buckets ? buckets : document;
  const [before, after] = [document.buckets, buckets].map((all) => bucketOf({ buckets: all }, change.prefix));
  const changed: RingDocument = { ...document, buckets };
  if (haveSameProperties(before as BucketProperties, after as BucketProperties)) return changed;
  const pending = pendingRefusal(document);
  if (pending !== undefined) return pending;
  const { prefix, was } = change;
  if (before?.prefix !== was.prefix || !haveSameProperties(before, was))
    return refuse(
      'bucket_changed',
      `the keys that begin with ${quoted(prefix)} lie in another bucket by now; ask again`,
    );
  return changed;
}

/** The buckets once the change is made: the very same list when it is so already. */
export function bucketsAfter(
  { buckets }: Pick<RingDocument, 'buckets'>,
  { prefix, to }: BucketChange,
): readonly BucketProperties[] | Refusal {
  const problem = bucketProblem(prefix, to);
  if (problem !== undefined) return refuse('invalid_bucket', problem);
  const held = buckets.find((bucket) => bucket.prefix === prefix);
  if (to === null) {
    if (held !== undefined) return buckets.filter((bucket) => bucket !== held);
    return refuse('no_such_bucket', `there is no bucket with the prefix ${quoted(prefix)}`);
  }
  const wanted = { prefix, n: to.n, level: to.level };
  if (held === undefined) {
    if (buckets.length < BUCKETS_MAX) return [...buckets, wanted];
    return refuse('invalid_bucket', `there are ${BUCKETS_MAX} buckets, and there may not be more`);
  }
  if (haveSameProperties(held, to)) return buckets;
  return buckets.map((bucket) => (bucket === held ? wanted : bucket));
}

/** Whether keys mean the same in both: n and level. */
export function haveSameProperties(
  a: Pick<BucketProperties, 'n' | 'level'>,
  b: Pick<BucketProperties, 'n' | 'level'>,
): boolean {
  return a.n === b.n && a.level === b.level;
}

function bucketProblem(prefix: string, to: BucketChange['to']): string | undefined {
  if (prefix.length > PREFIX_MAX) return `a prefix has at most ${PREFIX_MAX} bytes, not ${prefix.length}`;
  if (/[^\0-\u00ff]/.test(prefix)) return 'a prefix is made of bytes, like a key';
  if (to === null) return prefix === '' ? 'the default bucket stays: it holds for all other keys' : undefined;
  if (!Number.isInteger(to.n) || to.n < 1 || to.n > REPLICAS_MAX)
    return `n must be a whole number from 1 to ${REPLICAS_MAX}, not ${to.n}`;
  if (to.level !== 'eventual' && to.level !== 'strict')
    return `the level must be eventual or strict, not ${String(to.level)}`;
  return undefined;
}

/** For people, who see bytes that are no ASCII as they are escaped in JSON. */
function quoted(prefix: string): string {
  return prefix === '' ? '"" (the default)' : JSON.stringify(prefix);
}
