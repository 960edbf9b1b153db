/**
 * What clients did to each key, what they were told, and what must be true of everything that is read.
 *
 * The promise is exact: an acknowledged write stays until a higher version replaces it. Where a quorum may stand in
 * for primaries that are away, a read may miss it for a while; so a write counts as *settled* once the whole cluster
 * was seen at peace after its acknowledgement - everybody up, nothing on its way, no stand-in holding anything.
 *
 *     settled            no read that answers finds what was there before, ever again, whatever breaks from then on
 *     definitely failed  never seen by anybody
 *     begun              may be seen; nothing else may
 *     of w = 1           may lie on one copy alone: settles in the end (levels.ts)
 *     excused            never settles: it went with a disk that was emptied after a minority had been forced (schism.ts)
 *     at peace           a write that began and ended so is stamped above all that was settled before it; a condition was met,
 *                        or not, by what was there
 *
 * A write that begins later, away from the primaries and by a slow clock, may be stamped below what is settled and be
 * read until its hints come home. That is the price of being always writable (docs/limits), and it is no problem here.
 */

import { USUAL, type Promised } from './levels.ts';

/** What must be there for a write to be made. */
export type Condition =
  { readonly kind: 'absent' | 'present' } | { readonly kind: 'equals'; readonly value: string };

/** One write or delete. */
export interface Write {
  readonly key: string;
  /** Undefined: a delete. Values are never used twice. */
  readonly value: string | undefined;
  /** When it expires by the clock of the cluster; 0: never. */
  readonly untilMs: number;
  /** The node it was sent through. */
  readonly through: string;
  readonly begunAt: number;
  /** What was settled of this key when it began; empty: nothing. */
  readonly above: string;
  /** Epoch of the ring under which it was sent. */
  readonly epoch: number;
  /** The stretch of peace in which it began, or 0. */
  readonly peace: number;
  /**
   * Its node was alone in its ring. What such a one deleted, or saw expire, it may have forgotten by the time it comes into a
   * cluster that has the key as well: nobody else could hold anything of it then.
   */
  readonly isAlone: boolean;
  /** Undefined: it is made whatever is there. */
  readonly condition: Condition | undefined;
  /** Of its level, once it is acknowledged. Undefined: the usual. */
  readonly promised?: Promised | undefined;
  /** `unmet`: its condition was not. It may have been once, and have left something that a later write has overruled. */
  outcome: 'open' | 'acknowledged' | 'failed' | 'refused' | 'unmet';
  endedAt: number;
  /** Where its copies belonged when it began (copies.ts); empty when that had changed by its end. */
  placement: string;
  /** Hex stamp, once it is acknowledged. */
  version: string;
  /** Some disk has committed it. Values only: a delete has no name of its own. */
  isStored: boolean;
  /** When the cluster was first seen at peace after its acknowledgement. */
  settledAt: number;
}

/** What may be undone with a ring, and is asked whether it was. */
export type Undoable = Pick<Write, 'outcome' | 'endedAt' | 'epoch' | 'through'>;

/** What is looked at of something acknowledged, on the disks and in the end. */
export type Acknowledged = Undoable &
  Pick<Write, 'key' | 'value' | 'begunAt' | 'placement' | 'version' | 'promised'>;

/** What somebody read. */
export interface Found {
  /** Hex stamp; undefined for a key that was not found: a read does not tell a tombstone from nothing. */
  readonly version: string | undefined;
  /** Undefined: not found. */
  readonly value: string | undefined;
}

/** By the clock of the cluster. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

interface KeyHistory {
  readonly writes: Write[];
  /** By version. */
  readonly acknowledged: Map<string, Write>;
  /** The highest version acknowledged by anybody, and what it stands for. */
  highest: Write | undefined;
  settled: Write | undefined;
}

/** What a node believes of the others' clocks is so old, and may be so wrong in peace, ms. */
const CLOCK_SLACK_MS = 1_500;

/** A frame may be on its way for so long after its request has ended, ms: the slowest link, and a retransmission. */
const STRAGGLING_MS = 8_000;

export class History {
  readonly #keys = new Map<string, KeyHistory>();
  readonly #valueOf = new Map<string, Write>();
  /** Acknowledged and not settled yet. */
  #unsettled: Write[] = [];
  /** Began at peace and were acknowledged; to be judged when the peace is seen to have lasted. */
  #atPeace: Write[] = [];
  acknowledgedCount = 0;
  failedCount = 0;
  /** Of those, surely not written. */
  refusedCount = 0;
  unmetCount = 0;
  readCount = 0;
  /** What every clock has shown at one time: what was to expire before may have been swept then. */
  #sweptMs = 0;

  get keys(): string[] {
    return [...this.#keys.keys()];
  }

  /** How many writes were begun. */
  writesOf(key: string): number {
    return this.#of(key).writes.length;
  }

  begin(
    write: Pick<
      Write,
      'key' | 'value' | 'untilMs' | 'through' | 'begunAt' | 'epoch' | 'peace' | 'isAlone' | 'placement'
    > &
      Partial<Pick<Write, 'condition' | 'promised'>>,
  ): Write {
    const history = this.#of(write.key);
    const above = history.settled?.version ?? '';
    const begun: Write = {
      condition: undefined,
      ...write,
      above,
      outcome: 'open',
      endedAt: Infinity,
      version: '',
      isStored: false,
      settledAt: Infinity,
    };
    history.writes.push(begun);
    if (begun.value !== undefined) this.#valueOf.set(begun.value, begun);
    return begun;
  }

  acknowledged(
    write: Write,
    { version, placement }: Pick<Write, 'version' | 'placement'>,
    now: number,
  ): string | undefined {
    write.outcome = 'acknowledged';
    write.version = version;
    if (write.placement !== placement) write.placement = '';
    write.endedAt = now;
    this.acknowledgedCount++;
    const history = this.#of(write.key);
    if (history.highest === undefined || version > history.highest.version) history.highest = write;
    this.#unsettled.push(write);
    if (write.peace !== 0) this.#atPeace.push(write);
    const twin = history.acknowledged.get(version);
    history.acknowledged.set(version, write);
    return twin === undefined
      ? undefined
      : `${write.key}: two writes, ${twin.value ?? 'a delete'} and ${write.value ?? 'a delete'}, are acknowledged under the stamp ${version}`;
  }

  /** The client was told that its condition did not hold. */
  unmet(write: Write, now: number): void {
    write.outcome = 'unmet';
    write.endedAt = now;
    this.unmetCount++;
    if (write.peace !== 0) this.#atPeace.push(write);
  }

  /** `definite`: the client was told that nothing was written. What is wrong with that, or undefined. */
  failed(write: Write, definite: boolean, now: number): string | undefined {
    write.outcome = definite ? 'refused' : 'failed';
    write.endedAt = now;
    this.failedCount++;
    if (definite) this.refusedCount++;
    return definite && write.isStored
      ? `${write.value} of ${write.key} is said not to be written, and lies on a disk`
      : undefined;
  }

  /** A disk has committed this value of this key: what is wrong with that, or undefined. */
  stored(key: string, value: string): string | undefined {
    const problem = this.#problemOfValue(key, value);
    if (problem === undefined) (this.#valueOf.get(value) as Write).isStored = true;
    return problem;
  }

  /** The cluster is at peace, and was so all along the stretch of this number. `isIn`: this node is in the cluster, or was. */
  atPeace(peace: number, isIn: (through: string) => boolean, now: number): string[] {
    const problems = this.#atPeace
      .filter((write) => write.peace === peace)
      .flatMap((write) => [...this.#problemOfOrder(write), ...this.#problemOfCondition(write)]);
    this.#atPeace = [];
    const waiting: Write[] = [];
    for (const write of this.#unsettled) {
      if (isIn(write.through) && isFirm(write)) this.#settle(write, now);
      else waiting.push(write);
    }
    this.#unsettled = waiting;
    return problems;
  }

  /** Everything acknowledged must be there from now on. */
  settleAll(now: number): void {
    for (const write of this.#unsettled) this.#settle(write, now);
    this.#unsettled = [];
  }

  /** Some writes may be lost: they never settle. How many these are. */
  excuse(mayGo: (write: Write) => boolean): number {
    const before = this.#unsettled.length;
    this.#unsettled = this.#unsettled.filter((write) => !mayGo(write));
    return before - this.#unsettled.length;
  }

  /** The highest version that was acknowledged, of the writes that must not be lost. */
  neededOf(key: string, mayGo: (write: Write) => boolean): Write | undefined {
    let needed: Write | undefined;
    for (const write of this.#of(key).acknowledged.values())
      if (write.version > (needed?.version ?? '') && !mayGo(write)) needed = write;
    return needed;
  }

  /** All clocks of the cluster show at least this. The cluster's time may go back after it, when members come and go; a sweep does not. */
  sweepsReached(ms: number): void {
    this.#sweptMs = Math.max(this.#sweptMs, ms);
  }

  settledOf(key: string): Write | undefined {
    return this.#keys.get(key)?.settled;
  }

  highestOf(key: string): Write | undefined {
    return this.#keys.get(key)?.highest;
  }

  /**
   * What is wrong with a read that found this, when this was settled before it began; or undefined. `time`: what the clock
   * of the cluster showed when it began and when it ended, where that is known.
   */
  problemOf(key: string, found: Found, settled: Write | undefined, time?: TimeSpan): string | undefined {
    this.readCount++;
    const { value, version } = found;
    const problem = value === undefined ? undefined : this.#problemOfValue(key, value);
    if (problem !== undefined) return problem;
    const untilMs = value === undefined ? 0 : (this.#valueOf.get(value) as Write).untilMs;
    if (untilMs !== 0 && time !== undefined && time.from > untilMs + CLOCK_SLACK_MS)
      return `${key} has ${value}, which expired ${time.from - untilMs} ms before it was asked for`;
    if (settled === undefined) return undefined;
    if (version !== undefined && this.isBrought(key, version, settled) && this.mayBeGone(key, settled))
      return undefined;
    const lost = `${settled.value === undefined ? 'the delete' : `the write of ${settled.value}`} acknowledged at ${settled.version}`;
    if (value === undefined) {
      const isEarly =
        time !== undefined && Math.max(time.to, this.#sweptMs) < settled.untilMs - CLOCK_SLACK_MS;
      const mayBeGone = isEarly ? this.#mayBeDeleted(key, settled) : this.mayBeGone(key, settled);
      return mayBeGone
        ? undefined
        : `${key} lost ${lost}: it is not found${isEarly ? `, ${settled.untilMs - time.to} ms early` : ''}`;
    }
    const isLater = (this.#valueOf.get(value) as Write).begunAt > settled.settledAt;
    if (version !== undefined && version < settled.version && !isLater)
      return `${key} lost ${lost}: it has ${value} at ${version}`;
    if (version === settled.version && value !== settled.value) {
      return `${key} has ${value} at ${version}, where ${settled.value ?? 'a delete'} was acknowledged`;
    }
    return undefined;
  }

  #problemOfValue(key: string, value: string): string | undefined {
    const origin = this.#valueOf.get(value);
    if (origin?.key !== key) return `${key} has the value ${value}, which nobody wrote`;
    return origin.outcome === 'refused'
      ? `${key} has the value ${value}, of which its writer was told that it was not written`
      : undefined;
  }

  /** All that was done to a key, a line each. */
  describe(key: string): string {
    const lines = this.#of(key).writes.map(
      ({ begunAt, endedAt, value, untilMs, through, outcome, version, peace, epoch, isAlone }) =>
        `${begunAt.toFixed(3).padStart(14)}  ${value ?? 'delete'}${untilMs === 0 ? '' : ` until ${untilMs}`} through ${through} under epoch ${epoch}${isAlone ? ', alone' : ''}${peace === 0 ? '' : ` in peace ${peace}`}: ` +
        `${outcome}${outcome === 'open' ? '' : ` after ${(endedAt - begunAt).toFixed(1)} ms`} ${version}`,
    );
    return `--- ${key}, settled at ${this.settledOf(key)?.version ?? 'nothing'}\n${lines.join('\n')}`;
  }

  #settle(write: Write, now: number): void {
    write.settledAt = now;
    if (write.isAlone && this.#mayBeForgotten(write)) return;
    const history = this.#of(write.key);
    if (history.settled === undefined || write.version > history.settled.version) history.settled = write;
  }

  /** Its node may have deleted the key by itself, seen it expire or both, and reaped what was left. */
  #mayBeForgotten({ key, through, version }: Write): boolean {
    return this.#of(key).writes.some(
      (other) =>
        other.isAlone &&
        other.through === through &&
        (other.value === undefined || other.untilMs !== 0) &&
        (other.version === '' || other.version >= version),
    );
  }

  /**
   * Whether a node wrote this alone, and brought it when it joined, later than `settled` began: what had settled before is
   * overruled for good. A delete that was reaped before it came was one of the cluster's own, and does not reach it.
   */
  isBrought(key: string, version: string, settled: Write): boolean {
    const write = this.#of(key).acknowledged.get(version);
    return write?.isAlone === true && write.settledAt >= settled.begunAt;
  }

  /** Whether it is no loss that nobody holds anything of a key, though this was settled. */
  mayBeGone(key: string, settled: Write): boolean {
    return settled.untilMs !== 0 || this.#mayBeDeleted(key, settled);
  }

  /** Some delete, or something that expires, may have come after what was settled: one that began later, was stamped above it, or nobody knows of. */
  #mayBeDeleted(key: string, settled: Write): boolean {
    if (settled.value === undefined) return true;
    return this.#of(key).writes.some(
      ({ value, untilMs, outcome, version, begunAt }) =>
        (value === undefined || untilMs !== 0) &&
        (outcome === 'open' ||
          outcome === 'failed' ||
          begunAt > settled.settledAt ||
          version > settled.version),
    );
  }

  /**
   * Of the replicas that acknowledged it one held what was settled before, and it was stamped above that. Only when
   * others wrote to the key at the same time may it stand below: it is stamped anew twice and not for ever.
   */
  #problemOfOrder(write: Write): string[] {
    if (write.outcome === 'unmet' || write.above === '' || write.version > write.above) return [];
    if (!isFirm(write)) return [];
    if (this.#isCrowded(write)) return [];
    return [
      `${write.key}: ${write.value ?? 'a delete'} was acknowledged at ${write.version}, below ${write.above}, which was settled before it began: nobody will ever see it`,
    ];
  }

  /** At peace, and with nobody else at the key, its condition is judged by what was settled, or came later. */
  #problemOfCondition(write: Write): string[] {
    const { key, value, condition, outcome } = write;
    if (condition === undefined || this.#isCrowded(write)) return [];
    const isMet = outcome === 'acknowledged';
    const found = this.#mayBeFoundBy(write);
    const isPossible = found.some((what) => {
      if (condition.kind === 'equals') return (what === condition.value) === isMet;
      return ((what === undefined) === (condition.kind === 'absent')) === isMet;
    });
    if (isPossible) return [];
    const asked = condition.kind === 'equals' ? `if it is ${condition.value}` : `if ${condition.kind}`;
    const all = [...new Set(found)].map((what) => what ?? 'nothing').join(' or ');
    return [
      `${key}: ${value} was to be written ${asked}, and was${isMet ? '' : ' not'}, where ${all} was there`,
    ];
  }

  /** Values that this one, alone at its key and at peace, may have come upon; undefined: none. */
  #mayBeFoundBy(write: Write): (string | undefined)[] {
    const { key, above, begunAt } = write;
    const { writes, acknowledged } = this.#of(key);
    const settled = acknowledged.get(above);
    const isOver = settled === undefined || settled.value === undefined || settled.untilMs !== 0;
    const found = writes.filter(
      (other) =>
        other !== write &&
        other.begunAt <= begunAt &&
        other.outcome !== 'refused' &&
        (other.outcome !== 'acknowledged' || other.version >= above || (isOver && other.isAlone)),
    );
    const values = found.flatMap(({ value, untilMs }) => (untilMs === 0 ? [value] : [value, undefined]));
    return settled === undefined ? [...values, undefined] : values;
  }

  #isCrowded(write: Write): boolean {
    return this.#of(write.key).writes.some((other) => other !== write && mayMeet(other, write));
  }

  #of(key: string): KeyHistory {
    let history = this.#keys.get(key);
    if (history === undefined)
      this.#keys.set(
        key,
        (history = { writes: [], acknowledged: new Map(), highest: undefined, settled: undefined }),
      );
    return history;
  }
}

/** Whether it lay on so many copies that no read of as many as usual misses it. */
export function isFirm({ promised = USUAL }: Write): boolean {
  return promised.copies >= USUAL.copies;
}

/** Whether `other` may have reached a replica while `write` was under way. */
function mayMeet(other: Write, write: Write): boolean {
  const over =
    other.outcome === 'acknowledged'
      ? other.endedAt
      : Math.min(other.endedAt, other.begunAt + 1_000) + STRAGGLING_MS;
  return other.begunAt < write.endedAt && over > write.begunAt;
}
