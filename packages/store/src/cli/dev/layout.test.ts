import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clusterAddress, type DevFlags, httpUrl, layOut, portProblems } from './layout.ts';

const flags: DevFlags = {
  nodes: 3,
  ringSize: 16,
  baseRedis: 6379,
  baseCluster: 8099,
  baseHttp: 8098,
  dataDir: 'data/dev',
};

describe('the layout of rkv dev', () => {
  it('has the ports of the tutorial', () => {
    const nodes = layOut(flags);
    expect(nodes.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    expect(nodes.map(({ ports }) => ports.redis)).toEqual([6379, 6479, 6579]);
    expect(nodes.map(clusterAddress)).toEqual(['127.0.0.1:8099', '127.0.0.1:8199', '127.0.0.1:8299']);
    expect(nodes.map(httpUrl)).toEqual([
      'http://127.0.0.1:8098',
      'http://127.0.0.1:8198',
      'http://127.0.0.1:8298',
    ]);
  });

  it('starts each node with all that is decided for it, wherever the command is typed again', () => {
    const [, second] = layOut({ ...flags, storage: 'memory' });
    expect(second?.args.join(' ')).toBe(
      `start --name n2 --data-dir ${resolve('data/dev/n2')} --cluster 127.0.0.1:8199 --redis 127.0.0.1:6479` +
        ' --http 127.0.0.1:8198 --ring-size 16 --storage memory',
    );
    expect(layOut(flags)[0]?.args).not.toContain('--storage');
  });

  it.each([
    [{ baseHttp: 6379 }, /redis of n1 and http of n1|http of n1 and redis of n1/],
    [{ baseCluster: 6479 }, /port 6479/],
    [{ baseRedis: 65_400 }, /choose a lower --base-redis/],
    [{ ringSize: 12 }, /power of two/],
  ])('refuses %j', (wrong, why) => {
    expect(() => layOut({ ...flags, ...wrong })).toThrow(why);
  });

  it('names a busy port, whose it would be, and the flag that moves it', async () => {
    const taker = createServer().listen(0, '127.0.0.1');
    await once(taker, 'listening');
    const { port } = taker.address() as AddressInfo;
    const [node] = layOut({ ...flags, nodes: 1 });
    const wanted = {
      ...(node as NonNullable<typeof node>),
      ports: { redis: port, cluster: port, http: port },
    };
    const problems = await portProblems([wanted]);
    taker.close();
    expect(problems).toHaveLength(3);
    expect(problems[0]).toBe(
      `port ${port}, for redis of n1, is in use; free it, or move these ports with --base-redis`,
    );
  });
});
