import { describe, expect, it } from 'vitest';
import { SystemHost } from './system-host.ts';

const host = new SystemHost();
const turnEnds = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the end of a turn', () => {
  it('comes after the microtasks, never within defer, and runs in order', async () => {
    const seen: string[] = [];
    host.defer(() => seen.push('first'));
    host.defer(() => seen.push('second'));
    seen.push('turn');
    await Promise.resolve().then(() => seen.push('microtask'));
    expect(seen).toEqual(['turn', 'microtask']);
    await turnEnds();
    expect(seen).toEqual(['turn', 'microtask', 'first', 'second']);
  });

  it('includes what is deferred while it is being run', async () => {
    const seen: string[] = [];
    host.defer(() => {
      seen.push('outer');
      host.defer(() => seen.push('inner'));
    });
    await turnEnds();
    expect(seen).toEqual(['outer', 'inner']);
    host.defer(() => seen.push('next turn'));
    await turnEnds();
    expect(seen).toEqual(['outer', 'inner', 'next turn']);
  });
});

describe('timers', () => {
  it('fire once, never early, never within the call', async () => {
    const before = host.monotonic();
    let fired = 0;
    await new Promise<void>((resolve) => {
      host.setTimer(3, () => {
        fired++;
        resolve();
      });
      expect(fired).toBe(0);
    });
    expect(host.monotonic() - before).toBeGreaterThanOrEqual(3);
    expect(fired).toBe(1);
  });

  it('do not fire once cancelled, and may be cancelled again', async () => {
    let fired = false;
    const timer = host.setTimer(1, () => (fired = true));
    timer.cancel();
    timer.cancel();
    await new Promise<void>((resolve) => host.setTimer(5, resolve));
    expect(fired).toBe(false);
  });

  it('can wait for longer than Node.js can', async () => {
    let fired = false;
    const timer = host.setTimer(2 ** 40, () => (fired = true));
    await new Promise<void>((resolve) => host.setTimer(5, resolve));
    timer.cancel();
    expect(fired).toBe(false);
  });
});

describe('dice', () => {
  it('throw 32 bits, without repeating a batch', () => {
    const throws = Array.from({ length: 2000 }, () => host.random());
    expect(throws.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
    expect(new Set(throws).size).toBeGreaterThan(1990);
    expect(throws.some((value) => value >= 2 ** 31)).toBe(true);
  });
});
