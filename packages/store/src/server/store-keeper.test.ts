/** When a store is opened, when it is set aside, and when the node does not start. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, SPACE_META, type Logger, type PartitionId, type Store } from '@rkv/core';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreKeeper } from './store-keeper.ts';

let directory: string;
let store: Store | undefined;
let said: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rkv-keeper-'));
  said = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await close();
  rmSync(directory, { recursive: true });
});

function keeperOf({ hasOthers = true } = {}): StoreKeeper {
  const log = (_fields: object, text: string): void => void said.push(text);
  const logger: Logger = { ...silentLogger, info: log, warn: log, error: log };
  return new StoreKeeper({
    directory,
    logger,
    hasOthers: () => hasOthers,
    onUnsound: () => {},
    onDoubtful: () => {},
  });
}

/** One life; `closes`: in good order. */
async function live(keeper: StoreKeeper, closes: boolean): Promise<string> {
  store = await keeper.open();
  const { storeId } = store;
  await close();
  if (closes) keeper.closed();
  return storeId;
}

async function close(): Promise<void> {
  await new Promise<void>((resolve) => (store === undefined ? resolve() : store.close(resolve)));
  store = undefined;
}

/** The file of lives cannot be written until what this returns is called. */
function refuseNotes(): () => void {
  const inTheWay = join(directory, 'store.lives.new');
  mkdirSync(inTheWay);
  return () => rmSync(inTheWay, { recursive: true });
}

const setAside = (): string[] => readdirSync(directory).filter((name) => name.startsWith('store.set-aside'));
const SAID_ASIDE =
  'the store is damaged and was set aside: this node goes on with an empty one and heals from the others';

/** The record that says whose the store is makes no sense any more. */
async function damageIdentity(): Promise<void> {
  const settings = { keyEncoding: 'binary', encoding: 'binary' } as const;
  const environment = open<Buffer, Buffer>({ path: join(directory, 'store'), noSubdir: false, ...settings });
  await environment.put(Buffer.of(0xff), Buffer.from('{"format":1,"st'));
  await environment.close();
}

describe('a store that was found unsound', () => {
  it('is set aside by the next life, whole as it is, and by that one only', async () => {
    const keeper = keeperOf();
    const before = await live(keeper, false);
    keeper.markUnsound('entries are gone');
    keeper.closed();
    const after = await live(keeperOf(), true);
    expect(after).not.toBe(before);
    expect(said).toEqual([SAID_ASIDE]);
    expect(setAside()).toHaveLength(1);
    expect(readdirSync(join(directory, setAside()[0] as string))).toContain('data.mdb');
    expect(await live(keeperOf(), true)).toBe(after);
    expect(setAside()).toHaveLength(1);
  });

  it('by a life that ended before it had noted that, is not looked for again', async () => {
    const keeper = keeperOf();
    await live(keeper, false);
    keeper.markUnsound('entries are gone');
    renameSync(join(directory, 'store'), join(directory, 'store.set-aside-1'));
    const makeWay = refuseNotes();
    const after = await live(keeperOf(), false);
    makeWay();
    expect(await live(keeperOf(), true)).toBe(after);
    expect(setAside()).toEqual(['store.set-aside-1']);
  });

  it('as it is opened is set aside at once', async () => {
    const before = await live(keeperOf(), true);
    await damageIdentity();
    expect(await live(keeperOf(), true)).not.toBe(before);
    expect(said).toEqual([SAID_ASIDE]);
  });

  it.each([
    ['was marked', async () => keeperOf().markUnsound('entries are gone')],
    ['cannot be opened', damageIdentity],
  ])('and is the only copy is left where it is, and the node does not start: %s', async (_, harm) => {
    await live(keeperOf({ hasOthers: false }), true);
    await harm();
    const sound = readFileSync(join(directory, 'store', 'data.mdb'));
    for (const _again of [1, 2])
      await expect(keeperOf({ hasOthers: false }).open()).rejects.toMatchObject({
        code: 'store_unsound',
        message: expect.stringMatching(
          /nobody else has a copy .* move .*store and .*store.lives away/,
        ) as string,
      });
    expect(setAside()).toEqual([]);
    expect(readFileSync(join(directory, 'store', 'data.mdb')).equals(sound)).toBe(true);
  });
});

describe('lives that did not close it', () => {
  it('two in a row, and it is looked at; a sound one is opened', async () => {
    const before = await live(keeperOf(), false);
    await live(keeperOf(), false);
    expect(said).toEqual([]);
    expect(await live(keeperOf(), false)).toBe(before);
    expect(said).toEqual(['lives of this node ended without closing the store: it is looked at']);
    await live(keeperOf(), false);
    expect(said, 'it begins to count anew').toHaveLength(1);
  });

  it('and one that did, and it is not', async () => {
    for (const closes of [false, true, false, true, false]) await live(keeperOf(), closes);
    expect(said).toEqual([]);
  });

  it('are not counted from a file that makes no sense', async () => {
    writeFileSync(join(directory, 'store.lives'), '{');
    store = await keeperOf().open();
    expect(store.places(SPACE_META)).toEqual([] satisfies { ringBits: number; partition: PartitionId }[]);
  });
});

describe('a store that was doubted', () => {
  it('is looked at by the next life, and opened if nothing is found; that life doubts it no more', async () => {
    const keeper = keeperOf();
    const before = await live(keeper, false);
    expect(keeper.markDoubtful('lmdb says -30782')).toBe(true);
    expect(keeper.markDoubtful('lmdb says -30782'), 'once is enough').toBe(false);
    keeper.closed();
    const next = keeperOf();
    expect(await live(next, true)).toBe(before);
    expect(said).toEqual(['the last life of this node doubted its store: it is looked at']);
    expect(next.markDoubtful('lmdb says -30782')).toBe(false);
    expect(await live(keeperOf(), true)).toBe(before);
    expect(said).toHaveLength(1);
  });

  it('is not, where the next life would not hear of it; after a pause it may be doubted again', async () => {
    const keeper = keeperOf();
    await live(keeper, false);
    const makeWay = refuseNotes();
    expect(keeper.markDoubtful('lmdb says -30782')).toBe(false);
    expect(keeper.markDoubtful('lmdb says -30782')).toBe(false);
    expect(said, 'it is tried once').toEqual([expect.stringMatching(/store.lives cannot be written$/)]);
    makeWay();
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
    expect(keeper.markDoubtful('lmdb says -30782')).toBe(true);
  });
});

describe('where the disk takes no note for a while', () => {
  it('a store that was found unsound is set aside all the same', async () => {
    const keeper = keeperOf();
    const before = await live(keeper, false);
    const makeWay = refuseNotes();
    expect(keeper.markUnsound('entries are gone')).toBe(false);
    makeWay();
    keeper.closed();
    expect(await live(keeperOf(), true)).not.toBe(before);
  });

  it.each([true, false])('the store that takes its place is not (closed: %s)', async (closes) => {
    const keeper = keeperOf();
    await live(keeper, false);
    keeper.markUnsound('entries are gone');
    const makeWay = refuseNotes();
    const next = keeperOf();
    const after = await live(next, false);
    makeWay();
    if (closes) next.closed();
    expect(await live(keeperOf(), true)).toBe(after);
    expect(setAside()).toHaveLength(1);
  });
});
