/** `startCluster` with real nodes: one dies, another is silent for a while, and what was written is there; nothing is left behind. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startCluster, type ProcessCluster } from '@rkv/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let cluster: ProcessCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => cluster?.end());

async function put(name: string, key: string, value: string): Promise<void> {
  await cluster.node(name).tell(`/api/put?key=${key}`, value);
}

async function read(name: string, key: string): Promise<unknown> {
  return ((await cluster.node(name).tell(`/api/get?key=${key}`)) as { value?: string }).value;
}

describe('a cluster of processes', () => {
  it('goes on while one is dead, and has all of it when that is back', async () => {
    await put('n1', 'k', 'before');
    await cluster.node('n2').kill();
    expect(await cluster.node('n2').isReady()).toBe(false);
    await put('n1', 'k', 'meanwhile');
    await cluster.node('n2').start();
    await cluster.settled();
    expect(await read('n2', 'k')).toBe('meanwhile');
  });

  it('goes on while one stands still', async () => {
    cluster.node('n3').pause();
    await put('n1', 'k', 'still');
    expect(await cluster.unrest()).toContain('n3');
    cluster.node('n3').resume();
    await cluster.settled();
    expect(await read('n3', 'k')).toBe('still');
  });

  it('takes a node in and lets one go', async () => {
    await cluster.start('n4');
    await cluster.join('n4');
    await cluster.leave('n1');
    expect(cluster.nodes.map(({ name }) => name)).toEqual(['n2', 'n3', 'n4']);
    expect(await read('n4', 'k')).toBe('still');
  });

  it('says what a node said that does not start', async () => {
    const command = (): string[] => [process.execPath, '-e', 'console.log("no ring for me")'];
    await expect(startCluster({ nodes: 1, command })).rejects.toThrow('no ring for me');
  });
});

it('nothing is left of a test that was killed', async () => {
  const test = fork(fileURLToPath(new URL('killed-test.mjs', import.meta.url)), { execArgv: [] });
  const [{ pid, folder }] = (await once(test, 'message')) as [{ pid: number; folder: string }];
  expect(isThere(pid)).toBe(true);
  test.kill('SIGKILL');
  await expect.poll(() => isThere(pid) || existsSync(folder), { timeout: 20_000 }).toBe(false);
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
