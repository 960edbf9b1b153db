import { describe, expect, it } from 'vitest';
import { type Driver, KeysExhausted, type Outcome, type WorkerContext } from '../contracts/driver.ts';
import type { SampleSink } from '../contracts/sample.ts';
import { diceFor, fraction } from '../generators/random.ts';
import { Crew, type Load } from './crew.ts';
import { Arrivals } from './schedule.ts';
import { VirtualClock } from './virtual-clock.ts';

interface Sample {
  readonly label: number;
  readonly doneUs: number;
  readonly serviceUs: number;
  readonly responseUs: number;
  readonly waited: boolean;
}

class Notes implements SampleSink {
  readonly samples: Sample[] = [];
  readonly errors: { label: number; doneUs: number; kind: string }[] = [];
  unsentCount = 0;

  succeeded(label: number, doneUs: number, serviceUs: number, responseUs: number, waited: boolean): void {
    this.samples.push({ label, doneUs, serviceUs, responseUs, waited });
  }

  failed(label: number, doneUs: number, kind: string): void {
    this.errors.push({ label, doneUs, kind });
  }

  unsent(count: number): void {
    this.unsentCount += count;
  }
}

/** A driver whose every operation is this function; it writes down its life. */
class Scripted implements Driver<{ id: number; runs: number }, 'ask'> {
  readonly name = 'scripted';
  readonly operations = ['ask'] as const;
  readonly diary: string[] = [];
  readonly #script: (state: { id: number; runs: number }) => Promise<Outcome>;
  #states = 0;

  constructor(script: (state: { id: number; runs: number }) => Promise<Outcome>) {
    this.#script = script;
  }

  /** From then on no state can be made. */
  isSpent = false;

  new({ id }: WorkerContext): { id: number; runs: number } {
    if (this.isSpent) throw new Error('spent');
    this.diary.push(`new ${id}`);
    this.#states++;
    return { id, runs: 0 };
  }

  run(
    _operation: 'ask',
    _nextKey: () => unknown,
    _nextValue: () => unknown,
    state: { id: number; runs: number },
  ) {
    state.runs++;
    return this.#script(state);
  }

  terminate(reason: string, { id }: { id: number }): void {
    this.diary.push(`${reason} ${id}`);
    this.#states--;
  }

  get alive(): number {
    return this.#states;
  }
}

const SECOND = 1e6;

interface PlayInit {
  readonly script: (clock: VirtualClock) => (state: { id: number; runs: number }) => Promise<Outcome>;
  readonly load?: Partial<Load>;
  readonly workers?: number;
  readonly endUs?: number;
  readonly drainUs?: number;
  readonly meanwhile?: (crew: Crew, clock: VirtualClock, driver: Scripted) => void;
}

async function play({
  script,
  load = {},
  workers = 1,
  endUs = SECOND,
  drainUs = SECOND,
  meanwhile,
}: PlayInit) {
  const clock = new VirtualClock();
  const sink = new Notes();
  const driver = new Scripted(script(clock));
  const fatal: string[] = [];
  const crew: Crew = new Crew({
    load: {
      driver,
      operations: [{ label: 'ask', operation: 'ask', weight: 1 }],
      keys: { kind: 'uniformInt', max: 10 },
      values: { kind: 'fixedBin', size: 1 },
      mode: { kind: 'max' },
      workers,
      seed: 1,
      shutdownOnError: false,
      ...load,
    },
    firstId: 1,
    size: workers,
    clock,
    sink,
    onFatal: (reason) => fatal.push(reason),
  });
  const reason = await clock.play(
    (async () => {
      await crew.begin();
      meanwhile?.(crew, clock, driver);
      const reason = await crew.work({ startUs: 0, endUs, drainUs });
      await crew.end();
      return reason;
    })(),
  );
  return { ...sink, unsentCount: sink.unsentCount, reason, fatal, driver, clock };
}

/** Answers after so long. */
const takes =
  (us: number, outcome: Outcome = 'ok') =>
  (clock: VirtualClock) =>
  async (): Promise<Outcome> => {
    await clock.sleepUntil(clock.now() + us);
    return outcome;
  };

describe('a closed loop', () => {
  it('sends the next operation when the last has ended', async () => {
    const { samples } = await play({ script: takes(1_000), workers: 3 });
    expect(samples.length).toBe(3_000);
    expect(new Set(samples.map(({ serviceUs, responseUs }) => `${serviceUs} ${responseUs}`))).toEqual(
      new Set(['1000 1000']),
    );
  });

  it('with a pace: pauses after each answer, so that a slow system is asked less', async () => {
    const mode = { kind: 'paced', rate: 200 } as const;
    const quick = await play({ script: takes(10), workers: 2, load: { mode }, endUs: 50 * SECOND });
    expect(quick.samples.length / 50).toBeCloseTo(200, -1.2);
    const slow = await play({ script: takes(10_000), workers: 2, load: { mode }, endUs: 50 * SECOND });
    expect(slow.samples.length / 50).toBeCloseTo(100, -1.2);
    expect(slow.samples.every(({ serviceUs, responseUs }) => serviceUs === responseUs)).toBe(true);
  });

  it('gives way to others, even if nothing in it ever waits', async () => {
    let us = 0;
    const { samples } = await play({
      // A driver that answers within the same turn: only this makes time pass.
      script: (clock) => {
        clock.now = () => us;
        return async () => {
          us += 10;
          return 'ok';
        };
      },
      meanwhile: (crew) => setImmediate(() => crew.stop()),
    });
    expect(samples.length).toBeLessThan(SECOND / 10);
  });
});

describe('an open loop', () => {
  it.each([
    [1, 100, 5_000],
    [1, 190, 5_000],
    [1, 300, 5_000],
    [4, 700, 5_000],
    [3, 1_000, 5_000],
  ])('%i workers, %i a second: waits as a queue makes one wait', async (workers, rate, serviceUs) => {
    const mode = { kind: 'arrivals', rate, spacing: 'poisson' } as const;
    const { samples } = await play({
      script: takes(serviceUs),
      ...{ workers, load: { mode }, endUs: 10 * SECOND, drainUs: Infinity },
    });
    // The twin: who is free first takes the next one.
    const arrivals = new Arrivals({
      ...{
        startUs: 0,
        gapUs: SECOND / rate,
        spacing: 'poisson',
        random: fraction(diceFor(1, 'arrivals', 1)),
      },
    });
    const freeAtUs = new Array<number>(workers).fill(0);
    const expected: number[] = [];
    for (let due = arrivals.next(); due < 10 * SECOND; due = arrivals.next()) {
      const first = freeAtUs.indexOf(Math.min(...freeAtUs));
      freeAtUs[first] = Math.max(due, freeAtUs[first]!) + serviceUs;
      expected.push(freeAtUs[first] - due);
    }
    const sorted = (list: readonly number[]): number[] => list.map(Math.round).toSorted((a, b) => a - b);
    expect(sorted(samples.map(({ responseUs }) => responseUs))).toEqual(sorted(expected));
  });

  it('tells its own lateness only of operations for which a worker stood ready', async () => {
    const mode = { kind: 'arrivals', rate: 150, spacing: 'even' } as const;
    const { samples } = await play({ script: takes(10_000), load: { mode }, drainUs: Infinity });
    const waiting = samples.filter(({ waited }) => !waited);
    expect(waiting.length).toBeGreaterThan(samples.length / 2);
    expect(samples.filter(({ waited }) => waited).every(({ responseUs }) => responseUs === 10_000)).toBe(
      true,
    );
  });

  it('what is due before the end is sent until the drain is over, and the rest is counted', async () => {
    const mode = { kind: 'arrivals', rate: 100, spacing: 'even' } as const;
    const { samples, errors, unsentCount } = await play({ script: takes(100_000), load: { mode } });
    // Ten a second, in one second and another of drain; the last of them has not ended then.
    expect(samples.length).toBe(19);
    expect(errors.map(({ kind }) => kind)).toEqual(['unfinished']);
    expect(samples.length + errors.length + unsentCount).toBe(100);
  });

  it('an operation that never ends is unfinished, and its worker is left alone', async () => {
    const mode = { kind: 'arrivals', rate: 10, spacing: 'even' } as const;
    const { errors, driver, clock } = await play({
      script: (clock) => async () => {
        await clock.sleepUntil(Infinity);
        return 'ok';
      },
      ...{ load: { mode }, workers: 2 },
    });
    expect(errors.map(({ kind }) => kind)).toEqual(['unfinished', 'unfinished']);
    expect(clock.now()).toBe(2 * SECOND);
    expect(driver.alive).toBe(2);
  });
});

describe('outcomes', () => {
  it('errors are counted by kind and are in no latency; what was silent is not counted', async () => {
    const outcomes: Outcome[] = ['ok', 'silent', { error: 'BUSY' }, { error: 'timeout' }, { error: 'BUSY' }];
    const { samples, errors } = await play({
      script: (clock) => async (state) => {
        await clock.sleepUntil(clock.now() + SECOND / 5);
        return outcomes[state.runs - 1]!;
      },
    });
    expect(samples.length).toBe(1);
    expect(errors.map(({ kind }) => kind)).toEqual(['BUSY', 'timeout', 'BUSY']);
  });

  it('a driver may end a worker; when all have ended, their reason is told', async () => {
    const { samples, reason } = await play({
      ...{ workers: 2, script: () => async (state) => (state.runs < 3 ? 'ok' : { stop: 'that is all' }) },
    });
    expect(samples.length).toBe(4);
    expect(reason).toBe('that is all');
  });

  it('one that ends alone does not end the run', async () => {
    const { reason, samples } = await play({
      workers: 2,
      script:
        (clock) =>
        async ({ id }) => {
          await clock.sleepUntil(clock.now() + 1_000);
          return id === 1 ? { stop: 'enough' } : 'ok';
        },
    });
    expect(reason).toBeUndefined();
    expect(samples.length).toBe(1_000);
  });

  it('exhausted keys end the worker without an error', async () => {
    const { reason, errors } = await play({
      script: () => async (state) => {
        if (state.runs > 5) throw new KeysExhausted();
        return 'ok';
      },
    });
    expect(errors).toEqual([]);
    expect(reason).toMatch(/all its keys/);
  });

  it('with shutdownOnError the first error ends the run', async () => {
    const { samples, fatal } = await play({
      load: { shutdownOnError: true },
      script: (clock) => async (state) => {
        await clock.sleepUntil(clock.now() + 1_000);
        return state.runs === 10 ? { error: 'BUSY' } : 'ok';
      },
    });
    expect(fatal).toEqual(['BUSY']);
    expect(samples.length).toBe(9);
  });
});

describe('a driver that crashes', () => {
  const crash = (): never => {
    throw Object.assign(new Error('no'), { code: 'EPIPE' });
  };

  it('gets another state, and the crash counts as an error', async () => {
    const { errors, driver, fatal, samples } = await play({
      script: (clock) => async (state) => {
        await clock.sleepUntil(clock.now() + 10_000);
        return state.runs === 90 ? crash() : 'ok';
      },
    });
    expect(errors.map(({ kind }) => kind)).toEqual(['crash: EPIPE']);
    expect(driver.diary).toEqual(['new 1', 'crash 1', 'new 1', 'finished 1']);
    expect(samples.length).toBe(99);
    expect(fatal).toEqual([]);
  });

  it('three times within ten seconds ends the run; every state is terminated once', async () => {
    const { fatal, driver, errors } = await play({ script: () => async () => crash() });
    expect(errors.length).toBe(3);
    expect(fatal.at(-1)).toMatch(/worker 1 crashed again and again: no/);
    expect(driver.diary).toEqual(['new 1', 'crash 1', 'new 1', 'crash 1', 'new 1', 'finished 1']);
    expect(driver.alive).toBe(0);
  });

  it('and cannot begin anew ends the run; its state is terminated once', async () => {
    const { fatal, driver } = await play({
      script: () => async () => crash(),
      meanwhile: (_crew, _clock, driver) => void (driver.isSpent = true),
    });
    expect(fatal).toEqual(['worker 1 cannot begin anew: spent']);
    expect(driver.diary).toEqual(['new 1', 'crash 1']);
  });

  it('now and then is borne', async () => {
    const { fatal, errors } = await play({
      endUs: 60 * SECOND,
      script: (clock) => async () => {
        await clock.sleepUntil(clock.now() + 6 * SECOND);
        return crash();
      },
    });
    expect(errors.length).toBeGreaterThan(5);
    expect(fatal).toEqual([]);
  });
});

describe('stopping', () => {
  it('sends nothing more, and waits for what is under way', async () => {
    const { samples, unsentCount, clock } = await play({
      endUs: 100 * SECOND,
      load: { mode: { kind: 'arrivals', rate: 1, spacing: 'even' } },
      script: takes(200_000),
      meanwhile: (crew, clock) => void clock.sleepUntil(5 * SECOND).then(() => crew.stop()),
    });
    expect(samples.length).toBe(5);
    expect(unsentCount).toBe(0);
    expect(clock.now()).toBeLessThan(6 * SECOND);
  });
});
