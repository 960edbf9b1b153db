import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';
import { World } from './world.ts';

function digestOf(play: (world: World) => void): string {
  const world = new World({ seed: 1 });
  play(world);
  world.runToQuiescence();
  return world.trace.digest;
}

describe('the world', () => {
  it('handles events in order of time, and those of one time in the order planned', () => {
    const world = new World({ seed: 1 });
    const seen: string[] = [];
    const plan = (delayMs: number, name: string): void =>
      void world.schedule(delayMs, () => seen.push(name), name);
    plan(2, 'late');
    plan(1, 'first');
    plan(1, 'second');
    plan(0.5, 'early');
    expect(world.runToQuiescence()).toBe(true);
    expect(seen).toEqual(['early', 'first', 'second', 'late']);
    expect(world.now()).toBe(2);
  });

  it('runs up to and including a time, and leaves the clock there', () => {
    const world = new World({ seed: 1 });
    const seen: number[] = [];
    for (const at of [1, 2, 2.5]) world.schedule(at, () => seen.push(world.now()), 'x');
    world.runUntil(2);
    expect([seen, world.now(), world.eventsAhead]).toEqual([[1, 2], 2, 1]);
  });

  it('runs until something holds, or not for ever', () => {
    const world = new World({ seed: 1 });
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      world.schedule(1, tick, 'tick');
    };
    world.schedule(1, tick, 'tick');
    expect(world.runUntilHolds(() => ticks === 3, 100)).toBe(true);
    expect(world.now()).toBe(3);
    expect(world.runUntilHolds(() => false, 10)).toBe(false);
    expect(world.now()).toBe(13);
    expect(world.runToQuiescence(10)).toBe(false);
  });

  it('runs what was deferred after the event and before the next one', () => {
    const world = new World({ seed: 1 });
    const seen: string[] = [];
    world.schedule(
      1,
      () => {
        world.defer(() => {
          seen.push('deferred');
          world.defer(() => seen.push('deferred by that'));
        });
        seen.push('event');
      },
      'x',
    );
    world.schedule(1, () => seen.push('next event'), 'x');
    world.runToQuiescence();
    expect(seen).toEqual(['event', 'deferred', 'deferred by that', 'next event']);
  });

  it('does not handle what was cancelled, and counts it no more', () => {
    const world = new World({ seed: 1 });
    const timer = world.schedule(1, () => expect.unreachable(), 'x');
    timer.cancel();
    timer.cancel();
    expect(world.eventsAhead).toBe(0);
    expect(world.step()).toBe(false);
    expect(world.now()).toBe(0);
  });

  it('names seed, time and event when an event throws', () => {
    const world = new World({ seed: 42 });
    world.schedule(
      1.5,
      () => {
        throw new Error('no ring');
      },
      'timer n1',
    );
    expect(() => world.runToQuiescence()).toThrow('seed 42, at 1.500 ms, in "timer n1": no ring');
    expect(world.describeTrace()).toContain('1.500  timer n1');
  });

  it('draws the same for one purpose whatever else is drawn', () => {
    const [a, b] = [new World({ seed: 7 }), new World({ seed: 7 })];
    b.prng('other').u32();
    expect(b.prng('links').u32()).toBe(a.prng('links').u32());
    expect(new World({ seed: 8 }).prng('links').u32()).not.toBe(a.prng('links').u32());
  });
});

describe('the trace', () => {
  it('differs with the time, the kind, the order and the bytes of events', () => {
    const plan = (...events: readonly (readonly [number, string])[]) =>
      digestOf((world) => {
        for (const [at, label] of events) world.schedule(at, () => {}, label);
      });
    const digests = [
      plan([1, 'a'], [2, 'b']),
      plan([1, 'a'], [2.0001, 'b']),
      plan([1, 'a'], [2, 'c']),
      plan([1, 'b'], [2, 'a']),
      plan([1, 'a']),
      digestOf((world) => world.trace.note(1, 'a', 4, 1)),
      digestOf((world) => world.trace.note(1, 'a', 4, 2)),
    ];
    expect(new Set(digests).size).toBe(digests.length);
    expect(plan([1, 'a'], [2, 'b'])).toBe(digests[0]);
  });

  it('keeps the last events and no more', () => {
    const world = new World({ seed: 1, keepEvents: 2 });
    for (const at of [1, 2, 3]) world.schedule(at, () => {}, `event ${at}`);
    world.runToQuiescence();
    expect(
      world
        .describeTrace()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(['2.000  event 2', '3.000  event 3']);
  });
});

describe('the event queue', () => {
  it('keeps its order when most of it is cancelled and it is rebuilt', () => {
    const queue = new EventQueue();
    const events = Array.from({ length: 5000 }, (_, i) =>
      queue.push((i * 7919) % 5000, () => {}, '', undefined),
    );
    for (const event of events) if (event.time % 10 !== 0) event.cancel();
    expect(queue.length).toBe(500);
    const times: number[] = [];
    for (let event = queue.pop(); event !== undefined; event = queue.pop()) times.push(event.time);
    expect(times).toEqual(Array.from({ length: 500 }, (_, i) => i * 10));
  });
});
