import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../contracts/logger.ts';
import type { StableName } from '../contracts/stable-store.ts';
import { FileStableStore } from './file-stable-store.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rkv-stable-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('saving', () => {
  it('is there in the next life, byte for byte, and keeps the last two versions', async () => {
    const store = open();
    const allBytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const bytes of [Uint8Array.of(1), Uint8Array.of(2), new Uint8Array(0), allBytes]) {
      expect(await save(store, 'ring', bytes)).toBe(undefined);
    }
    expect(await save(store, 'plan', new Uint8Array(0))).toBe(undefined);
    expect(files()).toEqual(['plan.1', 'ring.3', 'ring.4']);
    const next = open();
    expect(next.load('ring')).toEqual(allBytes);
    expect(next.load('plan')).toEqual(new Uint8Array(0));
    expect(next.load('identity')).toBe(undefined);
  });

  it('of one name takes effect in the order called, and each is told', async () => {
    const store = open();
    const told: number[] = [];
    const saves = Array.from({ length: 50 }, (_, i) =>
      save(store, i % 2 === 0 ? 'ring' : 'agreement', Uint8Array.of(i)).then((error) => {
        expect(error).toBe(undefined);
        told.push(i);
      }),
    );
    await Promise.all(saves);
    expect(told.filter((i) => i % 2 === 0)).toEqual(Array.from({ length: 25 }, (_, i) => 2 * i));
    expect(open().load('ring')).toEqual(Uint8Array.of(48));
    expect(open().load('agreement')).toEqual(Uint8Array.of(49));
  });

  it('that fails says why, and the old version stands', async () => {
    const store = open();
    await save(store, 'ring', Uint8Array.of(1));
    const kept = readFileSync(join(directory, 'ring.1'));
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'in the way');
    expect(await save(store, 'ring', Uint8Array.of(2))).toMatch(/ENOTDIR/);
    rmSync(directory);
    open();
    writeFileSync(join(directory, 'ring.1'), kept);
    expect(await save(store, 'ring', Uint8Array.of(3))).toBe(undefined);
    expect(open().load('ring')).toEqual(Uint8Array.of(3));
  });
});

describe('what a crash leaves', () => {
  const damages: [string, (file: string) => void][] = [
    ['cut short', (file) => truncateSync(file, readFileSync(file).length - 1)],
    ['emptied', (file) => truncateSync(file)],
    ['grown', (file) => writeFileSync(file, 'x', { flag: 'a' })],
    ['with a bit turned', (file) => writeFileSync(file, flipped(readFileSync(file), -2))],
    ['with a bit turned in its head', (file) => writeFileSync(file, flipped(readFileSync(file), 20))],
    ['of another name', (file) => writeFileSync(file, readFileSync(join(directory, 'plan.1')))],
  ];

  it.each(damages)(
    'a newest file %s is named and passed over, and its number is not used again',
    async (_, damage) => {
      const store = open();
      await save(store, 'plan', Uint8Array.of(9, 9, 9));
      await save(store, 'ring', Uint8Array.of(1, 1, 1));
      await save(store, 'ring', Uint8Array.of(2, 2, 2));
      damage(join(directory, 'ring.2'));
      const named: object[] = [];
      const next = open({ ...silentLogger, error: (fields) => named.push(fields) });
      expect(next.load('ring')).toEqual(Uint8Array.of(1, 1, 1));
      expect(named).toEqual([{ file: join(directory, 'ring.2') }]);
      await save(next, 'ring', Uint8Array.of(3, 3, 3));
      expect(open().load('ring')).toEqual(Uint8Array.of(3, 3, 3));
    },
  );

  it('a file not finished is swept away', async () => {
    await save(open(), 'ring', Uint8Array.of(1));
    writeFileSync(join(directory, 'ring.2.tmp'), 'half of');
    expect(open().load('ring')).toEqual(Uint8Array.of(1));
    expect(files()).toEqual(['ring.1']);
  });
});

function open(logger: Logger = silentLogger): FileStableStore {
  return new FileStableStore({ directory, logger });
}

function save(store: FileStableStore, name: StableName, bytes: Uint8Array): Promise<string | undefined> {
  return new Promise((resolve) => store.save(name, bytes, resolve));
}

function files(): string[] {
  return readdirSync(directory).toSorted();
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const index = (at + bytes.length) % bytes.length;
  return bytes.with(index, (bytes[index] as number) ^ 1);
}
