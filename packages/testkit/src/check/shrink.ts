/**
 * A failing schedule made smaller: what is left still fails, and no single item of it can go.
 *
 * Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (TSE 2002), ddmin without its
 * first half: large pieces are left out first, then smaller ones.
 * Price: `fails` runs about n log n times in the worst case, each a whole simulation; `triesMax` bounds it.
 */
import { assert } from '@rkv/core';

export function shrink<Item>(
  schedule: readonly Item[],
  fails: (schedule: readonly Item[]) => boolean,
  { triesMax = 1000 }: { triesMax?: number } = {},
): Item[] {
  assert(fails(schedule), 'only a schedule that fails is shrunk');
  let smallest = [...schedule];
  let tries = 0;
  for (let size = Math.ceil(smallest.length / 2); size >= 1 && tries < triesMax;) {
    let removed = false;
    for (let at = 0; at < smallest.length && tries < triesMax;) {
      const without = smallest.toSpliced(at, size);
      tries++;
      if (fails(without)) {
        smallest = without;
        removed = true;
      } else {
        at += size;
      }
    }
    // Single items are tried until none can go: leaving one out may have made another superfluous.
    if (size === 1 && !removed) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return smallest;
}
