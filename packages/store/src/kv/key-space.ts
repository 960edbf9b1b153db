/**
 * Ranges and positions of hash space, as scans use them.
 *
 * A *range* is named by the partition that is first in the preference list of its keys: range f holds the hashes of
 * the interval before partition f. A *position* is the first 52 bits of a hash: whatever the ring size, a scan goes
 * on from a position, and a position fits a number that every Redis client can carry.
 */
import { partitionOf, type PartitionId } from '@rkv/core';

/** The first hash word (32 bits) that lies in the range. */
export function rangeStart(range: PartitionId, ringBits: number): number {
  const interval = (range - 1) & ((1 << ringBits) - 1);
  return interval * 2 ** (32 - ringBits);
}

/** The first hash word behind the range; 2^32 for the last one. */
export function rangeEnd(range: PartitionId, ringBits: number): number {
  return rangeStart(range, ringBits) + 2 ** (32 - ringBits);
}

/** One more than the last position. */
export const POSITION_END = 2 ** 52;

export function positionOf(hashHi: number, hashLo: number): number {
  return hashHi * 2 ** 20 + (hashLo >>> 12);
}

/** The first hash of a position, as two words. */
export function hashAt(position: number): { hashHi: number; hashLo: number } {
  return { hashHi: Math.floor(position / 2 ** 20), hashLo: ((position % 2 ** 20) * 2 ** 12) >>> 0 };
}

export function rangeAt(position: number, ringBits: number): PartitionId {
  return partitionOf(hashAt(position).hashHi, ringBits);
}
