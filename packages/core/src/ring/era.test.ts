import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Epoch } from '../contracts/ids.ts';
import { describeEpoch, eraOf, forcedEpoch, isOtherLine } from './era.ts';

const forced = (left: number, seat: number, era = eraOf(left) + 1): number | undefined =>
  forcedEpoch({ left: left as Epoch, era, seat });

describe('epochs', () => {
  it('count on from one to the next, and a forced one lies above all that was before it', () => {
    expect(eraOf(1)).toBe(0);
    expect(forced(7, 2)).toBe(0x01_02_07_00);
    expect(eraOf(0x01_02_07_00)).toBe(1);
    expect(forced(0x01_02_07_03, 0)).toBe(0x02_00_03_00);
    expect(forced(7, 0, 2), 'one era is left out, as it may have been begun and forgotten').toBe(
      0x02_00_07_00,
    );
  });

  it('are of another line when they were forced since, and not when a count has gone round', () => {
    expect(isOtherLine(7, 0x01_02_07_00)).toBe(true);
    expect(isOtherLine(0x01_00_07_05, 0x01_02_07_00), 'two halves of one era').toBe(true);
    expect(isOtherLine(0x01_02_07_00, 0x01_02_07_05)).toBe(false);
    expect(isOtherLine(0x01_02_07_ff, 0x01_02_08_00)).toBe(false);
    expect(isOtherLine(700, 9_000), 'the first era was forced by nobody').toBe(false);
  });

  it('are told to people with their era', () => {
    expect([7, 0x01_02_07_00, 0x01_02_07_05].map(describeEpoch)).toEqual(['7', '1/2.7.0', '1/2.7.5']);
  });

  it('fit into the 32 bits of the wire, and run out', () => {
    expect(forced(0xfe_00_00_00, 254)).toBe(0xff_fe_00_00);
    expect(forced(0xff_00_00_00, 0)).toBe(undefined);
    expect(forced(7, 255)).toBe(undefined);
  });

  it('of two that force are never the same: two rings, or two seats', () => {
    const ring = fc.record({ era: fc.nat(3), count: fc.integer({ min: 1, max: 5_000 }) });
    const split = fc.record({ ring, apart: fc.nat(255), seats: fc.tuple(fc.nat(254), fc.nat(254)) });
    fc.assert(
      fc.property(split, ({ ring: { era, count }, apart, seats: [one, other] }) => {
        fc.pre(apart > 0 || one !== other);
        const left = era * 2 ** 24 + count;
        const epochs = [forced(left, one), forced(left + apart, other)];
        expect(epochs[0]).not.toBe(epochs[1]);
        for (const epoch of epochs) expect(epoch).toBeGreaterThan(left + apart);
      }),
    );
  });
});
