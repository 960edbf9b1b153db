/** Where the copies of a key belong under a ring, and which of them are there. */
import {
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

export interface Copy {
  readonly replica: Replica;
  /** Hex stamp of what is held; empty when nothing is. */
  readonly version: string;
  /** Of all bytes of the entry; of its state where it expires or was swept, and may be in one form or the other; 0: nothing. */
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
export function copiesOf(realm: Realm, key: string, document: RingDocument): Copy[] {
  const citizens = citizensOf(realm);
  return primariesOfKey(key, document).map((replica) => {
    const citizen = citizens.find(({ node }) => node.id === replica.node);
    const entry = citizen === undefined ? undefined : entryAt(citizen, replica.partition, key);
    if (entry === undefined) return { replica, version: '', digest: 0, deletedMs: undefined };
    const deletedMs = typeOf(entry) === TOMBSTONE ? stampMs(entry, VERSION_AT) : undefined;
    return { replica, version: stampHex(entry, VERSION_AT), digest: digestOf(entry), deletedMs };
  });
}

function digestOf(entry: Uint8Array): number {
  return digestBytes(expiryMs(entry) === 0 ? entry : entry.subarray(STATE_AT, STATE_END));
}

/** Of one of these keys, what its primaries hold, if it is not the same. Those that hold nothing may lack some versions. */
export function differingCopies(
  realm: Realm,
  keys: readonly string[],
  mayLack: (key: string, version: string) => boolean,
): string | undefined {
  const document = citizensOf(realm)[0]?.node.document;
  if (document === undefined) return undefined;
  for (const key of keys) {
    const copies = copiesOf(realm, key, document).filter(
      ({ version }, _at, all) => version !== '' || !all.some((other) => mayLack(key, other.version)),
    );
    if (new Set(copies.map(({ digest }) => digest)).size <= 1) continue;
    const held = copies.map(({ version, digest }) => `${version || 'nothing'} #${digest}`).join(', ');
    return `the copies of ${key} differ: ${held}`;
  }
  return undefined;
}

/** Of one of these keys, that it was deleted before this moment, and that tombstones of it still lie there. */
export function unreaped(realm: Realm, keys: readonly string[], beforeMs: number): string | undefined {
  const document = citizensOf(realm)[0]?.node.document;
  if (document === undefined) return undefined;
  const key = keys.find((one) =>
    copiesOf(realm, one, document).some(({ deletedMs }) => (deletedMs ?? Infinity) < beforeMs),
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
