/** Whether all copies of a ring's items are the same, whatever an item is: what every vnode walks through, range by range. */
import { rangeOf, ringBits, type HashRange, type ItemCursor, type NodeId, type PartitionId } from '@rkv/core';
import type { SimRing } from './sim-ring.ts';

const PAGE_BYTES = 64 * 1024;
const SHOWN_MAX = 80;

/** What two primaries of a range hold differently, in words; undefined: nothing. Services whose copies are not compared are passed over. */
export function differingCopies(ring: SimRing): string | undefined {
  const document = ring.document;
  if (document === undefined) return 'nobody is in the ring';
  const { ringSize, owners } = document;
  const nodes = new Map(ring.doors().map(({ node }) => [node.id, node]));
  for (const service of ring.services) {
    for (let first = 0; first < ringSize; first++) {
      const within = rangeOf(first as PartitionId, ringBits(ringSize));
      let known: { readonly by: string; readonly items: readonly string[] } | undefined;
      for (let i = 0; i < ring.n; i++) {
        const partition = ((first + i) % ringSize) as PartitionId;
        const node = nodes.get(owners[partition] as NodeId);
        const host = node?.vnode(service, partition);
        if (host === undefined) return `partition ${partition} of ${service} is nowhere`;
        if (host.vnode.trees === undefined) break;
        const by = `partition ${partition}`;
        const items = itemsWithin(host.vnode, within);
        if (known === undefined) known = { by, items };
        const difference = differenceOf(known.items, items);
        if (difference !== undefined)
          return `${service}: ${known.by} and ${by} hold different copies: ${difference}`;
      }
    }
  }
  return undefined;
}

interface Walked {
  walkItems(
    cursor: ItemCursor | undefined,
    budgetBytes: number,
    within: HashRange,
  ): { readonly items: readonly Uint8Array[]; readonly next: ItemCursor | undefined };
}

/** Sorted; a walk may come by an item twice. */
function itemsWithin(vnode: Walked, within: HashRange): string[] {
  const found = new Set<string>();
  let cursor: ItemCursor | undefined;
  do {
    const page = vnode.walkItems(cursor, PAGE_BYTES, within);
    for (const item of page.items) found.add(Buffer.from(item).toString('latin1'));
    cursor = page.next;
  } while (cursor !== undefined);
  return [...found].toSorted();
}

function differenceOf(a: readonly string[], b: readonly string[]): string | undefined {
  const onlyA = a.find((item) => !b.includes(item));
  const onlyB = b.find((item) => !a.includes(item));
  if (onlyA === undefined && onlyB === undefined) return undefined;
  return `${shown(onlyA)} and ${shown(onlyB)}`;
}

function shown(item: string | undefined): string {
  return item === undefined ? 'nothing' : JSON.stringify(item.slice(0, SHOWN_MAX));
}
