/** Membership drawn for people: documents, messages and effects as one line each, for traces and failed tests. */
import type { NodeId } from '../contracts/ids.ts';
import type { AgreedDocument, MemberStatus, RingDocument, StagedChange } from '../ring/document.ts';
import { describeEpoch } from '../ring/era.ts';
import type { Ballot } from './acceptor.ts';
import type { MembershipEffect, RequestResult } from './events.ts';
import type { MembershipMessage } from './messages.ts';
import type { Report } from './reports.ts';

/** Turns an id into what the reader knows it by. */
export type NameOf = (node: NodeId) => string;

const asIs: NameOf = (node) => node;

const MARKS: Readonly<Record<MemberStatus, string>> = { joining: '+', valid: '', leaving: '-', down: '!' };

/** `e7 n1 n2+ n3- owners n1:8 n2:8 pending 2 staged leave n3`; + is joining, - leaving, ! down, * the claimant. */
export function describeDocument(document: RingDocument): string {
  const members = document.members.map(({ id, name, status }) => {
    return `${name}${MARKS[status]}${id === document.claimant ? '*' : ''}`;
  });
  const counts = document.members.flatMap(({ id, name }) => {
    const count = document.owners.filter((owner) => owner === id).length;
    return count === 0 ? [] : [`${name}:${count}`];
  });
  const nameOf = new Map(document.members.map(({ id, name }) => [id, name]));
  const pending = document.pending.length === 0 ? [] : [`pending ${document.pending.length}`];
  const resize = document.resize === undefined ? [] : [`resizing to ${document.resize.ringSize}`];
  const staged = document.staged.map(
    (change) => `staged ${describeChange(change, (node) => nameOf.get(node) ?? node)}`,
  );
  return [
    `e${describeEpoch(document.epoch)}`,
    ...members,
    'owners',
    ...counts,
    ...pending,
    ...resize,
    ...staged,
  ].join(' ');
}

/** `replace n1 by n4`, `resize 64`. */
export function describeChange(change: StagedChange, nameOf: NameOf = asIs): string {
  if (change.kind === 'resize') return `resize ${change.ringSize}`;
  const by = 'by' in change ? ` by ${nameOf(change.by)}` : '';
  return `${change.kind} ${nameOf(change.node)}${by}`;
}

export function describeMessage(message: MembershipMessage, nameOf: NameOf = asIs): string {
  switch (message.kind) {
    case 'heartbeat':
      return `heartbeat e${message.epoch}`;
    case 'documentRequest':
      return 'documentRequest';
    case 'document':
      return `document ${label(message.document)}`;
    case 'prepare':
    case 'accepted':
      return `${message.kind} e${message.slot} ${ballot(message.ballot, nameOf)}`;
    case 'promise': {
      const held = message.accepted;
      const what = held === null ? 'nothing' : `${label(held.document)} at ${ballot(held.ballot, nameOf)}`;
      return `promise e${message.slot} ${ballot(message.ballot, nameOf)} accepted ${what}`;
    }
    case 'accept':
      return `accept ${ballot(message.ballot, nameOf)} ${label(message.document)}`;
    case 'nack': {
      const { slot, promised } = message;
      return `nack e${slot} ${ballot(message.ballot, nameOf)} promised ${ballot(promised, nameOf)}`;
    }
    case 'joinRequest':
      return `joinRequest ${message.candidate.name}`;
    case 'joinReply': {
      const { result } = message;
      return `joinReply ${result.kind === 'staged' ? `staged ${label(result.document)}` : describeResult(result)}`;
    }
    case 'report':
      return `report ${describeReport(message.report, nameOf)}`;
  }
}

export function describeEffect(effect: MembershipEffect, nameOf: NameOf = asIs): string {
  switch (effect.kind) {
    case 'save':
      return `save ${effect.name} #${effect.token}`;
    case 'send':
      return `send ${nameOf(effect.to)} ${describeMessage(effect.message, nameOf)}`;
    case 'adopted':
      return `adopted ${describeDocument(effect.agreed.document)}`;
    case 'upChanged':
      return `${nameOf(effect.node)} is ${effect.up ? 'up' : 'down'}`;
    case 'reply':
      return `reply #${effect.requestId} ${describeResult(effect.result)}`;
    case 'removed':
      return 'removed';
    case 'setPeers':
      return `setPeers ${effect.peers.map((peer) => nameOf(peer.id)).join(' ')}`;
    case 'log':
      return `log ${effect.level} ${effect.text}`;
  }
}

export function describeResult(result: RequestResult): string {
  switch (result.kind) {
    case 'staged':
    case 'cleared':
    case 'done':
    case 'committed':
      return `${result.kind} e${describeEpoch(result.epoch)}`;
    case 'planned':
      return `planned ${result.plan.transitions.reduce((sum, { transfers }) => sum + transfers.length, 0)} transfers`;
    case 'not_claimant':
      return `not_claimant, ask ${result.claimant.name}`;
    case 'refused':
      return `refused ${result.code}${result.definite ? '' : ' (indefinite)'}`;
  }
}

function describeReport(report: Report, nameOf: NameOf): string {
  switch (report.kind) {
    case 'transferComplete': {
      const { partition, from, to } = report.transfer;
      return `transferComplete p${partition} ${nameOf(from)} -> ${nameOf(to)}`;
    }
    case 'drained':
    case 'back':
      return `${report.kind} ${nameOf(report.node)}`;
    case 'filled':
      return `filled ${report.ringSize} ${nameOf(report.node)}${report.full ? '' : ' no more'}`;
    case 'memberInfo':
      return `memberInfo ${report.info.name} ${report.info.address}`;
  }
}

function ballot({ round, node }: Ballot, nameOf: NameOf): string {
  return `b${round}.${nameOf(node)}`;
}

function label({ document, digest }: AgreedDocument): string {
  return `e${document.epoch}/${digest.slice(0, 6)}`;
}
