/** The arithmetic of a quorum in words: what a read or a write needs, who answers, what they hold, what comes of it. */
import { describeTime, stampHex, stampMs, type NodeId, type Replica } from '@rkv/core';
import type { OutlookView } from '../admin/api.ts';
import { isLive, laterState, sameState, VERSION_AT } from '../entry/index.ts';
import type { Inspection, Outlook, OutlookInit } from '../kv/index.ts';

export interface OutlookWords {
  readonly names: (node: NodeId) => string;
  /** Of the key, up or not. */
  readonly primaries: readonly Replica[];
  /** All that was asked or is down, on the list or not. */
  readonly found: readonly Inspection[];
  readonly now: number;
}

export function describeRead(outlook: Outlook, init: OutlookInit, words: OutlookWords): OutlookView {
  const holders = init.found.flatMap((inspection) =>
    inspection?.kind === 'inspected' && inspection.reply.head !== undefined
      ? [{ inspection, head: inspection.reply.head }]
      : [],
  );
  const latest = holders.reduce<Uint8Array | undefined>(
    (best, { head }) => (best === undefined || laterState(head, best) ? head : best),
    undefined,
  );
  const sentences = [
    ...describeNeed('read', outlook, init, words),
    describeHeld(latest, init, words),
    ...describeElsewhere(latest, init, words),
  ];
  const result = latest !== undefined && isLive(latest, words.now) ? 'a value' : '"not found"';
  if (outlook.byPrimaries) sentences.push('nobody else can answer, and the primaries that do are enough');
  sentences.push(
    outlook.possible ? `so a read is answered, ${result}` : `so a read fails${reason(outlook, 'read')}`,
  );
  return viewOf(outlook, sentences, words);
}

export function describeWrite(outlook: Outlook, init: OutlookInit, words: OutlookWords): OutlookView {
  const hints = init.list.replicas
    .filter(({ role }) => role === 'fallback')
    .map(({ partition, node }) => {
      const owner = words.primaries.find((primary) => primary.partition === partition)?.node;
      return `${words.names(node)} keeps a hint for ${owner === undefined ? 'the owner' : words.names(owner)}`;
    });
  const sentences = [
    ...describeNeed('write', outlook, init, words),
    ...hints,
    outlook.possible ? 'so a write is acknowledged' : `so a write fails${reason(outlook, 'write')}`,
  ];
  return viewOf(outlook, sentences, words);
}

function viewOf(outlook: Outlook, sentences: readonly string[], { names }: OutlookWords): OutlookView {
  const { quorum, possible, got, from } = outlook;
  return { ...quorum, possible, got, from: from.map(names), text: sentences.join('; ') };
}

function reason({ refused, quorum, primaries }: Outlook, verb: 'read' | 'write'): string {
  if (refused !== undefined) return `: ${refused.message}`;
  const sure = verb === 'write' ? '; nothing is written where that is known at once' : '';
  if (primaries < quorum.neededPrimaries) return `: too few primaries answer${sure}`;
  return `: too few answer${sure}`;
}

function describeNeed(
  verb: 'read' | 'write',
  { quorum, got }: Outlook,
  { list, found }: OutlookInit,
  words: OutlookWords,
): string[] {
  const { needed, neededNodes, neededPrimaries } = quorum;
  const primary = neededPrimaries > 0 ? `, ${neededPrimaries} of them primary` : '';
  const all = list.replicas.map((replica) => describeReplica(replica, words));
  const answering = found.flatMap((inspection) =>
    inspection?.kind === 'inspected' ? [describeReplica(inspection.replica, words)] : [],
  );
  const silent = words.found.flatMap((inspection) => {
    const isAsked = list.replicas.some((replica) => isSame(replica, inspection.replica));
    const isPrimary = words.primaries.some((replica) => isSame(replica, inspection.replica));
    return inspection.kind === 'silent' && (isAsked || isPrimary)
      ? [`${describeReplica(inspection.replica, words)} does not (${inspection.why})`]
      : [];
  });
  const counting = got === answering.length ? '' : `, and of these answers ${got} count`;
  return [
    `a ${verb} needs ${needed} of ${all.join(', ') || 'nobody'} on ${neededNodes} ${neededNodes === 1 ? 'node' : 'nodes'}${primary}`,
    answering.length === 0 ? 'nobody answers' : `${answering.join(', ')} answer${counting}`,
    ...silent,
  ];
}

function describeReplica({ node, partition, role }: Replica, { names, primaries }: OutlookWords): string {
  const twice = primaries.filter((primary) => primary.node === node).length > 1;
  return `${names(node)}${twice || role === 'fallback' ? ` (partition ${partition}${role === 'fallback' ? ', standing in' : ''})` : ''}`;
}

/** Whether those that were asked agree, and who will be sent the latest by a read that has heard them. */
function describeHeld(latest: Uint8Array | undefined, { found }: OutlookInit, words: OutlookWords): string {
  const heard = found.flatMap((inspection) => (inspection?.kind === 'inspected' ? [inspection] : []));
  const damaged = heard
    .filter(({ reply }) => reply.damage !== undefined)
    .map(({ replica }) => `${describeReplica(replica, words)} holds a damaged entry`);
  if (latest === undefined) return [...damaged, 'they hold nothing'].join('; ');
  const behind = heard.filter(
    ({ reply: { head, damage } }) => damage === undefined && (head === undefined || !sameState(head, latest)),
  );
  const version = `version ${stampHex(latest, VERSION_AT)}`;
  if (behind.length === 0) return [...damaged, `they agree on ${version}`].join('; ');
  const lags = behind.map(({ replica, reply: { head } }) => {
    const who = describeReplica(replica, words);
    const repair = replica.role === 'primary' ? ': a read that hears it will have it repaired' : '';
    if (head === undefined) return `${who} holds nothing${repair}`;
    const lag = stampMs(latest, VERSION_AT) - stampMs(head, VERSION_AT);
    return `${who} is behind by ${describeTime(lag)}${repair}`;
  });
  return [...damaged, `the latest is ${version}`, ...lags].join('; ');
}

/** A later state where no read looks for it; and hints. */
function describeElsewhere(
  latest: Uint8Array | undefined,
  { list }: OutlookInit,
  words: OutlookWords,
): string[] {
  return words.found.flatMap((inspection) => {
    if (inspection.kind !== 'inspected' || inspection.reply.head === undefined) return [];
    const { replica, reply } = inspection;
    const { head } = inspection.reply;
    if (list.replicas.some((other) => isSame(other, replica)) || reply.role !== 'fallback') return [];
    const age = latest !== undefined && !laterState(head, latest) ? 'nothing newer' : 'a newer version';
    const owner = words.primaries.find(({ partition }) => partition === replica.partition)?.node;
    const whose = owner === undefined ? '' : ` for ${words.names(owner)}`;
    return [`${words.names(replica.node)} keeps a hint${whose}, ${age}, and is not asked`];
  });
}

function isSame(a: Replica, b: Replica): boolean {
  return a.partition === b.partition && a.node === b.node;
}
