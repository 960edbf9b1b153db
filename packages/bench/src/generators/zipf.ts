/**
 * Zipf's law: the k-th most popular of n items is drawn in proportion to 1 / k^s.
 *
 * By rejection-inversion, which needs neither a table nor a sum over n, so a billion keys cost what a hundred do. A
 * uniform number is carried through the inverse of the integral of 1/x^s, rounded to a whole number, and rejected where
 * the integral overshoots the step; that happens in less than a quarter of all draws.
 *
 * Source: Hoermann and Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions" (1996).
 */
import type { Random } from './random.ts';

/** Ranks 1..n; `exponent` above 0. */
export function zipf(n: number, exponent: number, random: Random): () => number {
  const height = (x: number): number => Math.exp(-exponent * Math.log(x));
  // The integral of x^-s from 1, (x^(1-s) - 1) / (1 - s), written so that s = 1 is no special case.
  const integral = (x: number): number => Math.log(x) * expm1Over((1 - exponent) * Math.log(x));
  const inverse = (area: number): number => Math.exp(area * log1pOver(Math.max(-1, area * (1 - exponent))));
  const first = integral(1.5) - 1;
  const last = integral(n + 0.5);
  const surelyWithin = 2 - inverse(integral(2.5) - height(2));
  return () => {
    for (;;) {
      const area = last + random() * (first - last);
      const x = inverse(area);
      const rank = Math.min(n, Math.max(1, Math.round(x)));
      if (rank - x <= surelyWithin || area >= integral(rank + 0.5) - height(rank)) return rank;
    }
  };
}

function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2;
}

function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2;
}
