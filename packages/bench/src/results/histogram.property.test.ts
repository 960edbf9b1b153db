import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHistogram,
  encodeHistogram,
  type Histogram,
  latenciesOf,
  latencyHistogram,
  quantilesOf,
  record,
} from './histogram.ts';
import type { Latencies } from './result.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = latencyHistogram();
  for (const us of values) record(histogram, us);
  return histogram;
}

/** The twin: all values, sorted. The smallest one that this part of all does not exceed. */
function percentileOf(values: readonly number[], percentile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length - 1e-9) - 1)] as number;
}

/** Microseconds of all magnitudes. */
const us = fc.oneof(
  fc.integer({ min: 0, max: 2_000 }),
  fc.integer({ min: 0, max: 2_000_000 }),
  fc.integer({ min: 0, max: 3_600_000_000 }),
);
const samples = fc.array(us, { minLength: 1, maxLength: 300 });

describe('the histogram of latencies', () => {
  it('tells percentiles as a sorted list does, to a thousandth', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const latencies = latenciesOf(histogramOf(values));
        const { count, min, p50, p95, p99, p999, max } = latencies;
        expect([min, p50, p95, p99, p999, max].every((us, at, all) => us >= (all[at - 1] ?? 0))).toBe(true);
        expect(count).toBe(values.length);
        const pairs = [
          [min, Math.min(...values)],
          [p50, percentileOf(values, 50)],
          [p95, percentileOf(values, 95)],
          [p99, percentileOf(values, 99)],
          [p999, percentileOf(values, 99.9)],
          [max, Math.max(...values)],
        ] as const;
        for (const [told, exact] of pairs)
          expect(Math.abs(told - exact)).toBeLessThanOrEqual(exact / 1_000 + 1);
      }),
    );
  });

  it('two that are added are one of all values', () => {
    fc.assert(
      fc.property(samples, samples, (one, other) => {
        const sum = histogramOf(one);
        sum.add(histogramOf(other));
        expect(latenciesOf(sum)).toEqual(latenciesOf(histogramOf([...one, ...other])));
      }),
    );
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const histogram = histogramOf(values);
        const before = latenciesOf(histogram);
        const again = decodeHistogram(encodeHistogram(histogram));
        // The greatest value itself is not written, only the bucket that it is in: a thousandth of it.
        const pairs = Object.entries(latenciesOf(again)).map(
          ([name, us]) => [us, before[name as keyof Latencies]] as const,
        );
        for (const [us, was] of pairs) expect(Math.abs(us - was)).toBeLessThanOrEqual(was / 1_000);
      }),
    );
  });

  it('quantiles rise, begin with the least and never go beyond the greatest', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const quantiles = quantilesOf(histogramOf(values));
        for (const [at, { us }] of quantiles.entries())
          expect(us).toBeGreaterThanOrEqual(quantiles[at - 1]?.us ?? 0);
        expect(quantiles[0]?.oneIn).toBe(1);
        expect(quantiles.at(-1)!.us).toBeLessThanOrEqual(Math.max(...values) * 1.001 + 1);
      }),
    );
  });

  it('takes what is below and beyond its range', () => {
    expect(latenciesOf(histogramOf([-1, 1e12]))).toMatchObject({ count: 2, min: 0 });
    expect(latenciesOf(histogramOf([]))).toMatchObject({ count: 0, p99: 0 });
    expect(quantilesOf(histogramOf([]))).toEqual([]);
  });
});
