/**
 * The ring document: who is a member, who owns which partition, and what is about to move.
 *
 * Immutable. Epoch e+1 is the one successor of epoch e that a majority of e's voting members agreed on
 * (membership/agreement.ts); gossip only spreads documents that were agreed. A document travels and is stored
 * as opaque bytes with a digest, so that a node passes on fields that it does not know.
 *
 * Source: Riak's riak_core_ring ("chstate"); rules 2 tells why it is agreed and not merged.
 */
import { assert } from '../base/assert.ts';
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import { sha1Bytes, sha1Hex } from '../base/sha1.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { ringSizeProblem } from './hash-space.ts';

/**
 * joining: asked to be let in, owns nothing, has no vote. valid: a full member. leaving: hands over what it
 * owns, still votes. down: an operator said that it is away; it keeps what it owns, has no vote, and nothing moves
 * from or to it until it is back. A node that left or was removed is in no document any more.
 */
export type MemberStatus = 'joining' | 'valid' | 'leaving' | 'down';

/** A node in the ring document. */
export interface Member {
  readonly id: NodeId;
  readonly name: string;
  /** The cluster port, `host:port`. */
  readonly address: string;
  readonly status: MemberStatus;
  /** What a member that is `down` was before and becomes again; missing otherwise. */
  readonly was?: 'valid' | 'leaving';
  /** Failure domain, `rack-1`, compared as a whole; empty when not told. */
  readonly location: string;
  /** The store that its vnodes are kept in, by which an exchanged one is known; missing when not told. */
  readonly storeId?: string;
}

/** A partition on its way: `from` owns and serves it until the document of the switch. */
export interface PendingTransfer {
  readonly partition: PartitionId;
  readonly from: NodeId;
  readonly to: NodeId;
}

/**
 * A ring of another size that is being filled while the one of `owners` serves on. It takes over, whole and at once, when
 * all of it is there; until then the resize can be aborted.
 */
export interface PendingResize {
  readonly ringSize: number;
  /** The owner of each of its partitions, by partition. */
  readonly owners: readonly NodeId[];
}

/**
 * What an operator asked for and has not committed. Joins are staged as members with status `joining`.
 *
 *   leave           hands its partitions over to those who stay, then goes
 *   replace         leaves and hands everything it owns to `by`, a joining node
 *   force-replace   is a member no more at the commit; `by` owns its partitions at once and fetches from the other replicas
 *   force-remove    likewise; claim gives its partitions to those who stay
 *   resize          the ring gets another size; alone among the staged changes
 */
export type StagedChange =
  | { readonly kind: 'leave' | 'force-remove'; readonly node: NodeId }
  | { readonly kind: 'replace' | 'force-replace'; readonly node: NodeId; readonly by: NodeId }
  | { readonly kind: 'resize'; readonly ringSize: number };

/** What a bucket promises of each key: that replicas converge, or that it is linearizable. */
export type ConsistencyLevel = 'eventual' | 'strict';

/** Properties of all keys that begin with `prefix` (latin1); the longest prefix wins, the empty one is the default. */
export interface BucketProperties {
  readonly prefix: string;
  /** Replicas per key. */
  readonly n: number;
  readonly level: ConsistencyLevel;
}

/** All that the members agree on. Frozen; a change makes a new one. */
export interface RingDocument {
  readonly clusterId: string;
  readonly epoch: Epoch;
  /** Digest of the document that this one follows: of epoch - 1, or the one that a forced ring left; empty for the first. */
  readonly parentDigest: string;
  readonly ringSize: number;
  /** In the order they came; ids and names are distinct. */
  readonly members: readonly Member[];
  /** Whose duty it is to stage, plan and commit; the next live voter stands in while it is away. */
  readonly claimant: NodeId;
  /** The owner of each partition, by partition. */
  readonly owners: readonly NodeId[];
  readonly pending: readonly PendingTransfer[];
  /** Missing: the ring keeps its size. Never together with `pending`. */
  readonly resize?: PendingResize;
  readonly staged: readonly StagedChange[];
  /** At least the default bucket, prefix ''. */
  readonly buckets: readonly BucketProperties[];
  /** How keys are placed; one way so far. */
  readonly hash: 'sha1-etf';
  /** Governs which forms may be written to disk and wire; raised by agreement once all members can. */
  readonly formatLevel: number;
}

/** An agreed document with the bytes it was agreed as and their digest. */
export interface AgreedDocument {
  readonly document: RingDocument;
  readonly bytes: Uint8Array;
  readonly digest: string;
}

/** The bytes of a document: JSON, owners as positions in the member list. */
export function encodeDocument(document: RingDocument): AgreedDocument {
  const positions = new Map(document.members.map((member, at) => [member.id, at]));
  const positionOf = (owner: NodeId): number => {
    const at = positions.get(owner);
    assert(at !== undefined, 'every owner is a member');
    return at;
  };
  const { owners, resize } = document;
  const bytes = jsonEncode({
    ...document,
    owners: owners.map(positionOf),
    ...(resize && { resize: { ...resize, owners: resize.owners.map(positionOf) } }),
  });
  return { document, bytes, digest: digestOf(bytes) };
}

/** `WireError` when the bytes are no ring document. */
export function decodeDocument(bytes: Uint8Array): AgreedDocument {
  const raw = jsonDecode(bytes) as RingDocument & OwnersOnWire & { readonly resize?: OwnersOnWire };
  if (typeof raw !== 'object' || raw === null || !Array.isArray(raw.members)) {
    throw new WireError('not a ring document');
  }
  const owners = ownersOf(raw, raw.members);
  const resize = raw.resize && { ...raw.resize, owners: ownersOf(raw.resize, raw.members) };
  return { document: { ...raw, owners, ...(resize && { resize }) }, bytes, digest: digestOf(bytes) };
}

/** Owners as they travel: positions in the member list. */
interface OwnersOnWire {
  readonly ringSize: number;
  readonly owners: readonly number[];
}

function ownersOf({ ringSize, owners }: OwnersOnWire, members: readonly Member[]): NodeId[] {
  if (ringSizeProblem(ringSize) !== undefined || !Array.isArray(owners) || owners.length !== ringSize) {
    throw new WireError('a ring document whose owners do not fit its ring size');
  }
  return owners.map((at) => {
    const member = members[at as number];
    if (member === undefined) throw new WireError('a ring document with an owner who is no member');
    return member.id;
  });
}

function digestOf(bytes: Uint8Array): string {
  const words = new Uint32Array(5);
  sha1Bytes(bytes, words);
  return sha1Hex(words);
}

/** What the first document of a cluster is made of. */
export interface BirthOptions {
  readonly clusterId: string;
  readonly ringSize: number;
  readonly self: Omit<Member, 'status'>;
  readonly n: number;
  readonly level: ConsistencyLevel;
}

/** The first document of a cluster of one. */
export function birthDocument({ clusterId, ringSize, self, n, level }: BirthOptions): RingDocument {
  return {
    clusterId,
    epoch: 1 as Epoch,
    parentDigest: '',
    ringSize,
    members: [{ ...self, status: 'valid' }],
    claimant: self.id,
    owners: new Array<NodeId>(ringSize).fill(self.id),
    pending: [],
    staged: [],
    buckets: [{ prefix: '', n, level }],
    hash: 'sha1-etf',
    formatLevel: 1,
  };
}

/** The member with this id, or undefined. */
export function memberOf(document: RingDocument, id: NodeId): Member | undefined {
  return document.members.find((member) => member.id === id);
}

/** As people know a member; the id of one that has left. */
export function memberName(document: RingDocument, id: NodeId): string {
  return memberOf(document, id)?.name ?? id;
}

/** The member with this name, or undefined. */
export function memberNamed(document: RingDocument, name: string): Member | undefined {
  return document.members.find((member) => member.name === name);
}

/** Those whose majority agrees on the next epoch. */
export function votersOf(document: RingDocument): Member[] {
  return document.members.filter(({ status }) => status === 'valid' || status === 'leaving');
}

/** The most copies that any key has. */
export function replicasMax({ buckets }: RingDocument): number {
  return Math.max(...buckets.map((bucket) => bucket.n));
}
