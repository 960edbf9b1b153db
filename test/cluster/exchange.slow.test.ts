/**
 * Three real nodes, one of which lacks what nobody knows it to lack: its disk was put back to an earlier day, in good order.
 *
 * No hint waits for it and no read comes by. The nodes compare their copies, mend what differs, and count it.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { copiesAt, isAlike, mendedAt } from './copies.ts';
import type { TestNode } from './nodes.ts';
import { numbered, sendForEach } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const KEPT = 500;
const WRITTEN = 2_000;
const DELETED = 300;
/** On a machine with nothing else to do it takes some ten seconds: a round, and what it finds. */
const ALIKE_WITHIN_MS = 120_000;

const nodes = withNodes();
let all: TestNode[];
beforeAll(async () => {
  all = await nodes.startCluster('n1', 'n2', 'n3');
});

it('is made whole without a read, and just what differed was mended', async () => {
  const [n1, n2, n3] = all as [TestNode, TestNode, TestNode];
  const old = numbered('old', KEPT + DELETED);
  const missed = [...numbered('new', WRITTEN), ...old.slice(KEPT)];
  await sendForEach(n1, old, (key) => ['set', key, key]);
  const backup = join(nodes.folder, 'backup');
  await n3.stop();
  cpSync(n3.dataDir, backup, { recursive: true });
  await n3.start();
  await sendForEach(n1, missed.slice(0, WRITTEN), (key) => ['set', key, key]);
  await sendForEach(n1, missed.slice(WRITTEN), (key) => ['del', key]);
  await n3.stop();
  rmSync(n3.dataDir, { recursive: true });
  cpSync(backup, n3.dataDir, { recursive: true });
  await n3.start();
  const since = Date.now();

  await expect.poll(() => isAlike(n1, since), { timeout: ALIKE_WITHIN_MS, interval: 500 }).toBe(true);
  const { owners } = await n1.tell<{ owners: string[] }>('ring');
  expect(await mendedAt(n3)).toBe(missed.reduce((sum, key) => sum + copiesAt('n3', key, owners), 0));
  for (const node of [n1, n2]) expect(await mendedAt(node)).toBe(0);

  // What n3 holds is asked of n3 alone.
  for (const node of [n1, n2]) await node.kill9();
  const statesOf = async (key: string): Promise<string[]> =>
    (await n3.tell<{ replicas: { node: string; state: string }[] }>('key', key)).replicas
      .filter(({ node }) => node === 'n3')
      .map(({ state }) => state);
  // Of several when it has noticed by then that the others are away, and stands in for them.
  expect(await statesOf('old 0')).toContain('value');
  expect(await statesOf(`new ${WRITTEN - 1}`)).toContain('value');
  expect(await statesOf(`old ${KEPT}`)).toContain('tombstone');
}, 240_000);
