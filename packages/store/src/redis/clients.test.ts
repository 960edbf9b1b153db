import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

const run = promisify(execFile);
const hasRedisTools = await run('redis-benchmark', ['--version']).then(
  () => true,
  () => false,
);

let door: OpenDoor;
beforeAll(async () => (door = await openDoor()));
afterAll(() => door.server.close());

describe('clients as they come, without options', () => {
  it('ioredis', async () => {
    const client = new Redis(door.port, '127.0.0.1');
    expect(await client.set('ioredis', 'v')).toBe('OK');
    expect(await client.get('ioredis')).toBe('v');
    expect(await client.mget('ioredis', 'none')).toEqual(['v', null]);
    const bytes = Buffer.from([0, 255, 13, 10]);
    await client.set('bytes', bytes);
    expect(await client.getBuffer('bytes')).toEqual(bytes);
    expect(await client.pipeline().set('p', '1').get('p').del('p').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
      [null, 1],
    ]);
    expect(await client.config('GET', 'maxmemory-policy')).toBeDefined();
    await expect(client.call('nope')).rejects.toThrow("ERR unknown command 'nope'");
    await client.quit();
  });

  it('node-redis', async () => {
    const client = createClient({ url: `redis://127.0.0.1:${door.port}` });
    await client.connect();
    expect(await client.set('redis', 'v')).toBe('OK');
    expect(await client.get('redis')).toBe('v');
    expect(await client.mGet(['redis', 'none'])).toEqual(['v', null]);
    expect(await client.exists('redis')).toBe(1);
    expect(await Promise.all([client.set('p', '1'), client.get('p'), client.del('p')])).toEqual([
      'OK',
      '1',
      1,
    ]);
    const found: string[] = [];
    for await (const keys of client.scanIterator({ MATCH: 'redi*' })) found.push(...keys);
    expect(found).toEqual(['redis']);
    expect(await client.configGet('save')).toEqual({ save: '' });
    expect((await client.info()).includes('redis_version')).toBe(true);
    await client.close();
  });

  it.skipIf(!hasRedisTools)('redis-cli (skipped when redis-tools is not installed)', async () => {
    const ask = async (...words: string[]): Promise<string> =>
      (await run('redis-cli', ['-p', String(door.port), ...words])).stdout.trim();
    expect(await ask('set', 'cli', 'v')).toBe('OK');
    expect(await ask('-3', 'get', 'cli')).toBe('v');
    expect(await ask('--scan', '--pattern', 'cl?')).toBe('cli');
    expect(await ask('info', 'replication')).toContain('role:master');
  });

  it.skipIf(!hasRedisTools)('redis-benchmark (skipped when redis-tools is not installed)', async () => {
    const words = [
      '-p',
      String(door.port),
      '-t',
      'ping,set,get,mset',
      '-n',
      '2000',
      '-c',
      '5',
      '-P',
      '4',
      '-q',
    ];
    const { stdout } = await run('redis-benchmark', words);
    expect(stdout.match(/requests per second/g)?.length).toBe(5);
  });
});
