/** Coverage plans against their dumb twin, which tries every set of vnodes there is, and against Riak's planner. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PartitionId } from '../contracts/ids.ts';
import { planCoverage, type CoveragePlan } from './coverage-plan.ts';

interface Case {
  readonly ringSize: number;
  readonly n: number;
  readonly usable: readonly boolean[];
  readonly wanted: readonly boolean[];
  readonly offset: number;
}

function cases(sizes: readonly number[]): fc.Arbitrary<Case> {
  return fc.constantFrom(...sizes).chain((ringSize) =>
    fc.record({
      ringSize: fc.constant(ringSize),
      n: fc.integer({ min: 1, max: 5 }),
      usable: fc.array(fc.boolean(), { minLength: ringSize, maxLength: ringSize }),
      wanted: fc.oneof(
        fc.constant(Array.from({ length: ringSize }, () => true)),
        fc.array(fc.boolean(), { minLength: ringSize, maxLength: ringSize }),
      ),
      offset: fc.nat(5_000),
    }),
  );
}

function planOf({ usable, wanted, ...rest }: Case): CoveragePlan {
  const isUsable = (p: PartitionId): boolean => usable[p] as boolean;
  return planCoverage({ ...rest, isUsable, isWanted: (range) => wanted[range] as boolean });
}

/** Bits of the ranges that a vnode holds. */
function heldBy(partition: number, { ringSize, n }: Case): number {
  let bits = 0;
  for (let back = 0; back < Math.min(n, ringSize); back++)
    bits |= 1 << ((partition - back + ringSize) % ringSize);
  return bits;
}

function bitsOf(flags: readonly boolean[]): number {
  return flags.reduce((bits, flag, at) => (flag ? bits | (1 << at) : bits), 0);
}

/** Wanted, and held by somebody usable. */
function coverable(one: Case): number {
  let held = 0;
  for (let p = 0; p < one.ringSize; p++) if (one.usable[p] === true) held |= heldBy(p, one);
  return held & bitsOf(one.wanted);
}

/** The size of the smallest set of usable vnodes that holds all of it: every set is looked at. */
function fewest(one: Case): number {
  const target = coverable(one);
  const held = Array.from({ length: one.ringSize }, (_, p) => heldBy(p, one));
  let best = Infinity;
  for (let set = 0; set < 1 << one.ringSize; set++) {
    if ((set & ~bitsOf(one.usable)) !== 0) continue;
    let [size, covered] = [0, 0];
    for (let p = 0; p < one.ringSize; p++)
      if ((set & (1 << p)) !== 0) {
        size++;
        covered |= held[p] as number;
      }
    if (size < best && (target & ~covered) === 0) best = size;
  }
  return best;
}

/** Riak's way: whoever covers most of what is left. */
function greedy(one: Case): number {
  let left = coverable(one);
  let size = 0;
  while (left !== 0) {
    let most = 0;
    for (let p = 0; p < one.ringSize; p++) {
      const gain = heldBy(p, one) & left;
      if (one.usable[p] === true && countBits(gain) > countBits(most)) most = gain;
    }
    left &= ~most;
    size++;
  }
  return size;
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

it('every wanted range is asked for once, of a usable vnode that holds it, or is named as missing', () => {
  fc.assert(
    fc.property(cases([8, 16]), (one) => {
      const { asks, missing } = planOf(one);
      const asked = asks.flatMap(({ ranges }) => ranges);
      const all = [...asked, ...missing].toSorted((a, b) => a - b);
      expect(all).toEqual(one.wanted.flatMap((wanted, range) => (wanted ? [range] : [])));
      expect(bitsOf(one.wanted.map((_, range) => asked.includes(range as PartitionId)))).toBe(coverable(one));
      for (const { partition, ranges } of asks) {
        expect(one.usable[partition]).toBe(true);
        expect(ranges.length).toBeGreaterThan(0);
        for (const range of ranges) expect(heldBy(partition, one) & (1 << range)).not.toBe(0);
      }
    }),
    { numRuns: 2_000 },
  );
});

it('no set of vnodes is smaller', () => {
  fc.assert(
    fc.property(cases([8]), (one) => {
      expect(planOf(one).asks.length).toBe(fewest(one));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(cases([16]), (one) => {
      expect(planOf(one).asks.length).toBe(fewest(one));
    }),
    { numRuns: 15 },
  );
});

it('it is never longer than what covers most first, and sometimes shorter', () => {
  let shorter = 0;
  fc.assert(
    fc.property(cases([8, 16]), (one) => {
      const size = planOf(one).asks.length;
      expect(size).toBeLessThanOrEqual(greedy(one));
      if (size < greedy(one)) shorter++;
    }),
    { numRuns: 2_000, seed: 1 },
  );
  expect(shorter).toBeGreaterThan(0);
});

it('with everybody there it is a vnode for each n ranges, wherever it begins', () => {
  for (let offset = 0; offset < 64; offset++) {
    const all = Array.from({ length: 64 }, () => true);
    const { asks } = planOf({ ringSize: 64, n: 3, usable: all, wanted: all, offset });
    expect(asks.length).toBe(Math.ceil(64 / 3));
  }
});
