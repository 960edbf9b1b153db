import { Prng } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { drawFaults, FAULT_KINDS } from './draw-faults.ts';
import { describeFaults, type Fault } from './fault.ts';
import { shrink } from '../check/shrink.ts';

const PLAN = { nodes: ['n1', 'n2', 'n3'], fromMs: 1000, untilMs: 60_000 };

describe('a drawn schedule', () => {
  it('lies within its time, and the same seed draws the same', () => {
    for (let seed = 0; seed < 200; seed++) {
      const schedule = drawFaults(new Prng(seed), PLAN);
      expect(drawFaults(new Prng(seed), PLAN)).toEqual(schedule);
      for (const { at, until } of schedule) {
        expect(at).toBeGreaterThanOrEqual(1000);
        expect(until).toBeGreaterThan(at);
        expect(until).toBeLessThanOrEqual(60_000);
      }
    }
  });

  it('leaves out whole kinds; all of them come over the seeds, and some seeds are calm', () => {
    const schedules = Array.from({ length: 300 }, (_, seed) => drawFaults(new Prng(seed), PLAN));
    const kinds = schedules.map((schedule) => new Set(schedule.map((fault) => fault.kind)));
    expect(new Set(kinds.flatMap((some) => [...some]))).toEqual(new Set(FAULT_KINDS));
    const calm = schedules.filter((schedule) => schedule.length === 0).length;
    expect(calm).toBeGreaterThan(10);
    expect(calm).toBeLessThan(60);
    expect(kinds.filter((some) => some.size > 0 && some.size <= 6).length).toBeGreaterThan(50);
  });

  it('has only the kinds that it may have', () => {
    const schedule = drawFaults(new Prng(3), { ...PLAN, kinds: ['crash'], calmShare: 0 });
    expect(new Set(schedule.map((fault) => fault.kind))).toEqual(new Set(['crash']));
    const lonely = drawFaults(new Prng(3), { ...PLAN, nodes: ['n1'], kinds: ['cut'], calmShare: 0 });
    expect(lonely).toEqual([]);
  });

  it('cuts nodes off one after the other now and then, and lets them back in another order', () => {
    const cuts = drawFaults(new Prng(5), { ...PLAN, kinds: ['cut'], gapMs: 100, calmShare: 0 });
    // Other faults are drawn in the order of their beginnings; after one of a swizzle an earlier one may come.
    const early = cuts.filter(({ at }, i) => at > (cuts[i + 1]?.at ?? Infinity));
    expect(early.length).toBeGreaterThan(3);
    for (const fault of early) {
      const [[node], others] = fault.kind === 'cut' ? fault.sides : [[], []];
      expect([node, ...others].toSorted()).toEqual(PLAN.nodes);
    }
  });

  it('can be read', () => {
    const schedule: Fault[] = [
      { at: 200, until: 300, kind: 'clockJump', node: 'n2', byMs: -17 },
      { at: 100, until: 900, kind: 'cut', sides: [['n1'], ['n2', 'n3']] },
    ];
    expect(describeFaults(schedule)).toBe('100..900 ms  cut n1 | n2 n3\n200..300 ms  clockJump n2 by -17 ms');
  });
});

describe('shrinking', () => {
  it('leaves what is needed to fail and nothing else', () => {
    let tries = 0;
    const needed = [17, 55, 56];
    const fails = (schedule: readonly number[]): boolean => {
      tries++;
      return needed.every((item) => schedule.includes(item));
    };
    expect(
      shrink(
        Array.from({ length: 100 }, (_, i) => i),
        fails,
      ),
    ).toEqual(needed);
    expect(tries).toBeLessThan(100);
  });

  it('leaves nothing when it fails without any fault', () => {
    expect(shrink([1, 2, 3, 4, 5], () => true)).toEqual([]);
  });

  it('ends within its tries', () => {
    const all = Array.from({ length: 64 }, (_, i) => i);
    expect(shrink(all, (schedule) => schedule.length === 64, { triesMax: 5 })).toEqual(all);
  });

  it('refuses a schedule that does not fail', () => {
    expect(() => shrink([1], () => false)).toThrow('only a schedule that fails is shrunk');
  });
});
