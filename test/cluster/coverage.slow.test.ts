/**
 * Walks over many keys and a flush of them, on real nodes: what a node holds for them does not grow with their number. With a million
 * keys it is `npm run bench:coverage`.
 */
import { connect as connectSocket } from 'node:net';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { limitOf } from './figures.ts';
import { canMeasureMemory, Memory } from './memory.ts';
import type { TestNode } from './nodes.ts';
import { exchange, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const KEYS = 100_000;
const BATCH = 500;
const MIB = 1024 * 1024;
/** What a walk may take of a node, whatever it walks through. Garbage that is not collected yet is most of it. */
const GROWTH_MIB_MAX = 96;
const PATIENCE_MS = 300_000;

const nodes = withNodes({ storage: 'memory' });
let all: readonly TestNode[];
let n1: TestNode;

beforeAll(async () => {
  all = await nodes.startCluster('n1', 'n2', 'n3');
  [n1] = all as [TestNode];
  await withRedis(n1, async (client) => {
    for (let at = 0; at < KEYS; at += BATCH) {
      let left = Array.from({ length: BATCH }, (_, i) => ['set', `key:${at + i}`, 'v']);
      // On a machine with much else to do some come too late, and are sent again.
      for (let tries = 0; left.length > 0 && tries < 20; tries++) {
        const answers = await exchange(client, left);
        left = left.filter((_, i) => answers[i] !== 'OK');
      }
    }
  });
}, PATIENCE_MS);

async function growthDuring(work: () => Promise<void>): Promise<number> {
  const memories = all.map(({ pid }) => new Memory(pid));
  await work();
  return Math.max(...memories.map(({ growth }) => growth));
}

describe.skipIf(!canMeasureMemory)('with a hundred thousand keys (memory measured in /proc)', () => {
  it(
    'SCAN and DBSIZE tell all of them',
    async () => {
      const growth = await growthDuring(() =>
        withRedis(n1, async (client) => {
          let [cursor, keys] = ['0', 0];
          do {
            const [next, page] = await client.scan(cursor, 'COUNT', 1_000);
            keys += page.length;
            cursor = next;
          } while (cursor !== '0');
          expect(keys).toBe(KEYS);
          expect(await client.dbsize()).toBe(KEYS);
        }),
      );
      expect(growth).toBeLessThan(GROWTH_MIB_MAX);
    },
    PATIENCE_MS,
  );

  it(
    'KEYS waits for clients that do not read',
    async () => {
      const growth = await growthDuring(async () => {
        const sockets = Array.from({ length: 20 }, () => connectSocket(n1.ports.redis, '127.0.0.1'));
        await Promise.all(sockets.map((socket) => once(socket, 'connect')));
        for (const socket of sockets) socket.pause().write('KEYS *\r\n');
        // One that reads is answered meanwhile, or told that there is no room.
        const keys = await withRedis(n1, (client) => client.keys('*').catch((error: Error) => error.message));
        if (typeof keys === 'string') expect(keys).toContain('use SCAN');
        else expect(keys).toHaveLength(KEYS);
        expect((await limitOf(n1, 'redis_gathered_bytes')).used).toBeLessThanOrEqual(64 * MIB);
        for (const socket of sockets) socket.destroy();
      });
      // What is held is bounded above; the quicker the machine, the more garbage of twenty answers waits to be collected.
      expect(growth).toBeLessThan(3 * GROWTH_MIB_MAX);
    },
    PATIENCE_MS,
  );

  it(
    'FLUSHALL deletes all of them on every node',
    async () => {
      const growth = await growthDuring(() =>
        withRedis(n1, async (client) => {
          expect(await client.flushall()).toBe('OK');
        }),
      );
      for (const node of all)
        expect(
          await withRedis(node, (client) => Promise.all([client.dbsize(), client.get('key:7')])),
        ).toEqual([0, null]);
      expect(growth).toBeLessThan(GROWTH_MIB_MAX);
    },
    PATIENCE_MS,
  );
});
