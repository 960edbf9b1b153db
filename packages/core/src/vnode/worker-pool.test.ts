/** Jobs of vnodes `a` and `b`, drawn by name; each says which of its steps it does. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { JOBS_WAITING_MAX, WorkerPool } from './worker-pool.ts';

const owners = { a: {}, b: {} };
let host: ManualHost;
let pool: WorkerPool;
let said: string[];
/** How long a step takes, on the clock that the pool looks at. */
let stepMs: number;
let workedMs: number;

beforeEach(() => {
  host = new ManualHost();
  said = [];
  stepMs = 1;
  workedMs = 0;
  pool = new WorkerPool({
    setTimer: (delayMs, fire) => host.setTimer(delayMs, fire),
    monotonic: () => host.monotonic() + workedMs,
    now: () => 0,
    random: () => 0,
    defer: (run) => run(),
  });
});

function add(owner: keyof typeof owners, name: string, steps: number): void {
  let done = 0;
  pool.add({
    owner: owners[owner],
    token: {
      refuse: (why) => said.push(`${name} ${why}`),
      fail: (why) => said.push(`${name} failed: ${why}`),
    },
    step: () => {
      workedMs += stepMs;
      said.push(`${name}${++done}`);
      return done === steps;
    },
  });
}

/** As many slices as it takes. */
function run(): void {
  for (let i = 0; i < 4_000; i++) {
    workedMs = 0;
    host.advance(1);
  }
}

describe('jobs', () => {
  it('do nothing within the call, and then a slice at a time', () => {
    add('a', 'x', 3);
    expect(said).toEqual([]);
    host.advance(0);
    expect(said).toEqual(['x1']);
    run();
    expect(said).toEqual(['x1', 'x2', 'x3']);
  });

  it('of two vnodes take turns; of one they run one after the other, in the order they came', () => {
    add('a', 'x', 3);
    add('a', 'y', 1);
    add('b', 'z', 2);
    run();
    expect(said).toEqual(['x1', 'z1', 'x2', 'z2', 'x3', 'y1']);
  });

  it('as many steps make a slice as fit a millisecond', () => {
    stepMs = 0.4;
    add('a', 'x', 6);
    host.advance(0);
    expect(said).toEqual(['x1', 'x2', 'x3']);
  });

  it('one that never ends holds up none of other vnodes', () => {
    add('a', 'x', Infinity);
    add('b', 'z', 1);
    host.advance(20);
    expect(said).toContain('z1');
  });
});

describe('limits', () => {
  it('so many wait; the next are refused, until some have run', () => {
    for (let i = 0; i < JOBS_WAITING_MAX + 1; i++) add('a', `x${i} `, 1);
    expect(said).toEqual([]);
    add('a', 'late', 1);
    expect(said).toEqual(['late overload']);
    expect(pool.limit).toEqual({ limit: 'pool_jobs', used: 1_000, max: 1_000, reached: 1 });
    run();
    expect(pool.limit.used).toBe(0);
    add('a', 'again', 1);
    run();
    expect(said.at(-1)).toBe('again1');
  });

  it('eight run at one time', () => {
    for (let i = 0; i < 9; i++)
      pool.add({
        owner: {},
        token: { refuse() {}, fail() {} },
        step: () => {
          said.push(`x${i}`);
          return false;
        },
      });
    host.advance(20);
    expect(said).toContain('x7');
    expect(said).not.toContain('x8');
  });
});

it('a pool that stops refuses those who wait and fails those who run', () => {
  add('a', 'x', 3);
  add('a', 'y', 3);
  pool.stop();
  add('b', 'z', 3);
  host.advance(0);
  expect(said).toEqual(['y stopping', 'x failed: the node stops', 'z stopping']);
});
