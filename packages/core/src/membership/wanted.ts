/**
 * The members that are wanted, declared: what is to be done next so that the ring comes to have them. Pure.
 *
 * It looks at one document and names steps; whoever carries them out looks again afterwards. So it does not matter who
 * carries them out, how often, or that some of them were lost on the way: what is so already is never asked for again,
 * and when nothing is left to do the answer is always the same. Nothing is ever forced: a member that is down and has to
 * go is waited for, and the operator is told what would remove it.
 */
import type { NodeId } from '../contracts/ids.ts';
import { memberNamed, type Member, type RingDocument } from '../ring/document.ts';
import type { AdminRequest } from './events.ts';
import { changeOf, hasStaged, pendingRefusal, stagedResize } from './staging.ts';

/** One that shall be a member. */
export interface WantedMember {
  readonly name: string;
  /** Its cluster port; needed only while it is no member. */
  readonly address?: string | undefined;
  /** The member whose partitions it takes over. */
  readonly replaces?: string | undefined;
}

/** One thing to do on the way. */
export type WantedStep =
  /** Have this node ask to be let in. */
  | { readonly kind: 'invite'; readonly name: string; readonly address: string }
  | { readonly kind: 'ask'; readonly request: AdminRequest; readonly what: string }
  /** Plan, and commit that plan. */
  | { readonly kind: 'carryOut' };

/** What is to be done now, and what can only be waited for. */
export interface WayToWanted {
  /** The members are the wanted ones, or become so by transfers that are under way. */
  readonly done: boolean;
  /** In this order; look again after them. */
  readonly steps: readonly WantedStep[];
  /** What has to happen by itself, or by the operator, before there is more to do: a sentence each. */
  readonly waiting: readonly string[];
}

/** Names in `wanted` are distinct. */
export function wayTo(document: RingDocument, wanted: readonly WantedMember[]): WayToWanted {
  const names = new Set(wanted.map(({ name }) => name));
  const outcast = document.members.find(
    (member) => names.has(member.name) && !isLeaving(member) && changeOf(document, member.id) !== undefined,
  );
  if (outcast !== undefined) {
    return doing({ kind: 'ask', request: { kind: 'clear' }, what: `what is staged, ${outcast.name} stays` });
  }
  if (stagedResize(document) !== undefined)
    return waitingFor('a resize of the ring is staged: commit or clear it');
  const waiting = [...cannotComeYet(document, wanted), ...cannotGo(document, wanted, names)];
  const steps = [...invitations(document, wanted), ...farewells(document, wanted, names)];
  if (steps.length > 0) return { done: false, steps, waiting };
  const isHeldUp = waiting.length > 0 || wanted.some(({ name }) => memberNamed(document, name) === undefined);
  // All that is wanted is committed together. Whoever was told to leave before that need not wait for it.
  const isToCommit = hasStaged(document)
    ? !isHeldUp
    : document.members.some((member) => isLeftBehind(document, member));
  if (!isToCommit) return { done: !isHeldUp, steps: [], waiting };
  const pending = pendingRefusal(document);
  if (pending === undefined) return { done: false, steps: [{ kind: 'carryOut' }], waiting };
  return { done: false, steps: [], waiting: [...waiting, pending.message] };
}

/** It is leaving, or is staged to go one way or another. */
function goes(document: RingDocument, member: Member): boolean {
  return isLeaving(member) || changeOf(document, member.id) !== undefined;
}

function isLeaving(member: Member): boolean {
  return (member.was ?? member.status) === 'leaving';
}

/**
 * It is leaving and owns what nothing takes from it: a transfer was dropped when it, or who was to have the partition, was
 * down. Another plan finishes that. A ring of another size leaves it nothing.
 */
function isLeftBehind({ owners, pending, resize }: RingDocument, { id, status }: Member): boolean {
  if (status !== 'leaving' || resize !== undefined) return false;
  const taken = new Set(pending.map(({ partition }) => partition as number));
  return owners.some((owner, partition) => owner === id && !taken.has(partition));
}

function cannotComeYet(document: RingDocument, wanted: readonly WantedMember[]): string[] {
  return wanted.flatMap(({ name, address }) => {
    const member = memberNamed(document, name);
    if (member !== undefined) {
      return isLeaving(member)
        ? [`${name} is leaving; once it is gone it can be started anew and let in`]
        : [];
    }
    const other = joinerAt(document, address);
    if (other !== undefined)
      return [`at ${address} is ${other.name}, not ${name}: write that name, or start ${name} there`];
    return address === undefined ? [`${name} is no member: say its address, host:port`] : [];
  });
}

function cannotGo(
  document: RingDocument,
  wanted: readonly WantedMember[],
  names: ReadonlySet<string>,
): string[] {
  return document.members.flatMap((member) => {
    const { id, name, status } = member;
    const hasToGo = isLeaving(member) || !names.has(name);
    if (status !== 'down' || !hasToGo || changeOf(document, id) !== undefined) return [];
    const heir = heirOf(document, wanted, name);
    const force = heir === undefined ? `force-remove ${name}` : `force-replace ${name} ${heir.name}`;
    return [`${name} is down and can hand nothing over: start it, or cluster ${force}`];
  });
}

/**
 * Who is wanted in the place of this member and can take it: it takes over when it joins. One that is a member already has
 * partitions of its own.
 */
function heirOf(
  document: RingDocument,
  wanted: readonly WantedMember[],
  name: string,
): { readonly name: string; readonly joiner: Member | undefined } | undefined {
  const heir = wanted.find(({ replaces }) => replaces === name)?.name;
  const member = heir === undefined ? undefined : memberNamed(document, heir);
  if (heir === undefined || (member !== undefined && member.status !== 'joining')) return undefined;
  return { name: heir, joiner: member };
}

/** Who has asked to join from this address. */
function joinerAt({ members }: RingDocument, address: string | undefined): Member | undefined {
  return members.find((member) => member.status === 'joining' && member.address === address);
}

function invitations(document: RingDocument, wanted: readonly WantedMember[]): WantedStep[] {
  return wanted.flatMap(({ name, address }): WantedStep[] =>
    address === undefined ||
    memberNamed(document, name) !== undefined ||
    joinerAt(document, address) !== undefined
      ? []
      : [{ kind: 'invite', name, address }],
  );
}

function farewells(
  document: RingDocument,
  wanted: readonly WantedMember[],
  names: ReadonlySet<string>,
): WantedStep[] {
  return document.members.flatMap((member): WantedStep[] => {
    const { id, name, status } = member;
    if (names.has(name) || status === 'down' || goes(document, member)) return [];
    if (status === 'joining')
      // Invited under another name: whoever wrote that is told, and it is not sent away to be invited anew.
      return wanted.some(({ address }) => address === member.address)
        ? []
        : [leave(id, `the join of ${name}, back`)];
    const heir = heirOf(document, wanted, name);
    if (heir === undefined) return [leave(id, `that ${name} leave`)];
    if (heir.joiner === undefined) return [];
    const request: AdminRequest = { kind: 'replace', node: id, by: heir.joiner.id };
    return [{ kind: 'ask', request, what: `that ${heir.name} replace ${name}` }];
  });
}

function leave(node: NodeId, what: string): WantedStep {
  return { kind: 'ask', request: { kind: 'leave', node }, what };
}

function doing(step: WantedStep): WayToWanted {
  return { done: false, steps: [step], waiting: [] };
}

function waitingFor(reason: string): WayToWanted {
  return { done: false, steps: [], waiting: [reason] };
}
