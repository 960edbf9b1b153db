/**
 * Buckets: which properties hold for a key, found quickly however many prefixes there are.
 *
 * The longest prefix that fits wins. Prefixes are sorted once per list of buckets. Of those that do not stand behind the
 * key, the last one begins with every prefix of the key that is among them: what lies between a prefix and a key that
 * begins with it begins with it too. So the answer is that one, or the first of its own prefixes that fits.
 *
 * Holds: what `of` says depends on the list alone; a ring document has the default bucket, prefix '', so each key has one.
 * Not here: how buckets change (membership/bucket-changes.ts).
 */
import { assert } from '../base/assert.ts';
import type { CopiesPerKey } from '../contracts/vnode.ts';
import type { BucketProperties, RingDocument } from './document.ts';

/** Bytes of a prefix, at most. */
export const PREFIX_MAX = 255;
/** A list of buckets travels in every ring document. */
export const BUCKETS_MAX = 256;
/** A preference list is no longer than the smallest ring. */
export const REPLICAS_MAX = 8;

export class Buckets implements CopiesPerKey {
  /** Sorted, and of each the position of the longest other one that it begins with; -1: there is none. */
  readonly #sorted: readonly BucketProperties[];
  readonly #outer: readonly number[];
  readonly numbers: readonly number[];
  readonly name: string;

  constructor(buckets: readonly BucketProperties[]) {
    this.#sorted = buckets.toSorted((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0));
    this.#outer = outerOf(this.#sorted);
    this.numbers = [...new Set(buckets.map(({ n }) => n))].toSorted((a, b) => a - b);
    this.name = JSON.stringify(this.#sorted.map(({ prefix, n }) => [prefix, n]));
  }

  of(key: string): BucketProperties {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] as BucketProperties).prefix <= key) low = middle + 1;
      else high = middle;
    }
    let at = low - 1;
    while (at >= 0 && !key.startsWith((sorted[at] as BucketProperties).prefix))
      at = this.#outer[at] as number;
    const found = sorted[at];
    assert(found !== undefined, 'a ring document has the default bucket');
    return found;
  }

  copiesOf(key: string): number {
    return this.of(key).n;
  }
}

function outerOf(sorted: readonly BucketProperties[]): number[] {
  const outer: number[] = [];
  sorted.forEach(({ prefix }, index) => {
    let at = index - 1;
    while (at >= 0 && !prefix.startsWith((sorted[at] as BucketProperties).prefix)) at = outer[at] as number;
    outer.push(at);
  });
  return outer;
}

const cache = new WeakMap<readonly BucketProperties[], Buckets>();

/** The buckets of a ring, made once for each document. */
export function bucketsOf({ buckets }: Pick<RingDocument, 'buckets'>): Buckets {
  let known = cache.get(buckets);
  if (known === undefined) cache.set(buckets, (known = new Buckets(buckets)));
  return known;
}

/** The properties of the bucket that a key lies in: the longest prefix that fits. */
export function bucketOf(document: Pick<RingDocument, 'buckets'>, key: string): BucketProperties {
  const { buckets } = document;
  return buckets.length === 1 ? (buckets[0] as BucketProperties) : bucketsOf(document).of(key);
}
