/** The built command in a process of its own, as a user runs it: threads, files, signals. What `npm test` has built. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { BenchResult } from '../src/results/result.ts';

const BIN = fileURLToPath(new URL('../bin/rkv-bench.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rkv-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

function bench(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function resultOf(run: string): BenchResult {
  return JSON.parse(readFileSync(join(folder, run, 'result.json'), 'utf8')) as BenchResult;
}

/** Each worker leaves a file with its id and its thread. Answers at once. */
const DRIVER = `
  import { writeFileSync, mkdirSync } from 'node:fs';
  import { threadId } from 'node:worker_threads';
  mkdirSync('seen', { recursive: true });
  const driver = {
    name: 'leaves files',
    operations: ['look_up'],
    new: ({ id }) => void writeFileSync('seen/' + id + '-' + threadId, ''),
    async run(_operation, nextKey) {
      nextKey();
      return nextKey() > 1_000_000 ? { error: 'huge' } : 'ok';
    },
    terminate() {},
  };
`;

describe('the command', () => {
  it('spreads the workers over threads, and gathers what all of them told', () => {
    const keys = "{ kind: 'partitionedInt', count: 10_000 }";
    file(
      'threads.mjs',
      `${DRIVER} export const bench = { driver, operations: { look_up: 1 }, workers: 5, threads: 2, keys: ${keys} };`,
    );
    const { status, stdout, stderr } = bench('threads.mjs', '--out', 'threads');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('all workers ended: the key generator has given all its keys');
    expect(stdout).toMatch(/Benchmark finished\. No errors\.\n$/);
    const seen = readdirSync(join(folder, 'seen')).map((name) => name.split('-').map(Number));
    expect(seen.map(([id]) => id).toSorted()).toEqual([1, 2, 3, 4, 5]);
    const threads = new Set(seen.map(([, thread]) => thread));
    expect([threads.size, threads.has(0)]).toEqual([2, false]);
    // Two keys for each operation, and each key once.
    expect(resultOf('threads').all.succeeded).toBe(5_000);
    const [header, ...lines] = readFileSync(join(folder, 'threads/look-up_single.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(header).toBe('timestamp, unit, microseconds, from_due');
    expect(lines.length).toBe(5_000);
    expect(lines.every((line) => /^\d{13}, 1, \d+, \d+$/.test(line))).toBe(true);
  });

  it('measures rkv in this process from a JSON file, and compares and draws again', () => {
    file(
      'embedded.json',
      JSON.stringify({ driver: { kind: 'rkv', n: 1 }, operations: { put: 3, get: 1 }, name: 'x' }),
    );
    for (const out of ['a', 'b']) {
      const { status, stderr } = bench(
        'embedded.json',
        '--rate',
        '500',
        '--duration',
        '0.5',
        '--no-samples',
        '--out',
        out,
      );
      expect([status, stderr]).toEqual([0, '']);
    }
    expect(resultOf('a')).toMatchObject({ loop: 'open', measuredS: 0.5 });
    expect(readdirSync(join(folder, 'a'))).not.toContain('put_single.csv');
    expect(bench('compare', 'a', 'b').stdout).toMatch(/^put +rate .*\n +p50 /m);
    const compared = JSON.parse(bench('compare', 'a', 'b', '--json').stdout) as { differences: unknown[] };
    expect(compared.differences).toEqual([]);
    rmSync(join(folder, 'a/report.html'));
    expect(bench('report', 'a').stdout).toMatch(/report\.html$/m);
    expect(readdirSync(join(folder, 'a'))).toContain('report.html');
  });

  it('ends in good order when it is interrupted, and leaves nothing running', async () => {
    const driver = JSON.stringify({
      driver: { kind: 'rkv', n: 1 },
      operations: { put: 1 },
      mode: { rate: 50 },
    });
    file('long.json', driver);
    const child = spawn(process.execPath, [BIN, 'long.json', '--out', 'long'], { cwd: folder });
    let [stdout, asked] = ['', false];
    child.stdout.on('data', (bytes) => {
      stdout += String(bytes);
      if (stdout.includes('results in long') && !asked) asked = child.kill('SIGINT');
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(resultOf('long').ended).toEqual({ kind: 'interrupted' });
    expect(stdout).toContain('interrupted');
  });

  it('ends with 1 when an error ended the run, with 2 when it was called wrongly', () => {
    const rest = 'operations: { look_up: 1 }, threads: 2, shutdownOnError: true';
    file(
      'error.mjs',
      `${DRIVER} export const bench = { driver, ${rest}, keys: { kind: 'constant', key: 2_000_000 } };`,
    );
    const failed = bench('error.mjs', '--out', 'error');
    expect(failed.status).toBe(1);
    expect(failed.stdout).toContain('ended by an error: huge');
    expect(failed.stdout).toMatch(/^Errors: huge [12]$/m);
    for (const args of [
      ['threads.mjs', '--rate', '0'],
      ['threads.mjs', '--rate', '1', '--max'],
      ['--nonsense'],
      [],
    ]) {
      expect([args, bench(...args).status]).toEqual([args, 2]);
    }
    file('wrong.json', '{ "driver": { "kind": "redis" }, "operations": { "get": 1 }, "wrokers": 1 }');
    expect(bench('wrong.json')).toMatchObject({ status: 2, stderr: 'rkv-bench: wrokers: unknown\n' });
    const absent = { driver: { kind: 'redis', urls: ['redis://127.0.0.1:1'] }, operations: { get: 1 } };
    file('absent.json', JSON.stringify(absent));
    expect(bench('absent.json').stderr).toMatch(/^rkv-bench: .*ECONNREFUSED/);
  });

  it('checks itself', () => {
    const { status, stdout } = bench('check');
    expect(status).toBe(0);
    expect(stdout).toMatch(/The check holds: the open loop shows the stall at p99/);
  });
});
