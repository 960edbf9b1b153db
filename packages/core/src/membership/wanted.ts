/**
 * The members that are wanted, declared: what is to be done next so that the ring comes to have them. Pure.
 *
 * It looks at one document and names steps; whoever carries them out looks again afterwards. So it does not matter who
 * carries them out, how often, or that some of them were lost on the way: what is so already is never asked for again,
 * and when nothing is left to do the answer is always the same. Nothing is ever forced: a member that is down and not
 * wanted is waited for, and the operator is told what would remove it.
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
  const outcast = document.members.find((member) => names.has(member.name) && goes(document, member));
  if (outcast !== undefined && changeOf(document, outcast.id) !== undefined) {
    return doing({ kind: 'ask', request: { kind: 'clear' }, what: `what is staged, ${outcast.name} stays` });
  }
  if (stagedResize(document) !== undefined)
    return waitingFor('a resize of the ring is staged: commit or clear it');
  const waiting = [...cannotComeYet(document, wanted), ...cannotGo(document, names)];
  const steps = [...invitations(document, wanted), ...farewells(document, wanted, names)];
  const missing = wanted.filter(({ name }) => memberNamed(document, name) === undefined);
  if (steps.length > 0) return { done: false, steps, waiting };
  if (waiting.length > 0 || missing.length > 0) return { done: false, steps: [], waiting };
  if (!hasStaged(document)) return { done: true, steps: [], waiting: [] };
  const pending = pendingRefusal(document);
  return pending === undefined ? doing({ kind: 'carryOut' }) : waitingFor(pending.message);
}

/** It is leaving, or is staged to go one way or another. */
function goes(document: RingDocument, member: Member): boolean {
  return isLeaving(member) || changeOf(document, member.id) !== undefined;
}

function isLeaving(member: Member): boolean {
  return (member.was ?? member.status) === 'leaving';
}

function cannotComeYet(document: RingDocument, wanted: readonly WantedMember[]): string[] {
  return wanted.flatMap(({ name, address }) => {
    const member = memberNamed(document, name);
    if (member !== undefined) {
      return isLeaving(member)
        ? [`${name} is leaving; once it is gone it can be started anew and let in`]
        : [];
    }
    return address === undefined ? [`${name} is no member: say its address, host:port`] : [];
  });
}

function cannotGo(document: RingDocument, names: ReadonlySet<string>): string[] {
  return document.members
    .filter((member) => !names.has(member.name) && member.status === 'down' && !goes(document, member))
    .map(
      ({ name }) => `${name} is down and can hand nothing over: start it, or cluster force-remove ${name}`,
    );
}

function invitations(document: RingDocument, wanted: readonly WantedMember[]): WantedStep[] {
  return wanted.flatMap(({ name, address }): WantedStep[] =>
    address === undefined || memberNamed(document, name) !== undefined
      ? []
      : [{ kind: 'invite', name, address }],
  );
}

function farewells(
  document: RingDocument,
  wanted: readonly WantedMember[],
  names: ReadonlySet<string>,
): WantedStep[] {
  const successors = new Map(wanted.flatMap(({ name, replaces }) => (replaces ? [[replaces, name]] : [])));
  return document.members.flatMap((member): WantedStep[] => {
    const { id, name, status } = member;
    if (names.has(name) || status === 'down' || goes(document, member)) return [];
    if (status === 'joining') return [leave(id, `the join of ${name}, back`)];
    const successor = successors.get(name);
    if (successor === undefined) return [leave(id, `that ${name} leave`)];
    const by = memberNamed(document, successor);
    // It takes over when it joins; one that is a member already has partitions of its own.
    if (by === undefined) return [];
    if (by.status !== 'joining') return [leave(id, `that ${name} leave`)];
    const request: AdminRequest = { kind: 'replace', node: id, by: by.id };
    return [{ kind: 'ask', request, what: `that ${successor} replace ${name}` }];
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
