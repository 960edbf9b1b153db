import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diceFor, fraction } from '../generators/random.ts';
import { Arrivals, maxSchedule, pacedSchedule } from './schedule.ts';
import { Sleepers } from './sleepers.ts';

const random = (seed: number) => fraction(diceFor(seed, 'arrivals', 1));
const spacing = fc.constantFrom('poisson' as const, 'even' as const);

describe('schedules', () => {
  it('arrivals never go back and come as often as the rate says', () => {
    fc.assert(
      fc.property(spacing, fc.integer({ min: 1, max: 10_000 }), fc.integer(), (spacing, gapUs, seed) => {
        const arrivals = new Arrivals({ startUs: 5_000, gapUs, spacing, random: random(seed) });
        const dues = Array.from({ length: 2_000 }, () => arrivals.next());
        expect(dues.every((due, at) => due >= (dues[at - 1] ?? 5_000))).toBe(true);
        const last = dues.at(-1)!;
        expect((last - 5_000) / 2_000 / gapUs).toBeCloseTo(1, spacing === 'even' ? 2 : 0);
      }),
      { numRuns: 50 },
    );
  });

  it('Poisson arrivals: the gaps are spread as an exponential distribution is', () => {
    const arrivals = new Arrivals({ startUs: 0, gapUs: 1_000, spacing: 'poisson', random: random(1) });
    let last = arrivals.next();
    const gaps = Array.from({ length: 50_000 }, () => {
      const due = arrivals.next();
      const gap = due - last;
      last = due;
      return gap;
    });
    const longer = (us: number): number => gaps.filter((gap) => gap > us).length / gaps.length;
    for (const us of [500, 1_000, 2_000, 4_000]) expect(longer(us)).toBeCloseTo(Math.exp(-us / 1_000), 1.9);
  });

  it('what is skipped and what is left are all there is', () => {
    fc.assert(
      fc.property(spacing, fc.nat(50), fc.nat(100_000), fc.integer(), (spacing, taken, untilUs, seed) => {
        const stream = (): Arrivals =>
          new Arrivals({ startUs: 0, gapUs: 1_000, spacing, random: random(seed) });
        const [one, all] = [stream(), stream()];
        let before = 0;
        for (let at = 0; at < taken; at++) if (one.next() < untilUs) before++;
        expect(before + one.skipUntil(untilUs)).toBe(all.skipUntil(untilUs));
        expect(one.next()).toBeGreaterThanOrEqual(untilUs);
      }),
    );
  });

  it('closed ones go by when they are asked', () => {
    expect(maxSchedule().next(77)).toBe(77);
    const paced = pacedSchedule(100, random(1));
    const pauses = Array.from({ length: 20_000 }, () => paced.next(1_000) - 1_000);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0);
    expect(pauses.reduce((a, b) => a + b) / pauses.length / 100).toBeCloseTo(1, 1);
  });
});

describe('sleepers', () => {
  it('wake in the order of their times, equals as they came', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (times) => {
        const sleepers = new Sleepers();
        const woken: { us: number; at: number }[] = [];
        for (const [at, us] of times.entries()) sleepers.add(us, () => woken.push({ us, at }));
        sleepers.wakeUntil(10);
        expect(woken.every(({ us }) => us <= 10)).toBe(true);
        expect(woken.length).toBe(times.filter((us) => us <= 10).length);
        sleepers.wakeUntil(Infinity);
        const expected = times.map((us, at) => ({ us, at })).toSorted((a, b) => a.us - b.us || a.at - b.at);
        expect(woken).toEqual(expected);
      }),
    );
  });
});
