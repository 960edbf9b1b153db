/**
 * Whether a store kept its word, from what its clients saw.
 *
 * A write or delete is *past* at a moment when another one of its key began after it had ended and was acknowledged
 * before that moment. One whose outcome is unknown never ended: it may take effect at any time, so it is never past.
 *
 * Holds for every read: what it found was written to this key, by something that was not refused and that had begun.
 * Holds for a read in a quiet time, and the reads at the end of a run are such: what it found is not past.
 * So an acknowledged write is there or something later is, an acknowledged delete keeps its key away, on whichever node
 * the read asked.
 *
 * Not here: reads of past values in other times. Eventual buckets do not promise that there are none; they are counted.
 */
import type { History, Operation, QuietTime } from './history.ts';

/**
 * phantom: never written, or refused for certain. lost: a later write was acknowledged. resurrected: a later delete was.
 * wentBack: one of these two, by a connection that had read the later state itself.
 */
export type FindingKind = 'phantom' | 'lost' | 'resurrected' | 'wentBack';

export interface Finding {
  readonly kind: FindingKind;
  readonly read: Operation;
  /** What should have been found, or something later; none for a phantom. */
  readonly instead?: Operation;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly reads: number;
  readonly quietReads: number;
  /** Outside of quiet times. */
  readonly staleReads: number;
}

export function checkHistory({ operations, quiet }: History): Verdict {
  const changes = changesByKey(operations);
  const findings: Finding[] = [];
  const reads = operations.filter(({ kind, outcome }) => kind === 'read' && outcome === 'ok');
  const seen = new LatestSeen();
  let [quietReads, staleReads] = [0, 0];
  for (const read of reads.toSorted((a, b) => a.begin - b.begin)) {
    const ofKey = changes.get(read.key) ?? [];
    const found = originsOf(read, ofKey);
    if (found.length === 0) {
      findings.push({ kind: 'phantom', read });
      continue;
    }
    const instead = laterThanAll(found, ofKey, read.begin);
    const isQuiet = quiet.some((time) => contains(time, read));
    if (isQuiet) quietReads++;
    if (instead === undefined) seen.note(read, found);
    else if (!isQuiet) staleReads++;
    else findings.push({ kind: kindOf(read, instead, seen), read, instead });
  }
  const asked = operations.filter(({ kind }) => kind !== 'read');
  const count = (outcome: Operation['outcome']): number =>
    asked.filter((operation) => operation.outcome === outcome).length;
  return {
    findings,
    acknowledged: count('ok'),
    unknown: count('unknown'),
    refused: count('failed'),
    reads: reads.length,
    quietReads,
    staleReads,
  };
}

/** Nothing was there before the first write. */
const BEGINNING = { begin: -Infinity, end: -Infinity } as const;

type Origin = Pick<Operation, 'begin' | 'end'>;

function changesByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const changes = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.kind === 'read' || operation.outcome === 'failed') continue;
    const change = operation.outcome === 'ok' ? operation : { ...operation, end: Infinity };
    const ofKey = changes.get(operation.key);
    if (ofKey === undefined) changes.set(operation.key, [change]);
    else ofKey.push(change);
  }
  return changes;
}

/** What may have made the state that this read found. */
function originsOf(read: Operation, changes: readonly Operation[]): Origin[] {
  const origins: Origin[] = changes.filter(({ value, begin }) => value === read.value && begin < read.end);
  return read.value === null ? [BEGINNING, ...origins] : origins;
}

/** An acknowledged change which makes all of these past at that moment, the latest one; undefined: one of them may stand. */
function laterThanAll(
  origins: readonly Origin[],
  changes: readonly Operation[],
  moment: number,
): Operation | undefined {
  const newest = Math.max(...origins.map(({ end }) => end));
  let latest: Operation | undefined;
  for (const change of changes) {
    const isLater = change.outcome === 'ok' && change.begin > newest && change.end <= moment;
    if (isLater && (latest === undefined || change.begin > latest.begin)) latest = change;
  }
  return latest;
}

function kindOf(read: Operation, instead: Operation, seen: LatestSeen): FindingKind {
  if (seen.hasSeen(read, instead)) return 'wentBack';
  return read.value !== null && instead.kind === 'delete' ? 'resurrected' : 'lost';
}

/** The latest state that each connection has read of each key. */
class LatestSeen {
  readonly #begins = new Map<string, number>();

  note(read: Operation, origins: readonly Origin[]): void {
    const begin = Math.max(...origins.map((origin) => origin.begin));
    const at = `${read.connection} ${read.key}`;
    this.#begins.set(at, Math.max(begin, this.#begins.get(at) ?? -Infinity));
  }

  hasSeen(read: Operation, change: Operation): boolean {
    return (this.#begins.get(`${read.connection} ${read.key}`) ?? -Infinity) >= change.begin;
  }
}

function contains({ from, to }: QuietTime, { begin, end }: Operation): boolean {
  return from <= begin && end <= to;
}

export function describeVerdict(verdict: Verdict): string {
  const { findings, acknowledged, unknown, refused, reads, quietReads, staleReads } = verdict;
  const counts =
    `changes: ${acknowledged} acknowledged, ${unknown} unknown, ${refused} refused; ` +
    `reads: ${reads}, ${quietReads} of them in quiet times, ${staleReads} of the others found a past value`;
  if (findings.length === 0) return `${counts}; nothing is wrong`;
  const shown = findings.slice(0, FINDINGS_SHOWN).map(describeFinding);
  if (findings.length > shown.length) shown.push(`... and ${findings.length - shown.length} more`);
  return [counts, `${findings.length} reads are wrong:`, ...shown].join('\n');
}

const FINDINGS_SHOWN = 20;

function describeFinding({ kind, read, instead }: Finding): string {
  const found = read.value === null ? 'nothing' : read.value;
  const wanted =
    instead === undefined
      ? 'which nobody wrote'
      : `and not ${instead.value ?? 'nothing'}, acknowledged by ${instead.node} at ${instead.end.toFixed(0)}`;
  return `  ${kind}: ${read.node} told ${read.connection} at ${read.end.toFixed(0)} that ${read.key} holds ${found}, ${wanted}`;
}
