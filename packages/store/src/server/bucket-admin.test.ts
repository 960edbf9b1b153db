/** `rkv bucket` and its HTTP paths against a node that runs: one member, so what is agreed is agreed at once. */
import { silentLogger } from '@rkv/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rkv } from '../cli/program.ts';
import type { RunningServer } from './server.ts';
import { startServer } from './server.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer(
    {
      name: 'n1',
      dataDir: undefined,
      cluster: { host: '127.0.0.1', port: 0 },
      redis: 'off',
      http: { host: '127.0.0.1', port: 0 },
      storage: 'memory',
      durability: 'process',
      ringSize: 8,
      n: 3,
      level: 'eventual',
      location: '',
      preset: 'local',
      secrets: [],
    },
    { logger: silentLogger },
  );
});
afterAll(() => server.stop());

async function run(...args: string[]) {
  let [out, err] = ['', ''];
  const terminal = {
    out: (text: string | Uint8Array) => void (out += String(text)),
    err: (text: string) => void (err += text),
    env: { RKV_NODE: `127.0.0.1:${server.ports.http}` },
    isTty: false,
  };
  const code = await rkv(args, {
    terminal,
    startServer: () => Promise.reject(new Error('no node is started here')),
  });
  return { code, out, err };
}

async function post(path: string, body: object): Promise<{ status: number; json: unknown }> {
  const url = `http://127.0.0.1:${server.ports.http}${path}`;
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, json: await answer.json() };
}

const epochNow = async (): Promise<number> => (await server.admin.status()).epoch;
const placesOf = async (key: string): Promise<number> =>
  (JSON.parse((await run('key', key, '--json')).out) as { preflist: unknown[] }).preflist.length;

describe('rkv bucket', () => {
  it('makes, changes, lists and drops a bucket; keys that are written then have its n', async () => {
    const made = await run('bucket', 'set', 'orders:', '--n', '5', '--json');
    expect(JSON.parse(made.out)).toEqual({
      prefix: 'orders:',
      prefixHex: '6f72646572733a',
      n: 5,
      level: 'eventual',
      changed: true,
      epoch: await epochNow(),
      warnings: [],
    });
    expect(await placesOf('orders:1')).toBe(5);
    expect(await placesOf('order')).toBe(3);
    expect((await run('bucket', 'set', 'orders:', '--n', '1')).code).toBe(0);
    expect(await placesOf('orders:1')).toBe(1);
    expect((await run('bucket', 'list')).out).toBe(
      ['Prefix     n  Level', '(default)  3  eventual', '"orders:"  1  eventual', ''].join('\n'),
    );
    expect((await run('bucket', 'unset', 'orders:')).out).toMatch(/beginning with "orders:": n=3, eventual/);
    expect(await placesOf('orders:1')).toBe(3);
  });

  it('takes a prefix as text, which is its UTF-8, or as any bytes in hex', async () => {
    await run('bucket', 'set', 'grün', '--n', '2');
    await run('bucket', 'set', 'ff00', '--hex', '--n', '1');
    expect(await placesOf('grüner')).toBe(2);
    const { buckets } = JSON.parse((await run('bucket', 'list', '--json')).out) as { buckets: object[] };
    expect(buckets).toContainEqual({ prefix: 'grün', prefixHex: '6772c3bc6e', n: 2, level: 'eventual' });
    expect((await run('bucket', 'list')).out).toMatch(/^hex ff00 +1 {2}eventual$/m);
    for (const args of [['grün'], ['ff00', '--hex']])
      expect((await run('bucket', 'unset', ...args)).code).toBe(0);
  });

  it('says what is so already, and makes no epoch of it', async () => {
    await run('bucket', 'set', 'a', '--n', '4');
    const epoch = await epochNow();
    const again = await run('bucket', 'set', 'a', '--n', '4', '--level', 'eventual', '--json');
    expect(JSON.parse(again.out)).toMatchObject({ changed: false, epoch });
    expect(await epochNow()).toBe(epoch);
    await run('bucket', 'unset', 'a');
    expect(await run('bucket', 'unset', 'a')).toMatchObject({
      code: 1,
      err: 'rkv: no_such_bucket: there is no bucket with the prefix "a"\n',
    });
  });

  it('is refused while keys exist that would change, which are counted; others do not matter', async () => {
    for (const key of ['k:1', 'k:2', 'k:sub:1', 'other']) await run('put', key, 'v');
    await run('bucket', 'set', 'k:none:', '--n', '1');
    const epoch = await epochNow();
    expect(await run('bucket', 'set', 'k:', '--n', '1')).toEqual({
      code: 1,
      out: '',
      err:
        'rkv: keys_exist: 3 keys beginning with "k:" exist, and their properties cannot change; ' +
        'delete them first\n',
    });
    expect(await epochNow()).toBe(epoch);
    // The same properties as before are no change for the keys there are.
    expect((await run('bucket', 'set', 'k:sub:', '--n', '3')).code).toBe(0);
    for (const key of ['k:1', 'k:2']) await run('del', key);
    // What is left lies in a longer prefix's bucket, whose properties stay.
    expect((await run('bucket', 'set', 'k:', '--n', '1')).code).toBe(0);
    expect(await placesOf('k:sub:1')).toBe(3);
    expect((await run('bucket', 'unset', 'k:sub:')).err).toMatch(/^rkv: keys_exist: 1 key /);
    await run('del', 'k:sub:1');
    for (const prefix of ['k:sub:', 'k:', 'k:none:'])
      expect((await run('bucket', 'unset', prefix)).code).toBe(0);
  });

  it('counts for the default bucket what lies in no other', async () => {
    await run('bucket', 'set', 'own:', '--n', '3', '--level', 'eventual');
    await run('put', 'own:1', 'v');
    await run('put', 'plain', 'v');
    await run('del', 'other');
    expect((await run('bucket', 'set', '', '--n', '2')).err).toMatch(
      /keys_exist: 1 key in the default bucket/,
    );
    await run('del', 'plain');
    expect((await run('bucket', 'set', '', '--n', '2')).out).toMatch(/^Keys in no other bucket: n=2/);
    expect(await placesOf('own:1')).toBe(3);
    await run('bucket', 'set', '', '--n', '3');
    expect((await run('bucket', 'unset', '')).err).toMatch(/invalid_bucket: the default bucket stays/);
  });

  it('over HTTP refuses what makes no sense', async () => {
    expect(await post('/api/bucket/set', { n: 3 })).toMatchObject({ status: 400 });
    expect(await post('/api/bucket/set', { prefix: 'a', prefixHex: '61', n: 3 })).toMatchObject({
      status: 400,
    });
    expect(await post('/api/bucket/unset', { prefixHex: 'f' })).toMatchObject({ status: 400 });
    expect(await post('/api/bucket/set', { prefix: 'a', level: 'strong' })).toMatchObject({ status: 400 });
    expect(await post('/api/bucket/set', { prefix: 'a', n: 9 })).toMatchObject({
      status: 409,
      json: { error: { code: 'invalid_bucket', message: 'n must be a whole number from 1 to 8, not 9' } },
    });
    expect(await post('/api/bucket/set', { prefix: 'a'.repeat(300), n: 2 })).toMatchObject({ status: 409 });
  });
});
