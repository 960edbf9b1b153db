import { describe, expect, it } from 'vitest';
import { KeysExhausted, type WorkerContext } from '../contracts/driver.ts';
import { type KeySpec, keysOf } from './keys.ts';
import { diceFor, fraction } from './random.ts';

const lone: WorkerContext = { id: 1, workers: 1, random: fraction(diceFor(42, 'worker', 1)) };

function draw(spec: KeySpec, count: number): number[] {
  const next = keysOf(spec, lone);
  return Array.from({ length: count }, () => next() as number);
}

function sharesOf(keys: readonly number[], size: number): number[] {
  const shares = new Array<number>(size).fill(0);
  for (const key of keys) shares[key] = (shares[key] ?? 0) + 1 / keys.length;
  return shares;
}

describe('how often each number is drawn', () => {
  it('uniform: all equally', () => {
    for (const share of sharesOf(draw({ kind: 'uniformInt', start: 0, count: 10 }, 100_000), 10)) {
      expect(share).toBeCloseTo(0.1, 2);
    }
  });

  it.each([0.5, 0.99, 1, 1.5, 2.5])('zipfian %s: as the law says, rank by rank', (exponent) => {
    const [size, count] = [20, 400_000];
    const weights = Array.from({ length: size }, (_, at) => (at + 1) ** -exponent);
    const sum = weights.reduce((a, b) => a + b);
    const shares = sharesOf(draw({ kind: 'zipfianInt', max: size, exponent, scattered: false }, count), size);
    // Chi squared with 19 degrees of freedom: above 60 once in some hundred thousand fair draws.
    const distances = weights.map(
      (weight, at) => (count * ((shares[at] ?? 0) - weight / sum) ** 2) / (weight / sum),
    );
    expect(distances.reduce((a, b) => a + b)).toBeLessThan(60);
  });

  it('zipfian, scattered: the most popular is not the first number', () => {
    const shares = sharesOf(draw({ kind: 'zipfianInt', max: 1_000 }, 20_000), 1_000);
    const favourites = shares.map((share, key) => ({ share, key })).toSorted((a, b) => b.share - a.share);
    const [first, second] = favourites.map(({ key }) => key);
    expect(Math.abs((first ?? 0) - (second ?? 0))).toBeGreaterThan(1);
  });

  it('pareto: a fifth of the numbers about four times out of five, and some beyond max', () => {
    const keys = draw({ kind: 'paretoInt', max: 10_000 }, 100_000);
    const popular = keys.filter((key) => key <= 2_000).length / keys.length;
    expect(popular).toBeGreaterThan(0.7);
    expect(popular).toBeLessThan(0.85);
    expect(keys.some((key) => key > 10_000)).toBe(true);
  });
});

describe('sequences', () => {
  it('give their numbers in order and end', () => {
    const next = keysOf({ kind: 'sequentialInt', max: 3 }, lone);
    expect([next(), next(), next()]).toEqual([0, 1, 2]);
    expect(next).toThrow(KeysExhausted);
  });

  it('or begin again', () => {
    expect(draw({ kind: 'sequentialInt', max: 2, repeat: true }, 5)).toEqual([0, 1, 0, 1, 0]);
  });

  it('a part without keys ends at once, also when it repeats', () => {
    const spec: KeySpec = { kind: 'partitionedInt', count: 1, repeat: true };
    expect(keysOf(spec, { ...lone, id: 1, workers: 2 })).toThrow(KeysExhausted);
    expect(keysOf(spec, { ...lone, id: 2, workers: 2 })()).toBe(0);
  });
});

describe('from numbers to text and bytes', () => {
  const of = (key: number): KeySpec => ({ kind: 'constant', key });
  it.each<[KeySpec, unknown]>([
    [{ kind: 'intToStr', of: of(42) }, '42'],
    [{ kind: 'intToBin', of: of(258) }, Buffer.from([0, 0, 1, 2])],
    [{ kind: 'intToBin', of: of(258), endian: 'little' }, Buffer.from([2, 1, 0, 0])],
    [{ kind: 'format', format: 'user:%08d:x', of: of(42) }, 'user:00000042:x'],
    [{ kind: 'format', format: '%d of 100%%', of: of(7) }, '7 of 100%'],
    [{ kind: 'base64', of: { kind: 'intToBin', of: of(1) } }, 'AAAAAQ=='],
    [
      {
        kind: 'concat',
        of: [
          { kind: 'constant', key: 'a' },
          { kind: 'intToStr', of: of(1) },
        ],
      },
      Buffer.from('a1'),
    ],
    [
      {
        kind: 'function',
        make:
          ({ id }) =>
          () =>
            `of ${id}`,
      },
      'of 1',
    ],
  ])('%j', (spec, key) => {
    expect(keysOf(spec, lone)()).toEqual(key);
  });

  it('what needs a number says so', () => {
    const spec: KeySpec = { kind: 'intToStr', of: { kind: 'constant', key: 'a' } };
    expect(keysOf(spec, lone)).toThrow('constant gives no numbers');
  });
});
