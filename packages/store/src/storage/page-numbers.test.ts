import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '@rkv/core';
import { ABORT, open, type RootDatabase } from 'lmdb';
import { afterAll, describe, expect, it } from 'vitest';
import { misnumberedPage } from './page-numbers.ts';

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
  ])('%s has every page where its number says', async (name, fill) => {
    expect(misnumberedPage(await fileOf(name, fill))).toBeUndefined();
  });
});

describe('a bit that turns over in the number of a page', () => {
  it('is found, of whichever page that is in use, and of no other', async () => {
    const file = await fileOf('flipped', (environment) => {
      put(environment, 3_000, 60);
      environment.putSync(Buffer.from('large'), Buffer.alloc(100_000));
    });
    const sound = readFileSync(file);
    const found: number[] = [];
    for (let page = 2; page < sound.length / 4096; page++) {
      const bytes = Buffer.from(sound);
      bytes[page * 4096] = (bytes[page * 4096] as number) ^ 1;
      writeFileSync(file, bytes);
      const misnumbered = misnumberedPage(file);
      if (misnumbered === undefined) continue;
      expect(misnumbered).toBe(page);
      found.push(page);
    }
    // 3,000 records of some 80 bytes fill 60 pages and more; of the 25 of the large value only the first has a number.
    expect(found.length).toBeGreaterThan(60);
  });
});
