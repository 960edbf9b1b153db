import type { Timer } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { World } from '../world/world.ts';
import { SimClock, WALL_CLOCK_ORIGIN_MS } from './clock.ts';
import { SimHost } from './host.ts';
import { Life } from './life.ts';

function setUp(seed = 1) {
  const world = new World({ seed });
  const life = new Life(world, 'n1', 1);
  const clock = new SimClock({ world, prng: world.prng('clock') });
  const host = new SimHost({ world, life, clock, prng: world.prng('host') });
  return { world, life, clock, host };
}

describe('timers', () => {
  it('are never early by the clock of their host, and little late', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { world, host } = setUp(seed);
      world.runFor(86_400_000);
      const started = host.monotonic();
      let waited = 0;
      host.setTimer(100, () => (waited = host.monotonic() - started));
      world.runToQuiescence();
      expect(waited).toBeGreaterThanOrEqual(100);
      expect(waited).toBeLessThan(101.5);
    }
  });

  it('die with their life', () => {
    const { world, life, host } = setUp();
    host.setTimer(10, () => expect.unreachable());
    life.end('crash');
    world.runToQuiescence();
  });

  it('do not fire once cancelled, even when they expired while the process was paused', () => {
    const { world, life, host } = setUp();
    const seen: string[] = [];
    let second: Timer | undefined;
    host.setTimer(10, () => {
      seen.push('first');
      second?.cancel();
    });
    second = host.setTimer(20, () => seen.push('second'));
    life.pause();
    world.runFor(50);
    life.resume();
    world.runToQuiescence();
    expect(seen).toEqual(['first']);
  });
});

describe('a pause', () => {
  it('holds what happens, and lets the clocks go on', () => {
    const { world, life, host } = setUp();
    const started = host.monotonic();
    let firedAfter = 0;
    host.setTimer(10, () => (firedAfter = host.monotonic() - started));
    life.pause();
    world.runFor(500);
    expect(firedAfter).toBe(0);
    life.resume();
    world.runToQuiescence();
    expect(firedAfter).toBeGreaterThan(499);
  });

  it('is caught up in order: held events first, each followed by what it deferred', () => {
    const { world, life, host } = setUp();
    const seen: string[] = [];
    const happen = (name: string) => (): void => {
      seen.push(name);
      host.defer(() => seen.push(`after ${name}`));
    };
    world.schedule(1, happen('a'), 'x', life);
    world.schedule(2, happen('b'), 'x', life);
    world.schedule(5, happen('c'), 'x', life);
    life.pause();
    world.schedule(5, () => life.resume(), 'resume');
    world.schedule(5, happen('d'), 'x', life);
    world.runToQuiescence();
    expect(seen).toEqual(['a', 'after a', 'b', 'after b', 'c', 'after c', 'd', 'after d']);
  });

  it('ends with the life: nothing held happens', () => {
    const { world, life } = setUp();
    world.schedule(1, () => expect.unreachable(), 'x', life);
    life.pause();
    world.runFor(2);
    life.end('crash');
    life.resume();
    world.runToQuiescence();
  });
});

describe('clocks', () => {
  it('are right by a few milliseconds until told otherwise', () => {
    const { world, clock } = setUp();
    const error = (): number => clock.wall() - WALL_CLOCK_ORIGIN_MS - world.now();
    world.runFor(1000);
    expect(Math.abs(error())).toBeLessThanOrEqual(11);
    clock.jump(-60_000);
    expect(error()).toBeLessThan(-59_000);
    clock.drift(2);
    world.runFor(30_000);
    expect(Math.abs(error() + 30_000)).toBeLessThanOrEqual(11);
    clock.correct();
    expect(Math.abs(error())).toBeLessThanOrEqual(11);
  });

  it('that are rewound show what they showed at the last start', () => {
    const { world, clock } = setUp();
    world.runFor(1000);
    const shown = clock.wall();
    clock.noteStart();
    world.runFor(5000);
    clock.rewind();
    expect(clock.wall()).toBe(shown);
    world.runFor(10);
    expect(clock.wall()).toBeCloseTo(shown + 10, -1);
  });

  it('that are monotonic go on through jumps and drifts of the wall clock', () => {
    const { world, clock, host } = setUp();
    const started = host.monotonic();
    clock.jump(-3_600_000);
    clock.drift(0.5);
    world.runFor(1000);
    expect(host.monotonic() - started).toBeCloseTo(1000, 0);
  });
});
