/**
 * What a vnode holds of some hashes, come by in steps: the entries that the store has committed, under those on their way.
 */
import { SPACE_ENTRY, type HashRange, type Position, type VnodeContext } from '@rkv/core';
import { beforeHash } from './key-space.ts';
import type { Underway } from './overlay.ts';

export interface HeldItems {
  readonly context: Pick<VnodeContext, 'store' | 'place'>;
  /** By key: all that the store has not committed, and nothing that it has lost. */
  readonly overlay: ReadonlyMap<string, Underway>;
}

/** `entry` is borrowed; `isStored`: it is the store's, and not on its way there. */
export type TakeItem = (
  hashHi: number,
  hashLo: number,
  key: string,
  entry: Uint8Array,
  isStored: boolean,
) => void;

/** No limit to a walk that its visitor ends. */
const RECORDS_MAX = 2 ** 30;

/**
 * Come by what is held behind `after`, first what the store has committed, in order; it ends between two positions once
 * `isEnough`, and says where.
 */
export function visitItems(
  { overlay, context }: HeldItems,
  within: HashRange,
  after: Position | undefined,
  isEnough: () => boolean,
  take: TakeItem,
): Position | undefined {
  const from =
    after === undefined ? beforeHash(within.start) : { hashHi: after[0], hashLo: after[1], key: '' };
  const [afterHi, afterLo] = after ?? [within.start - 1, 0xffffffff];
  let lastHi = -1;
  let lastLo = -1;
  let endsHere = false;
  context.store.walk(SPACE_ENTRY, context.place, from, RECORDS_MAX, (hashHi, hashLo, key, entry) => {
    // Of the position behind which it begins all was told.
    if (hashHi < within.start || (hashHi === afterHi && hashLo === afterLo)) return true;
    if (hashHi >= within.end) return false;
    endsHere = (hashLo !== lastLo || hashHi !== lastHi) && lastHi >= 0 && isEnough();
    if (endsHere) return false;
    lastHi = hashHi;
    lastLo = hashLo;
    if (overlay.size === 0 || !overlay.has(key)) take(hashHi, hashLo, key, entry, true);
    return true;
  });
  for (const { at, entry } of overlay.values()) {
    const { hashHi, hashLo, key } = at;
    if (entry === undefined || hashHi < within.start || hashHi >= within.end) continue;
    if (hashHi < afterHi || (hashHi === afterHi && hashLo <= afterLo)) continue;
    if (endsHere && (hashHi > lastHi || (hashHi === lastHi && hashLo > lastLo))) continue;
    take(hashHi, hashLo, key, entry, false);
  }
  return endsHere ? [lastHi, lastLo] : undefined;
}
