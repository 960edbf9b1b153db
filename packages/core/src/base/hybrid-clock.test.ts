import { describe, expect, it } from 'vitest';
import {
  compareStamps,
  HybridClock,
  putStampMs,
  stampHex,
  stampMs,
  STAMP_BYTES,
  ZERO_STAMP,
} from './hybrid-clock.ts';
import { Prng } from './prng.ts';

const DRIFT_LIMIT_MS = 500;

/** A clock on a wall that the test sets. */
function clockAt(start: number, seed = 1) {
  const wall = { ms: start };
  const prng = new Prng(seed);
  const clock = new HybridClock({
    now: () => wall.ms,
    random: () => prng.u32(),
    driftLimitMs: DRIFT_LIMIT_MS,
  });
  const next = (floor?: Uint8Array): Uint8Array => {
    const out = new Uint8Array(STAMP_BYTES);
    clock.write(out, 0, floor && { bytes: floor, at: 0 });
    return out;
  };
  return { wall, clock, next };
}

/** A stamp by its parts. */
function stamp(ms: number, counter: number, rest = 0): Uint8Array {
  const out = new Uint8Array(STAMP_BYTES).fill(rest, 8);
  putStampMs(out, 0, ms);
  out[6] = counter >>> 8;
  out[7] = counter;
  return out;
}

const reading = (bytes: Uint8Array): string =>
  `${stampMs(bytes)}.${((bytes[6] as number) << 8) | (bytes[7] as number)}`;
const isBelow = (a: Uint8Array, b: Uint8Array): boolean => compareStamps(a, 0, b, 0) < 0;

describe('HybridClock', () => {
  it('follows the wall clock and counts within a millisecond', () => {
    const { wall, next } = clockAt(1000);
    expect([next(), next()].map(reading)).toEqual(['1000.0', '1000.1']);
    wall.ms = 1001.9;
    expect(reading(next())).toBe('1001.0');
  });

  it('stays monotone when the wall clock jumps back', () => {
    const { wall, next } = clockAt(1000);
    next();
    wall.ms = 10;
    const last = next();
    expect([last, next(last), next()].map(reading)).toEqual(['1000.1', '1000.2', '1000.3']);
  });

  it('carries a full counter into the milliseconds', () => {
    const { clock, next } = clockAt(1000);
    clock.observe(stamp(1000, 0xffff), 0);
    expect([next(), next()].map(reading)).toEqual(['1001.0', '1001.1']);
  });

  it('makes other stamps than another node at the same reading', () => {
    const ours = clockAt(1000, 1).next();
    const theirs = clockAt(1000, 2).next();
    expect(reading(ours)).toBe(reading(theirs));
    expect(compareStamps(ours, 0, theirs, 0)).not.toBe(0);
  });

  it('stands above a floor that it can reach, and goes on from there', () => {
    const { next } = clockAt(1000);
    expect(reading(next(stamp(1500, 7, 0xff)))).toBe('1500.8');
    expect(reading(next())).toBe('1500.9');
    expect(reading(next(stamp(900, 0)))).toBe('1500.10');
    expect(reading(next(stamp(1500, 300)))).toBe('1500.301');
  });

  it('is not dragged along by a floor beyond the limit, and still stamps above it', () => {
    const { next } = clockAt(1000);
    const far = stamp(9_000_000, 3, 0xff);
    expect(reading(next(far))).toBe('9000000.4');
    expect(reading(next())).toBe('1000.0');
  });

  it('keeps the order of writes above one far floor, and carries there too', () => {
    const { next } = clockAt(1000);
    const far = stamp(9_000_000, 0xffff, 0xff);
    const row = [far, next(far), next(far), next(far)];
    for (let i = 1; i < row.length; i++)
      expect(isBelow(row[i - 1] as Uint8Array, row[i] as Uint8Array)).toBe(true);
    expect(reading(row[3] as Uint8Array)).toBe('9000001.0');
    expect(isBelow(row[3] as Uint8Array, next(row[3]))).toBe(true);
  });

  it('observes readings within the limit only, and says which those are', () => {
    const { clock, next } = clockAt(1000);
    expect(clock.observe(stamp(1000 + DRIFT_LIMIT_MS + 1, 0), 0)).toBe(false);
    expect(reading(next())).toBe('1000.0');
    expect(clock.observe(stamp(1000 + DRIFT_LIMIT_MS, 5), 0)).toBe(true);
    expect(reading(next())).toBe('1500.6');
    expect(clock.observe(stamp(10, 0), 0)).toBe(true);
    expect(reading(next())).toBe('1500.7');
  });

  it('never repeats and never breaks its promises, whatever the wall and the floors do', () => {
    const dice = new Prng(7);
    const { wall, clock, next } = clockAt(5000, 8);
    const seen = new Set<string>();
    let ordinary: Uint8Array = ZERO_STAMP;
    for (let i = 0; i < 5000; i++) {
      wall.ms += dice.between(-3, 4);
      const other = stamp(
        Math.max(0, wall.ms + dice.between(-600, 600)),
        dice.pick([0, 1, 0xfffe, 0xffff]),
        dice.pick([0, 0xff]),
      );
      if (dice.chance(0.2)) clock.observe(other, 0);
      const floor = dice.chance(0.5) ? other : undefined;
      const made = next(floor);
      if (floor !== undefined) expect(isBelow(floor, made)).toBe(true);
      if (floor === undefined || stampMs(floor) - wall.ms <= DRIFT_LIMIT_MS) {
        expect(isBelow(ordinary, made)).toBe(true);
        ordinary = made;
      }
      seen.add(stampHex(made));
    }
    expect(seen.size).toBe(5000);
  });
});

describe('a stamp', () => {
  it('compares as its bytes do, at any place', () => {
    const bytes = new Uint8Array(40);
    bytes.set(stamp(2 ** 47, 1), 3);
    bytes.set(stamp(2 ** 47, 256), 20);
    expect(compareStamps(bytes, 3, bytes, 20)).toBeLessThan(0);
    expect(compareStamps(bytes, 20, bytes, 3)).toBeGreaterThan(0);
    expect(compareStamps(bytes, 3, bytes.slice(3), 0)).toBe(0);
  });

  it('keeps its milliseconds and shows its bytes', () => {
    expect(stampMs(stamp(0x0123_4567_89ab, 0))).toBe(0x0123_4567_89ab);
    expect(stampHex(stamp(0x0123_4567_89ab, 0xcdef, 0x11))).toBe('0123456789abcdef1111111111111111');
  });

  it('holds no moment past its 48 bits', () => {
    expect(() => stamp(2 ** 48, 0)).toThrow('48 bits');
  });
});
