/** How the copies of what real nodes hold stand to each other, as the nodes say. */
import { hashKey, partitionOf, ringBits } from '@rkv/core';
import { figuresOf } from './figures.ts';
import type { TestNode } from './nodes.ts';

interface Compared {
  readonly partitions: readonly { readonly alikeMs: number | null; readonly mended: number }[];
  readonly differing: number;
  /** Members that have not told of the pairs that they compare. */
  readonly failed: readonly unknown[];
}

/** Whether all copies of all partitions were found alike after that moment. */
export async function isAlike(node: TestNode, since: number): Promise<boolean> {
  const { status, text } = await node.ask('/api/exchange');
  if (status !== 200) throw new Error(`${node.name} does not tell of its copies: ${text}`);
  const { partitions, differing, failed } = JSON.parse(text) as Compared;
  const agoMs = Date.now() - since;
  return (
    failed.length === 0 &&
    differing === 0 &&
    partitions.every(({ alikeMs }) => alikeMs !== null && alikeMs < agoMs)
  );
}

/**
 * How many items exchange has merged into these nodes' own copies, each since it started, whoever asked: over all nodes of a
 * cluster each item once. `at="there"` tells of the same items again, but of none whose answer was lost.
 */
export async function mendedAt(...nodes: readonly TestNode[]): Promise<number> {
  let sum = 0;
  for (const node of nodes) {
    const figures = await figuresOf(node);
    for (const asked of ['by_this_node', 'by_others'])
      sum += figures.get(`rkv_exchange_items_total{at="here",asked="${asked}"}`) ?? 0;
  }
  return sum;
}

/** How many copies of a key belong to a node: on sixteen partitions of three nodes mostly one. */
export function copiesAt(node: string, key: string, owners: readonly string[]): number {
  const words = new Uint32Array(5);
  hashKey(key, words);
  const first = partitionOf(words[0] as number, ringBits(owners.length));
  return [0, 1, 2].filter((at) => owners[(first + at) % owners.length] === node).length;
}
