/**
 * Ranges and positions of hash space, as scans use them.
 *
 * A *range* is named by the partition that is first in the preference list of its keys: range f holds the hashes of
 * the interval before partition f. A *position* is the first 52 bits of a hash: whatever the ring size, a scan goes
 * on from a position, and a position fits a number that every Redis client can carry.
 */
import { partitionOf, type PartitionId, type RecordKey } from '@rkv/core';

/** Where a walk begins that is to come by every hash with this first word or a later one (and perhaps a last one before). */
export function beforeHash(hashHi: number): RecordKey | undefined {
  return hashHi === 0 ? undefined : { hashHi: hashHi - 1, hashLo: 0xffffffff, key: '' };
}

/** Whether a key stands behind another place in hash order. */
export function isAfter(hashHi: number, hashLo: number, key: string, at: RecordKey): boolean {
  if (hashHi !== at.hashHi) return hashHi > at.hashHi;
  return hashLo === at.hashLo ? key > at.key : hashLo > at.hashLo;
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
