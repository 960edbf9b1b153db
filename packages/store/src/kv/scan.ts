/**
 * Walks over the whole cluster in hash order, read at quorum: keys, counts.
 *
 * Each range of the ring is asked of as many of its replicas as a read needs. Their pages are merged as far as all of
 * them reach; of one key the latest state decides whether it lives. A walk goes on from a *position*, the first 52 bits
 * of a hash, so that it survives any change of the ring in between.
 *
 * Each step is deferred: on a lone node every answer comes within the call, and the steps of a large ring, one within
 * the other, would be deeper than any stack.
 *
 * Where buckets differ in n, a range is read once for each n, by as many of the first n replicas as a read needs; of what
 * they say only the keys with that n count. More than half of five need not meet those who acknowledged a key with n=3.
 *
 * Not a coverage request (@rkv/core): that takes one replica's word for each range, and a key that was acknowledged by the
 * others would be missed.
 *
 * What has expired is not there: each step goes by one moment, this node's time of the cluster. A range in which something
 * expires is walked through to be counted.
 *
 * Promised: a key present throughout a walk is in it. Not promised: a snapshot.
 */
import {
  bucketsOf,
  collect,
  compareBytes,
  quorumOf,
  rangeOf,
  ringBits,
  type CollectOutcome,
  type CollectPlan,
  type PartitionId,
  type Quorum,
  type RecordKey,
} from '@rkv/core';
import type { Failure } from './api.ts';
import type { KvCommand, KvReply, PageItem, PageReply, TallyReply } from './commands.ts';
import { majorityOf, type Coordinator } from './coordinator.ts';
import { hashAt, POSITION_END, positionOf, rangeAt } from './key-space.ts';
import { codeOf } from './refusals.ts';

/** Keys of one page of one replica; a page is read within a millisecond. */
const PAGE_KEYS_MAX = 1_000;
const PAGE_KEYS_MIN = 16;
/** Records, as far as pages were asked for them, after which a page of a scan ends. */
const SCANNED_MAX = 20_000;
/** Ranges that are asked for their tallies at one time. */
const RANGES_AT_ONCE = 16;
/** How often tallies that differ are asked for again: writes on their way have arrived by then, mostly. */
const TALLIES_MAX = 5;

/** How a walk ended. */
export type Outcome<T> =
  ({ readonly kind: 'ok' } & T) | { readonly kind: 'failed'; readonly failure: Failure };

export interface ScannedPage {
  readonly keys: string[];
  /** Where to go on; `POSITION_END` when the walk is over. */
  readonly position: number;
}

/**
 * About `count` live keys from `position` on. Where few of many records are alive it ends with fewer, or none, before the walk is
 * over: nobody waits for a page longer than that many records take.
 */
export function scanPage(
  coordinator: Coordinator,
  position: number,
  count: number,
  done: (outcome: Outcome<ScannedPage>) => void,
): void {
  const keys: string[] = [];
  let visited = 0;
  const goOn = (from: number, limit: number): void => {
    if (from >= POSITION_END || keys.length >= count || visited >= SCANNED_MAX)
      return done({ kind: 'ok', keys, position: from });
    scanRange(coordinator, from, limit, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      for (const key of outcome.keys) keys.push(key);
      const isStill = outcome.position === from;
      if (!isStill) visited += limit;
      // More keys than a page takes share one position: only a larger page gets past them. And where few are found there are many
      // that are dead.
      const more = isStill ? Math.min(limit * 2, 0xffff) : Math.min(limit * 2, PAGE_KEYS_MAX);
      coordinator.host.defer(() => goOn(outcome.position, more));
    });
  };
  goOn(position, Math.max(PAGE_KEYS_MIN, Math.min(PAGE_KEYS_MAX, count)));
}

/** How many live keys there are. */
export function countKeys(
  coordinator: Coordinator,
  done: (outcome: Outcome<{ count: number }>) => void,
): void {
  let total = 0;
  const take = (rest: readonly Tallied[], position: number): void => {
    const [next] = rest;
    // The ring may have become another while they were asked: what does not begin here is asked again.
    if (next === undefined || next.start !== position) return goOn(position);
    const count = (at: number, live: number): void => {
      total += live;
      coordinator.host.defer(() => take(rest.slice(1), at));
    };
    if (next.live !== undefined) return count(next.end, next.live);
    walkTo(coordinator, position, next.end, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      count(outcome.position, outcome.count);
    });
  };
  const goOn = (from: number): void => {
    if (from >= POSITION_END) return done({ kind: 'ok', count: total });
    tallyRanges(coordinator, from, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      take(outcome.ranges, from);
    });
  };
  goOn(0);
}

/** A stretch from where it was asked for to the end of its range. */
interface Tallied {
  readonly start: number;
  readonly end: number;
  /** Undefined: it has to be walked through. */
  readonly live: number | undefined;
}

/** Some ranges from the one on in which `from` lies, asked at one time. */
function tallyRanges(
  coordinator: Coordinator,
  from: number,
  done: (outcome: Outcome<{ readonly ranges: readonly Tallied[] }>) => void,
): void {
  const bits = ringBits(coordinator.port.document.ringSize);
  const starts = [from];
  for (let last = from; starts.length < RANGES_AT_ONCE;) {
    last = stretchAt(last, bits).end;
    if (last >= POSITION_END) break;
    starts.push(last);
  }
  const ranges: Tallied[] = [];
  let open = starts.length;
  let failed: Failure | undefined;
  starts.forEach((start, at) =>
    tallyRange(coordinator, start, 0, (outcome) => {
      if (outcome.kind === 'failed') failed = outcome.failure;
      else ranges[at] = outcome;
      if (--open > 0) return;
      done(failed === undefined ? { kind: 'ok', ranges } : { kind: 'failed', failure: failed });
    }),
  );
}

/**
 * The tallies of its replicas when they agree and nothing expires. They need not while it is written to, so they are asked some more
 * times. Else it has to be walked through: so do the rest of a range, and one whose keys have different n, which a tally does not
 * tell apart.
 */
function tallyRange(
  coordinator: Coordinator,
  from: number,
  tries: number,
  done: (outcome: Outcome<Tallied>) => void,
): void {
  const [n = 1, ...others] = bucketsOf(coordinator.port.document).numbers;
  const { start, end } = stretchAt(from, ringBits(coordinator.port.document.ringSize));
  if (others.length > 0 || start !== from) return done({ kind: 'ok', start: from, end, live: undefined });
  ask(
    coordinator,
    from,
    readOf(coordinator, n),
    (range) => ({ kind: 'tally', range }),
    (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      const tallies = outcome.replies.map(({ reply }) => reply as TallyReply);
      const first = tallies[0] as TallyReply;
      const isExact = tallies.every(({ expiring }) => expiring === 0) && outcome.start === from;
      if (isExact && tallies.every((tally) => isLike(tally, first)))
        return done({ kind: 'ok', start: from, end: outcome.end, live: first.live });
      if (isExact && tries < TALLIES_MAX)
        return coordinator.host.defer(() => tallyRange(coordinator, from, tries + 1, done));
      done({ kind: 'ok', start: from, end: outcome.end, live: undefined });
    },
  );
}

function isLike(a: TallyReply, b: TallyReply): boolean {
  return a.digestHi === b.digestHi && a.digestLo === b.digestLo && a.entries === b.entries;
}

interface Counted {
  readonly count: number;
  /** Where to go on. */
  readonly position: number;
}

/** As far as `end`, or further: pages end where ranges do, and those are larger once the ring is smaller. */
function walkTo(
  coordinator: Coordinator,
  from: number,
  end: number,
  done: (outcome: Outcome<Counted>) => void,
): void {
  let count = 0;
  const goOn = (position: number, limit: number): void => {
    if (position >= end) return done({ kind: 'ok', count, position });
    scanRange(coordinator, position, limit, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      count += outcome.keys.length;
      const nextLimit = outcome.position === position ? Math.min(limit * 2, 0xffff) : PAGE_KEYS_MAX;
      coordinator.host.defer(() => goOn(outcome.position, nextLimit));
    });
  };
  goOn(from, PAGE_KEYS_MAX);
}

/** One merged page of the range in which `position` lies. */
function scanRange(
  coordinator: Coordinator,
  position: number,
  limit: number,
  done: (outcome: Outcome<ScannedPage>) => void,
): void {
  const buckets = bucketsOf(coordinator.port.document);
  const [first = 1, ...others] = buckets.numbers;
  if (others.length === 0) {
    return askPages(coordinator, { position, limit, ...readOf(coordinator, first) }, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      done({ kind: 'ok', ...mergePages(outcome.pages, position, outcome.end) });
    });
  }
  const read: { readonly n: number; readonly pages: readonly PageReply[] }[] = [];
  let reach = POSITION_END;
  const next = (n: number | undefined): void => {
    if (n === undefined) {
      const items = read.flatMap((one) =>
        latestItems(one.pages, position, reach).filter(
          ({ key, live }) => live && buckets.copiesOf(key) === one.n,
        ),
      );
      return done({ kind: 'ok', keys: inHashOrder(items).map(({ key }) => key), position: reach });
    }
    askPages(coordinator, { position, limit, ...readOf(coordinator, n) }, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      read.push({ n, pages: outcome.pages });
      reach = Math.min(reach, reachOf(outcome.pages, outcome.end));
      next(buckets.numbers[read.length]);
    });
  };
  next(first);
}

/** Live keys of several replicas' pages, as far as all of the pages reach; `end` is where the range ends. */
export function mergePages(pages: readonly PageReply[], from: number, end: number): ScannedPage {
  const position = reachOf(pages, end);
  const live = latestItems(pages, from, position).filter((item) => item.live);
  return { keys: inHashOrder(live).map((item) => item.key), position };
}

/** How far all of the pages reach. */
export function reachOf(pages: readonly PageReply[], end: number): number {
  let reach = end;
  for (const page of pages) {
    const last = page.items.at(-1);
    if (page.more && last !== undefined) reach = Math.min(reach, positionOf(last.hashHi, last.hashLo));
  }
  return reach;
}

/** Of each key the latest state. */
export function latestItems(pages: readonly PageReply[], from: number, reach: number): PageItem[] {
  const latest = new Map<string, PageItem>();
  for (const page of pages) {
    for (const item of page.items) {
      const position = positionOf(item.hashHi, item.hashLo);
      if (position < from || position >= reach) continue;
      const held = latest.get(item.key);
      if (held === undefined || compareBytes(item.state, held.state) > 0) latest.set(item.key, item);
    }
  }
  return [...latest.values()];
}

function inHashOrder(items: PageItem[]): PageItem[] {
  return items.toSorted((a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo);
}

/** Whom of a range's replicas to ask: the first `n`, of whom `needed` must answer. */
export interface Asked {
  readonly n: number;
  readonly needed: number;
}

function readOf({ defaults }: Coordinator, n: number): Asked {
  return { n, needed: Math.min(defaults.r ?? majorityOf(n), n) };
}

/** Pages from `position` on, as the replicas of its range have them; `end` is where that ends. */
export function askPages(
  coordinator: Coordinator,
  { position, limit, ...asked }: Asked & { readonly position: number; readonly limit: number },
  done: (outcome: Outcome<{ readonly pages: readonly PageReply[]; readonly end: number }>) => void,
): void {
  const after = justBefore(position);
  const nowMs = coordinator.clusterTime();
  ask(
    coordinator,
    position,
    asked,
    (range) => ({ kind: 'page', range, limit, after, nowMs }),
    (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      const pages = outcome.replies.map(({ reply }) => reply as PageReply);
      done({ kind: 'ok', pages, end: outcome.end });
    },
  );
}

/** The place in hash order from which a walk comes to `position` next; undefined: the beginning. */
function justBefore(position: number): RecordKey | undefined {
  if (position === 0) return undefined;
  const { hashHi, hashLo } = hashAt(position);
  return hashLo > 0
    ? { hashHi, hashLo: hashLo - 1, key: '' }
    : { hashHi: hashHi - 1, hashLo: 0xffffffff, key: '' };
}

/** A range of the ring, by the positions of its beginning and its end. */
interface Stretch {
  readonly range: PartitionId;
  readonly start: number;
  readonly end: number;
}

interface Replies extends Stretch {
  readonly replies: readonly { readonly reply: KvReply; readonly standIn: boolean }[];
}

/**
 * Ask the replicas of the range in which a position lies one command; which range that is may change with
 * the ring while they are asked. A stand-in's reply is heard but does not count.
 */
function ask(
  coordinator: Coordinator,
  position: number,
  { n, needed }: Asked,
  commandFor: (range: PartitionId) => KvCommand,
  done: (outcome: Outcome<Replies>) => void,
): void {
  const { port, defaults } = coordinator;
  let stretch: Stretch;
  let quorum: Quorum;
  const plan = (): CollectPlan<KvCommand> => {
    stretch = stretchAt(position, ringBits(port.document.ringSize));
    const list = port.list(stretch.range, n);
    quorum = quorumOf(list, needed);
    return { list, quorum, command: commandFor(stretch.range) };
  };
  collect<KvCommand, KvReply, KvReply>(port, {
    ...plan(),
    planAnew: plan,
    timeoutMs: defaults.timeoutMs,
    primariesSuffice: true,
    keep: (reply) => reply,
    counts: (_reply, standIn) => !standIn,
    done: (outcome) => {
      if (outcome.reason === 'finished' || everyPrimaryAnswered(outcome, n)) {
        done({
          kind: 'ok',
          ...stretch,
          replies: outcome.answers.map(({ answer, standIn }) => ({ reply: answer, standIn })),
        });
      } else done({ kind: 'failed', failure: failureOfRange(outcome, quorum.needed, stretch.range) });
    },
  });
}

function stretchAt(position: number, bits: number): Stretch {
  const range = rangeAt(position, bits);
  const { start, end } = rangeOf(range, bits);
  return { range, start: positionOf(start, 0), end: positionOf(end, 0) };
}

function everyPrimaryAnswered(outcome: CollectOutcome<KvReply>, n: number): boolean {
  return outcome.answers.filter(({ replica }) => replica.role === 'primary').length === n;
}

function failureOfRange(outcome: CollectOutcome<KvReply>, needed: number, range: PartitionId): Failure {
  const code = outcome.reason === 'timeout' ? 'timeout' : codeOf(outcome.refusal);
  const message = `the keys of partition ${range} need ${needed} replicas, ${outcome.got} answered`;
  return { code, message, needed, got: outcome.got, from: [], definite: true };
}
