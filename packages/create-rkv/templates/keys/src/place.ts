/** Where a key lies on the ring: the first eight bytes of its hash. Keys are any text; the ring knows them as bytes. */
import { hashKey, partitionOf, ringBits, type PartitionId, type RecordKey } from '@rkv/core';

export function placeOf(text: string): RecordKey {
  const words = new Uint32Array(5);
  const key = Buffer.from(text).toString('latin1');
  hashKey(key, words);
  return { hashHi: words[0] ?? 0, hashLo: words[1] ?? 0, key };
}

/** The partition after the key's hash: the first of those that hold it. */
export function firstPartition(text: string, ringSize: number): PartitionId {
  return partitionOf(placeOf(text).hashHi, ringBits(ringSize));
}

/** Hash order, in which vnodes tell what they hold. */
export function comparePlaces(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
