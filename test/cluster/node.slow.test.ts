/** One real node: its doors, its exit codes, its lock on the data directory, and how it ends. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { RESP_TYPES, createClient } from 'redis';
import { beforeAll, describe, expect, it } from 'vitest';
import { rkv } from './cli.ts';
import type { TestNode } from './nodes.ts';
import { freePort } from '@rkv/testkit';
import { withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
let node: TestNode;
beforeAll(async () => {
  [node] = await nodes.startLone('n1');
});

/** Every byte there is. */
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('Redis clients without options', () => {
  it('ioredis', () =>
    withRedis(node, async (client) => {
      expect(await client.set('ioredis', 'v1')).toBe('OK');
      expect(await client.get('ioredis')).toBe('v1');
      expect(await client.mget('ioredis', 'nothing')).toEqual(['v1', null]);
      expect(await client.del('ioredis', 'nothing')).toBe(1);
      await expect(client.call('nonsense')).rejects.toThrow("ERR unknown command 'nonsense'");
      await expect(client.call('get')).rejects.toThrow("ERR wrong number of arguments for 'get' command");
      expect(await client.ping()).toBe('PONG');
    }));

  it('node-redis', async () => {
    const client = await createClient({ url: `redis://127.0.0.1:${node.ports.redis}` }).connect();
    try {
      expect(await client.set('node-redis', 'v1')).toBe('OK');
      expect(await client.get('node-redis')).toBe('v1');
      expect(await client.mGet(['node-redis', 'nothing'])).toEqual(['v1', null]);
      expect(await client.exists('node-redis')).toBe(1);
      const inBytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      await client.set('bytes', ALL_BYTES);
      expect(await inBytes.get('bytes')).toEqual(ALL_BYTES);
      expect(await client.del(['node-redis', 'bytes'])).toBe(2);
    } finally {
      client.destroy();
    }
  });
});

describe('the HTTP door', () => {
  it('says that the node lives, and that it is ready', async () => {
    const live = await fetch(`${node.url}/livez`);
    expect([live.status, await live.json()]).toEqual([200, { live: true }]);
    const ready = await fetch(`${node.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
  });
});

describe('the command line', () => {
  it('writes, reads, explains and deletes', async () => {
    expect(await node.rkv('put', 'k1', 'v1')).toMatchObject({ code: 0, err: '' });
    expect(await node.rkv('get', 'k1')).toEqual({ code: 0, out: 'v1\n', err: '' });
    expect(await node.tell('get', 'k1')).toEqual({ found: true, value: 'v1' });
    expect(await node.tell('get', 'k1', '--where')).toMatchObject({
      found: true,
      where: { node: 'n1', partition: expect.any(Number) },
    });
    expect(await node.tell('del', 'k1')).toMatchObject({ result: 'ok', existed: true });
    expect(await node.tell('get', 'k1')).toEqual({ found: false });
    expect(await node.tell('ping', '1')).toMatchObject({ result: 'pong', n: 2, node: 'n1' });
  });

  it('knows the empty key', async () => {
    await node.tell('put', '', 'nothing to it');
    expect(await node.tell('get', '')).toEqual({ found: true, value: 'nothing to it' });
    expect(await node.tell('key', '')).toMatchObject({
      key: '',
      keyHex: '',
      replicas: [{ state: 'value' }, {}, {}],
    });
    await node.tell('del', '');
  });

  it.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['get'], /missing required argument 'key'/],
    [['get', 'k', '--r', '0'], /whole number/],
    [['key', 'xyz', '--hex'], /hex/],
    [['cluster', 'join'], /missing required argument 'address'/],
    [['start', '--storage', 'disk'], /memory or lmdb/],
    [['start', '--ring-size', '12'], /power of two/],
    [['start', '--level', 'strong'], /must be eventual or strict/],
  ])('exits 2 for wrong usage: rkv %j', async (args, why) => {
    const { code, out, err } = await node.rkv(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(why);
  });

  it('exits 1 with the reason for what the node refuses', async () => {
    const refusals = {
      self: await node.rkv('cluster', 'join', node.clusterAddress),
      stranger: await node.rkv('cluster', 'leave', 'n9'),
      only: await node.rkv('cluster', 'leave'),
      nobody: await node.rkv('cluster', 'join', `127.0.0.1:${await freePort()}`),
      unplanned: await node.rkv('cluster', 'commit'),
      beyond: await node.rkv('key', 'k', '--assume-down', 'n9'),
    };
    for (const { code, out } of Object.values(refusals)) expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(refusals.self.err).toMatch(/^rkv: self_join: /);
    expect(refusals.stranger.err).toMatch(/^rkv: not_member: /);
    expect(refusals.only.err).toMatch(/^rkv: only_member: /);
    expect(refusals.nobody.err).toMatch(/^rkv: not_reachable: .*ECONNREFUSED/);
    expect(refusals.unplanned.err).toMatch(/^rkv: nothing_planned: /);
    expect(refusals.beyond.err).toMatch(/^rkv: not_member: /);
  });

  it('exits 1 when no node can be reached', async () => {
    const { code, err } = await rkv('ping', '--node', `http://127.0.0.1:${await freePort()}`);
    expect(code).toBe(1);
    expect(err).toMatch(/^rkv: no_node: no node can be reached at http:.*ECONNREFUSED/);
  });
});

describe('rkv start', () => {
  it('refuses a data directory that another process has', async () => {
    const other = ['--cluster', '127.0.0.1:0', '--redis', 'off', '--http', 'off'];
    const { code, err } = await rkv('start', '--data-dir', node.dataDir, ...other);
    expect(code).toBe(1);
    expect(err).toMatch(/^rkv: data_directory_in_use: /);
    expect(err).toContain(`process ${node.pid};`);
    expect(await node.isReady()).toBe(true);
  });

  it.each(['cluster', 'redis', 'http'])('names a busy port: %s', async (door) => {
    const taker = createServer().listen(0, '127.0.0.1');
    await once(taker, 'listening');
    const { port } = taker.address() as { port: number };
    const doors = { cluster: '127.0.0.1:0', redis: 'off', http: 'off', [door]: `127.0.0.1:${port}` };
    const flags = Object.entries(doors).flatMap(([name, place]) => [`--${name}`, place]);
    const { code, err } = await rkv('start', '--data-dir', join(nodes.folder, `busy-${door}`), ...flags);
    taker.close();
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}`));
    expect(err.trim()).not.toContain('\n'); // a sentence, not a stack
  });

  it('is found as it was after kill -9', async () => {
    await withRedis(node, (client) => client.set('kept', 'through kill -9'));
    await node.kill9();
    await node.start();
    expect(await withRedis(node, (client) => client.get('kept'))).toBe('through kill -9');
  });

  it('drains on SIGTERM: what was asked is answered, and it exits 0', async () => {
    const answers = await withRedis(node, async (client) => {
      const writes = Array.from({ length: 500 }, (_, at) => client.set(`drain-${at}`, at));
      await writes[0];
      const ended = node.stop();
      const settled = await Promise.allSettled(writes);
      expect(await ended).toEqual({ code: 0, signal: null });
      return settled;
    });
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(500);
    await node.start();
    const kept = await withRedis(node, (client) => client.exists(...answers.map((_, at) => `drain-${at}`)));
    expect(kept).toBe(500);
  });
});
