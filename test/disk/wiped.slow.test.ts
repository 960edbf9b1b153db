/**
 * A disk that is empty: the node that starts on it is a new one, whatever it is called. It takes the place of the one that
 * was lost only when an operator says so, and holds then what that one held.
 */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { commitAll, type TestNode } from '../cluster/nodes.ts';
import { exchange, withRedis } from '../cluster/redis-client.ts';
import { withNodes } from '../cluster/with-nodes.ts';

const KEYS = Array.from({ length: 400 }, (_, i) => `key-${i}`);

const nodes = withNodes({ ringSize: 16 });
let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];
beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
  await withRedis(n1, (client) =>
    exchange(
      client,
      KEYS.map((key) => ['set', key, `of ${key}`]),
    ),
  );
});

interface KeyView {
  readonly replicas: readonly { readonly node: string; readonly state: string; readonly version?: string }[];
}

const idOf = async (asked: TestNode, name: string): Promise<string | undefined> =>
  (
    JSON.parse((await asked.ask('/api/status')).text) as { members: { name: string; id: string }[] }
  ).members.find((one) => one.name === name)?.id;

/** Asked anew until it is so; the test's own time limit ends it otherwise. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(100);
}

/** All three replicas of every key hold the same value, one of each on these nodes. */
async function areAllEqual(asked: TestNode): Promise<boolean> {
  for (const key of KEYS) {
    const { replicas } = JSON.parse((await asked.ask(`/api/key?key=${key}`)).text) as KeyView;
    const versions = new Set(replicas.map(({ version }) => version));
    if (replicas.length !== 3 || versions.size !== 1) return false;
    if (replicas.some(({ state }) => state !== 'value')) return false;
  }
  return true;
}

it('makes a new node, which is let in under a name of its own and takes the place only by force-replace', async () => {
  const lost = await idOf(n1, 'n3');
  await n3.kill9();
  rmSync(n3.dataDir, { recursive: true });
  await n3.start();
  expect(await idOf(n3, 'n3')).not.toBe(lost);
  expect(await idOf(n1, 'n3')).toBe(lost);
  expect(await withRedis(n3, (client) => client.dbsize())).toBe(0);
  const refused = await n3.rkv('cluster', 'join', n1.clusterAddress);
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/name_taken: another member is called n3; start the node with another --name/);
  await n3.kill9();
  rmSync(n3.dataDir, { recursive: true });

  const [fresh] = await nodes.startLone('n4');
  await fresh.tell('cluster', 'join', n1.clusterAddress);
  await n1.tell('cluster', 'force-replace', 'n3', 'n4');
  await commitAll(n1);
  expect(await idOf(n1, 'n3')).toBe(undefined);
  await until(async () =>
    (await n1.tell<{ members: { partialVnodes: number }[] }>('cluster', 'status')).members.every(
      ({ partialVnodes }) => partialVnodes === 0,
    ),
  );
  await until(() => areAllEqual(n1));
  for (const node of [n1, n2, fresh])
    expect(
      await withRedis(node, (client) =>
        exchange(
          client,
          KEYS.map((key) => ['get', key]),
        ),
      ),
    ).toEqual(KEYS.map((key) => `of ${key}`));
}, 120_000);
