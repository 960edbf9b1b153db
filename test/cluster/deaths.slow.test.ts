/** Three real nodes and kill -9: who is left serves on, who comes back is found, nothing acknowledged is lost. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestNode } from './nodes.ts';
import { exchange, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];
beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
});

describe('kill -9', () => {
  it('while writes are under way: what was acknowledged is at every node, before and after the restart', async () => {
    const keys = Array.from({ length: 5_000 }, (_, at) => `under fire ${at}`);
    const acknowledged = await withRedis(n1, async (client) => {
      const writes = keys.map((key) => client.set(key, `of ${key}`));
      await writes[1_000];
      n3.signal('SIGKILL');
      const outcomes = await Promise.allSettled(writes);
      return keys.filter((_, at) => outcomes[at]?.status === 'fulfilled');
    });
    await n3.exited;
    expect(acknowledged.length).toBeGreaterThan(1_000);
    const expected = acknowledged.map((key) => `of ${key}`);
    const readAt = (node: TestNode): Promise<unknown[]> =>
      withRedis(node, (client) =>
        exchange(
          client,
          acknowledged.map((key) => ['get', key]),
        ),
      );
    for (const node of [n1, n2]) expect(await readAt(node)).toEqual(expected);
    await n3.start();
    for (const node of [n1, n2, n3]) expect(await readAt(node)).toEqual(expected);
  });

  it('a node that was away for a write and a delete tells neither the old value nor the deleted one', async () => {
    await withRedis(n1, (client) => client.mset('changed', 'old', 'deleted', 'old'));
    await n2.kill9();
    await withRedis(n3, async (client) => {
      await client.set('changed', 'new');
      expect(await client.del('deleted')).toBe(1);
    });
    await n2.start();
    expect(await withRedis(n2, (client) => client.mget('changed', 'deleted'))).toEqual(['new', null]);
  });

  it('a lone survivor says at once what it lacks, and serves again when another is back', async () => {
    await withRedis(n1, (client) => client.set('quorum', 'of two'));
    await Promise.all([n2.kill9(), n3.kill9()]);
    expect(await n1.isReady()).toBe(false);
    await withRedis(n1, async (client) => {
      // Two where the writer was left with a hint for one that was slow to answer: two copies, one machine.
      await expect(client.get('quorum')).rejects.toThrow(/^CLUSTERDOWN .*needed 2, got [12] from n1/);
      await expect(client.set('quorum', 'of one')).rejects.toThrow(
        /nothing was written .*needed 2, got 0, definite: true/,
      );
    });
    await n2.start();
    await n1.ready();
    expect(await withRedis(n1, (client) => client.set('quorum', 'of two again'))).toBe('OK');
    expect(await withRedis(n2, (client) => client.get('quorum'))).toBe('of two again');
    await n3.start();
  });
});

const UP_AGAIN_MS = 10_000;

async function membersAt(node: TestNode): Promise<[name: string, up: boolean, address: string][]> {
  const { members } = await node.tell<{ members: { name: string; address: string; up: boolean }[] }>(
    'cluster',
    'status',
  );
  return members.map(({ name, up, address }) => [name, up, address]);
}

describe('a node that comes back on other ports', () => {
  it('is found again, and its new address is known to all', async () => {
    await n2.kill9();
    await n2.moveToOtherPorts();
    await n2.start();
    await n1.tell('cluster', 'status', '--wait');
    // It has died often in the last seconds, and has to be heard for a while before it counts as up again.
    for (const node of [n1, n2, n3])
      await expect
        .poll(() => membersAt(node), { timeout: UP_AGAIN_MS })
        .toEqual([
          ['n1', true, n1.clusterAddress],
          ['n2', true, n2.clusterAddress],
          ['n3', true, n3.clusterAddress],
        ]);
    await withRedis(n3, (client) => client.set('moved', 'yes'));
    expect(await withRedis(n2, (client) => client.get('moved'))).toBe('yes');
  });

  it('also when the others start after it', async () => {
    await Promise.all([n1, n2, n3].map((node) => node.kill9()));
    await n3.moveToOtherPorts();
    await Promise.all([n1, n2, n3].map((node) => node.start()));
    expect(await withRedis(n3, (client) => client.get('moved'))).toBe('yes');
  });
});
