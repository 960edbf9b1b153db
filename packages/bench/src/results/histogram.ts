/**
 * Latencies in an HDR histogram: microseconds from 1 to an hour with three significant digits, so a value is never off
 * by more than a thousandth, and a percentile can be told of a billion samples in 200 KiB.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';
import type { Latencies } from './result.ts';

export type { Histogram };

const HOUR_US = 3_600_000_000;
/** Three digits: steps are a thousandth of the value, at most. */
const DIGITS = 3;

export function latencyHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HOUR_US,
    numberOfSignificantValueDigits: DIGITS,
    bitBucketSize: 32,
  });
}

/** What is longer than an hour counts as an hour. */
export function record(histogram: Histogram, us: number): void {
  histogram.recordValue(Math.min(HOUR_US, Math.max(0, Math.round(us))));
}

export function latenciesOf(histogram: Histogram): Latencies {
  const { totalCount: count } = histogram;
  if (count === 0) return NONE;
  const at = (percentile: number): number => valueAt(histogram, percentile);
  return {
    count,
    min: at(0),
    mean: Math.round(histogram.mean),
    p50: at(50),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue,
  };
}

/** The histogram answers with the end of a bucket, which may lie beyond the greatest value. */
function valueAt(histogram: Histogram, percentile: number): number {
  return Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue);
}

const NONE: Latencies = { count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, p999: 0, max: 0 };

export function encodeHistogram(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram);
}

export function decodeHistogram(text: string): Histogram {
  return decodeFromCompressedBase64(text, 32, false);
}

export interface Quantile {
  /** One operation in so many took longer: 1 (none is shorter), 2 (the median), 1,000 (p99.9). */
  readonly oneIn: number;
  readonly us: number;
}

/** The distribution for a chart: closer and closer to the last value, each factor of ten in as many steps. */
export function quantilesOf(histogram: Histogram, stepsPerDecade = 24): Quantile[] {
  const { totalCount } = histogram;
  if (totalCount === 0) return [];
  const steps = Math.floor(Math.log10(totalCount) * stepsPerDecade);
  return Array.from({ length: steps + 1 }, (_, step) => {
    const oneIn = 10 ** (step / stepsPerDecade);
    return { oneIn, us: valueAt(histogram, 100 * (1 - 1 / oneIn)) };
  });
}
