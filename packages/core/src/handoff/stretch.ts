/**
 * Stretches of a walk, compared without sending them: how many items, and the sum of their digests.
 *
 * The order of items does not count, for it may differ on the two sides. Where the sums differ the receiver names the
 * digests of what it holds, and the sender sends what is not among them; so an item is sent again only if it differs.
 *
 * Not for security: who wants two items with one digest can make them (base/murmur.ts).
 */
import { digest64 } from '../base/murmur.ts';

/** A count, and the sum of digests mod 2^64 as two words. */
export interface StretchSum {
  readonly count: number;
  readonly hi: number;
  readonly lo: number;
}

const digest = new Uint32Array(2);

/** Two words for each item. */
export function digestsOf(items: readonly Uint8Array[]): Uint32Array {
  const digests = new Uint32Array(2 * items.length);
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Uint8Array;
    digest64(item, 0, item.length, digest);
    digests[2 * i] = digest[0] as number;
    digests[2 * i + 1] = digest[1] as number;
  }
  return digests;
}

export function sumOf(digests: Uint32Array): StretchSum {
  let hi = 0;
  let lo = 0;
  for (let i = 0; i < digests.length; i += 2) {
    lo += digests[i + 1] as number;
    hi = (hi + (digests[i] as number) + (lo > 0xffffffff ? 1 : 0)) >>> 0;
    lo >>>= 0;
  }
  return { count: digests.length / 2, hi, lo };
}

export function isSameSum(a: StretchSum, b: StretchSum): boolean {
  return a.count === b.count && a.hi === b.hi && a.lo === b.lo;
}

/** Those items whose digests are not among these. */
export function itemsNotAmong(items: readonly Uint8Array[], held: Uint32Array): Uint8Array[] {
  const lows = new Map<number, number[]>();
  for (let i = 0; i < held.length; i += 2) {
    const [hi, lo] = [held[i] as number, held[i + 1] as number];
    const others = lows.get(hi);
    if (others === undefined) lows.set(hi, [lo]);
    else others.push(lo);
  }
  const digests = digestsOf(items);
  return items.filter(
    (_, i) => lows.get(digests[2 * i] as number)?.includes(digests[2 * i + 1] as number) !== true,
  );
}
