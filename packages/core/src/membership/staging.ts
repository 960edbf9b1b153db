/**
 * Staging: what operators asked for, written into the ring document before anything moves. Pure.
 *
 * A join is staged as a member with status `joining` (in the order of arrival), anything else as an entry of
 * `staged`: one for each node, of which a later one takes the place of the earlier. Nothing is owned, moved or voted
 * on because of it until commit; since the wishes stand in the agreed document, a claimant that dies loses none of them.
 *
 * A resize stands alone: keys find their partitions by the ring's size, so nothing else may change with it.
 *
 * Each function gives the document as it should be, the very same object when there is nothing to change, or
 * a refusal. Epoch and parent digest are filled in by whoever has it agreed.
 *
 * Source: Riak's riak_core_claimant (stage, clear).
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import {
  memberNamed,
  memberOf,
  type AgreedDocument,
  type Member,
  type RingDocument,
  type StagedChange,
} from '../ring/document.ts';
import { ringSizeProblem } from '../ring/hash-space.ts';
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
  const size = document.resize?.ringSize ?? document.ringSize;
  if (ringSize !== size) {
    const has = document.resize === undefined ? 'has' : 'is about to have';
    return refuse(
      'different_ring_size',
      `the ring of this cluster ${has} ${size} partitions and that of ${info.name} has ${ringSize}; ` +
        `start it afresh with --ring-size ${size}, or if it holds data have it take that size first: rkv ring resize ${size}`,
    );
  }
  if (member !== undefined) return withMemberInfo(document, info);
  if (stagedResize(document) !== undefined) return besideResize();
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

type NodeChange = Exclude<StagedChange, { kind: 'resize' }>;

export function stageChange(document: RingDocument, change: StagedChange): RingDocument | Refusal {
  switch (change.kind) {
    case 'leave':
      return stageLeave(document, change.node);
    case 'force-remove':
      return stageRemove(document, change.node);
    case 'replace':
    case 'force-replace':
      return stageReplace(document, change);
    case 'resize':
      return stageResize(document, change.ringSize);
  }
}

/** A leave of a member that is still `joining` takes the join back. */
export function stageLeave(document: RingDocument, node: NodeId): RingDocument | Refusal {
  const member = memberOf(document, node);
  if (member === undefined) return refuse('not_member', 'there is no such member');
  if (member.status === 'down') return isDown(member, `cluster force-remove ${member.name}`);
  const staged = changeOf(document, node)?.kind === 'leave';
  if (member.status === 'leaving' || staged) {
    return refuse('already_leaving', `${member.name} is already ${staged ? 'staged to leave' : 'leaving'}`);
  }
  if (member.status === 'joining') return takeJoinBack(document, member);
  if (!isKeptBesides(document, node)) return onlyMember(member);
  return withChange(document, { kind: 'leave', node });
}

/** Of a member that is up too: the plan warns. One that is still `joining` has nothing to lose. */
function stageRemove(document: RingDocument, node: NodeId): RingDocument | Refusal {
  const member = memberOf(document, node);
  if (member === undefined) return refuse('not_member', 'there is no such member');
  if (changeOf(document, node)?.kind === 'force-remove') return document;
  if (member.status === 'joining') return takeJoinBack(document, member);
  if (!isKeptBesides(document, node)) return onlyMember(member);
  return withChange(document, { kind: 'force-remove', node });
}

function stageReplace(
  document: RingDocument,
  { kind, node, by }: Extract<StagedChange, { by: NodeId }>,
): RingDocument | Refusal {
  const member = memberOf(document, node);
  const successor = memberOf(document, by);
  if (member === undefined || member.status === 'joining') {
    return refuse('not_member', `${member?.name ?? 'the node to be replaced'} is no member`);
  }
  if (kind === 'replace' && member.status === 'leaving') {
    return refuse('already_leaving', `${member.name} is already leaving`);
  }
  if (kind === 'replace' && member.status === 'down') {
    return isDown(member, `cluster force-replace ${member.name}`);
  }
  const other = document.staged.find((change) => 'by' in change && change.by === by && change.node !== node);
  if (other !== undefined) {
    return refuse('already_replacement', `${successor?.name} is staged to replace another member`);
  }
  if (successor?.status !== 'joining') {
    const who =
      successor === undefined ? 'the replacement is not known here' : `${successor.name} is a member`;
    return refuse('invalid_replacement', `${who}; it has to be a node that has asked to join`);
  }
  return withChange(document, { kind, node, by });
}

function stageResize(document: RingDocument, ringSize: number): RingDocument | Refusal {
  const problem = ringSizeProblem(ringSize);
  if (problem !== undefined) return refuse('invalid_ring_size', problem);
  const pending = pendingRefusal(document);
  if (pending !== undefined) return pending;
  if (ringSize === document.ringSize) {
    return refuse('same_size', `the ring has ${ringSize} partitions already`);
  }
  const staged = stagedResize(document);
  if (staged === undefined && hasStaged(document)) {
    return refuse(
      'changes_staged',
      'a resize stands alone; commit or clear the other staged changes, joins included, first',
    );
  }
  if (staged?.ringSize === ringSize) return document;
  return { ...document, staged: [{ kind: 'resize', ringSize }] };
}

/**
 * The ring keeps its size. Whoever asked to join while it was being resized came with a ring of the size that it was
 * to have, and is not let in.
 */
export function abortResize(document: RingDocument): RingDocument | Refusal {
  const { resize, ...rest } = document;
  if (resize !== undefined) {
    return { ...rest, members: document.members.filter((member) => member.status !== 'joining'), staged: [] };
  }
  if (stagedResize(document) === undefined) return refuse('not_resizing', 'the ring is not being resized');
  return { ...document, staged: [] };
}

/** Why nothing further can be committed, or undefined. */
export function pendingRefusal({ pending, resize }: RingDocument): Refusal | undefined {
  if (resize !== undefined) {
    return refuse(
      'pending_changes',
      `the ring is being resized to ${resize.ringSize}; wait for it or abort it`,
    );
  }
  if (pending.length === 0) return undefined;
  return refuse(
    'pending_changes',
    `${pending.length} transfers of the last commit are not done; wait for them first`,
  );
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

/** What is staged about a node. */
export function changeOf(document: RingDocument, node: NodeId): NodeChange | undefined {
  return document.staged.find((change): change is NodeChange => 'node' in change && change.node === node);
}

export function stagedResize(document: RingDocument): { readonly ringSize: number } | undefined {
  return document.staged.find((change) => change.kind === 'resize');
}

/** Those who would own the ring once everything staged were committed, in member order; some may be down. */
export function stayers(document: RingDocument): Member[] {
  return document.members.filter(
    (member) => (member.was ?? member.status) !== 'leaving' && changeOf(document, member.id) === undefined,
  );
}

/** Whether somebody else stays who can take partitions. */
function isKeptBesides(document: RingDocument, node: NodeId): boolean {
  return stayers(document).some((stayer) => stayer.id !== node && stayer.status !== 'down');
}

/** The first full member in member order other than `leaver`: who takes the claimant's duty over. */
export function successorOf(document: RingDocument, leaver: NodeId): NodeId | undefined {
  return document.members.find((member) => member.status === 'valid' && member.id !== leaver)?.id;
}

/** The document with a full member as its claimant; there must be one. */
export function withClaimant(document: RingDocument): RingDocument {
  if (memberOf(document, document.claimant)?.status === 'valid') return document;
  const claimant = successorOf(document, document.claimant);
  assert(claimant !== undefined, 'somebody stays');
  return { ...document, claimant };
}

function withChange(document: RingDocument, change: NodeChange): RingDocument | Refusal {
  if (stagedResize(document) !== undefined) return besideResize();
  if (document.resize !== undefined) return pendingRefusal(document) as Refusal;
  const others = document.staged.filter((staged) => !('node' in staged) || staged.node !== change.node);
  return { ...document, staged: [...others, change] };
}

/** A replacement that does not come replaces nobody. */
function takeJoinBack(document: RingDocument, joiner: Member): RingDocument | Refusal {
  const without = {
    ...document,
    members: document.members.filter((member) => member.id !== joiner.id),
    staged: document.staged.filter((change) => !('by' in change) || change.by !== joiner.id),
  };
  return isKeptBesides(without, joiner.id) ? without : onlyMember(joiner);
}

function besideResize(): Refusal {
  return refuse('changes_staged', 'a resize is staged and stands alone; commit or clear it first');
}

function onlyMember({ name }: Member): Refusal {
  return refuse('only_member', `${name} is the only member that would stay`);
}

function isDown({ name }: Member, instead: string): Refusal {
  return refuse(
    'is_down',
    `${name} is down and can hand nothing over; wait until it is back, or: ${instead}`,
  );
}
