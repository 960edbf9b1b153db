import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SPACE_ENTRY, SPACE_META, type PartitionId, type Place, type Store } from '@rkv/core';
import { storeSuite } from '@rkv/core/testing';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lmdbStore } from './lmdb-store.ts';

storeSuite({ describe, it }, { persistent: true, commitsAtOnce: false }, () => {
  const path = mkdtempSync(join(tmpdir(), 'rkv-lmdb-'));
  return {
    open: () => lmdbStore({ path }),
    settle: () => new Promise((resolve) => setTimeout(resolve, 1)),
    remove: () => rmSync(path, { recursive: true }),
  };
});

const place: Place = { ringBits: 6, partition: 3 as PartitionId };
let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'rkv-lmdb-'));
});
afterEach(() => rmSync(path, { recursive: true }));

describe('group commit', () => {
  it('asks a late record once for all that was submitted in a turn', async () => {
    const store = lmdbStore({ path });
    let batches = 0;
    const asked: number[] = [];
    const late = {
      space: SPACE_META,
      place,
      hashHi: 0,
      hashLo: 0,
      key: 'count',
      bytes: () => Uint8Array.of(asked[asked.push(batches) - 1] as number),
    };
    const committed = progressOf(store);
    for (; batches < 10; batches++) {
      store.submit(
        [{ space: SPACE_ENTRY, place, hashHi: batches, hashLo: 0, key: 'k', value: Uint8Array.of(1) }],
        late,
      );
    }
    await committed;
    expect(store.committedSeq).toBe(10);
    expect(asked).toEqual([10]);
    expect(store.get(SPACE_META, place, late)).toEqual(Uint8Array.of(10));
    await closed(store);
  });
});

describe('a disk without room', () => {
  it('is seen beforehand: the batch is refused, and those after it', async () => {
    const store = lmdbStore({ path, reserveBytes: Number.MAX_SAFE_INTEGER });
    const failure = new Promise((resolve) => {
      store.start({
        onProgress: () => resolve('progress'),
        onFailure: (from, { code }) => resolve({ from, code }),
      });
    });
    const record = { space: SPACE_ENTRY, place, hashHi: 0, hashLo: 0, key: 'k', value: Uint8Array.of(1) };
    expect(store.submit([record])).toBe(1);
    expect(await failure).toEqual({ from: 1, code: 'store_full' });
    expect(store.submit([record])).toBe(undefined);
    expect(store.get(SPACE_ENTRY, place, record)).toBe(undefined);
    await closed(store);
  });
});

describe('opening', () => {
  it('makes the directory, whatever its name looks like', async () => {
    const deep = join(path, 'a', 'n1@127.0.0.1');
    await closed(lmdbStore({ path: deep }));
    await closed(lmdbStore({ path: deep }));
  });

  it('refuses a store of a later version', async () => {
    await closed(lmdbStore({ path }));
    const environment = open<Buffer, Buffer>({
      path,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    environment.putSync(Buffer.of(0xff), Buffer.from('{"format":2,"storeId":"x","cipher":"y"}'));
    await environment.close();
    expect(() => lmdbStore({ path })).toThrow(
      /was written by a later version of rkv: its format is 2, this version knows 1/,
    );
  });

  it('refuses an environment of somebody else', async () => {
    const environment = open<Buffer, Buffer>({
      path,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    environment.putSync(Buffer.from('theirs'), Buffer.from('x'));
    await environment.close();
    expect(() => lmdbStore({ path })).toThrow(/not a store of rkv/);
  });

  it('says what is wrong with a file that is no environment', () => {
    writeFileSync(join(path, 'data.mdb'), 'x'.repeat(10_000));
    expect(() => lmdbStore({ path })).toThrow(new RegExp(`cannot open the store in ${path}: `));
  });

  it('says where it cannot make a directory', () => {
    mkdirSync(join(path, 'in'));
    writeFileSync(join(path, 'in', 'the-way'), '');
    expect(() => lmdbStore({ path: join(path, 'in', 'the-way') })).toThrow(
      /cannot open the store in .*the-way: /,
    );
  });
});

function progressOf(store: Store): Promise<void> {
  return new Promise((resolve, reject) => {
    store.start({ onProgress: resolve, onFailure: (_from, error) => reject(new Error(error.message)) });
  });
}

function closed(store: Store): Promise<void> {
  return new Promise((resolve) => store.close(resolve));
}
