/**
 * Hash space: where a key lies on the ring.
 *
 * A key's place is SHA-1 over the Erlang external term of `{Bucket, Key}` with both as binaries, read as a
 * 160-bit number. The ring cuts hash space into `ringSize` equal partitions, and a key belongs to the
 * partition *after* its hash: partition p holds the hashes in [index(p) - width, index(p)).
 *
 * Source: Dynamo (SOSP 2007) 4.2; Riak's chash and riak_core_util:chash_key. The vectors of the original agree bit for bit.
 */
import { sha1Latin1, type Sha1Words } from '../base/sha1.ts';
import type { PartitionId, RingIndex } from '../contracts/ids.ts';

/** Fewer partitions than this would leave too little to share out. */
export const RING_SIZE_MIN = 8;
/** More would cost each node more than they gain: each partition is a vnode and a row of the ring document. */
export const RING_SIZE_MAX = 1024;
/** The bucket that every key of the store is hashed under; levels and n come from key prefixes, not from here. */
export const BUCKET = 'rkv';

/** A sentence on what is wrong with this ring size, or undefined when it is a good one. */
export function ringSizeProblem(ringSize: number): string | undefined {
  if (
    Number.isInteger(ringSize) &&
    ringSize >= RING_SIZE_MIN &&
    ringSize <= RING_SIZE_MAX &&
    (ringSize & (ringSize - 1)) === 0
  ) {
    return undefined;
  }
  return `ring size must be a power of two from ${RING_SIZE_MIN} to ${RING_SIZE_MAX}, and ${ringSize} is not`;
}

/** log2 of a ring size: how many leading hash bits name the partition. */
export function ringBits(ringSize: number): number {
  return 31 - Math.clz32(ringSize);
}

function u32Latin1(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Erlang external term format: version 131, small tuple 104 of 2, then a binary 109 (length, bytes) each. */
const TERM_PREFIX = '\x83\x68\x02\x6d' + u32Latin1(BUCKET.length) + BUCKET + '\x6d';

/** By key length: made once each, as putting one together costs as much as half the hash. */
const prefixes: string[] = [];
const PREFIXES_KEPT = 256;

function prefixFor(length: number): string {
  const prefix = TERM_PREFIX + u32Latin1(length);
  if (length < PREFIXES_KEPT) prefixes[length] = prefix;
  return prefix;
}

/** The 160-bit hash of a key, as five words into `out` (length 5). Key: latin1, any length, the empty one too. */
export function hashKey(key: string, out: Sha1Words): void {
  sha1Latin1(prefixes[key.length] ?? prefixFor(key.length), key, out);
}

/** The partition that a hash belongs to: the one after it. Only the first word of the hash counts, ring sizes end at 1024. */
export function partitionOf(hashHi: number, bits: number): PartitionId {
  return (((hashHi >>> (32 - bits)) + 1) & ((1 << bits) - 1)) as PartitionId;
}

/** The place of a partition in hash space, as users see it. */
export function ringIndexOf(partition: PartitionId, ringSize: number): RingIndex {
  return ((BigInt(partition) * (1n << 160n)) / BigInt(ringSize)) as RingIndex;
}

/** The partition at exactly this place, or undefined when none begins there. */
export function partitionAt(index: bigint, ringSize: number): PartitionId | undefined {
  const width = (1n << 160n) / BigInt(ringSize);
  if (index < 0n || index >= 1n << 160n || index % width !== 0n) return undefined;
  return Number(index / width) as PartitionId;
}
