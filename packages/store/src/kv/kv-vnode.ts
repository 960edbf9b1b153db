/**
 * The store's vnode: one partition's entries, merged in and read out.
 *
 * Every way into a replica - a write, a repair, a handoff - is one merge. What is merged but not yet committed lies
 * in the *overlay*: merges read through it (or the later of two writes in one turn would be lost under the earlier),
 * and a read of such a key waits until the store has it, so that nobody is told a value that a crash takes back.
 * An acknowledgement waits for the durability asked for.
 */
import {
  SPACE_ENTRY,
  SPACE_META,
  STAMP_BYTES,
  compareStamps,
  covers,
  type HashRange,
  type HybridClock,
  type LimitUse,
  type ItemCursor,
  type ItemPage,
  type RecordKey,
  type ReplyToken,
  type StoreRecord,
  type Vnode,
  type VnodeContext,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import { expiryMs, HEADER_BYTES, isLive, payloadStart, sameState, VERSION_AT } from '../entry/layout.ts';
import { counted, merge, type ClashHandler } from '../entry/merge.ts';
import { ByteBudget } from './byte-budget.ts';
import type { GetCommand, KvCommand, KvReply, MergeCommand, PageCommand } from './commands.ts';
import { KvItemTrees } from './item-trees.ts';
import { decodeCursor, decodeItem, encodeCursor, encodeItem } from './items.ts';
import { beforeHash, isAfter } from './key-space.ts';
import { PageWalk } from './page-walk.ts';
import { VnodeTallies } from './range-tally.ts';
import { Tidying, type TidyCounts } from './tidying.ts';

/** An entry on its way into the store; undefined: its removal is. */
interface InFlight {
  readonly at: RecordKey;
  readonly entry: Uint8Array | undefined;
  readonly seq: number;
  /** As the node's budget knows it; 0 once the store has it, or has lost it. */
  bytes: number;
}

/** Somebody who is told when the store has what was on its way. */
interface Waiter {
  readonly inFlight: InFlight;
  readonly stored: () => void;
  readonly failed: () => void;
}

/** Records visited in one step of a walk or of clearing: well under a millisecond. */
const STEP_RECORDS = 500;
/** Records of a page that are read within one call: about a millisecond. */
const PAGE_RECORDS_AT_ONCE = 1_000;

/** Bytes of entries that the store has taken and not committed, of all vnodes: beyond, a write is refused. Sixteen of the largest. */
const IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024;

export function inFlightBudget(): ByteBudget {
  return new ByteBudget('vnode_in_flight_bytes', IN_FLIGHT_BYTES_MAX);
}

export class KvVnode implements Vnode<KvCommand, KvReply> {
  readonly #context: VnodeContext;
  readonly #clock: HybridClock;
  readonly #overlay = new Map<string, InFlight>();
  readonly #inFlight: ByteBudget;
  readonly #tallies: VnodeTallies;
  readonly trees: KvItemTrees;
  readonly #tidying: Tidying;
  readonly #onClash: ClashHandler;
  /** The answer to a get that need not wait: one object for all, borrowed by whoever is told. */
  readonly #held = { kind: 'held' as const, entry: undefined as Uint8Array | undefined, whole: true };
  #waiters: Waiter[] = [];
  /** Of what the node's budget refused, the writes of this vnode. */
  #tooMuch = 0;
  #clearedTo: RecordKey | undefined;

  /** `inFlight` and `counts` are shared by the vnodes of a node; left out, this one counts for itself. */
  constructor(
    context: VnodeContext,
    clock: HybridClock,
    inFlight = inFlightBudget(),
    counts: TidyCounts = { swept: 0, reaped: 0 },
  ) {
    this.#context = context;
    this.#inFlight = inFlight;
    this.#clock = clock;
    const at = { hashHi: 0, hashLo: 0, key: 'tally' };
    this.#tallies = new VnodeTallies(context.place, context.store.get(SPACE_META, context.place, at));
    this.trees = new KvItemTrees({ context, overlay: this.#overlay, tallies: this.#tallies });
    this.#tidying = new Tidying({
      context,
      tallies: this.#tallies,
      counts,
      overlay: this.#overlay,
      replace: (at, before, after) => this.#store(at, before, after, false) !== undefined,
    });
    this.#onClash = (key) =>
      context.logger.error(
        { partition: context.place.partition, key },
        'two writes of this key bear one stamp; the larger bytes stay',
      );
  }

  handleCommand(command: KvCommand, token: ReplyToken<KvReply>): void {
    switch (command.kind) {
      case 'merge':
        return this.#handleMerge(command, token);
      case 'get':
        return this.#handleGet(command, token);
      case 'page':
        return this.#handlePage(command, token);
      case 'tally':
        return token.reply({ kind: 'tally', ...this.#tallies.of(command.range) });
      case 'ping':
        return token.reply({ kind: 'pong', n: command.n });
    }
  }

  onStoreProgress(failedFrom?: number): void {
    if (failedFrom !== undefined) this.#fail(failedFrom);
    const reached = this.#reached();
    let count = 0;
    while (count < this.#waiters.length && (this.#waiters[count] as Waiter).inFlight.seq <= reached) count++;
    if (count === 0) return;
    const ready = this.#waiters.splice(0, count);
    for (const waiter of ready) this.#landed(waiter);
    for (const waiter of ready) waiter.stored();
  }

  limits(): LimitUse[] {
    return [{ ...this.#inFlight.limit, reached: this.#tooMuch }];
  }

  isEmpty(): boolean {
    return this.#tallies.total === 0 && this.#overlay.size === 0;
  }

  walkItems(
    cursor: ItemCursor | undefined,
    budgetBytes: number,
    within: HashRange,
    upTo?: ItemCursor,
  ): ItemPage {
    const items: Uint8Array[] = [];
    let bytes = 0;
    const take = (at: RecordKey, entry: Uint8Array): void => {
      const item = encodeItem(at, entry);
      bytes += item.length;
      items.push(item);
    };
    // What is in flight when a walk begins may commit behind its cursor; what changes later is passed on.
    if (cursor === undefined) {
      for (const { at, entry } of this.#overlay.values())
        if (entry !== undefined && covers([within], at.hashHi)) take(at, entry);
    }
    const after = cursor === undefined ? beforeHash(within.start) : decodeCursor(cursor);
    const end = upTo && decodeCursor(upTo);
    let last: RecordKey | undefined;
    let inRange = true;
    const { store, place, logger } = this.#context;
    const more = store.walk(SPACE_ENTRY, place, after, STEP_RECORDS, (hashHi, hashLo, key, entry) => {
      inRange = hashHi < within.end && (end === undefined || !isAfter(hashHi, hashLo, key, end));
      if (!inRange) return false;
      last = { hashHi, hashLo, key };
      // On its way out: whoever compares must not be told that it stays.
      if (hashHi < within.start || this.#isLeaving(key)) return true;
      const problem = problemOf(key, entry);
      if (problem === undefined) take(last, entry);
      else
        logger.error(
          { partition: place.partition, key, problem },
          'an entry is damaged; it is not handed over',
        );
      return bytes < budgetBytes;
    });
    return { items, next: more && inRange && last !== undefined ? encodeCursor(last) : undefined };
  }

  /** Exact where the ranges are those of partitions, as they mostly are. */
  countItems(within: readonly HashRange[]): number {
    return this.#tallies.countWithin(within);
  }

  handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at, entry } = decodeItem(item);
    const problem = problemOf(at.key, entry);
    if (problem !== undefined) {
      this.#context.logger.error(
        { partition: this.#context.place.partition, problem },
        'a damaged item came in; it was not stored',
      );
      return done(false);
    }
    this.#clock.observe(entry, VERSION_AT);
    const held = this.#find(at);
    const merged = this.#isDamaged(at.key, held) ? entry : merge(at.key, held, entry, this.#onClash);
    if (merged !== held && this.#store(at, held, merged) === undefined) return done(false);
    const inFlight = this.#overlay.get(at.key);
    if (inFlight === undefined) return done(true);
    this.#waiters.push({ inFlight, stored: () => done(true), failed: () => done(false) });
  }

  handleItemHandedOff(item: Uint8Array): void {
    const { at, entry } = decodeItem(item);
    if (this.#overlay.has(at.key)) return;
    const held = this.#find(at);
    if (held === undefined || !sameState(held, entry)) return;
    this.#store(at, held, undefined);
  }

  isReaped(item: Uint8Array): boolean {
    const { at, entry } = decodeItem(item);
    // Not looked at closely: what is damaged is refused when it is merged.
    if (entry.length < HEADER_BYTES) return false;
    return (
      compareStamps(entry, VERSION_AT, this.#context.bounds.floor, 0) <= 0 && this.#find(at) === undefined
    );
  }

  reapable(): number {
    return this.#tallies.tombstones;
  }

  clearSome(): boolean {
    if (this.#overlay.size > 0) return false;
    const doomed: { at: RecordKey; entry: Uint8Array }[] = [];
    const { store, place } = this.#context;
    const more = store.walk(
      SPACE_ENTRY,
      place,
      this.#clearedTo,
      STEP_RECORDS,
      (hashHi, hashLo, key, entry) => {
        // What the tallies look at, and not the value: five hundred of those may be more than fits in memory.
        doomed.push({ at: { hashHi, hashLo, key }, entry: entry.slice(0, payloadStart(entry)) });
        return true;
      },
    );
    for (const { at, entry } of doomed) if (this.#store(at, entry, undefined) === undefined) return false;
    this.#clearedTo = more ? doomed.at(-1)?.at : undefined;
    return !more && this.isEmpty();
  }

  close(inOrder: boolean): void {
    this.#tidying.close();
    this.trees.close(inOrder);
  }

  #handleMerge(command: MergeCommand, token: ReplyToken<KvReply>): void {
    const { key, entry } = command;
    if (!this.#inFlight.fits(entry.length)) {
      this.#tooMuch++;
      return token.refuse('overload');
    }
    this.#clock.observe(entry, VERSION_AT);
    const held = this.#find(command);
    const existed = held !== undefined && isLive(held, 0);
    const untilMs = held === undefined ? 0 : expiryMs(held);
    const { bar } = this.#context.bounds;
    if (compareStamps(entry, VERSION_AT, bar, 0) <= 0) {
      // Too late for the reap floor, whatever is held. It is stamped anew, and the merge below is of that.
      return token.reply({ kind: 'merged', existed, untilMs, later: bar.slice() });
    }
    const merged = merge(key, held, entry, this.#onClash);
    const later = counted(merged, entry) ? undefined : merged.slice(VERSION_AT, VERSION_AT + STAMP_BYTES);
    if (merged !== held && this.#store(command, held, merged) === undefined) return token.refuse('read_only');
    const inFlight = this.#overlay.size === 0 ? undefined : this.#overlay.get(key);
    const reply = { kind: 'merged' as const, existed, untilMs, later };
    if (inFlight === undefined) return token.reply(reply);
    this.#waiters.push({
      inFlight,
      stored: () => token.reply(reply),
      failed: () => token.fail('the store failed'),
    });
  }

  #handleGet(command: GetCommand, token: ReplyToken<KvReply>): void {
    const inFlight = this.#overlay.size === 0 ? undefined : this.#overlay.get(command.key);
    if (inFlight === undefined) return this.#replyHeld(command, token);
    const waiting = { ...command };
    const answer = (): void => this.#replyHeld(waiting, token);
    this.#waiters.push({ inFlight, stored: answer, failed: answer });
  }

  #replyHeld(command: GetCommand, token: ReplyToken<KvReply>): void {
    this.#held.entry = this.#context.store.get(SPACE_ENTRY, this.#context.place, command);
    this.#held.whole = command.whole;
    token.reply(this.#held);
    // Of a large value this would keep the memory, long after it has been deleted.
    this.#held.entry = undefined;
  }

  /** A page of usual size within the call; a longer one, which many keys at one position call for, in the pool. */
  #handlePage(command: PageCommand, token: ReplyToken<KvReply>): void {
    const { store, place, pool } = this.#context;
    const walk = new PageWalk(store, place, { ...command });
    if (command.limit <= PAGE_RECORDS_AT_ONCE) {
      walk.step(command.limit);
      return token.reply(walk.page);
    }
    pool.run(token, () => {
      if (!walk.step(PAGE_RECORDS_AT_ONCE)) return false;
      token.reply(walk.page);
      return true;
    });
  }

  #find(at: RecordKey): Uint8Array | undefined {
    if (this.#overlay.size > 0) {
      const inFlight = this.#overlay.get(at.key);
      if (inFlight !== undefined) return inFlight.entry;
    }
    return this.#context.store.get(SPACE_ENTRY, this.#context.place, at);
  }

  /** Nothing of it can be believed, so nothing is lost when another replica's takes its place. */
  #isDamaged(key: string, held: Uint8Array | undefined): boolean {
    const problem = held === undefined ? undefined : problemOf(key, held);
    if (problem === undefined) return false;
    const { partition } = this.#context.place;
    this.#context.logger.warn(
      { partition, key, problem },
      "a damaged entry is replaced by another replica's",
    );
    return true;
  }

  /** Its removal is on its way into the store. */
  #isLeaving(key: string): boolean {
    const inFlight = this.#overlay.size === 0 ? undefined : this.#overlay.get(key);
    return inFlight !== undefined && inFlight.entry === undefined;
  }

  /**
   * Put `after` in the place of `before`, in the store and in the tallies. Undefined: the store takes no writes. Not `isNews`:
   * it is what was held in another form, and nobody is to be told.
   */
  #store(
    at: RecordKey,
    before: Uint8Array | undefined,
    after: Uint8Array | undefined,
    isNews = true,
  ): number | undefined {
    const { store, place, changed } = this.#context;
    const { hashHi, hashLo, key } = at;
    if (after !== undefined && isNews) this.#context.beforeChange();
    // What was there is borrowed from the store, and must be looked at before the trees ask that for something.
    this.#tallies.changed(at, before, after);
    const records: StoreRecord[] = [{ space: SPACE_ENTRY, place, hashHi, hashLo, key, value: after }];
    const mark = this.trees.markFor(at);
    if (mark !== undefined) records.push(mark);
    const isLast = this.#tallies.total === 0;
    if (isLast) records.push(...this.trees.removals());
    const seq = store.submit(records, this.#tallies);
    if (seq === undefined) {
      if (mark !== undefined) this.trees.notMarked(at);
      this.#tallies.takeBack();
      return undefined;
    }
    this.trees.changed(at);
    if (isLast) this.trees.becomeEmpty();
    if (seq > this.#reached()) {
      const bytes = after?.length ?? 0;
      const inFlight = { at: { hashHi, hashLo, key }, entry: after, seq, bytes };
      this.#inFlight.bytes += bytes;
      this.#overlay.set(key, inFlight);
      // Nobody waits for it, and it has to leave the overlay all the same.
      if (after === undefined || !isNews) this.#waiters.push({ inFlight, stored: nothing, failed: nothing });
    }
    if (after !== undefined && isNews) {
      this.#tidying.note(after);
      changed(hashHi, () => encodeItem(at, after));
    }
    return seq;
  }

  /** How far the store has come, at the durability that an acknowledgement stands for. */
  #reached(): number {
    const { store, durability } = this.#context;
    return durability === 'power' ? store.flushedSeq : store.committedSeq;
  }

  #landed({ inFlight }: Waiter): void {
    const { key } = inFlight.at;
    if (this.#overlay.get(key) === inFlight) this.#overlay.delete(key);
    this.#letGo(inFlight);
  }

  #letGo(inFlight: InFlight): void {
    this.#inFlight.bytes -= inFlight.bytes;
    inFlight.bytes = 0;
  }

  /** The store lost everything from `seq` on: what waited for it failed, and what it covered comes to light again. */
  #fail(seq: number): void {
    const lost = this.#waiters.filter(({ inFlight }) => inFlight.seq >= seq);
    this.#waiters = this.#waiters.filter(({ inFlight }) => inFlight.seq < seq);
    const gone = [...this.#overlay.values()].filter((inFlight) => inFlight.seq >= seq);
    for (const { at } of gone) this.#overlay.delete(at.key);
    const uncovered = new Set(gone.map(({ at }) => at.key));
    for (const { inFlight } of this.#waiters)
      if (uncovered.has(inFlight.at.key)) this.#overlay.set(inFlight.at.key, inFlight);
    for (const { at, entry } of gone) {
      this.#tallies.changed(at, entry, this.#find(at));
      this.trees.changed(at);
    }
    this.trees.storeFailed();
    for (const { inFlight } of lost) this.#letGo(inFlight);
    for (const waiter of lost) waiter.failed();
  }
}

function nothing(): void {}
