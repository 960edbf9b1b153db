/**
 * The mix of operations: each is drawn as often as its weight says. A label is what results are told under; one operation
 * may have several.
 */
import type { Random } from './random.ts';

export interface WeightedOperation {
  readonly label: string;
  readonly operation: string;
  /** A whole number from 1. */
  readonly weight: number;
}

/** Draws the index of an operation. */
export function drawFrom(operations: readonly WeightedOperation[], random: Random): () => number {
  const ends: number[] = [];
  let total = 0;
  for (const { weight } of operations) ends.push((total += weight));
  return () => {
    const point = random() * total;
    return ends.findIndex((end) => point < end);
  };
}

/** How a label stands in the names of files: getOwnPuts and get_own_puts as get-own-puts. */
export function fileLabel(label: string): string {
  return label
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .toLowerCase();
}
