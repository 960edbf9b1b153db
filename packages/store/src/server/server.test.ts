/** A node that begins on a store which takes no writes, and learns why before its doors are open. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, type Store } from '@rkv/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LmdbStoreInit } from '../storage/index.ts';
import type * as Storage from '../storage/index.ts';
import { startServer, type RunningServer, type ServerInit } from './server.ts';

const store = vi.hoisted(() => ({ takesNone: false, onDoubtful: undefined as LmdbStoreInit['onDoubtful'] }));
vi.mock('../storage/index.ts', async (original) => {
  const real = await original<typeof Storage>();
  return {
    ...real,
    lmdbStore: (init: LmdbStoreInit): Store => {
      store.onDoubtful = init.onDoubtful;
      const opened = real.lmdbStore(init);
      if (store.takesNone)
        Object.defineProperty(opened, 'trouble', { value: { kind: 'read_only', message: 'MDB_BAD_TXN' } });
      return opened;
    },
  };
});

let directory: string;
const servers: RunningServer[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rkv-server-'));
  store.takesNone = false;
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(directory, { recursive: true });
});

async function start(name: string, given: Partial<ServerInit> = {}): Promise<RunningServer> {
  const port = { host: '127.0.0.1', port: 0 };
  const server = await startServer(
    {
      name,
      dataDir: join(directory, name),
      cluster: port,
      redis: port,
      http: 'off',
      storage: 'lmdb',
      durability: 'process',
      ringSize: 8,
      n: 2,
      level: 'eventual',
      location: '',
      preset: 'local',
      secrets: [],
      ...given,
    },
    { logger: silentLogger, endsWhenUnsound: true },
  );
  servers.push(server);
  return server;
}

it('ends without opening its Redis door, which its next life opens', { timeout: 60_000 }, async () => {
  const n1 = await start('n1');
  const before = await start('n2');
  await n1.admin.join(`127.0.0.1:${before.ports.cluster}`);
  await expect.poll(async () => (await before.admin.status()).members.length, { timeout: 20_000 }).toBe(2);
  const { redis, cluster } = before.ports;
  const ports = {
    redis: { host: '127.0.0.1', port: redis as number },
    cluster: { host: '127.0.0.1', port: cluster },
  };
  await before.stop();

  store.takesNone = true;
  const starting = start('n2', ports);
  const doubting = setInterval(() => store.onDoubtful?.('lmdb says -30782'), 100);
  const doubted = await starting;
  clearInterval(doubting);
  expect([doubted.isStopping, doubted.ports.redis]).toEqual([true, undefined]);
  expect(await doubted.finished).toBe('unsound');

  store.takesNone = false;
  expect((await start('n2', ports)).ports).toMatchObject({ redis });
});
