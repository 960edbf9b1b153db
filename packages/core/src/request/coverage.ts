/**
 * A coverage request: every key of a service once, wherever it lies, while nodes come and go.
 *
 * It plans (coverage-plan.ts), asks the vnodes of the plan, a few at a time and each for a page at a time, and hands each
 * page to its asker, who says when he wants more: nobody sends what nobody takes. What a vnode has not given when it
 * fails, refuses, moves, or turns out to lack something is asked of others, from the last page on. A page counts when
 * it is handed over, so no range is given twice.
 *
 * mode `all`: as soon as some ranges can be had of nobody it ends, and names them. `allUp`: it gives what can be had, and
 * names the rest at the end.
 *
 * Promised: a key that its replicas hold throughout comes once, whatever the ring does meanwhile. Not promised: a snapshot;
 * more than one replica's word. Each range is read of one primary that holds all that it should, as far as it knows:
 * a write that reached others only is not seen. Who needs a quorum asks every range of several (the store's scan.ts does).
 *
 * Source: Riak's riak_core_coverage_fsm; the pages, and going on after a failure, are ours.
 */
import type { Host } from '../contracts/host.ts';
import type { HashRange, RecordKey } from '../contracts/store.ts';
import type { CoveragePage, CoverageQuery, Refusal } from '../contracts/vnode.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { ringBits } from '../ring/hash-space.ts';
import type { Replica } from '../ring/preference-list.ts';
import { ALL_HASHES, rangeOf } from '../ring/ranges.ts';
import { planCoverage } from './coverage-plan.ts';
import type { ReplicaRequest, RequestId, ServicePort } from './port.ts';

/** How a coverage request reaches the vnodes. */
export type CoveragePort<Command, Reply> = ServicePort<CoverageQuery<Command>, CoveragePage<Reply>>;

/** What is asked of all ranges, for how long, and who hears of it. */
export interface CoverageOptions<Command, Reply> {
  readonly command: Command;
  /** Copies of each key: how many ranges a vnode holds. */
  readonly n: number;
  readonly mode: 'all' | 'allUp';
  /** For all of it. */
  readonly timeoutMs: number;
  /** Items that make a page. Default 1,000. */
  readonly limit?: number;
  /** Vnodes that are asked at one time, and so pages that may wait here. Default 8. */
  readonly width?: number;
  /** Take the word of vnodes that lack, or may lack, something. */
  readonly partialToo?: boolean;
  /** `reply` is borrowed. `more` is to be called once, now or later: that vnode gives its next page. */
  onPage(reply: Reply, from: Replica, more: () => void): void;
  /** After the last page, and once `more` was called for each. */
  done(outcome: CoverageOutcome): void;
}

/** How a coverage request ended, and what of the ring it could not cover. */
export interface CoverageOutcome {
  /** insufficient: nobody who could be asked holds what is missing. overload: too many requests are open here. */
  readonly kind: 'complete' | 'insufficient' | 'timeout' | 'overload' | 'cancelled';
  /**
   * insufficient: what can be had of nobody. Otherwise what was not given: whole, or from somewhere within on. Empty when
   * complete.
   */
  readonly missing: readonly HashRange[];
  /** The last refusal heard, when there was one. */
  readonly refusal: Refusal | undefined;
}

/** What a coverage request is given to work with. */
export interface CoverageComponents<Command, Reply> {
  readonly port: CoveragePort<Command, Reply>;
  readonly host: Pick<Host, 'monotonic' | 'random' | 'defer'>;
}

/** A part of hash space that is to be given yet: what comes after `after` in it. */
interface Piece extends HashRange {
  readonly after: RecordKey | undefined;
}

/** What a vnode of the plan is still to be asked for, in hash order. */
interface Task {
  readonly replica: Replica;
  pieces: Piece[];
}

const LIMIT = 1_000;
const WIDTH = 8;
/** A vnode that gives no page for so long is taken for one that failed. */
const PAGE_MS = 5_000;
/** Who failed for a reason that passes is asked again after this, when nobody else can be. */
const RETRY_MS = 250;

/** Begins at once; the first page may come within the call. `cancel`: no page comes any more, and `done` is called. */
export function coverage<Command, Reply>(
  components: CoverageComponents<Command, Reply>,
  options: CoverageOptions<Command, Reply>,
): { cancel(): void } {
  const request = new CoverageRequest(components, options);
  request.start();
  return { cancel: () => request.end('cancelled') };
}

class CoverageRequest<Command, Reply> implements ReplicaRequest<CoveragePage<Reply>> {
  readonly options: CoverageOptions<Command, Reply>;
  readonly components: CoverageComponents<Command, Reply>;
  readonly #endsAt: number;
  #id: RequestId = 0;
  /** To be given, and in no task. */
  #left: Piece[] = [{ ...ALL_HASHES, after: undefined }];
  #waiting: Task[] = [];
  readonly #asking = new Set<Ask<Command, Reply>>();
  /** Vnodes that are not to be asked: until some time has passed, or at all. */
  readonly #shunned = new Map<string, 'a while' | 'always'>();
  #refusal: Refusal | undefined;
  #ended = false;

  constructor(components: CoverageComponents<Command, Reply>, options: CoverageOptions<Command, Reply>) {
    this.components = components;
    this.options = options;
    this.#endsAt = components.host.monotonic() + options.timeoutMs;
  }

  start(): void {
    const { port } = this.components;
    if (port.full) return this.end('overload');
    this.#id = port.open(this);
    this.#setAlarm(false);
    this.#advance();
  }

  get remainingMs(): number {
    return Math.max(1, Math.ceil(this.#endsAt - this.components.host.monotonic()));
  }

  // What its own number is called for: time and the ring. Answers come to the asks, which have numbers of their own.
  onReply(): void {}
  onRefused(): void {}
  onFailed(): void {}

  onAlarm(): void {
    if (this.components.host.monotonic() >= this.#endsAt) return this.end('timeout');
    this.#forgive();
    this.#setAlarm(false);
    this.#advance();
  }

  /** Who was asked under the old ring gives what he has, or says that it has moved; the rest is planned anew. */
  onRingChanged(): void {
    if (this.#ended) return;
    for (const task of this.#waiting.splice(0)) this.#left.push(...task.pieces);
    this.#forgive();
    this.#advance();
  }

  /** One page was given and taken: go on with this vnode, or with the next. */
  pageTaken(ask: Ask<Command, Reply>): void {
    if (this.#ended) return;
    this.#asking.delete(ask);
    if (ask.task.pieces.length > 0) this.#waiting.unshift(ask.task);
    this.#advance();
  }

  /** No page came, or none that counts. */
  failed(ask: Ask<Command, Reply>, shun: 'a while' | 'always', why: Refusal | undefined): void {
    if (this.#ended) return;
    if (why !== undefined) this.#refusal = why;
    this.#asking.delete(ask);
    this.#shunned.set(nameOf(ask.task.replica), shun);
    this.#left.push(...ask.task.pieces);
    this.#advance();
  }

  end(kind: CoverageOutcome['kind']): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#id !== 0) this.components.port.close(this.#id);
    for (const ask of this.#asking) ask.close();
    const tasks = [...this.#waiting, ...[...this.#asking].map(({ task }) => task)];
    const notGiven = kind === 'insufficient' ? [] : tasks.flatMap(({ pieces }) => pieces);
    const missing = [...this.#left, ...notGiven]
      .map(({ start, end }) => ({ start, end }))
      .toSorted((a, b) => a.start - b.start);
    this.options.done({ kind, missing, refusal: this.#refusal });
  }

  #advance(): void {
    if (this.#left.length > 0) this.#plan();
    const { width = WIDTH } = this.options;
    while (!this.#ended && this.#waiting.length > 0 && this.#asking.size < width) {
      const ask = new Ask(this, this.#waiting.shift() as Task);
      this.#asking.add(ask);
      ask.begin();
    }
    if (this.#ended || this.#asking.size > 0 || this.#waiting.length > 0) return;
    if (this.#left.length === 0) return this.end('complete');
    if (!this.#mayRecover) return this.end('insufficient');
  }

  #forgive(): void {
    for (const [vnode, howLong] of this.#shunned) if (howLong === 'a while') this.#shunned.delete(vnode);
  }

  /** Somebody who failed may do better soon. */
  get #mayRecover(): boolean {
    return [...this.#shunned.values()].includes('a while');
  }

  /** Make tasks of what is left, as far as anybody can be asked for it. */
  #plan(): void {
    const { port, host } = this.components;
    const { ringSize } = port.document;
    const byRange = cutByRange(this.#left.splice(0), ringSize);
    const { asks, missing } = planCoverage({
      ringSize,
      n: this.options.n,
      offset: host.random() % ringSize,
      isWanted: (range) => byRange.has(range),
      isUsable: (partition) => this.#find(partition) !== undefined,
    });
    for (const range of missing) this.#left.push(...(byRange.get(range) as Piece[]));
    for (const { partition, ranges } of asks) {
      const pieces = ranges.flatMap((range) => byRange.get(range) as Piece[]);
      const replica = this.#find(partition) as Replica;
      this.#waiting.push({ replica, pieces: pieces.toSorted((a, b) => a.start - b.start) });
    }
    if (missing.length === 0) return;
    if (this.#mayRecover) this.#setAlarm(true);
    // Who wants all need not be given what is of no use to him.
    else if (this.options.mode === 'all') this.end('insufficient');
  }

  /** The owner of a partition, when it may be asked. */
  #find(partition: PartitionId): Replica | undefined {
    const replica = this.components.port.list(partition, 1).replicas[0];
    return replica?.role === 'primary' && !this.#shunned.has(nameOf(replica)) ? replica : undefined;
  }

  #setAlarm(soon: boolean): void {
    const { remainingMs } = this;
    this.components.port.alarm(this.#id, soon ? Math.min(RETRY_MS, remainingMs) : remainingMs);
  }
}

/** One page asked of one vnode, under a number of its own: an answer that comes too late is nobody's. */
class Ask<Command, Reply> implements ReplicaRequest<CoveragePage<Reply>> {
  readonly task: Task;
  readonly #request: CoverageRequest<Command, Reply>;
  #id: RequestId = 0;

  constructor(request: CoverageRequest<Command, Reply>, task: Task) {
    this.#request = request;
    this.task = task;
  }

  begin(): void {
    const { components, options, remainingMs } = this.#request;
    const { port } = components;
    const { replica } = this.task;
    if (port.full) return this.#request.failed(this, 'a while', 'overload');
    this.#id = port.open(this);
    port.alarm(this.#id, Math.min(PAGE_MS, remainingMs));
    const ranges = this.#ranges();
    const after = this.task.pieces[0]?.after;
    const query = { command: options.command, ranges, after, limit: options.limit ?? LIMIT };
    port.send(this.#id, 0, replica, query, remainingMs);
  }

  onReply(_at: number, { reply, upTo }: CoveragePage<Reply>, standIn: boolean): void {
    this.close();
    if (standIn && this.#request.options.partialToo !== true)
      return this.#request.failed(this, 'always', undefined);
    if (!this.#accept(upTo)) return this.#request.failed(this, 'always', 'bad_request');
    const { host } = this.#request.components;
    let asked = false;
    this.#request.options.onPage(reply, this.task.replica, () => {
      if (asked) return;
      asked = true;
      // Where every answer comes within the call, no page within another's; and others get their turn.
      host.defer(() => this.#request.pageTaken(this));
    });
  }

  onRefused(_at: number, why: Refusal): void {
    this.close();
    const isForGood = why === 'bad_request' || why === 'no_service';
    this.#request.failed(this, isForGood ? 'always' : 'a while', why);
  }

  onFailed(_at: number, _sent: boolean, crowded = false): void {
    this.close();
    this.#request.failed(this, 'a while', crowded ? 'overload' : undefined);
  }

  onAlarm(): void {
    this.close();
    this.#request.failed(this, 'a while', undefined);
  }

  onRingChanged(): void {}

  close(): void {
    if (this.#id !== 0) this.#request.components.port.close(this.#id);
    this.#id = 0;
  }

  /** The next pieces of the task, as far as one place to go on from is enough for them. */
  #ranges(): HashRange[] {
    return this.#asked().map(({ start, end }) => ({ start, end }));
  }

  #asked(): Piece[] {
    const { pieces } = this.task;
    const next = pieces.findIndex(({ after }, at) => at > 0 && after !== undefined);
    return next < 0 ? pieces : pieces.slice(0, next);
  }

  /** Take what was given out of the task. False: the vnode has not moved on within what it was asked for. */
  #accept(upTo: RecordKey | undefined): boolean {
    const asked = this.#asked();
    const rest = this.task.pieces.slice(asked.length);
    if (upTo === undefined) {
      this.task.pieces = rest;
      return true;
    }
    const [first] = asked as [Piece, ...Piece[]];
    if (upTo.hashHi < first.start || (first.after !== undefined && !isBefore(first.after, upTo)))
      return false;
    const left = asked.filter(({ end }) => end > upTo.hashHi);
    const [current] = left;
    if (current !== undefined && current.start <= upTo.hashHi)
      left[0] = { start: upTo.hashHi, end: current.end, after: upTo };
    this.task.pieces = [...left, ...rest];
    return true;
  }
}

/** Pieces by the range that they lie in, cut where one ends, so that a ring of another size finds its own. */
function cutByRange(pieces: readonly Piece[], ringSize: number): Map<PartitionId, Piece[]> {
  const byRange = new Map<PartitionId, Piece[]>();
  const bits = ringBits(ringSize);
  for (let p = 0; p < ringSize; p++) {
    const range = rangeOf(p as PartitionId, bits);
    for (const piece of pieces) {
      const start = Math.max(piece.start, range.start);
      const end = Math.min(piece.end, range.end);
      if (start >= end) continue;
      // What lies behind the cut begins behind the place that was reached.
      const part: Piece = { start, end, after: start === piece.start ? piece.after : undefined };
      const parts = byRange.get(p as PartitionId);
      if (parts === undefined) byRange.set(p as PartitionId, [part]);
      else parts.push(part);
    }
  }
  return byRange;
}

function isBefore(a: RecordKey, b: RecordKey): boolean {
  return (
    a.hashHi - b.hashHi < 0 ||
    (a.hashHi === b.hashHi && (a.hashLo < b.hashLo || (a.hashLo === b.hashLo && a.key < b.key)))
  );
}

function nameOf({ partition, ringSize, node }: Replica): string {
  return `${partition}/${ringSize}@${node}`;
}
