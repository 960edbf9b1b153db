/** Where the copies of a key belong under a ring, and which of them are there. */
import {
  primariesOf,
  partitionOf,
  ringBits,
  stampHex,
  type PartitionId,
  type Replica,
  type RingDocument,
} from '@rkv/core';
import { KV_SERVICE, placeKey, VERSION_AT, type KvCommand, type KvReply } from '@rkv/store';
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
  /** Of all bytes of the entry; 0 when nothing is held. */
  readonly digest: number;
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
    if (entry === undefined) return { replica, version: '', digest: 0 };
    return { replica, version: stampHex(entry, VERSION_AT), digest: digestBytes(entry) };
  });
}

/** Of one of these keys, what its primaries hold, if it is not the same. */
export function differingCopies(realm: Realm, keys: readonly string[]): string | undefined {
  const document = citizensOf(realm)[0]?.node.document;
  if (document === undefined) return undefined;
  for (const key of keys) {
    const copies = copiesOf(realm, key, document);
    if (new Set(copies.map(({ digest }) => digest)).size <= 1) continue;
    const held = copies.map(({ version, digest }) => `${version || 'nothing'} #${digest}`).join(', ');
    return `the copies of ${key} differ: ${held}`;
  }
  return undefined;
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
