/**
 * What operators see of the cluster: ring documents, plans and transfers with names for ids and percentages for owners. Pure.
 *
 * A node that has asked to join shows the cluster it is about to enter.
 */
import {
  ringIndexOf,
  type Node,
  type NodeId,
  type PartitionId,
  type Plan,
  type RingDocument,
  type TransferStatus,
  type WaitingTransfer,
} from '@rkv/core';
import type { MemberView, PlanView, RingView, StatusView, TransfersView } from '../admin/api.ts';

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
    ringPercent: percent(current.get(id), document),
    pendingPercent: percent(target.get(id), document),
    location,
    partialVnodes: node.members.partialOf(id),
    ...servicesOf(node, id),
  }));
  const { epoch, clusterId } = document;
  const ready = node.prospect === undefined && node.ringReady;
  return { members, ready, claimant: claimantName(node), epoch, clusterId };
}

export function ringView(node: Node, { active, waiting }: TransfersView): RingView {
  const { document } = node;
  const statusOf = (partition: number): 'waiting' | 'active' | 'complete' => {
    if (active.some((transfer) => transfer.kind === 'ownership' && transfer.partition === partition))
      return 'active';
    const held = waiting.find(
      (transfer) => transfer.kind === 'ownership' && transfer.partition === partition,
    );
    return held?.reason.startsWith('all items') === true ? 'complete' : 'waiting';
  };
  return {
    ringSize: document.ringSize,
    version: document.epoch,
    claimant: claimantName(node),
    owners: document.owners.map((owner) => nameOf(document, owner)),
    pending: document.pending.map(({ partition, from, to }) => {
      return {
        partition,
        from: nameOf(document, from),
        to: nameOf(document, to),
        status: statusOf(partition),
      };
    }),
    buckets: document.buckets.map(({ prefix, n, level }) => ({ prefix, n, level })),
  };
}

/** What a node answers to `transfers`. */
export interface RawTransfers {
  readonly active: readonly TransferStatus[];
  readonly waiting: readonly WaitingTransfer[];
}

export function namedTransfers(document: RingDocument, { active, waiting }: RawTransfers): TransfersView {
  const named = <T extends { from: NodeId; to: NodeId }>(transfer: T): T & { from: string; to: string } => ({
    ...transfer,
    from: nameOf(document, transfer.from),
    to: nameOf(document, transfer.to),
  });
  return { active: active.map(named), waiting: waiting.map(named) } as unknown as TransfersView;
}

/** What is known to wait at a member that says nothing. */
export function silentTransfers(document: RingDocument, member: NodeId, why: string): TransfersView {
  const waiting = document.pending
    .filter((transfer) => transfer.from === member)
    .map(({ partition, from, to }) => ({
      partition,
      from: nameOf(document, from),
      to: nameOf(document, to),
      kind: 'ownership',
      reason: `${nameOf(document, member)} ${why}`,
    }));
  return { active: [], waiting };
}

export function planView(plan: Plan, document: RingDocument): PlanView {
  const names = (node: NodeId): string => nameOf(document, node);
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

export function nameOf(document: RingDocument, id: NodeId): string {
  return document.members.find((member) => member.id === id)?.name ?? id;
}

export function indexText(partition: PartitionId, document: RingDocument): string {
  return ringIndexOf(partition, document.ringSize).toString();
}

function claimantName({ prospect, document, claimant }: Node): string {
  return prospect === undefined ? nameOf(document, claimant) : nameOf(prospect, prospect.claimant);
}

function servicesOf(node: Node, member: NodeId): { services?: readonly string[] } {
  const services = node.members.servicesOf(member);
  return services === undefined ? {} : { services };
}
