import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeysExhausted, type WorkerContext } from '../contracts/driver.ts';
import { type KeySpec, keysOf } from './keys.ts';
import { diceFor, fraction } from './random.ts';

function worker(id: number, workers: number, seed = 1): WorkerContext {
  return { id, workers, random: fraction(diceFor(seed, 'worker', id)) };
}

function allOf(spec: KeySpec, context: WorkerContext): unknown[] {
  const next = keysOf(spec, context);
  const keys: unknown[] = [];
  for (;;) {
    try {
      keys.push(next());
    } catch (error) {
      if (error instanceof KeysExhausted) return keys;
      throw error;
    }
  }
}

const max = fc.integer({ min: 5, max: 1_000_000 });
const drawn: readonly (readonly [
  string,
  (max: number) => KeySpec,
  lowest: number,
  highest: (max: number) => number,
])[] = [
  ['uniformInt', (max) => ({ kind: 'uniformInt', max }), 1, (max) => max],
  ['uniformInt from a start', (max) => ({ kind: 'uniformInt', start: 7, count: max }), 7, (max) => max + 6],
  ['truncatedParetoInt', (max) => ({ kind: 'truncatedParetoInt', max }), 0, (max) => max],
  ['zipfianInt', (max) => ({ kind: 'zipfianInt', max }), 0, (max) => max - 1],
  [
    'zipfianInt in order',
    (max) => ({ kind: 'zipfianInt', max, exponent: 1, scattered: false }),
    0,
    (max) => max - 1,
  ],
  ['zipfianInt, steep', (max) => ({ kind: 'zipfianInt', max, exponent: 3 }), 0, (max) => max - 1],
];

describe('number generators', () => {
  it.each(drawn)('%s stays within its range', (_name, specOf, lowest, highestOf) => {
    fc.assert(
      fc.property(max, fc.integer(), (max, seed) => {
        const next = keysOf(specOf(max), worker(1, 1, seed));
        const keys = Array.from({ length: 200 }, () => next() as number);
        const isWithin = (key: number): boolean =>
          key >= lowest && key <= highestOf(max) && Number.isInteger(key);
        expect(keys.filter((key) => !isWithin(key))).toEqual([]);
      }),
    );
  });

  it('the same seed gives a worker the same keys, whatever the others draw', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(...drawn), (seed, [, specOf]) => {
        const [one, other] = [0, 1].map(() => keysOf(specOf(1_000), worker(2, 4, seed)));
        keysOf(specOf(1_000), worker(3, 4, seed))();
        for (let at = 0; at < 20; at++) expect(one?.()).toBe(other?.());
      }),
    );
  });

  it('partitioned: all workers together give each key once', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 40 }),
        (start, count, workers) => {
          const spec: KeySpec = { kind: 'partitionedInt', start, count };
          const keys = Array.from({ length: workers }, (_, at) =>
            allOf(spec, worker(at + 1, workers)),
          ).flat();
          expect(keys.toSorted((a, b) => (a as number) - (b as number))).toEqual(
            Array.from({ length: count }, (_, at) => start + at),
          );
        },
      ),
    );
  });

  it('zipfian: the scattered numbers are all there, each once', () => {
    // With an exponent near zero all are drawn about equally often, so all numbers come soon.
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (max) => {
        const next = keysOf({ kind: 'zipfianInt', max, exponent: 0.01 }, worker(1, 1, max));
        const seen = new Set(Array.from({ length: max * 40 }, () => next()));
        expect(seen.size).toBe(max);
      }),
      { numRuns: 60 },
    );
  });

  it('biasedPartial: a key belongs to a part that is near, or with the given probability to another', () => {
    const parts = fc.integer({ min: 1, max: 9 });
    const given = parts.chain((parts) =>
      fc.record({
        parts: fc.constant(parts),
        replicas: fc.integer({ min: 1, max: parts }),
        here: fc.integer({ min: 1, max: parts }),
        elsewhere: fc.constantFrom(0, 1),
      }),
    );
    fc.assert(
      fc.property(given, ({ parts, replicas, here, elsewhere }) => {
        const next = keysOf(
          { kind: 'biasedPartial', max: 1_000, parts, replicas, here, elsewhere },
          worker(1, 1),
        );
        // The parts that hold the data of `here`: it, and those before it, around the circle.
        const near = new Set(
          Array.from({ length: replicas }, (_, at) => (((here - at) % parts) + parts) % parts),
        );
        for (let at = 0; at < 50; at++) {
          const isNear = near.has((next() as number) % parts);
          expect(isNear).toBe(elsewhere === 0 || replicas === parts);
        }
      }),
    );
  });
});
