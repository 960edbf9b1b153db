/**
 * Whether an eventual store kept its word, from what its clients saw: for all that is not linearizable and need not be.
 *
 *     const verdict = checkSettled(history);
 *     if (!isSettled(verdict)) throw new Error(describeSettled(verdict));
 *
 * The promise: an acknowledged write stays until a later one replaces it; a delete is a write; replicas that have met hold
 * the same. What is later is told by stamps where the store gives them (`version`), else by what began after what had
 * ended. A state is *past* at a moment when something later was acknowledged before it. A write whose outcome nobody
 * knows may take effect at any time, so what it wrote is never past, unless its stamp is known.
 *
 *     phantom       what was found was written by nobody, or by somebody who was told that it surely was not
 *     lost          what was found is past, in a quiet time: a later write was acknowledged
 *     resurrected   the same, and the later one was a delete
 *     wentBack      one of these two, by a client that had read the later state itself
 *     diverged      two copies of a key differ, in a quiet time
 *
 * A set is judged member by member, each like a register that is there or not. A counter has in a quiet time at least
 * what was acknowledged (or it is lost) and at most that and all that may have happened (or it is phantom).
 *
 * Holds for every read: no phantoms. Holds in quiet times: all of it. So an acknowledged write is there or something later
 * is, and an acknowledged delete keeps its key away, on whichever node the read asked.
 * Not here: past values in other times. Eventual buckets do not promise that there are none; they are counted.
 */
import {
  groupedByKey,
  type Copy,
  type Json,
  type Operation,
  type Operations,
  type QuietTime,
} from '../history/operation.ts';
import { counter } from './counter.ts';
import { modelOf } from './linearizable.ts';
import type { Model } from './model.ts';
import { Past, type Change } from './past.ts';
import { leftBehind, register } from './register.ts';
import { set } from './set.ts';

/** Never written; lost; deleted and back; older than before; not the same on all copies. */
export type FindingKind = 'phantom' | 'lost' | 'resurrected' | 'wentBack' | 'diverged';

/** Somebody looked: a client by a read, or a test at one replica's copy. */
export interface Look {
  readonly key: string;
  readonly found: Json;
  readonly version?: string | undefined;
  readonly begin: number;
  readonly end: number;
  /** Who told it, and to whom. */
  readonly told: string;
  /** Whose read it was; undefined for a copy. */
  readonly client?: string | undefined;
}

/** One thing that should not have been seen. */
export interface Finding {
  readonly kind: FindingKind;
  readonly look: Look;
  /** What should have been found, or something later; in words. */
  readonly instead?: string;
}

/** What was found, and how much was looked at. */
export interface SettledVerdict {
  readonly findings: readonly Finding[];
  /** Changes, by what came of them. */
  readonly acknowledged: number;
  readonly indefinite: number;
  readonly failed: number;
  readonly reads: number;
  readonly quietReads: number;
  /** Of past states, outside of quiet times. */
  readonly staleReads: number;
  readonly copies: number;
}

/** Judge a history of an eventual store by what was seen in its quiet times. */
export function checkSettled({ operations, quiet, copies }: Operations): SettledVerdict {
  const findings: Finding[] = [];
  let [reads, quietReads, staleReads] = [0, 0, 0];
  const [operationsOf, copiesOf] = [groupedByKey(operations), groupedByKey(copies)];
  for (const key of new Set([...operationsOf.keys(), ...copiesOf.keys()])) {
    const [ofKey, copiesOfKey] = [operationsOf.get(key) ?? [], copiesOf.get(key) ?? []];
    const judgeLook = judgeOf(key, ofKey);
    for (const look of looksAt(ofKey, copiesOfKey)) {
      const isQuiet = quiet.some((time) => contains(time, look));
      const found = judgeLook(look, isQuiet);
      findings.push(...found.filter(({ kind }) => isQuiet || kind === 'phantom'));
      if (look.client === undefined) continue;
      reads++;
      if (isQuiet) quietReads++;
      else if (found.some(({ kind }) => kind !== 'phantom')) staleReads++;
    }
    findings.push(...differences(copiesOfKey, quiet));
  }
  const changes = operations.filter(({ kind }) => !READS.has(kind));
  const count = (...outcomes: Operation['outcome'][]): number =>
    changes.filter(({ outcome }) => outcomes.includes(outcome)).length;
  return {
    findings,
    acknowledged: count('ok'),
    indefinite: count('indefinite', undefined),
    failed: count('failed'),
    reads,
    quietReads,
    staleReads,
    copies: copies.length,
  };
}

/** Whether nothing was found. */
export function isSettled({ findings }: SettledVerdict): boolean {
  return findings.length === 0;
}

/** Whose changes it can tell from each other. */
export const SETTLED_MODELS: readonly Model[] = [register, counter, set] as readonly Model[];

const READS: ReadonlySet<string> = new Set(['read', 'total', 'members']);

/** Reads that were answered and copies, as they came. */
function looksAt(operations: readonly Operation[], copies: readonly Copy[]): Look[] {
  const reads = operations
    .filter(({ kind, outcome }) => READS.has(kind) && outcome === 'ok')
    .map(({ key, output = null, version, begin, end, client, node }) => {
      const told = node === undefined ? `${client} was told` : `${node} told ${client}`;
      return { key, found: output, version, begin, end, client, told };
    });
  const held = copies.map(({ key, value, version, at, replica }) => {
    return { key, found: value, version, begin: at, end: at, told: `the copy on ${replica} says` };
  });
  return [...reads, ...held].toSorted((a, b) => a.begin - b.begin);
}

function contains({ from, to }: QuietTime, { begin, end }: Pick<Look, 'begin' | 'end'>): boolean {
  return from <= begin && end <= to;
}

/** What is wrong with a look. Only phantoms are outside of quiet times, too. */
type JudgeLook = (look: Look, isQuiet: boolean) => readonly Finding[];

function judgeOf(key: string, operations: readonly Operation[]): JudgeLook {
  const name = operations.length === 0 ? 'register' : modelOf(key, operations, SETTLED_MODELS).name;
  if (name === 'counter') return judgeCounter(operations);
  return name === 'set' ? judgeSet(operations) : judgeRegister(operations);
}

function judgeRegister(operations: readonly Operation[]): JudgeLook {
  const past = new Past(operations.flatMap((operation) => changeOf(operation, leftBehind(operation))));
  const seen = new LatestSeen();
  return (look) => {
    const { origins, instead } = past.judge({ ...look, state: look.found as string | null });
    if (origins.length === 0) return [{ kind: 'phantom', look }];
    if (instead === undefined) {
      seen.note(look, Math.max(...origins.map(({ begin }) => begin)));
      return [];
    }
    const isBack = look.found !== null && instead.state === null;
    const kind = seen.hasSeen(look, instead) ? 'wentBack' : isBack ? 'resurrected' : 'lost';
    return [{ kind, look, instead: `${instead.state ?? 'nothing'}, ${acknowledgement(instead)}` }];
  };
}

/** A member that is there is a register with its own name in it. */
function judgeSet(operations: readonly Operation[]): JudgeLook {
  const changes = new Map<string, Change[]>();
  for (const operation of operations) {
    const { kind, input, outcome, output } = operation;
    if (kind === 'members' || (outcome === 'ok' && output === false)) continue;
    const member = input as string;
    const change = changeOf(operation, kind === 'add' ? member : null);
    const ofMember = changes.get(member);
    if (ofMember === undefined) changes.set(member, change);
    else ofMember.push(...change);
  }
  const pasts = new Map([...changes].map(([member, ofMember]) => [member, new Past(ofMember)]));
  const nothing = new Past([]);
  return (look) => {
    const listed = new Set(look.found as readonly string[] | null);
    return [...new Set([...pasts.keys(), ...listed])].flatMap((member): Finding[] => {
      const state = listed.has(member) ? member : null;
      // The stamp of a set is that of the whole.
      const found = { state, begin: look.begin, end: look.end };
      const { origins, instead } = (pasts.get(member) ?? nothing).judge(found);
      if (origins.length === 0) return [{ kind: 'phantom', look, instead: `${member} was never added` }];
      if (instead === undefined) return [];
      if (state === null)
        return [{ kind: 'lost', look, instead: `${member}, ${acknowledgement(instead)}, is missing` }];
      return [
        { kind: 'resurrected', look, instead: `not ${member}: ${acknowledgement(instead)}, removed it` },
      ];
    });
  };
}

function judgeCounter(operations: readonly Operation[]): JudgeLook {
  const increments = operations.filter(({ kind, outcome }) => kind === 'increment' && outcome !== 'failed');
  const begun = new Sums(increments, ({ begin }) => begin);
  const acknowledged = new Sums(
    increments.filter(({ outcome }) => outcome === 'ok'),
    ({ end }) => end,
  );
  return (look, isQuiet) => {
    const maybe = begun.before(look.end);
    const sure = isQuiet ? acknowledged.before(look.begin) : { up: 0, down: 0 };
    const [least, most] = [sure.up + maybe.down, sure.down + maybe.up];
    const found = (look.found ?? 0) as number;
    if (found > most) return [{ kind: 'phantom', look, instead: `at most ${most}` }];
    return found < least ? [{ kind: 'lost', look, instead: `at least ${least}` }] : [];
  };
}

/** What increments before a moment add up to: those upwards and those downwards. */
class Sums {
  readonly #moments: readonly number[];
  readonly #sums: readonly { readonly up: number; readonly down: number }[];

  constructor(increments: readonly Operation[], momentOf: (increment: Operation) => number) {
    const inOrder = increments.toSorted((a, b) => momentOf(a) - momentOf(b));
    let [up, down] = [0, 0];
    this.#moments = inOrder.map(momentOf);
    this.#sums = inOrder.map(({ input }) => {
      up += Math.max(0, input as number);
      down += Math.min(0, input as number);
      return { up, down };
    });
  }

  before(moment: number): { readonly up: number; readonly down: number } {
    let [low, high] = [0, this.#moments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#moments[middle] as number) <= moment) low = middle + 1;
      else high = middle;
    }
    return this.#sums[low - 1] ?? { up: 0, down: 0 };
  }
}

function changeOf(operation: Operation, state: string | null | undefined): Change[] {
  const { outcome, begin, end, version, node, client } = operation;
  if (state === undefined || outcome === 'failed') return [];
  const isAcknowledged = outcome === 'ok';
  return [
    { state, begin, end: isAcknowledged ? end : Infinity, isAcknowledged, version, by: node ?? client },
  ];
}

function acknowledgement({ by, end }: Change): string {
  return `acknowledged by ${by} at ${end.toFixed(0)}`;
}

/** Copies that were looked at in one quiet time and are not the same. */
function differences(copies: readonly Copy[], quiet: readonly QuietTime[]): Finding[] {
  return quiet.flatMap((time) => {
    const [first, ...others] = copies.filter(({ at }) => contains(time, { begin: at, end: at }));
    const other = others.find((copy) => stateOf(copy) !== stateOf(first as Copy));
    if (first === undefined || other === undefined) return [];
    const [look] = looksAt([], [other]) as [Look];
    return [{ kind: 'diverged', look, instead: `${stateOf(first)}, as the copy on ${first.replica} says` }];
  });
}

function stateOf({ value, version }: Copy): string {
  const state = JSON.stringify(Array.isArray(value) ? value.toSorted() : value);
  return version === undefined ? state : `${state} at ${version}`;
}

/** The latest state that each client has read. */
class LatestSeen {
  readonly #begins = new Map<string, number>();

  note({ client }: Look, madeAt: number): void {
    if (client !== undefined)
      this.#begins.set(client, Math.max(madeAt, this.#begins.get(client) ?? -Infinity));
  }

  hasSeen({ client }: Look, { begin }: Change): boolean {
    return client !== undefined && (this.#begins.get(client) ?? -Infinity) >= begin;
  }
}

/** In words, the findings first to last. */
export function describeSettled(verdict: SettledVerdict): string {
  const { findings, acknowledged, indefinite, failed, reads, quietReads, staleReads, copies } = verdict;
  const counts =
    `changes: ${acknowledged} acknowledged, ${indefinite} unknown, ${failed} refused; ` +
    `reads: ${reads}, ${quietReads} of them in quiet times, ${staleReads} of the others found a past value` +
    `${copies === 0 ? '' : `; ${copies} copies`}`;
  if (findings.length === 0) return `${counts}; nothing is wrong`;
  const shown = findings.slice(0, FINDINGS_SHOWN).map(describeFinding);
  if (findings.length > shown.length) shown.push(`... and ${findings.length - shown.length} more`);
  return [counts, `${findings.length} things are wrong:`, ...shown].join('\n');
}

const FINDINGS_SHOWN = 20;

function describeFinding({ kind, look, instead }: Finding): string {
  const { key, found, end, told } = look;
  const state = found === null ? 'nothing' : typeof found === 'string' ? found : JSON.stringify(found);
  const wanted = instead === undefined ? 'which nobody wrote' : `and not ${instead}`;
  return `  ${kind}: ${told} at ${end.toFixed(0)} that ${key} holds ${state}, ${wanted}`;
}
