/**
 * What operators see of the cluster: ring documents, plans and transfers with names for ids and percentages for owners. Pure.
 *
 * A node that has asked to join shows the cluster it is about to enter.
 */
import {
  memberName,
  ringIndexOf,
  type Node,
  type NodeId,
  type PartitionId,
  type Plan,
  type RingDocument,
  type TransfersAnswer,
  type WaitingTransfer,
} from '@rkv/core';
import type { MemberView, PlanView, RingView, StatusView, TransfersView } from '../admin/api.ts';
import { bucketViews } from './bucket-admin.ts';

export function statusView(node: Node): StatusView {
  const document = node.prospect ?? node.document;
  const current = countOwned(document.owners);
  const target = countOwned(targetOwners(document));
  const members = document.members.map(({ id, name, address, status, location }): MemberView => ({
    name,
    id,
    address,
    status,
    up: node.isUp(id),
    partitions: current.get(id) ?? 0,
    slow: node.members.isSlow(id),
    ringPercent: percent(current.get(id), document),
    pendingPercent: percent(target.get(id), document),
    location,
    partialVnodes: node.members.partialOf(id),
    ...clockOf(node, id),
    ...diskOf(node, id),
    ...servicesOf(node, id),
  }));
  const { epoch, clusterId, ringSize } = document;
  const ready = node.prospect === undefined && node.ringReady;
  const pending = document.pending.length;
  const resizing = document.resize === undefined ? {} : { resizingTo: document.resize.ringSize };
  return { members, ready, claimant: claimantName(node), epoch, clusterId, ringSize, pending, ...resizing };
}

function clockOf(node: Node, id: NodeId): Pick<MemberView, 'clockOffsetMs'> {
  const clockOffsetMs = node.clockOffset(id);
  return clockOffsetMs === undefined ? {} : { clockOffsetMs };
}

function diskOf(node: Node, id: NodeId): Pick<MemberView, 'disk'> {
  const disk = node.members.diskOf(id);
  return disk === undefined ? {} : { disk };
}

/** How the reason begins of a transfer that has brought everything (core's handoff). */
const ALL_THERE = 'all items';

export function ringView(node: Node, { active, waiting }: TransfersView): RingView {
  const { document } = node;
  const statusOf = (partition: number): 'waiting' | 'active' | 'complete' => {
    if (active.some((transfer) => transfer.kind === 'ownership' && transfer.partition === partition))
      return 'active';
    const held = waiting.find(
      (transfer) => transfer.kind === 'ownership' && transfer.partition === partition,
    );
    return held?.reason.startsWith(ALL_THERE) === true ? 'complete' : 'waiting';
  };
  return {
    ringSize: document.ringSize,
    version: document.epoch,
    claimant: claimantName(node),
    owners: document.owners.map((owner) => memberName(document, owner)),
    pending: document.pending.map(({ partition, from, to }) => {
      return {
        partition,
        from: memberName(document, from),
        to: memberName(document, to),
        status: statusOf(partition),
      };
    }),
    buckets: bucketViews(document),
    ...resizeView(document, { active, waiting }),
  };
}

function resizeView(
  { resize, ...document }: RingDocument,
  { active, waiting }: TransfersView,
): Pick<RingView, 'resize'> {
  if (resize === undefined) return {};
  const held = waiting.filter(({ kind }) => kind === 'resize');
  const done = held.filter(({ reason }) => reason.startsWith(ALL_THERE)).length;
  const total = held.length + active.filter(({ kind }) => kind === 'resize').length;
  const owners = resize.owners.map((owner) => memberName({ ...document, resize }, owner));
  return { resize: { ringSize: resize.ringSize, owners, done, total } };
}

/** What the members say of their transfers, made one: of each that runs, both ends. */
export function transfersView(
  document: RingDocument,
  members: readonly NodeId[],
  answers: readonly TransfersAnswer[],
): TransfersView {
  const named = <T extends { from: NodeId; to: NodeId }>(transfer: T): T & { from: string; to: string } => ({
    ...transfer,
    from: memberName(document, transfer.from),
    to: memberName(document, transfer.to),
  });
  const inbound = new Map(
    answers.flatMap((answer) => answer.inbound ?? []).map((status) => [transferKey(status), status]),
  );
  const active = answers
    .flatMap((answer) => answer.active)
    .map((transfer) => {
      const other = inbound.get(transferKey(transfer));
      const received = other && { items: other.items, bytes: other.bytes };
      return { ...named(transfer), ...(received && { received }) };
    });
  // A copy that a repair waits for may be told by both ends; the sender knows more.
  const waiting = new Map<string, WaitingTransfer>();
  const moving = new Set(answers.flatMap((answer) => answer.active).map(transferKey));
  for (const [at, answer] of answers.entries())
    for (const transfer of answer.waiting) {
      const key = transferKey(transfer);
      const isSender = members[at] === transfer.from;
      if (!moving.has(key) && (isSender || !waiting.has(key))) waiting.set(key, transfer);
    }
  return { active, waiting: [...waiting.values()].map(named) } as unknown as TransfersView;
}

function transferKey(
  transfer: Pick<WaitingTransfer, 'kind' | 'service' | 'partition' | 'sourcePartition' | 'from' | 'to'>,
): string {
  const { kind, service, partition, sourcePartition, from, to } = transfer;
  return [kind, service, partition, sourcePartition, from, to].join('/');
}

/** What is known to wait at a member that says nothing. */
export function silentTransfers(document: RingDocument, member: NodeId, why: string): TransfersAnswer {
  const waiting = document.pending
    .filter((transfer) => transfer.from === member)
    .map(({ partition, from, to }) => ({
      kind: 'ownership' as const,
      service: '',
      partition,
      sourcePartition: partition,
      from,
      to,
      reason: `${memberName(document, member)} ${why}`,
      sinceMs: 0,
      retryInMs: undefined,
    }));
  return { active: [], waiting, inbound: [] };
}

export function planView(plan: Plan, document: RingDocument): PlanView {
  const names = (node: NodeId): string => memberName(document, node);
  const named = ({ from, to, ...rest }: { from: NodeId; to: NodeId }) => ({
    ...rest,
    from: names(from),
    to: names(to),
  });
  return {
    id: plan.planId,
    changes: plan.changes.map((change) => ({
      ...change,
      ...('node' in change && { node: names(change.node) }),
      ...('by' in change && { by: names(change.by) }),
    })),
    transitions: plan.transitions.map((transition) => ({
      ringSize: transition.ringSize,
      owners: transition.owners.map(names),
      reassigned: transition.reassigned.map(named) as PlanMove[],
      transfers: transition.transfers.map(named) as PlanMove[],
      pairs: transition.pairs.map(named) as PlanPair[],
      ...(transition.copies && { copies: transition.copies }),
      certificate: {
        ...transition.certificate,
        counts: transition.certificate.counts.map(({ node, count }) => ({ node: names(node), count })),
      },
      warnings: transition.warnings,
      members: membersAfter(plan, document),
    })),
  };
}

type TransitionView = PlanView['transitions'][number];
type PlanMove = TransitionView['transfers'][number];
type PlanPair = TransitionView['pairs'][number];

/** The members once the plan is committed, with what they own then and what once all has moved. */
function membersAfter(plan: Plan, document: RingDocument): TransitionView['members'] {
  const [{ owners, ringSize, reassigned }] = plan.transitions;
  const atOnce = [...document.owners];
  for (const { partition, to } of reassigned) atOnce[partition] = to;
  const before = countOwned(atOnce);
  const after = countOwned(owners);
  const leaving = new Set<NodeId>();
  const removed = new Set<NodeId>();
  for (const change of plan.changes) {
    if (change.action === 'leave' || change.action === 'replace') leaving.add(change.node);
    if (change.action === 'force-remove' || change.action === 'force-replace') removed.add(change.node);
  }
  return document.members
    .filter(({ id }) => !removed.has(id))
    .map(({ id, name, status }) => ({
      name,
      status: leaving.has(id) ? 'leaving' : status === 'joining' ? 'valid' : status,
      ringPercent: percent(before.get(id), document),
      pendingPercent: percent(after.get(id), { ringSize }),
    }));
}

function targetOwners(document: RingDocument): NodeId[] {
  const owners = [...document.owners];
  for (const { partition, to } of document.pending) owners[partition] = to;
  return owners;
}

function countOwned(owners: readonly NodeId[]): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

function percent(count: number | undefined, { ringSize }: { readonly ringSize: number }): number {
  return Math.round(((count ?? 0) / ringSize) * 1000) / 10;
}

export function indexText(partition: PartitionId, document: RingDocument): string {
  return ringIndexOf(partition, document.ringSize).toString();
}

function claimantName({ prospect, document, claimant }: Node): string {
  return prospect === undefined ? memberName(document, claimant) : memberName(prospect, prospect.claimant);
}

function servicesOf(node: Node, member: NodeId): { services?: readonly string[] } {
  const services = node.members.servicesOf(member);
  return services === undefined ? {} : { services };
}
