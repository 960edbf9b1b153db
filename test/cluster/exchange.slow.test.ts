/**
 * Three real nodes, one of which lacks what nobody knows it to lack: its disk was put back to an earlier day, in good order.
 *
 * No hint waits for it and no read comes by. The nodes compare their copies, mend what differs, and count it.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashKey, partitionOf, ringBits } from '@rkv/core';
import { beforeAll, expect, it } from 'vitest';
import { figuresOf } from './figures.ts';
import type { TestNode } from './nodes.ts';
import { exchange, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const KEPT = 500;
const WRITTEN = 2_000;
const DELETED = 300;
/** On a machine with nothing else to do it takes some ten seconds: a round, and what it finds. */
const ALIKE_WITHIN_MS = 120_000;

interface Compared {
  readonly partitions: readonly { readonly alikeMs: number | null; readonly mended: number }[];
  readonly differing: number;
}

const nodes = withNodes();
let all: TestNode[];
beforeAll(async () => {
  all = await nodes.startCluster('n1', 'n2', 'n3');
});

/** So many commands, in pipelines of a hundred. */
function send(node: TestNode, count: number, commandOf: (i: number) => string[]): Promise<void> {
  return withRedis(node, async (client) => {
    for (let from = 0; from < count; from += 100) {
      const commands = Array.from({ length: Math.min(100, count - from) }, (_, i) => commandOf(from + i));
      for (const answer of await exchange(client, commands)) expect(answer).not.toBeInstanceOf(Error);
    }
  });
}

/** On this node, since it started, whoever asked. */
async function mendedAt(node: TestNode): Promise<number> {
  const figures = await figuresOf(node);
  const asked = (by: string): number => figures.get(`rkv_exchange_items_total{at="here",asked="${by}"}`) ?? 0;
  return asked('by_this_node') + asked('by_others');
}

/** How many copies of a key belong to a node: on sixteen partitions of three nodes mostly one. */
function copiesAt(node: string, key: string, owners: readonly string[]): number {
  const words = new Uint32Array(5);
  hashKey(key, words);
  const first = partitionOf(words[0] as number, ringBits(owners.length));
  return [0, 1, 2].filter((at) => owners[(first + at) % owners.length] === node).length;
}

async function isAlike(node: TestNode, since: number): Promise<boolean> {
  const { partitions, differing } = await node.tell<Compared>('exchange');
  const agoMs = Date.now() - since;
  return differing === 0 && partitions.every(({ alikeMs }) => alikeMs !== null && alikeMs < agoMs);
}

it('is made whole without a read, and just what differed was mended', async () => {
  const [n1, n2, n3] = all as [TestNode, TestNode, TestNode];
  await send(n1, KEPT + DELETED, (i) => ['set', `old ${i}`, `${i}`]);
  const backup = join(nodes.folder, 'backup');
  await n3.stop();
  cpSync(n3.dataDir, backup, { recursive: true });
  await n3.start();
  await send(n1, WRITTEN, (i) => ['set', `new ${i}`, `${i}`]);
  await send(n1, DELETED, (i) => ['del', `old ${KEPT + i}`]);
  await n3.stop();
  rmSync(n3.dataDir, { recursive: true });
  cpSync(backup, n3.dataDir, { recursive: true });
  await n3.start();
  const since = Date.now();

  await expect.poll(() => isAlike(n1, since), { timeout: ALIKE_WITHIN_MS, interval: 500 }).toBe(true);
  const missed = [
    ...Array.from({ length: WRITTEN }, (_, i) => `new ${i}`),
    ...Array.from({ length: DELETED }, (_, i) => `old ${KEPT + i}`),
  ];
  const { owners } = await n1.tell<{ owners: string[] }>('ring');
  expect(await mendedAt(n3)).toBe(missed.reduce((sum, key) => sum + copiesAt('n3', key, owners), 0));
  for (const node of [n1, n2]) expect(await mendedAt(node)).toBe(0);

  // What n3 holds is asked of n3 alone.
  for (const node of [n1, n2]) await node.kill9();
  const valueOf = async (key: string): Promise<string> =>
    (await n3.tell<{ replicas: { node: string; state: string }[] }>('key', key)).replicas.find(
      ({ node }) => node === 'n3',
    )?.state ?? 'nobody';
  expect(await valueOf('old 0')).toBe('value');
  expect(await valueOf(`new ${WRITTEN - 1}`)).toBe('value');
  expect(await valueOf(`old ${KEPT}`)).toBe('tombstone');
}, 240_000);
