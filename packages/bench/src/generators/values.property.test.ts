import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorkerContext } from '../contracts/driver.ts';
import { drawFrom, fileLabel } from './mix.ts';
import { diceFor, fraction } from './random.ts';
import { valuesOf } from './values.ts';

const worker = (seed: number): WorkerContext => ({
  id: 1,
  workers: 1,
  random: fraction(diceFor(seed, 'worker', 1)),
});
const size = fc.integer({ min: 0, max: 100_000 });

describe('value generators', () => {
  it('fixedBin has its size', () => {
    fc.assert(
      fc.property(size, fc.integer(), (size, seed) => {
        expect((valuesOf({ kind: 'fixedBin', size }, worker(seed))() as Uint8Array).length).toBe(size);
      }),
    );
    expect(valuesOf({ kind: 'fixedBin', size: 3, byte: 7 }, worker(1))()).toEqual(Buffer.from([7, 7, 7]));
  });

  it('fixedBin is not the same twice, and does not compress', () => {
    const next = valuesOf({ kind: 'fixedBin', size: 4_096 }, worker(1));
    const [one, other] = [next() as Uint8Array, next() as Uint8Array];
    expect(Buffer.compare(one, other)).not.toBe(0);
    expect(new Set(one).size).toBeGreaterThan(200);
  });

  it('a value larger than the block of random bytes is as large as was asked for', () => {
    const size = 3 * 1024 * 1024;
    expect((valuesOf({ kind: 'fixedBin', size }, worker(1))() as Uint8Array).length).toBe(size);
  });

  it('fixedChar is printable', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), fc.integer(), (size, seed) => {
        expect(String(valuesOf({ kind: 'fixedChar', size }, worker(seed))())).toMatch(
          new RegExp(`^[ -~]{${size}}$`),
        );
      }),
    );
  });

  it('uniformBin has all sizes from min to max, exponentialBin at least min', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(5), fc.integer(), (min, more, seed) => {
        const next = valuesOf({ kind: 'uniformBin', min, max: min + more }, worker(seed));
        const sizes = new Set(Array.from({ length: 400 }, () => (next() as Uint8Array).length));
        expect([...sizes].toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: more + 1 }, (_, at) => min + at),
        );
        const exponential = valuesOf({ kind: 'exponentialBin', min, mean: 10 }, worker(seed));
        expect((exponential() as Uint8Array).length).toBeGreaterThanOrEqual(min);
      }),
      { numRuns: 40 },
    );
  });

  it('uniformInt is from 1 to max', () => {
    const next = valuesOf({ kind: 'uniformInt', max: 3 }, worker(1));
    expect(new Set(Array.from({ length: 100 }, () => next()))).toEqual(new Set([1, 2, 3]));
  });
});

describe('the mix', () => {
  it('draws each operation as often as its weight says', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.integer(), (weights, seed) => {
        const operations = weights.map((weight, at) => ({ label: `${at}`, operation: `${at}`, weight }));
        const draw = drawFrom(operations, fraction(diceFor(seed, 'mix', 1)));
        const counts = weights.map(() => 0);
        for (let at = 0; at < 4_000; at++) counts[draw()]!++;
        const total = weights.reduce((a, b) => a + b);
        for (const [at, weight] of weights.entries()) {
          expect(Math.abs(counts[at]! / 4_000 - weight / total)).toBeLessThan(0.06);
        }
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['get', 'get'],
    ['get_own_puts', 'get-own-puts'],
    ['getOwnPuts', 'get-own-puts'],
    ['a/../b c', 'a-b-c'],
  ])('a label %s is %s in the name of a file', (label, file) => {
    expect(fileLabel(label)).toBe(file);
  });
});
