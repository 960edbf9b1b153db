/**
 * The plan: the ring as it would be once everything staged were carried out, as data. Pure.
 *
 * Claim is asked once, when planning. The owners it gave are kept, shown to the operator and written into the
 * ring by commit as they are; no node computes a claim again. A plan belongs to the one document it was made
 * for: any document in between, whatever it changes, makes it void (`plan_changed`).
 *
 * Source: Riak's plan and commit, which derives the ring twice from a random seed and compares; PROTOCOLS 2.
 */
import { assert } from '../base/assert.ts';
import { jsonDecode, jsonEncode, latin1Encode } from '../base/bytes.ts';
import { sha1Bytes, sha1Hex } from '../base/sha1.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import {
  memberOf,
  type AgreedDocument,
  type Member,
  type PendingTransfer,
  type RingDocument,
} from '../ring/document.ts';
import { primariesOf } from '../ring/preference-list.ts';
import { refuse, type Refusal } from './refusal.ts';
import { expectShape, isCount, isListOf, isName, isOneOf, isRecord, isText } from './shape.ts';
import { hasStaged, stayers, successorOf } from './staging.ts';

/** Claim as far as the membership needs it; `claim` of claim/ fits. */
export type ClaimFunction = (input: {
  readonly owners: readonly NodeId[];
  readonly members: readonly NodeId[];
  readonly locations?: ReadonlyMap<NodeId, string>;
}) => {
  readonly owners: readonly NodeId[];
  /** Whether a ring of this size and these members could have fewer windows with an owner twice. */
  readonly certificate: { readonly avoidable: boolean };
};

export interface PlannedChange {
  readonly action: 'join' | 'leave';
  readonly node: NodeId;
}

export interface Transition {
  /** The owner of each partition once all transfers are done. */
  readonly owners: readonly NodeId[];
  readonly transfers: readonly PendingTransfer[];
  /** One sentence each. */
  readonly warnings: readonly string[];
}

export interface Plan {
  /** Names the document and the target owners, so the same plan made twice has one id. */
  readonly planId: string;
  /** Digest of the document that the plan was made for. */
  readonly documentDigest: string;
  readonly changes: readonly PlannedChange[];
  readonly transition: Transition;
}

/** Fewer partitions than this per member, and load spreads unevenly. */
const PARTITIONS_PER_MEMBER_MIN = 16;

/** Why nothing can be planned on this document, or undefined. */
export function planRefusal(document: RingDocument): Refusal | undefined {
  if (document.pending.length > 0) {
    return refuse(
      'pending_changes',
      `${document.pending.length} transfers of the last commit are not done; wait for them first`,
    );
  }
  if (!hasStaged(document)) return refuse('nothing_planned', 'there are no staged changes');
  return undefined;
}

export interface PlanInput {
  readonly current: AgreedDocument;
  readonly claim: ClaimFunction;
  readonly isUp: (node: NodeId) => boolean;
  /** Which services a node runs; undefined when it has not said. */
  readonly servicesOf: (node: NodeId) => readonly string[] | undefined;
}

/** `planRefusal` of the current document must be undefined. */
export function makePlan({ current, claim, isUp, servicesOf }: PlanInput): Plan {
  const { document, digest } = current;
  const members = stayers(document);
  assert(members.length > 0, 'somebody stays');
  const claimed = claim({
    owners: document.owners,
    members: members.map((member) => member.id),
    ...locationsOf(members),
  });
  const owners = claimed.owners;
  assert(owners.length === document.ringSize, 'claim gives every partition an owner');
  assert(
    owners.every((owner) => members.some((member) => member.id === owner)),
    'claim gives partitions to those who stay only',
  );
  const transfers = transfersBetween(document.owners, owners);
  const warnings = [
    ...sharedReplicas(document, owners, members, claimed.certificate.avoidable),
    ...fewPartitions(document.ringSize, members.length),
    ...downMembers(document, transfers, isUp),
    ...missingServices(document, transfers, servicesOf),
  ];
  const planId = planIdOf(digest, owners);
  return {
    planId,
    documentDigest: digest,
    changes: changesOf(document),
    transition: { owners, transfers, warnings },
  };
}

/** The document that carries out `plan`, or why it cannot be carried out. */
export function commitPlan(
  current: AgreedDocument,
  plan: Plan | undefined,
  planId: string | undefined,
): RingDocument | Refusal {
  const { document, digest } = current;
  const refusal = planRefusal(document);
  if (refusal !== undefined) return refusal;
  if (plan === undefined) return refuse('nothing_planned', 'look at the plan before you commit it');
  if (plan.documentDigest !== digest || (planId !== undefined && planId !== plan.planId)) {
    return refuse('plan_changed', 'the ring or the staged changes are not what was planned; plan again');
  }
  const leavers = new Set(document.staged.map((change) => change.node));
  const members = document.members.map((member): Member => {
    if (leavers.has(member.id)) return { ...member, status: 'leaving' };
    return member.status === 'joining' ? { ...member, status: 'valid' } : member;
  });
  const committed: RingDocument = { ...document, members, staged: [], pending: plan.transition.transfers };
  if (memberOf(committed, document.claimant)?.status === 'valid') return committed;
  const claimant = successorOf(committed, document.claimant);
  assert(claimant !== undefined, 'somebody stays');
  return { ...committed, claimant };
}

function changesOf(document: RingDocument): PlannedChange[] {
  const joins = document.members.filter((member) => member.status === 'joining');
  return [
    ...joins.map((member): PlannedChange => ({ action: 'join', node: member.id })),
    ...document.staged.map((change): PlannedChange => ({ action: 'leave', node: change.node })),
  ];
}

function transfersBetween(before: readonly NodeId[], after: readonly NodeId[]): PendingTransfer[] {
  return after.flatMap((to, partition) => {
    const from = before[partition] as NodeId;
    return from === to ? [] : [{ partition: partition as PartitionId, from, to }];
  });
}

function locationsOf(members: readonly Member[]): { locations?: ReadonlyMap<NodeId, string> } {
  const told = members.filter((member) => member.location !== '');
  if (told.length === 0) return {};
  return { locations: new Map(told.map((member) => [member.id, member.location])) };
}

function planIdOf(documentDigest: string, owners: readonly NodeId[]): string {
  const words = new Uint32Array(5);
  sha1Bytes(latin1Encode([documentDigest, ...owners].join(' ')), words);
  return sha1Hex(words).slice(0, 12);
}

/** Which preference lists would have two of their copies on one node. */
function sharedReplicas(
  document: RingDocument,
  owners: readonly NodeId[],
  members: readonly Member[],
  avoidable: boolean,
): string[] {
  const n = Math.max(...document.buckets.map((bucket) => bucket.n));
  if (members.length < n) {
    return [
      `n is ${n} and there will be ${members.length === 1 ? 'one member' : `${members.length} members`}: ` +
        'one node holds several copies of a key, and losing it loses them together',
    ];
  }
  const shared = owners.flatMap((_, first) => {
    const replicas = primariesOf(first as PartitionId, n, owners);
    return new Set(replicas.map((replica) => replica.node)).size < replicas.length ? [first] : [];
  });
  if (shared.length === 0) return [];
  const how = avoidable
    ? 'a ring with fewer of these exists, but moves more partitions'
    : `with ${owners.length} partitions and ${members.length} members there is no better ring`;
  return [
    `${shared.length} of ${owners.length} preference lists of n=${n} would have two copies on one node, ` +
      `${shared.length === 1 ? 'the one that begins at partition' : 'those that begin at partitions'} ${shared.join(', ')}` +
      // Claim knows what is possible for lists of three only.
      (n === 3 ? ` (${how})` : ''),
  ];
}

function fewPartitions(ringSize: number, members: number): string[] {
  if (ringSize / members >= PARTITIONS_PER_MEMBER_MIN) return [];
  return [
    `${ringSize} partitions on ${members} members are fewer than ${PARTITIONS_PER_MEMBER_MIN} each: ` +
      'load spreads unevenly, a larger ring would be better',
  ];
}

function downMembers(
  document: RingDocument,
  transfers: readonly PendingTransfer[],
  isUp: PlanInput['isUp'],
): string[] {
  return document.members.flatMap((member) => {
    const moves = transfers.filter((transfer) => transfer.from === member.id || transfer.to === member.id);
    if (moves.length === 0 || isUp(member.id)) return [];
    return [`${member.name} is down: ${moves.length} transfers wait until it is back`];
  });
}

/** Receivers that do not run what others do. */
function missingServices(
  document: RingDocument,
  transfers: readonly PendingTransfer[],
  servicesOf: PlanInput['servicesOf'],
): string[] {
  const services = [...new Set(document.members.flatMap(({ id }) => servicesOf(id) ?? []))].toSorted();
  return document.members.flatMap(({ id, name }) => {
    const own = servicesOf(id);
    const moves = transfers.filter((transfer) => transfer.to === id).length;
    const missing = services.filter((service) => own?.includes(service) === false);
    if (moves === 0 || missing.length === 0) return [];
    return [`${name} does not run ${missing.join(', ')}: ${moves} transfers wait until it does`];
  });
}

const planShape = isRecord({
  planId: isName,
  documentDigest: isName,
  changes: isListOf(isRecord({ action: isOneOf('join', 'leave'), node: isName })),
  transition: isRecord({
    owners: isListOf(isName),
    transfers: isListOf(isRecord({ partition: isCount, from: isName, to: isName })),
    warnings: isListOf(isText),
  }),
});

export function encodePlan(plan: Plan): Uint8Array {
  return jsonEncode(plan);
}

/** `WireError` when damaged. */
export function decodePlan(bytes: Uint8Array): Plan {
  const raw = jsonDecode(bytes);
  expectShape(planShape, raw, 'a plan');
  return raw as Plan;
}
