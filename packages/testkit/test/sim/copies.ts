/** Where the copies of a key belong under a ring, and which of them are there. */
import {
  bucketOf,
  primariesOf,
  partitionOf,
  ringBits,
  stampHex,
  stampMs,
  type PartitionId,
  type Replica,
  type RingDocument,
} from '@rkv/core';
import {
  KV_SERVICE,
  placeKey,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
  type KvCommand,
  type KvReply,
  expiryMs,
  STATE_AT,
  STATE_END,
} from '@rkv/store';
import { digestBytes } from '@rkv/testkit';
import { citizensOf, type Realm } from './peace.ts';
import type { SimNode } from './rkv-cluster.ts';

/** Copies of a key, and how many of them must be written before a write is acknowledged. */
export const N = 3;
export const W = 2;

/** Keys that begin so lie in the strict bucket. */
export const STRICT_PREFIX = 'strict ';

export function isStrict(key: string): boolean {
  return key.startsWith(STRICT_PREFIX);
}

/** Numbers that are counted up, and so written twice now and then. */
export const COUNTER_PREFIX = 'count ';

/** Whether strict keys may be asked of it: it has heard that they are. */
export function hasStrictBucket({ node }: SimNode): boolean {
  return bucketOf(node.document, STRICT_PREFIX).level === 'strict';
}

export interface Copy {
  readonly replica: Replica;
  /** Hex stamp of what is held; empty when nothing is. */
  readonly version: string;
  /**
   * Of all bytes of the entry; of its state where it expires or was swept, and may be in one form or the other, and where
   * copies may have promised different ballots; 0: nothing.
   */
  readonly digest: number;
  /** A tombstone's stamp, ms since 1970; undefined: it is none. */
  readonly deletedMs: number | undefined;
}

/** The nodes of its primaries, in order: equal under two rings that place the key alike. */
export function placementOf(key: string, document: RingDocument): string {
  return primariesOfKey(key, document)
    .map(({ node }) => node)
    .join(' ');
}

/** What the primaries of a key hold. */
export function copiesOf(
  realm: Realm,
  key: string,
  document: RingDocument,
  citizens: readonly SimNode[] = citizensOf(realm),
): Copy[] {
  return primariesOfKey(key, document).map((replica) => {
    const citizen = citizens.find(({ node }) => node.id === replica.node);
    const entry = citizen === undefined ? undefined : entryAt(citizen, replica.partition, key);
    // What was only promised to somebody is nothing.
    if (entry === undefined || stampMs(entry, VERSION_AT) === 0)
      return { replica, version: '', digest: 0, deletedMs: undefined };
    const deletedMs = typeOf(entry) === TOMBSTONE ? stampMs(entry, VERSION_AT) : undefined;
    return { replica, version: stampHex(entry, VERSION_AT), digest: digestOf(key, entry), deletedMs };
  });
}

function digestOf(key: string, entry: Uint8Array): number {
  const isPlain = expiryMs(entry) === 0 && !isStrict(key);
  return digestBytes(isPlain ? entry : entry.subarray(STATE_AT, STATE_END));
}

/** Of one of these keys, what its primaries hold, if it is not the same. */
export function differingCopies(realm: Realm, keys: readonly string[]): string | undefined {
  const citizens = citizensOf(realm);
  const document = citizens[0]?.node.document;
  if (document === undefined) return undefined;
  for (const key of keys) {
    const copies = copiesOf(realm, key, document, citizens);
    if (new Set(copies.map(({ digest }) => digest)).size <= 1) continue;
    const held = copies.map(({ version, digest }) => `${version || 'nothing'} #${digest}`).join(', ');
    return `the copies of ${key} differ: ${held}`;
  }
  return undefined;
}

/** Of one of these keys, that it was deleted before this moment, and that tombstones of it still lie there. */
export function unreaped(realm: Realm, keys: readonly string[], beforeMs: number): string | undefined {
  const citizens = citizensOf(realm);
  const document = citizens[0]?.node.document;
  if (document === undefined) return undefined;
  const key = keys.find((one) =>
    copiesOf(realm, one, document, citizens).some(({ deletedMs }) => (deletedMs ?? Infinity) < beforeMs),
  );
  return key === undefined ? undefined : `${key} was deleted long ago, and its tombstone is not reaped`;
}

export function distinctNodes(copies: readonly Copy[]): number {
  return new Set(copies.map(({ replica }) => replica.node)).size;
}

/** What a vnode answers at once; undefined when it does not. The answer is borrowed. */
export function askVnode({ node }: SimNode, partition: PartitionId, command: KvCommand): KvReply | undefined {
  let answer: KvReply | undefined;
  node.vnode(KV_SERVICE, partition)?.vnode.handleCommand(command, {
    reply: (reply) => {
      // Borrowed: the vnode uses the object again.
      answer = { ...(reply as KvReply) };
    },
    refuse: () => {},
    fail: () => {},
  });
  return answer;
}

export function primariesOfKey(key: string, { owners, ringSize }: RingDocument): Replica[] {
  return primariesOf(partitionOf(placeKey(key).hashHi, ringBits(ringSize)), N, owners);
}

/** Borrowed. */
function entryAt(citizen: SimNode, partition: PartitionId, key: string): Uint8Array | undefined {
  const reply = askVnode(citizen, partition, { kind: 'get', ...placeKey(key), whole: true });
  return reply?.kind === 'held' ? reply.entry : undefined;
}
