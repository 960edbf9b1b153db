/** The embedded engine in a process that is killed, and on a disk that takes no more. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { SPACE_ENTRY, type PartitionId, type Place } from '@rkv/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lmdbStore } from './lmdb-store.ts';

/** What a child runs: `store`, `put(i, bytes)` for the i-th batch of two records, and `say` before a kill can come between. */
const PRELUDE = `
  import { writeSync } from 'node:fs';
  import { lmdbStore } from ${JSON.stringify(new URL('./lmdb-store.ts', import.meta.url).href)};
  const store = lmdbStore({ path: process.argv[1] });
  const say = (text) => writeSync(1, text + '\\n');
  const put = (i, value) => store.submit([1, 2].map((partition) => ({
    space: 0, place: { ringBits: 4, partition }, hashHi: i, hashLo: 0, key: 'k' + i, value })));
  process.on('unhandledRejection', (error) => say('unhandled ' + error));
`;

/** Twenty batches in flight, and a line for each progress: how many batches of this store are committed. */
const WRITER = `
  let next = Number(process.argv[2]);
  const before = next;
  const submitSome = () => { while (next - before < store.committedSeq + 20) put(next++, new Uint8Array(200).fill(next)); };
  store.start({ onProgress() { say(String(before + store.committedSeq)); submitSome(); }, onFailure(_, error) { say(error.message); } });
  submitSome();
`;

/** Write until it fails, look what stands, then wait until a small one is taken. */
const FILLER = `
  let next = 0;
  const writeLarge = () => put(next++, new Uint8Array(100_000).fill(1));
  const trySmall = () => {
    if (put(next, Uint8Array.of(2)) === undefined) setTimeout(trySmall, 20);
  };
  let failed = false;
  store.start({
    onProgress() {
      if (!failed) return writeLarge();
      say('again ' + store.get(0, { ringBits: 4, partition: 1 }, { hashHi: next, hashLo: 0, key: 'k' + next })?.[0]);
      store.close(() => say('closed'));
    },
    onFailure(fromSeq, error) {
      failed = true;
      say('failed ' + (fromSeq - store.committedSeq) + ' ' + error.code);
      say('taken ' + put(next, Uint8Array.of(2)));
      const at = { hashHi: next - 1, hashLo: 0, key: 'k' + (next - 1) };
      say('there ' + store.get(0, { ringBits: 4, partition: 1 }, at));
      say('before ' + store.get(0, { ringBits: 4, partition: 2 }, { ...at, hashHi: 0, key: 'k0' })?.length);
      trySmall();
    },
  });
  writeLarge();
`;

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'rkv-lmdb-'));
});
afterEach(() => rmSync(path, { recursive: true }));

describe('a process killed in the middle of writing', () => {
  it('has kept whole batches, a prefix of them, and all that it called committed', async () => {
    let found = 0;
    for (const reports of [1, 7, 40, 150]) {
      const child = run(process.execPath, nodeArguments(WRITER, `${found}`));
      let committed = found;
      let heard = 0;
      for await (const line of linesOf(child)) {
        committed = Number(line);
        expect(committed, line).toBeGreaterThan(found);
        if (++heard === reports) child.kill('SIGKILL');
      }
      found = await assertPrefix(committed);
    }
  });
});

describe('a disk that takes no more', () => {
  it('makes the store read-only until a write holds again, and loses nothing', async () => {
    // The limit is on the size of a file; ignoring the signal makes the write fail instead.
    const limited = `trap '' XFSZ; ulimit -f 8000; exec "$0" "$@"`;
    const child = run('sh', ['-c', limited, process.execPath, ...nodeArguments(FILLER)]);
    const lines: string[] = [];
    for await (const line of linesOf(child)) lines.push(line);
    expect(lines).toEqual([
      expect.stringMatching(/^failed 1 store_(io|full)$/),
      'taken undefined',
      'there undefined',
      'before 100000',
      'again 2',
      'closed',
    ]);
  });
});

function nodeArguments(script: string, ...rest: string[]): string[] {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return [
    '--import',
    tsx,
    '--conditions=rkv-source',
    '--input-type=module',
    '-e',
    PRELUDE + script,
    path,
    ...rest,
  ];
}

function run(command: string, commandArguments: string[]): ChildProcess {
  return spawn(command, commandArguments, { stdio: ['ignore', 'pipe', 'ignore'] });
}

/** Ends when the child has. */
function linesOf(child: ChildProcess): AsyncIterable<string> {
  return createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
}

/** How many batches are there: the first ones, both records of each, no fewer than `committed`. */
async function assertPrefix(committed: number): Promise<number> {
  const store = lmdbStore({ path });
  const [first, second] = [1, 2].map((partition) => {
    const numbers: number[] = [];
    const place: Place = { ringBits: 4, partition: partition as PartitionId };
    store.walk(SPACE_ENTRY, place, undefined, Infinity, (hashHi) => numbers.push(hashHi) > 0);
    return numbers;
  });
  await new Promise<void>((resolve) => store.close(resolve));
  expect(first).toEqual(Array.from({ length: first?.length ?? 0 }, (_, i) => i));
  expect(second).toEqual(first);
  expect(first?.length).toBeGreaterThanOrEqual(committed);
  return first?.length ?? 0;
}
