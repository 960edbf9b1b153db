/**
 * Entries that are gone from the store of one node of three, as behind a page that leads nowhere: the scrub after its start
 * finds it, the node sets the store aside without ending, and holds everything again. A node that is alone goes on with
 * what it has.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { open } from 'lmdb';
import { expect, it } from 'vitest';
import type { TestNode } from '../cluster/nodes.ts';
import { exchange, withRedis } from '../cluster/redis-client.ts';
import { withNodes } from '../cluster/with-nodes.ts';

const KEYS = Array.from({ length: 300 }, (_, i) => `key-${i}`);
const GONE = 40;

const nodes = withNodes({ ringSize: 8 });

async function writeAll(node: TestNode): Promise<void> {
  const answers = await withRedis(node, (client) =>
    exchange(
      client,
      KEYS.map((key) => ['set', key, `of ${key}`]),
    ),
  );
  expect(new Set(answers)).toEqual(new Set(['OK']));
}

/** Of a node that is down: some entries, and nothing of what is counted of them. */
async function lose(node: TestNode): Promise<void> {
  const settings = { keyEncoding: 'binary', encoding: 'binary' } as const;
  const environment = open<Buffer, Buffer>({
    path: join(node.dataDir, 'store'),
    noSubdir: false,
    ...settings,
  });
  const entries = [...environment.getKeys({ start: Buffer.of(0), end: Buffer.of(1) })];
  for (let i = 0; i < GONE; i++)
    await environment.remove(entries[Math.floor((i * entries.length) / GONE)] as Buffer);
  await environment.close();
}

const statesAt = async (node: TestNode, name: string): Promise<string[]> => {
  const states: string[] = [];
  for (const key of KEYS) {
    const { replicas } = JSON.parse((await node.ask(`/api/key?key=${key}`)).text) as {
      replicas: { node: string; state: string }[];
    };
    states.push(...replicas.filter((replica) => replica.node === name).map(({ state }) => state));
  }
  return states;
};

it('are found by the scrub; the node sets its store aside, and heals', async () => {
  const [n1, , n3] = await nodes.startCluster('n1', 'n2', 'n3');
  await writeAll(n1);
  await n3.stop();
  await lose(n3);
  await n3.start();
  const { pid } = n3;
  while (!n3.log.includes('was set aside')) await pause(100);
  expect(n3.log).toContain('the store of this node is damaged: its next life sets it aside');
  while (!(await statesAt(n1, 'n3')).every((state) => state === 'value')) await pause(500);
  expect(n3.pid).toBe(pid);
  expect(readdirSync(n3.dataDir).filter((name) => name.startsWith('store.set-aside'))).toHaveLength(1);
}, 90_000);

it('of a node that is alone are named, and it goes on with the others', async () => {
  const [lone] = await nodes.startLone('lone');
  await writeAll(lone);
  await lone.stop();
  await lose(lone);
  await lone.start();
  while (!lone.log.includes('it goes on with what can be read')) await pause(100);
  expect(await lone.isReady()).toBe(true);
  const found = await withRedis(lone, (client) => client.mget(...KEYS));
  expect(found.filter((value, i) => value === `of ${KEYS[i]}`).length).toBeGreaterThan(KEYS.length / 2);
  expect(readdirSync(lone.dataDir).filter((name) => name.startsWith('store.'))).toEqual(['store.lives']);
}, 60_000);
