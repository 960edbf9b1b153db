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
 * Promised: a key present throughout a walk is in it. Not promised: a snapshot.
 */
import {
  collect,
  compareBytes,
  partitionOf,
  quorumOf,
  rangeOf,
  ringBits,
  type CollectOutcome,
  type PartitionId,
  type RecordKey,
} from '@rkv/core';
import type { Failure } from './api.ts';
import type { KvCommand, KvReply, PageItem, PageReply, TallyReply } from './commands.ts';
import { bucketsReplicasMax, majorityOf, type Coordinator } from './coordinator.ts';
import { hashAt, POSITION_END, positionOf } from './key-space.ts';
import { codeOf } from './write-request.ts';

/** Keys of one page of one replica; a page is read within a millisecond. */
const PAGE_KEYS_MAX = 1_000;
const PAGE_KEYS_MIN = 16;

export type Outcome<T> =
  ({ readonly kind: 'ok' } & T) | { readonly kind: 'failed'; readonly failure: Failure };

export interface ScannedPage {
  readonly keys: string[];
  /** Where to go on; `POSITION_END` when the walk is over. */
  readonly position: number;
}

/** About `count` live keys from `position` on: more than none, unless the walk is over. */
export function scanPage(
  coordinator: Coordinator,
  position: number,
  count: number,
  done: (outcome: Outcome<ScannedPage>) => void,
): void {
  const keys: string[] = [];
  const limit = Math.max(PAGE_KEYS_MIN, Math.min(PAGE_KEYS_MAX, count));
  const goOn = (from: number, pageLimit: number): void => {
    if (from >= POSITION_END || keys.length >= count) return done({ kind: 'ok', keys, position: from });
    scanRange(coordinator, from, pageLimit, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      keys.push(...outcome.keys);
      // More keys than a page takes share one position: only a larger page gets past them.
      const nextLimit = outcome.position === from ? Math.min(pageLimit * 2, 0xffff) : limit;
      coordinator.host.defer(() => goOn(outcome.position, nextLimit));
    });
  };
  goOn(position, limit);
}

/** How many live keys there are. */
export function countKeys(
  coordinator: Coordinator,
  done: (outcome: Outcome<{ count: number }>) => void,
): void {
  const ringSize = coordinator.port.document.ringSize;
  let total = 0;
  const next = (range: number): void => {
    if (range === ringSize) return done({ kind: 'ok', count: total });
    countRange(coordinator, range as PartitionId, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      total += outcome.count;
      coordinator.host.defer(() => next(range + 1));
    });
  };
  next(0);
}

/** The tallies of a range when its replicas agree on it, else a walk through it. */
function countRange(
  coordinator: Coordinator,
  range: PartitionId,
  done: (outcome: Outcome<{ count: number }>) => void,
): void {
  ask(coordinator, range, { kind: 'tally', range }, (outcome) => {
    if (outcome.kind === 'failed') return done(outcome);
    const tallies = outcome.replies.map(({ reply }) => reply as TallyReply);
    const first = tallies[0] as TallyReply;
    const agree = tallies.every(
      (t) => t.digestHi === first.digestHi && t.digestLo === first.digestLo && t.entries === first.entries,
    );
    if (agree) return done({ kind: 'ok', count: first.live });
    walkRange(coordinator, range, done);
  });
}

function walkRange(
  coordinator: Coordinator,
  range: PartitionId,
  done: (outcome: Outcome<{ count: number }>) => void,
): void {
  const bits = ringBits(coordinator.port.document.ringSize);
  const end = positionOf(rangeOf(range, bits).end, 0);
  let count = 0;
  const goOn = (from: number, limit: number): void => {
    if (from >= end) return done({ kind: 'ok', count });
    scanRange(coordinator, from, limit, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      count += outcome.keys.length;
      const nextLimit = outcome.position === from ? Math.min(limit * 2, 0xffff) : PAGE_KEYS_MAX;
      coordinator.host.defer(() => goOn(outcome.position, nextLimit));
    });
  };
  goOn(positionOf(rangeOf(range, bits).start, 0), PAGE_KEYS_MAX);
}

/** One merged page of the range in which `position` lies. */
function scanRange(
  coordinator: Coordinator,
  position: number,
  limit: number,
  done: (outcome: Outcome<ScannedPage>) => void,
): void {
  const bits = ringBits(coordinator.port.document.ringSize);
  const { hashHi } = hashAt(position);
  const range = partitionOf(hashHi, bits);
  const command: KvCommand = { kind: 'page', range, limit, after: justBefore(position) };
  ask(coordinator, range, command, (outcome) => {
    if (outcome.kind === 'failed') return done(outcome);
    const pages = outcome.replies.map(({ reply }) => reply as PageReply);
    done({ kind: 'ok', ...mergePages(pages, position, positionOf(rangeOf(range, bits).end, 0)) });
  });
}

/** Live keys of several replicas' pages, as far as all of the pages reach; `end` is where the range ends. */
export function mergePages(pages: readonly PageReply[], from: number, end: number): ScannedPage {
  let reach = end;
  for (const page of pages) {
    const last = page.items.at(-1);
    if (page.more && last !== undefined) reach = Math.min(reach, positionOf(last.hashHi, last.hashLo));
  }
  const latest = new Map<string, PageItem>();
  for (const page of pages) {
    for (const item of page.items) {
      const position = positionOf(item.hashHi, item.hashLo);
      if (position < from || position >= reach) continue;
      const held = latest.get(item.key);
      if (held === undefined || compareBytes(item.state, held.state) > 0) latest.set(item.key, item);
    }
  }
  const live = [...latest.values()].filter((item) => item.live);
  live.sort((a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo);
  return { keys: live.map((item) => item.key), position: reach };
}

/** The place in hash order from which a walk comes to `position` next; undefined: the beginning. */
function justBefore(position: number): RecordKey | undefined {
  if (position === 0) return undefined;
  const { hashHi, hashLo } = hashAt(position);
  return hashLo > 0
    ? { hashHi, hashLo: hashLo - 1, key: '' }
    : { hashHi: hashHi - 1, hashLo: 0xffffffff, key: '' };
}

interface Replies {
  readonly replies: readonly { readonly reply: KvReply; readonly standIn: boolean }[];
}

/** Ask a range's replicas one command at read quorum. A stand-in's reply is heard but does not count. */
function ask(
  coordinator: Coordinator,
  range: PartitionId,
  command: KvCommand,
  done: (outcome: Outcome<Replies>) => void,
): void {
  const { port, defaults } = coordinator;
  const n = bucketsReplicasMax(port.document);
  const list = port.list(range, n);
  const quorum = quorumOf(list, Math.min(defaults.r ?? majorityOf(n), n));
  collect<KvCommand, KvReply, KvReply>(port, {
    list,
    quorum,
    command,
    timeoutMs: defaults.timeoutMs,
    primariesSuffice: true,
    keep: (reply) => reply,
    counts: (_reply, standIn) => !standIn,
    done: (outcome) => {
      if (outcome.reason === 'finished' || everyPrimaryAnswered(outcome, n)) {
        done({
          kind: 'ok',
          replies: outcome.answers.map(({ answer, standIn }) => ({ reply: answer, standIn })),
        });
      } else done({ kind: 'failed', failure: failureOfRange(outcome, quorum.needed, range) });
    },
  });
}

function everyPrimaryAnswered(outcome: CollectOutcome<KvReply>, n: number): boolean {
  return outcome.answers.filter(({ replica }) => replica.role === 'primary').length === n;
}

function failureOfRange(outcome: CollectOutcome<KvReply>, needed: number, range: PartitionId): Failure {
  const code = outcome.reason === 'timeout' ? 'timeout' : codeOf(outcome.refusal);
  const message = `the keys of partition ${range} need ${needed} replicas, ${outcome.got} answered`;
  return { code, message, needed, got: outcome.got, from: [], definite: true };
}
