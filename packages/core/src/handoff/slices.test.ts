import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { jobForEach, Slices, WorkLine } from './slices.ts';

/** A host whose clock goes on while it works: each look at it costs so much. */
class BusyHost extends ManualHost {
  stepMs = 0;
  /** Timers come so much too late. */
  lateMs = 0;
  readonly delays: number[] = [];
  #spent = 0;

  override monotonic(): number {
    return super.monotonic() + (this.#spent += this.stepMs);
  }

  override setTimer(delayMs: number, fire: () => void) {
    this.delays.push(delayMs);
    return super.setTimer(delayMs, () => {
      this.#spent += this.lateMs;
      fire();
    });
  }
}

describe('slices', () => {
  it('never run within the call that adds', () => {
    const host = new ManualHost();
    let ran = 0;
    new Slices(host).add(() => ++ran < 3);
    expect(ran).toBe(0);
    host.advance(0);
    expect(ran).toBe(3);
  });

  it('jobs take turns', () => {
    const host = new ManualHost();
    const slices = new Slices(host);
    let order = '';
    for (const name of 'ab') {
      let left = 3;
      slices.add(() => {
        order += name;
        return --left > 0;
      });
    }
    host.advance(0);
    expect(order).toBe('ababab');
  });

  it('end after a millisecond, and everybody else has a turn', () => {
    const host = new BusyHost();
    host.stepMs = 0.3;
    const slices = new Slices(host);
    let ran = 0;
    slices.add(() => ++ran < 100);
    host.advance(0);
    expect(ran).toBe(4);
    host.advance(1);
    expect(ran).toBe(8);
  });

  it('are the rarer the later the timers come', () => {
    const host = new BusyHost();
    host.stepMs = 0.5;
    const slices = new Slices(host);
    slices.add(() => true);
    host.advance(1);
    expect(host.delays.at(-1)).toBeLessThanOrEqual(3);
    host.lateMs = 3;
    host.advance(10);
    expect(host.delays.at(-1)).toBeGreaterThan(8);
    host.lateMs = 100;
    host.advance(100);
    expect(host.delays.at(-1)).toBe(20);
    slices.stop();
    expect(host.timers).toBe(0);
  });
});

describe('a line of work', () => {
  it('is done in order, one job after the other, and not at all when it was stopped', () => {
    const host = new ManualHost();
    const slices = new Slices(host);
    const line = new WorkLine(slices);
    const done: string[] = [];
    line.add(jobForEach(['a', 'b', 'c'], 2, (item) => done.push(item)));
    line.add(jobForEach([], 2, () => done.push('nothing')));
    line.add(jobForEach(['d'], 2, (item) => done.push(item)));
    host.advance(0);
    expect(done.join('')).toBe('abcd');
    line.add(jobForEach(['e'], 1, (item) => done.push(item)));
    line.stop();
    host.advance(10);
    expect(done.join('')).toBe('abcd');
  });
});
