import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '@rkv/core';
import { ABORT, open, type RootDatabase } from 'lmdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageProblem } from './page-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'rkv-pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Environment = RootDatabase<Buffer, Buffer>;

async function fileOf(name: string, fill: (environment: Environment) => void): Promise<string> {
  const path = join(folder, name);
  const environment = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
  });
  fill(environment);
  await environment.close();
  return join(path, 'data.mdb');
}

const put = (environment: Environment, count: number, bytes: number): void =>
  environment.transactionSync(() => {
    for (let i = 0; i < count; i++) environment.putSync(Buffer.from(`key-${i}`), Buffer.alloc(bytes, i));
  });

describe('a sound file', () => {
  it.each<[string, (environment: Environment) => void]>([
    ['with nothing in it', () => {}],
    ['of a few records', (environment) => put(environment, 10, 50)],
    ['of many', (environment) => put(environment, 50_000, 60)],
    ['with values on pages of their own', (environment) => put(environment, 300, 30_000)],
    [
      'with a long list of free pages, and records of all sizes that came and went',
      (environment) => {
        const dice = new Prng(7);
        for (let round = 0; round < 40; round++) {
          environment.transactionSync(() => {
            for (let i = 0; i < 400; i++) {
              const key = Buffer.from(`key-${dice.below(3_000)}`);
              if (dice.below(3) === 0) environment.removeSync(key);
              else
                environment.putSync(
                  key,
                  Buffer.alloc(dice.below(12) === 0 ? dice.below(60_000) : dice.below(300)),
                );
            }
            return round % 7 === 0 ? ABORT : undefined;
          });
        }
      },
    ],
    [
      'from which all has gone',
      (environment) => {
        put(environment, 20_000, 60);
        environment.clearSync();
      },
    ],
  ])('%s has no problem', async (name, fill) => {
    expect(pageProblem(await fileOf(name, fill))).toBeUndefined();
  });
});

describe('two first pages of one transaction', () => {
  it('are those of a new store whose first pointer could not be written: the first of them counts, as for lmdb', async () => {
    const file = await fileOf('of one transaction', () => {});
    const bytes = readFileSync(file);
    bytes.copy(bytes, 4096 + 152, 152, 160);
    bytes.writeUInt16LE(1, 4096 + 96 + 6);
    bytes.writeBigUInt64LE(2n, 4096 + 96 + 40);
    writeFileSync(file, bytes);
    expect(pageProblem(file)).toBeUndefined();
  });
});

describe('a bit that turns over', () => {
  const PAGE_BYTES = 4096;
  let file: string;
  let sound: Buffer;
  /** Where the pages begin that are in use and have a head: of a large value only the first. */
  let places: number[];

  beforeAll(async () => {
    file = await fileOf('flipped', (environment) => {
      put(environment, 3_000, 60);
      environment.putSync(Buffer.from('large'), Buffer.alloc(100_000));
    });
    sound = readFileSync(file);
    places = Array.from({ length: sound.length / PAGE_BYTES - 2 }, (_, i) => (i + 2) * PAGE_BYTES).filter(
      (place) => problemWith(place) !== undefined,
    );
  });

  /** Bit 0 unless another one is asked for. */
  function problemWith(at: number, bit = 0): string | undefined {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    writeFileSync(file, bytes);
    return pageProblem(file);
  }

  const kindOf = (place: number): number => sound.readUInt16LE(place + 18);
  const firstEntryOf = (place: number): number => place + 24 + sound.readUInt16LE(place + 24);

  it('is found in the number of every page that is in use', () => {
    // 3,000 records of some 80 bytes fill 60 pages and more.
    expect(places.length).toBeGreaterThan(60);
    for (const place of places)
      expect(problemWith(place)).toBe(`page ${place / PAGE_BYTES} bears the number of another`);
  });

  it.each<[string, number, number, RegExp]>([
    ['transaction, later than the last', 12, 0, /is newer than the latest transaction$/],
    ['kind', 18, 1, /is of another kind$/],
    ['unused flags', 19, 6, /is of another kind$/],
    ['count of entries, or of pages', 20, 1, /is not filled as it says$|is of another length$/],
    ['begin of the entries', 23, 3, /is not filled as it says$|is of another length$/],
  ])('is found in the %s of every page', (_, at, bit, problem) => {
    for (const place of places) expect(problemWith(place + at, bit)).toMatch(problem);
  });

  it.each<[string, number, number]>([
    ['size of a value, by some', 0, 1],
    ['size of a value, by sixteen million', 3, 0],
    ['kind of a value', 4, 1],
    ['size of a key', 6, 2],
    ['size of a key, by much', 7, 1],
  ])('is found in the %s', (_, at, bit) => {
    const leaves = places.filter((place) => kindOf(place) === 2);
    expect(leaves.length).toBeGreaterThan(50);
    for (const place of leaves)
      expect(problemWith(firstEntryOf(place) + at, bit)).toMatch(/not filled as it says$/);
  });

  it('is found where a page leads to another one', () => {
    const branches = places.filter((place) => kindOf(place) === 1);
    expect(branches.length).toBeGreaterThan(0);
    for (const place of branches) {
      expect(problemWith(firstEntryOf(place))).toMatch(
        /is led to twice, or is free and led to$|has a key out of order$/,
      );
      expect(problemWith(firstEntryOf(place) + 3)).toMatch(/^page \d+ is led to and is none$/);
    }
  });

  it('is found in a key, when that puts it out of order', () => {
    const [leaf] = places.filter(
      (place) => kindOf(place) === 2 && sound.subarray(place, place + PAGE_BYTES).includes('key-1'),
    );
    expect(problemWith(firstEntryOf(leaf as number) + 8, 7)).toMatch(/has a key out of order$/);
  });

  it('is found in what is told of the trees', () => {
    const latest = [0, PAGE_BYTES].toSorted(
      (a, b) => Number(sound.readBigUInt64LE(b + 152)) - Number(sound.readBigUInt64LE(a + 152)),
    )[0] as number;
    const tree = latest + 96;
    for (const at of [8, 16, 24, 32])
      expect(problemWith(tree + at)).toMatch(/not of the size that was counted$/);
    expect(problemWith(tree + 4, 2)).toBe('its records are of another kind');
    expect(problemWith(tree + 6)).toMatch(/is of another kind$/);
    expect(problemWith(tree + 45)).toMatch(/is led to and is none$/);
  });

  it('is found in the number of the last page, where that is one that no file can have', () => {
    for (const meta of [0, PAGE_BYTES]) expect(sound.readBigUInt64LE(meta + 144)).toBeLessThan(1_000n);
    expect([problemWith(144 + 4), problemWith(PAGE_BYTES + 144 + 4)]).toContain(
      'it says of more pages than a file can have',
    );
  });

  it('is found in the transaction that freed pages', () => {
    const leaf = places.find(
      (place) => kindOf(place) === 2 && !sound.subarray(place, place + PAGE_BYTES).includes('key-'),
    );
    const at = firstEntryOf(leaf as number) + 8;
    expect(Number(sound.readBigUInt64LE(at))).toBeGreaterThan(0);
    const bytes = Buffer.from(sound);
    bytes.fill(0, at, at + 8);
    writeFileSync(file, bytes);
    expect(pageProblem(file)).toMatch(/lists free pages of a transaction that never was$/);
  });

  it('is not found in a value, nor in what belongs to nobody', () => {
    const leaf = places.find((place) => kindOf(place) === 2) as number;
    expect(problemWith(leaf + PAGE_BYTES - 1)).toBeUndefined();
    expect(problemWith(leaf + 24 + sound.readUInt16LE(leaf + 20))).toBeUndefined();
  });
});
