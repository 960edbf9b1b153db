/**
 * What two copies of a range both hold: where buckets differ in n, a copy further down the list holds fewer keys.
 *
 *     position in the list    0   1   2   3   4
 *     keys of n=5             x   x   x   x   x
 *     keys of n=3             x   x   x
 *
 * So of two copies those keys are compared that the later one is to hold. What it holds beside them - its n was larger
 * once - is no difference, and is not spread. Pure.
 */
import type { PartitionId } from '../contracts/ids.ts';
import type { ItemTrees } from '../contracts/vnode.ts';
import { bucketsOf } from '../ring/buckets.ts';
import type { RingDocument } from '../ring/document.ts';

/** `later`: of the two partitions the one further down the list of `range`. */
export function sharedItems(
  trees: ItemTrees,
  document: RingDocument,
  { range, later }: { readonly range: PartitionId; readonly later: PartitionId },
): ItemTrees {
  const { ringSize } = document;
  const perKey = bucketsOf(document);
  const atLeast = ((later - range + ringSize) % ringSize) + 1;
  if (atLeast <= (perKey.numbers[0] as number)) return trees;
  const only = { atLeast, perKey };
  return {
    sums: (within, parts) => trees.sums(within, parts, only),
    states: (within, after, limit) => trees.states(within, after, limit, only),
    itemsAt: (hashHi, hashLo) => trees.itemsAt(hashHi, hashLo),
  };
}
