/**
 * The plan: the ring as it would be once everything staged were carried out, as data. Pure.
 *
 * Claim is asked once, when planning. The owners it gave are kept, shown to the operator and written into the
 * ring by commit as they are; no node computes a claim again. A plan belongs to the one document it was made
 * for: any document in between, whatever it changes, makes it void (`plan_changed`).
 *
 * What a commit changes comes in one transition. Partitions of members who hand over move by transfers; those of members
 * who are removed by force have another owner at once (`reassigned`), who fetches from the other replicas.
 *
 * Source: Riak's plan and commit, which derives the ring twice from a random seed and compares; rules 2.
 */
import { jsonDecode, jsonEncode, latin1Encode } from '../base/bytes.ts';
import { sha1Bytes, sha1Hex } from '../base/sha1.ts';
import { certify } from '../claim/certificate.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { NodeId } from '../contracts/ids.ts';
import {
  type AgreedDocument,
  type Member,
  type PendingTransfer,
  type RingDocument,
} from '../ring/document.ts';
import {
  claimInputFor,
  locationsOf,
  plannedRing,
  type ClaimFunction,
  type PlannedRing,
} from './planned-ring.ts';
import { planWarnings } from './plan-warnings.ts';
import { refuse, type Refusal } from './refusal.ts';
import {
  expectShape,
  isBoolean,
  isCount,
  isKindOf,
  isListOf,
  isName,
  isOptional,
  isPositive,
  isRecord,
  isSentence,
} from './shape.ts';
import { changeOf, hasStaged, pendingRefusal, stayers, withClaimant } from './staging.ts';

/**
 * What is planned, one each. Beside what is staged:
 *
 *   finish-leave   a member that is leaving already has partitions that nothing takes from it (a transfer was dropped)
 *   rebalance      nothing is staged, nobody is down, and claim has a better ring for those who are there
 */
export type PlannedChange =
  | { readonly action: 'join' | 'leave' | 'finish-leave' | 'force-remove'; readonly node: NodeId }
  | { readonly action: 'replace' | 'force-replace'; readonly node: NodeId; readonly by: NodeId }
  | { readonly action: 'resize'; readonly from: number; readonly to: number }
  | { readonly action: 'rebalance' };

/** How good the ring would be: counted anew from its owners (claim/certificate.ts). */
export interface PlanCertificate {
  /** Partitions per owner or member that stays. */
  readonly counts: readonly { readonly node: NodeId; readonly count: number }[];
  /** Lists of three and of four successive partitions with an owner twice. */
  readonly n3: number;
  readonly n4: number;
  /** Lists of three in fewer locations than could be; missing where no member has told one. */
  readonly locationViolations?: number;
  /** Whether a ring of this size and so many members can have a smaller `n3`. */
  readonly avoidable: boolean;
  /** Partitions that change owner, and the fewest after which counts differ by at most one. None for another ring size. */
  readonly moves: number;
  readonly leastMoves: number;
}

/** One step of a plan: a ring, and what moves to get there. */
export interface Transition {
  readonly ringSize: number;
  /** The owner of each partition once all of it is done. */
  readonly owners: readonly NodeId[];
  /** Change owner with the commit, at once: `from` is a member no more. */
  readonly reassigned: readonly PendingTransfer[];
  readonly transfers: readonly PendingTransfer[];
  /** The transfers by who gives to whom. */
  readonly pairs: readonly { readonly from: NodeId; readonly to: NodeId; readonly count: number }[];
  /** For another ring size only: copies of ranges of keys, and how many of them another node is to hold than now. */
  readonly copies?: { readonly total: number; readonly moved: number };
  readonly certificate: PlanCertificate;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

export interface Plan {
  /** Names the document and the target owners, so the same plan made twice has one id. */
  readonly planId: string;
  /** Digest of the document that the plan was made for. */
  readonly documentDigest: string;
  readonly changes: readonly PlannedChange[];
  /** One: whatever is staged together is done together. */
  readonly transitions: readonly [Transition];
}

export interface PlanInput {
  readonly current: AgreedDocument;
  readonly claim: ClaimFunction;
  readonly isUp: (node: NodeId) => boolean;
  /** Which services a node runs; undefined when it has not said. */
  readonly servicesOf: (node: NodeId) => readonly string[] | undefined;
  /** How many vnodes of a node are partial, as it said last. */
  readonly partialOf: (node: NodeId) => number;
}

export function makePlan(input: PlanInput): Plan | Refusal {
  const { document, digest } = input.current;
  const refusal = refusalToPlan(document);
  if (refusal !== undefined) return refusal;
  const ring = plannedRing(document, input.claim);
  const changes = changesOf(document, ring);
  if (changes.length === 0) {
    return refuse('nothing_planned', 'there are no staged changes, and the ring is as good as it can be');
  }
  const transition: Transition = {
    ...ring,
    ringSize: ring.owners.length,
    pairs: pairsOf(ring.transfers),
    certificate: certificateOf(document, ring),
    warnings: planWarnings(document, ring, input),
  };
  return {
    planId: planIdOf(digest, ring.owners),
    documentDigest: digest,
    changes,
    transitions: [transition],
  };
}

/** What `makePlan` asks of claim; undefined: nothing, or it refuses. */
export function claimInputOfPlan(document: RingDocument): ClaimInput | undefined {
  return refusalToPlan(document) === undefined ? claimInputFor(document) : undefined;
}

function refusalToPlan(document: RingDocument): Refusal | undefined {
  const refusal = pendingRefusal(document);
  if (refusal !== undefined) return refusal;
  if (stayers(document).some((member) => member.status !== 'down')) return undefined;
  return refuse('only_member', 'nobody who is not down would stay');
}

/** The document that carries out `plan`, or why it cannot be carried out. */
export function commitPlan(
  current: AgreedDocument,
  plan: Plan | undefined,
  planId: string | undefined,
): RingDocument | Refusal {
  const { document, digest } = current;
  const refusal = pendingRefusal(document);
  if (refusal !== undefined) return refusal;
  if (plan === undefined) return refuse('nothing_planned', 'look at the plan before you commit it');
  if (plan.documentDigest !== digest || (planId !== undefined && planId !== plan.planId)) {
    return hasStaged(document)
      ? refuse('plan_changed', 'the ring or the staged changes are not what was planned; plan again')
      : refuse('nothing_planned', 'there are no staged changes, and the ring is not that of the plan');
  }
  const [{ ringSize, owners, reassigned, transfers }] = plan.transitions;
  if (ringSize !== document.ringSize) return { ...document, staged: [], resize: { ringSize, owners } };
  const ownersNow = [...document.owners];
  for (const { partition, to } of reassigned) ownersNow[partition] = to;
  const committed: RingDocument = {
    ...document,
    members: document.members.flatMap((member) => afterCommit(document, member)),
    owners: ownersNow,
    staged: [],
    pending: transfers,
  };
  return withClaimant(committed);
}

function afterCommit(document: RingDocument, member: Member): Member[] {
  const change = changeOf(document, member.id);
  switch (change?.kind) {
    case 'force-remove':
    case 'force-replace':
      return [];
    case 'leave':
    case 'replace':
      return [{ ...member, status: 'leaving' }];
    case undefined:
      return [member.status === 'joining' ? { ...member, status: 'valid' } : member];
  }
}

function changesOf(document: RingDocument, ring: PlannedRing): PlannedChange[] {
  const joins = document.members.filter((member) => member.status === 'joining');
  const handers = new Set(ring.transfers.map((transfer) => transfer.from));
  const unfinished = document.members.filter(({ id, status }) => status === 'leaving' && handers.has(id));
  const changes: PlannedChange[] = [
    ...joins.map((member): PlannedChange => ({ action: 'join', node: member.id })),
    ...document.staged.map((change): PlannedChange => {
      if (change.kind === 'resize') return { action: 'resize', from: document.ringSize, to: change.ringSize };
      const { kind, ...rest } = change;
      return { action: kind, ...rest } as PlannedChange;
    }),
    ...unfinished
      .filter(({ id }) => changeOf(document, id) === undefined)
      .map((member): PlannedChange => ({ action: 'finish-leave', node: member.id })),
  ];
  const isBetter = ring.transfers.length > 0 && document.members.every(({ status }) => status !== 'down');
  return changes.length === 0 && isBetter ? [{ action: 'rebalance' }] : changes;
}

function pairsOf(transfers: readonly PendingTransfer[]): Transition['pairs'] {
  const pairs = new Map<string, Transition['pairs'][number]>();
  for (const { from, to } of transfers) {
    const key = `${from} ${to}`;
    pairs.set(key, { from, to, count: (pairs.get(key)?.count ?? 0) + 1 });
  }
  return [...pairs.values()];
}

function certificateOf(document: RingDocument, { owners }: PlannedRing): PlanCertificate {
  const members = [...new Set([...stayers(document).map((member) => member.id), ...owners])];
  const locations = locationsOf(document.members.filter((member) => members.includes(member.id)));
  const before = owners.length === document.ringSize ? document.owners : owners;
  const { counts, violations, locationViolations, avoidable, moves, leastMoves } = certify({
    owners: before,
    members,
    after: owners,
    ...(locations && { locations }),
  });
  return {
    counts: [...counts].map(([node, count]) => ({ node, count })),
    ...violations,
    ...(locationViolations !== undefined && { locationViolations }),
    avoidable,
    moves,
    leastMoves,
  };
}

function planIdOf(documentDigest: string, owners: readonly NodeId[]): string {
  const words = new Uint32Array(5);
  sha1Bytes(latin1Encode([documentDigest, ...owners].join(' ')), words);
  return sha1Hex(words).slice(0, 12);
}

const isMoves = isListOf(isRecord({ partition: isCount, from: isName, to: isName }));
const isOfNode = isRecord({ node: isName });
const isOfTwo = isRecord({ node: isName, by: isName });
const isAction = isKindOf({
  join: isOfNode,
  leave: isOfNode,
  'finish-leave': isOfNode,
  'force-remove': isOfNode,
  replace: isOfTwo,
  'force-replace': isOfTwo,
  resize: isRecord({ from: isPositive, to: isPositive }),
  rebalance: isRecord({}),
});
const transitionShape = isRecord({
  ringSize: isPositive,
  owners: isListOf(isName),
  reassigned: isMoves,
  transfers: isMoves,
  pairs: isListOf(isRecord({ from: isName, to: isName, count: isPositive })),
  copies: isOptional(isRecord({ total: isPositive, moved: isCount })),
  certificate: isRecord({
    counts: isListOf(isRecord({ node: isName, count: isCount })),
    n3: isCount,
    n4: isCount,
    locationViolations: isOptional(isCount),
    avoidable: isBoolean,
    moves: isCount,
    leastMoves: isCount,
  }),
  warnings: isListOf(isSentence),
});
export const isPlan = isRecord({
  planId: isName,
  documentDigest: isName,
  changes: isListOf((change) =>
    isAction({ ...(change as object), kind: (change as { action?: unknown })?.action }),
  ),
  transitions: (value) => Array.isArray(value) && value.length === 1 && transitionShape(value[0]),
});

export function encodePlan(plan: Plan): Uint8Array {
  return jsonEncode(plan);
}

/** `WireError` when damaged, or of a form that this version does not know. */
export function decodePlan(bytes: Uint8Array): Plan {
  const raw = jsonDecode(bytes);
  expectShape(isPlan, raw, 'a plan');
  return raw as Plan;
}
