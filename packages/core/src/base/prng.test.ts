import { describe, expect, it } from 'vitest';
import { Prng } from './prng.ts';

const throws = (dice: Prng, count: number): number[] => Array.from({ length: count }, () => dice.u32());

describe('Prng', () => {
  it('gives the same sequence for the same seed and another for another', () => {
    expect(throws(new Prng(7), 100)).toEqual(throws(new Prng(7), 100));
    expect(throws(new Prng(7), 100)).not.toEqual(throws(new Prng(8), 100));
  });

  it('keeps its sequence from release to release: printed seeds must replay', () => {
    expect(throws(new Prng(42), 4)).toMatchInlineSnapshot(`
      [
        660444221,
        3652823732,
        77672526,
        910233633,
      ]
    `);
  });

  it('stays within bounds and reaches all of them', () => {
    const dice = new Prng(1);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) seen.add(dice.between(-2, 3));
    expect([...seen].toSorted((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3]);
    for (let i = 0; i < 1000; i++) expect(dice.below(1)).toBe(0);
  });

  it('throws evenly', () => {
    const dice = new Prng(3);
    const buckets = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 160_000; i++) buckets[dice.below(16)]! += 1;
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('never and always mean it', () => {
    const dice = new Prng(4);
    for (let i = 0; i < 1000; i++) {
      expect(dice.chance(0)).toBe(false);
      expect(dice.chance(1)).toBe(true);
    }
  });

  it('shuffles a copy and loses nothing', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new Prng(5).shuffled(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].toSorted((a, b) => a - b)).toEqual(items);
    expect(items[0]).toBe(0);
  });

  it('a fork does not disturb its parent', () => {
    const parent = new Prng(6);
    const twin = new Prng(6);
    throws(parent.fork(), 10);
    twin.u32();
    expect(throws(parent, 5)).toEqual(throws(twin, 5));
  });
});
