/**
 * What every request of this node shares: the port to the vnodes, the clock of stamps, the defaults.
 *
 * It also places keys: hash words of a key, the partition that comes first, the bucket whose n and level hold.
 */
import {
  bucketOf,
  countedList,
  hashKey,
  partitionOf,
  quorumOf,
  ringBits,
  type BucketProperties,
  type CountedList,
  type Host,
  type HybridClock,
  type NodeId,
  type PartitionId,
  type Quorum,
  type ServicePort,
} from '@rkv/core';
import type { KvCommand, KvReply } from './commands.ts';
import type { ValuesUnderWay } from './values-under-way.ts';

/** What holds for a request that does not say otherwise, and how large a value may be. */
export interface RequestDefaults {
  /** Undefined: more than half of n. */
  readonly r?: number | undefined;
  readonly w?: number | undefined;
  readonly timeoutMs: number;
  /** Larger values are refused. */
  readonly valueBytesMax: number;
}

export interface Coordinator {
  readonly host: Host;
  readonly clock: HybridClock;
  /** The median of the members' wall clocks, ms: each request asks it once, and what has expired by then is not there. */
  readonly clusterTime: () => number;
  readonly defaults: RequestDefaults;
  readonly port: ServicePort<KvCommand, KvReply>;
  /** Of all its requests together. */
  readonly values: ValuesUnderWay;
}

/** More than half of n. */
export function majorityOf(n: number): number {
  return Math.floor(n / 2) + 1;
}

const words = new Uint32Array(5);

/** A key on the ring. */
export interface PlacedKey {
  readonly key: string;
  readonly hashHi: number;
  readonly hashLo: number;
}

/** Where a key lies: itself, and the first two words of its hash. */
export function placeKey(key: string): PlacedKey {
  return putPlace({ key, hashHi: 0, hashLo: 0 }, key);
}

/** The same into an object that is there already. */
export function putPlace<Place extends { -readonly [Field in keyof PlacedKey]: PlacedKey[Field] }>(
  place: Place,
  key: string,
): Place {
  hashKey(key, words);
  place.key = key;
  place.hashHi = words[0] as number;
  place.hashLo = words[1] as number;
  return place;
}

/** The first primary of the key, under the ring of now. */
export function firstPartition({ port }: Coordinator, key: PlacedKey): PartitionId {
  return partitionOf(key.hashHi, ringBits(port.document.ringSize));
}

/** The properties that hold for the key, under the ring of now. */
export function bucketOfKey({ port }: Coordinator, key: string): BucketProperties {
  const { document } = port;
  return document.buckets.length === 1 ? (document.buckets[0] as BucketProperties) : bucketOf(document, key);
}

/** The preference list of a key, under the ring and the live nodes of now. */
export function listOf(coordinator: Coordinator, key: PlacedKey, n: number): CountedList {
  return coordinator.port.list(firstPartition(coordinator, key), n);
}

/** Who votes on a strict key: the owners of its primaries that are up. The list's n is that of the bucket all the same. */
export function acceptorsOf(coordinator: Coordinator, placed: PlacedKey): CountedList {
  const { document, self } = coordinator.port;
  const n = Math.min(bucketOfKey(coordinator, placed.key).n, document.ringSize);
  return acceptorsIn(listOf(coordinator, placed, n), self);
}

/** Those of a list who vote on a strict key. */
export function acceptorsIn({ replicas, n, owners }: CountedList, self: NodeId): CountedList {
  const primaries = replicas.filter(({ role }) => role === 'primary');
  return countedList(primaries, n, owners, self);
}

/**
 * How many answers a request needs: as asked, or the node's default, or a majority of n; never none, which proves nothing,
 * nor fewer than those that must be primary, or flushed (dw).
 */
export function quorumFor(
  list: CountedList,
  n: number,
  asked: number | undefined,
  byDefault: number | undefined,
  primaries = 0,
  flushed = 0,
): Quorum {
  const needed = asked ?? Math.min(byDefault ?? majorityOf(n), n);
  return quorumOf(list, Math.max(1, needed, primaries, flushed), primaries);
}
