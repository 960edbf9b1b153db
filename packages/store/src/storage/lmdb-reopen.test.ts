/** An environment that gave up (EIO in its meta page) and cannot be opened again, or that refuses what it is asked. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SPACE_ENTRY, type PartitionId, type Place } from '@rkv/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type * as LmdbEnvironment from './lmdb-environment.ts';
import { lmdbStore } from './lmdb-store.ts';
import { StoreOpenError } from './store-failure.ts';

const fate = vi.hoisted(() => ({
  dead: false,
  opens: true,
  refuses: undefined as Error | undefined,
  found: undefined as Error | undefined,
}));
vi.mock('./lmdb-environment.ts', async (original) => {
  const real = await original<typeof LmdbEnvironment>();
  const EIO = Object.assign(new Error('Input/output error'), { code: 5 });
  return {
    ...real,
    openEnvironment: (path: string) => {
      if (!fate.opens) throw fate.found ?? EIO;
      const environment = real.openEnvironment(path);
      const dies = new Set(['batch', 'getBinary', 'getBinaryFast', 'getRange', 'getKeys']);
      return new Proxy(environment, {
        get(target, name) {
          const member = (target as unknown as Record<string | symbol, unknown>)[name];
          if (typeof member !== 'function') return member;
          const { refuses } = fate;
          if (refuses && name === 'batch') return () => Promise.reject(refuses);
          if (refuses && name === 'getKeys')
            return () => {
              throw refuses;
            };
          if (fate.dead && name === 'batch') return () => Promise.reject(EIO);
          if (fate.dead && dies.has(String(name)))
            return () => {
              throw EIO;
            };
          return member.bind(target) as unknown;
        },
      });
    },
  };
});

const place: Place = { ringBits: 6, partition: 3 as PartitionId };
const record = { space: SPACE_ENTRY, place, hashHi: 1, hashLo: 0, key: 'k', value: Uint8Array.of(1) };
let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'rkv-lmdb-'));
  Object.assign(fate, { dead: false, opens: true, refuses: undefined, found: undefined });
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

it('tells of the failure once it can be read again, however long that takes', async () => {
  const store = lmdbStore({ path });
  const read = new Promise<string>((resolve) => {
    store.start({
      onProgress() {},
      // As KvVnode.#fail and HeldItems.#takeLost do; nobody catches what is thrown here.
      onFailure: () => {
        try {
          store.get(SPACE_ENTRY, place, record);
          resolve('read');
        } catch (error) {
          resolve(`thrown: ${String(error)}`);
        }
      },
    });
  });
  Object.assign(fate, { dead: true, opens: false });
  store.submit([record]);
  const early = new Promise<string>((resolve) => setTimeout(() => resolve('not told'), 200));
  expect(await Promise.race([read, early])).toBe('not told');
  Object.assign(fate, { dead: false, opens: true });
  expect(await read).toBe('read');
  await new Promise<void>((resolve) => store.close(resolve));
});

it('closes also while it is being opened anew', async () => {
  const store = lmdbStore({ path });
  const seen: string[] = [];
  const onUncaught = (error: Error): void => void seen.push(String(error));
  process.on('uncaughtException', onUncaught);
  store.start({ onProgress() {}, onFailure: () => void store.get(SPACE_ENTRY, place, record) });
  fate.dead = true;
  store.submit([record]);
  await new Promise((resolve) => setImmediate(resolve)); // the commit fails, and it is being opened anew
  const closed = new Promise<string>((resolve) => store.close(() => resolve('closed')));
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('never closed'), 2_000));
  const outcome = await Promise.race([closed, late]);
  process.off('uncaughtException', onUncaught);
  expect([outcome, seen]).toEqual(['closed', []]);
});

it('is told to be unsound where that is found as it is opened again', async () => {
  const found: string[] = [];
  const store = lmdbStore({ path, onUnsound: (why) => found.push(why) });
  store.start({ onProgress() {}, onFailure() {} });
  const error = new StoreOpenError('store_unsound', 'no environment any more');
  Object.assign(fate, { dead: true, opens: false, found: error });
  store.submit([record]);
  await expect.poll(() => found).toEqual([error.message]);
  await new Promise<void>((resolve) => store.close(resolve));
});

it('is doubted each time that it refuses a write, or to say what places it has', async () => {
  const doubts: string[] = [];
  const store = lmdbStore({ path, onDoubtful: (why) => doubts.push(why) });
  store.start({ onProgress() {}, onFailure() {} });
  fate.refuses = Object.assign(new Error('MDB_BAD_TXN'), { code: -30782 });
  store.submit([record]);
  await expect.poll(() => doubts.length).toBe(1);
  // It is tried again after a second, when somebody may be up who helps this node.
  await expect.poll(() => doubts.length, { timeout: 5_000 }).toBe(2);
  expect(() => store.places(SPACE_ENTRY)).toThrow('MDB_BAD_TXN');
  expect(doubts).toEqual(Array.from({ length: 3 }, () => 'lmdb says -30782'));
  await new Promise<void>((resolve) => store.close(resolve));
});
