/** Where the copies of a key belong under a ring. */
import { partitionOf, primariesOf, ringBits, type Replica, type RingDocument } from '@rkv/core';
import { placeKey } from '@rkv/store';

/** Copies of a key, and how many of them must be written before a write is acknowledged. */
export const N = 3;
export const W = 2;

export function primariesOfKey(key: string, { owners, ringSize }: RingDocument): Replica[] {
  return primariesOf(partitionOf(placeKey(key).hashHi, ringBits(ringSize)), N, owners);
}

/** The nodes of its primaries, in order: equal under two rings that place the key alike. */
export function placementOf(key: string, document: RingDocument): string {
  return primariesOfKey(key, document)
    .map(({ node }) => node)
    .join(' ');
}

export function distinctNodes(replicas: readonly Replica[]): number {
  return new Set(replicas.map(({ node }) => node)).size;
}
