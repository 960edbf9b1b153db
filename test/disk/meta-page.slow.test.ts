/**
 * An error of the disk in the very page that points to a transaction: lmdb then gives its environment up for good, and the
 * store opens it anew.
 *
 * That page is written last, 128 bytes of it. With one thread in Node.js's pool the calls come in the same order each time:
 * a first run tells which one it is, and in a second one that one fails.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { injectionProblem } from './inject.ts';

const folder = mkdtempSync(join(tmpdir(), 'rkv-meta-'));
afterAll(() => rmSync(folder, { recursive: true }));

const STORAGE = fileURLToPath(new URL('../../packages/store/dist/storage/index.js', import.meta.url));

/** Forty commits, one after the other; what failed is written anew as soon as it is taken. */
const SCRIPT = `
  import { lmdbStore } from ${JSON.stringify(STORAGE)};
  const store = lmdbStore({ path: process.argv[1], onUnsound: (why) => console.log('unsound', why), onAgain: () => console.log('again') });
  const place = { ringBits: 4, partition: 1 };
  let next = 0;
  const at = (i) => ({ hashHi: i, hashLo: 0, key: 'k' + i });
  const put = () => store.submit([{ space: 0, place, ...at(next), value: new Uint8Array(200).fill(next) }]);
  const retry = () => { if (put() === undefined) setTimeout(retry, 20); };
  store.start({
    onProgress() {
      if (++next < 40) return void put();
      const all = Array.from({ length: 40 }, (_, i) => store.get(0, place, at(i))?.[0] === i);
      console.log('all there', all.every((is) => is));
      store.close(() => console.log('closed'));
    },
    onFailure(_, error) { console.log(error.code, next); retry(); },
  });
  put();
`;

function runUnder(path: string, ...strace: string[]): string {
  const node = [process.execPath, '--input-type=module', '-e', SCRIPT, path];
  const only = ['-f', '-qq', '-e', 'trace=pwrite64', '-P', join(path, 'data.mdb'), ...strace];
  const { stdout } = spawnSync('strace', [...only, ...node], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  return stdout;
}

it.skipIf(injectionProblem() !== undefined)(
  'costs what was being written, and nothing else',
  () => {
    const trace = join(folder, 'trace');
    runUnder(join(folder, 'first'), '-o', trace);
    const byThread = new Map<string, string[]>();
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const [thread = ''] = line.split(' ');
      byThread.set(thread, [...(byThread.get(thread) ?? []), line]);
    }
    const calls = [...byThread.values()].toSorted((a, b) => b.length - a.length)[0] as string[];
    const pointers = calls.flatMap((line, at) => (/, 128, \d+\)/.test(line) ? [at + 1] : []));
    const failing = `inject=pwrite64:error=EIO:when=${pointers[20]}`;
    const said = runUnder(join(folder, 'second'), '-o', '/dev/null', '-e', failing);
    expect(said.trim().split('\n')).toEqual([
      expect.stringMatching(/^store_io \d+$/),
      'again',
      'all there true',
      'closed',
    ]);
  },
  120_000,
);
