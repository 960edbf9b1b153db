import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type Logger } from '../contracts/logger.ts';
import type { StableName } from '../contracts/stable-store.ts';
import { FileStableStore, UnreadableDocument } from './file-stable-store.ts';

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

describe('a disk that takes nothing', () => {
  it('because it is full says so; nothing is lost, and once there is space all is as before', async () => {
    const store = open();
    await save(store, 'ring', Uint8Array.of(1));
    // Whatever is written to this device, there is no space for it.
    symlinkSync('/dev/full', join(directory, 'ring.2.tmp'));
    expect(await save(store, 'ring', Uint8Array.of(2))).toMatch(/^ENOSPC: no space left on device/);
    expect(files()).toEqual(['ring.1']);
    expect(open().load('ring')).toEqual(Uint8Array.of(1));
    expect(await save(store, 'ring', Uint8Array.of(3))).toBe(undefined);
    expect(open().load('ring')).toEqual(Uint8Array.of(3));
  });

  it('because it must not says so', async () => {
    const store = open();
    await save(store, 'ring', Uint8Array.of(1));
    await withoutPrivileges(async () => {
      expect(await save(store, 'ring', Uint8Array.of(2))).toMatch(/^EACCES: permission denied/);
    });
    expect(open().load('ring')).toEqual(Uint8Array.of(1));
  });
});

describe('what cannot be known is not taken for damaged, as it may be anything', () => {
  const opening = (): unknown => {
    try {
      return open();
    } catch (error) {
      return error;
    }
  };

  it('a file that must not be read', async () => {
    await save(open(), 'ring', Uint8Array.of(1));
    chmodSync(join(directory, 'ring.1'), 0);
    await withoutPrivileges(() => {
      const error = opening();
      expect(error).toBeInstanceOf(UnreadableDocument);
      expect(error).toMatchObject({ code: 'document_unreadable', file: join(directory, 'ring.1') });
      expect((error as Error).message).toMatch(/ring\.1 cannot be read: EACCES: permission denied/);
    });
  });

  it('a directory in the place of one', () => {
    mkdirSync(join(directory, 'ring.1'));
    expect(opening()).toMatchObject({ code: 'document_unreadable' });
  });

  it('one of a later version, also beside an older one', async () => {
    const store = open();
    await save(store, 'ring', Uint8Array.of(1));
    const later = 'rkv-document {"format":2,"name":"ring","sequence":2}\nwhatever comes then';
    writeFileSync(join(directory, 'ring.2'), later);
    expect(opening()).toMatchObject({
      code: 'document_from_later_version',
      message: `${join(directory, 'ring.2')} was written by a later version of rkv (format 2, this one knows 1): start that version`,
    });
    expect(readFileSync(join(directory, 'ring.2'), 'latin1'), 'and is left alone').toBe(later);
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
    ['that says it is of no format', (file) => writeFileSync(file, 'rkv-document {"format":"2"}\n')],
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
      expect([next.isDamaged('ring'), next.isDamaged('plan')]).toEqual([true, false]);
      await save(next, 'ring', Uint8Array.of(3, 3, 3));
      const after = open();
      expect(after.load('ring')).toEqual(Uint8Array.of(3, 3, 3));
      expect(after.isDamaged('ring')).toBe(false);
    },
  );

  it('a damaged version takes no whole one away with it', async () => {
    await save(open(), 'ring', Uint8Array.of(1));
    await save(open(), 'ring', Uint8Array.of(2));
    truncateSync(join(directory, 'ring.2'));
    await save(open(), 'ring', Uint8Array.of(3));
    expect(files()).toEqual(['ring.1', 'ring.3']);
    truncateSync(join(directory, 'ring.3'));
    expect(open().load('ring')).toEqual(Uint8Array.of(1));
  });

  it('a newest version that is damaged is known as such, though nothing older is there', async () => {
    await save(open(), 'ring', Uint8Array.of(1));
    truncateSync(join(directory, 'ring.1'));
    expect(open().load('ring')).toBe(undefined);
    expect(open().isDamaged('ring')).toBe(true);
  });

  it('an older one that is damaged is named and does not matter', async () => {
    const store = open();
    await save(store, 'ring', Uint8Array.of(1));
    await save(store, 'ring', Uint8Array.of(2));
    truncateSync(join(directory, 'ring.1'));
    expect(open().load('ring')).toEqual(Uint8Array.of(2));
    expect(open().isDamaged('ring')).toBe(false);
  });

  it('a file not finished is swept away', async () => {
    await save(open(), 'ring', Uint8Array.of(1));
    writeFileSync(join(directory, 'ring.2.tmp'), 'half of');
    expect(open().load('ring')).toEqual(Uint8Array.of(1));
    expect(files()).toEqual(['ring.1']);
  });
});

/** As somebody who owns nothing here. Tests may run as root, to whom all is allowed. */
async function withoutPrivileges(run: () => void | Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  chmodSync(directory, isRoot ? 0o755 : 0o555);
  if (isRoot) process.seteuid?.(65_534);
  try {
    await run();
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(directory, 0o755);
  }
}

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
