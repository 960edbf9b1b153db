import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Driver } from '../contracts/driver.ts';
import { type Bench, defineBench } from './bench.ts';
import { BadBench, loadBench, settle } from './settle.ts';

const driver: Driver<undefined, 'get' | 'put_all'> = {
  name: 'mine',
  operations: ['get', 'put_all'],
  new: () => undefined,
  run: () => Promise.resolve('ok'),
  terminate() {},
};
const least = { driver, operations: { get: 1 } };

function problemsOf(bench: unknown): readonly string[] {
  try {
    settle(bench as Bench);
  } catch (error) {
    if (error instanceof BadBench) return error.problems;
    throw error;
  }
  return [];
}

describe('a benchmark', () => {
  it('with driver and operations only has the defaults of the tutorial', () => {
    const { load, durationS, threads, name } = settle(least);
    expect(load).toMatchObject({
      mode: { kind: 'max' },
      workers: 2,
      keys: { kind: 'uniformInt', max: 100_000 },
      values: { kind: 'fixedBin', size: 100 },
      shutdownOnError: false,
    });
    expect([durationS, threads, name]).toEqual([60, undefined, 'mine']);
  });

  it('a rate is an open loop, unless it is asked to be closed', () => {
    const modeOf = (mode: Bench['mode']) =>
      settle({ ...least, ...(mode === undefined ? {} : { mode }) }).load.mode;
    expect(modeOf({ rate: 5 })).toEqual({ kind: 'arrivals', rate: 5, spacing: 'poisson' });
    expect(modeOf({ rate: 5, spacing: 'even' })).toEqual({ kind: 'arrivals', rate: 5, spacing: 'even' });
    expect(modeOf({ rate: 5, loop: 'closed' })).toEqual({ kind: 'paced', rate: 5 });
  });

  it('one operation may have several labels', () => {
    const operations = [
      { operation: 'get', weight: 1 },
      { label: 'get again', operation: 'get', weight: 2 },
    ] as const;
    expect(settle({ driver, operations }).load.operations.map(({ label }) => label)).toEqual([
      'get',
      'get again',
    ]);
  });

  it('what is said on the command line is said over its head', () => {
    expect(settle({ ...least, durationS: 5, seed: 1 }, { durationS: 7 })).toMatchObject({ durationS: 7 });
  });

  it('is told in the results without its functions', () => {
    const { setup } = settle({ ...least, keys: { kind: 'function', make: () => () => 1 } });
    expect(setup['keys']).toEqual({ kind: 'function', make: 'a function' });
    expect(() => structuredClone(setup)).not.toThrow();
  });

  it('has types that know the operations of the driver', () => {
    defineBench({ driver, operations: { get: 1, put_all: 2 } });
    // @ts-expect-error there is no such operation
    defineBench({ driver, operations: { fly: 1 } });
  });

  it.each<[string, unknown, string]>([
    ['no driver', { operations: { get: 1 } }, 'driver: '],
    ['no operations', { driver, operations: {} }, 'operations: there are none'],
    [
      'a strange operation',
      { driver, operations: { fly: 1 } },
      'operations: mine has no `fly`; it has get, put_all',
    ],
    ['a weight of zero', { driver, operations: { get: 0 } }, 'operations'],
    ['a word that is none', { ...least, worker: 3 }, 'worker: unknown'],
    ['half a worker', { ...least, workers: 0.5 }, 'workers: must be a whole number from 1 to 10000'],
    ['a negative rate', { ...least, mode: { rate: -1 } }, 'mode.rate: must be above 0'],
    ['a mode that is none', { ...least, mode: 'fast' }, "mode: must be 'max' or {rate, loop, spacing}"],
    ['no time', { ...least, durationS: 0 }, 'durationS: must be above 0'],
    ['strange keys', { ...least, keys: { kind: 'magic' } }, 'keys.kind: is not a kind of key generator'],
    [
      'keys within keys',
      { ...least, keys: { kind: 'intToStr', of: { kind: 'uniformInt' } } },
      'keys.of: has either',
    ],
    [
      'keys by halves',
      { ...least, keys: { kind: 'uniformInt', start: 1 } },
      'keys: has `start` and `count` together',
    ],
    ['values', { ...least, values: { kind: 'uniformBin', min: 9, max: 1 } }, 'values: `min` is above `max`'],
    [
      'a URL',
      { ...least, driver: { kind: 'redis', urls: ['http://x'] } },
      'driver.urls.0: must be a URL with redis:',
    ],
    [
      'a strange driver',
      { ...least, driver: { kind: 'sql' } },
      'driver.kind: is neither a driver nor the kind of one',
    ],
    [
      'half a driver',
      { ...least, driver: { name: 'x', run() {} } },
      'driver: has `name`, `operations`, `new`',
    ],
    [
      'threads for a driver of one',
      { ...least, driver: { kind: 'rkv' }, threads: 2 },
      'works on one thread only',
    ],
    [
      'two labels of one file',
      {
        driver,
        operations: [
          { operation: 'put_all', weight: 1 },
          { label: 'putAll', operation: 'put_all', weight: 1 },
        ],
      },
      'two labels would share the files put-all_*',
    ],
  ])('is refused with %s', (_what, bench, problem) => {
    expect(problemsOf(bench).join('\n')).toContain(problem);
  });
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-bench-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const json = '{ "driver": { "kind": "redis" }, "operations": { "get": 1 } }';

  it.each([
    ['a.json', json],
    ['b.mjs', `export const bench = ${json}`],
    ['c.mjs', `export default ${json}`],
  ])('%s is a benchmark', async (name, text) => {
    expect(settle(await loadBench(file(name, text))).load.driver.name).toBe(
      'Redis at redis://127.0.0.1:6379',
    );
  });

  it('that is none says why', async () => {
    await expect(loadBench(file('d.mjs', 'export const x = 1'))).rejects.toThrow(
      'neither `bench` nor a default',
    );
    await expect(loadBench(file('e.json', '{'))).rejects.toThrow(/e\.json: .*JSON/);
  });
});
