import { describe, expect, it } from 'vitest';
import type { Driver } from '../contracts/driver.ts';
import type { SampleSink } from '../contracts/sample.ts';
import type { Bench } from '../definition/bench.ts';
import { VirtualClock } from '../load/virtual-clock.ts';
import { type Batch, BatchSink, replay } from './batch.ts';
import { runBench, type RunOptions } from './run.ts';

/** A driver that answers after a millisecond of that clock, and writes down which keys it was asked for. */
function plain(clock: VirtualClock, asked: unknown[] = []): Driver<undefined, 'get' | 'put'> {
  return {
    name: 'plain',
    operations: ['get', 'put'],
    new: () => undefined,
    async run(operation, nextKey) {
      asked.push(`${operation} ${String(nextKey())}`);
      await clock.sleepUntil(clock.now() + 1_000);
      return 'ok';
    },
    terminate() {},
  };
}

function play(
  bench: Partial<Bench>,
  options: (clock: VirtualClock) => RunOptions = () => ({}),
  asked: unknown[] = [],
) {
  const clock = new VirtualClock();
  const whole = { driver: plain(clock, asked), operations: { get: 1, put: 3 }, durationS: 3, ...bench };
  return clock.play(runBench({ bench: whole }, { ...options(clock), clock }));
}

describe('a run', () => {
  it('measures after the warm-up, for its time', async () => {
    const result = await play({ warmUpS: 2, workers: 1 });
    expect(result).toMatchObject({ measuredS: 3, ended: { kind: 'duration' }, loop: 'closed', warnings: [] });
    expect(result.all.succeeded).toBe(3_000);
    expect(result.windows.map(({ all }) => all.succeeded)).toEqual([1_000, 1_000, 1_000]);
    expect(result.labels.map(({ label }) => label)).toEqual(['get', 'put']);
    expect(result.labels.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(3_000);
  });

  it('the same seed asks the same, another one does not', async () => {
    const asked: unknown[][] = [[], [], []];
    for (const [at, seed] of [7, 7, 8].entries()) await play({ seed }, undefined, asked[at]);
    expect(asked[0]?.length).toBeGreaterThan(5_000);
    expect(asked[0]).toEqual(asked[1]);
    expect(asked[2]).not.toEqual(asked[0]);
  });

  it('fills a store: with partitioned keys each is asked for once, and the run ends by itself', async () => {
    const asked: unknown[] = [];
    const keys = { kind: 'partitionedInt', count: 1_000 } as const;
    const result = await play({ keys, workers: 7, operations: { put: 1 }, durationS: 60 }, undefined, asked);
    expect(new Set(asked).size).toBe(1_000);
    expect(result.all.succeeded).toBe(1_000);
    expect(result.ended).toEqual({ kind: 'workers', reason: 'the key generator has given all its keys' });
    expect(result.measuredS).toBeCloseTo(0.143, 2);
  });

  it('ends early when it is asked to', async () => {
    const result = await play({ workers: 1 }, (clock) => {
      const asking = new AbortController();
      void clock.sleepUntil(1.55e6).then(() => asking.abort());
      return { signal: asking.signal };
    });
    expect(result.ended).toEqual({ kind: 'interrupted' });
    expect(result.measuredS).toBeCloseTo(1.5, 5);
    expect(result.windows.length).toBe(2);
  });

  it('warns when a rate was too much, and when the errors are many', async () => {
    const result = await play({ mode: { rate: 10_000 }, workers: 2, drainS: 1 });
    expect(result.unsent).toBeGreaterThan(10_000);
    expect(result.all.throughput).toBeLessThan(2_001);
    expect(result.warnings[0]).toMatch(/operations were due and never sent/);
    const failing = { name: 'x', operations: ['get'], new: () => 0, terminate() {} } as const;
    const driver: Driver = { ...failing, run: (_op, _key, _value) => Promise.resolve({ stop: 'x' }) };
    expect((await play({ driver, operations: { get: 1 } })).warnings).toEqual(['`get` was never run.']);
  });

  it('a driver that cannot begin rejects, and what has begun is terminated', async () => {
    let ended = 0;
    const driver: Driver = {
      name: 'half',
      operations: ['get'],
      new: ({ id }) => (id === 1 ? 'state' : Promise.reject(new Error('no second'))),
      run: () => Promise.resolve('ok'),
      terminate: () => void ended++,
    };
    await expect(play({ driver, operations: { get: 1 } })).rejects.toThrow('no second');
    expect(ended).toBe(1);
  });
});

describe('samples on their way between threads', () => {
  it('arrive as they were told', () => {
    const heard: unknown[] = [];
    const notes = (prefix: unknown[]): SampleSink => ({
      succeeded: (...sample) => prefix.push(['ok', ...sample]),
      failed: (...sample) => prefix.push(['failed', ...sample]),
      unsent: () => {},
    });
    const batches: Batch[] = [];
    const sink = new BatchSink((batch) => batches.push(structuredClone(batch)));
    const told: unknown[] = [];
    const both = notes(told);
    for (let at = 0; at < 10_000; at++) {
      const failed = [at % 5, at, `kind ${at % 3}`] as const;
      const succeeded = [at % 5, at + 0.5, at * 2, at * 3, at % 2 === 0] as const;
      if (at % 7 === 0) {
        sink.failed(...failed);
        both.failed(...failed);
      } else {
        sink.succeeded(...succeeded);
        both.succeeded(...succeeded);
      }
    }
    sink.flush();
    sink.flush();
    for (const batch of batches) replay(batch, notes(heard));
    expect(batches.length).toBe(3);
    expect(heard).toEqual(told);
  });
});
