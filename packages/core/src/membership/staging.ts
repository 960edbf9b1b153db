/**
 * Staging: what operators asked for, written into the ring document before anything moves. Pure.
 *
 * A join is staged as a member with status `joining` (in the order of arrival), a leave as an entry of
 * `staged`. Nothing is owned, moved or voted on because of it until commit; since the wishes stand in the
 * agreed document, a claimant that dies loses none of them.
 *
 * Each function gives the document as it should be, the very same object when there is nothing to change, or
 * a refusal. Epoch and parent digest are filled in by whoever has it agreed.
 *
 * Source: Riak's riak_core_claimant (stage, clear).
 */
import type { NodeId } from '../contracts/ids.ts';
import {
  memberNamed,
  memberOf,
  type AgreedDocument,
  type Member,
  type RingDocument,
} from '../ring/document.ts';
import { refuse, type Refusal } from './refusal.ts';

/** How a document follows from the current one. Called again whenever another document came in between. */
export type Build = (current: AgreedDocument) => RingDocument | Refusal;

/** What a node tells of itself: all of it but the id may change. */
export interface MemberInfo {
  readonly id: NodeId;
  readonly name: string;
  /** The cluster port, `host:port`. */
  readonly address: string;
  readonly location: string;
  readonly storeId?: string;
}

/** A node that asks to be let in. */
export interface Candidate extends MemberInfo {
  /** Of the ring it has now, alone. */
  readonly ringSize: number;
}

/** What a member may say anew of itself. */
const TOLD = ['name', 'address', 'location', 'storeId'] as const;

export function stageJoin(document: RingDocument, candidate: Candidate): RingDocument | Refusal {
  const { ringSize, ...info } = candidate;
  const member = memberOf(document, info.id);
  if (member !== undefined && document.members.length === 1) {
    return refuse('self_join', `${info.name} cannot join itself`);
  }
  if (member !== undefined && member.status !== 'joining') {
    return refuse('already_member', `${info.name} is a member of this cluster already (${member.status})`);
  }
  const namesake = memberNamed(document, info.name);
  if (namesake !== undefined && namesake.id !== info.id) {
    return refuse('name_taken', `another member is called ${info.name}; start the node with another --name`);
  }
  if (ringSize !== document.ringSize) {
    return refuse(
      'different_ring_size',
      `the ring of this cluster has ${document.ringSize} partitions and that of ${info.name} has ${ringSize}; ` +
        `start it afresh with --ring-size ${document.ringSize}`,
    );
  }
  if (member !== undefined) return withMemberInfo(document, info);
  return { ...document, members: [...document.members, { ...info, status: 'joining' }] };
}

/** The document with what a member says of itself; the same object when it says nothing new. */
export function withMemberInfo(document: RingDocument, info: MemberInfo): RingDocument {
  const known = memberOf(document, info.id);
  if (known === undefined || TOLD.every((field) => (info[field] ?? known[field]) === known[field]))
    return document;
  const members = document.members.map((member) =>
    member.id === info.id ? { ...member, ...info, status: member.status } : member,
  );
  return { ...document, members };
}

/** A leave of a member that is still `joining` takes the join back. */
export function stageLeave(document: RingDocument, node: NodeId): RingDocument | Refusal {
  const member = memberOf(document, node);
  if (member === undefined) return refuse('not_member', 'there is no such member');
  const staged = document.staged.some((change) => change.node === node);
  if (member.status === 'leaving' || staged) {
    return refuse('already_leaving', `${member.name} is already ${staged ? 'staged to leave' : 'leaving'}`);
  }
  if (stayers(document).every((stayer) => stayer.id === node)) {
    return refuse('only_member', `${member.name} is the only member that would stay`);
  }
  if (member.status === 'joining') {
    return { ...document, members: document.members.filter((other) => other.id !== node) };
  }
  return { ...document, staged: [...document.staged, { kind: 'leave', node }] };
}

/** Takes back everything staged, joins included. */
export function clearStaged(document: RingDocument): RingDocument {
  if (!hasStaged(document)) return document;
  return {
    ...document,
    members: document.members.filter((member) => member.status !== 'joining'),
    staged: [],
  };
}

export function hasStaged(document: RingDocument): boolean {
  return document.staged.length > 0 || document.members.some((member) => member.status === 'joining');
}

/** Those who would own the ring once everything staged were committed, in member order. */
export function stayers(document: RingDocument): Member[] {
  return document.members.filter(
    (member) => member.status !== 'leaving' && !document.staged.some((change) => change.node === member.id),
  );
}

/** The first full member in member order other than `leaver`: who takes the claimant's duty over. */
export function successorOf(document: RingDocument, leaver: NodeId): NodeId | undefined {
  return document.members.find((member) => member.status === 'valid' && member.id !== leaver)?.id;
}
