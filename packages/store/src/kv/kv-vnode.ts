/**
 * The store's vnode: one partition's entries, merged in and read out.
 *
 * Every way into a replica - a write, a repair, a handoff - is one merge. What is merged but not yet committed lies
 * in the overlay (overlay.ts): merges read through it (or the later of two writes in one turn would be lost under the
 * earlier), and a read of such a key waits until the store has it, so that nobody is told a value that a crash takes back.
 * An acknowledgement waits for the durability asked for.
 *
 * What the store shows is checked before anybody is told of it or it is merged with anything: a damaged entry counts as not
 * held, and who asks for it is told that this vnode failed, so that another replica is asked (damage.ts).
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
  type PartitionId,
  type RecordKey,
  type ReplyToken,
  type StoreRecord,
  type Vnode,
  type VnodeContext,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import {
  expiryMs,
  FLAG_PROMISED,
  hasFlag,
  HEADER_BYTES,
  isLive,
  payloadStart,
  sameState,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from '../entry/layout.ts';
import { counted, merge, type ClashHandler } from '../entry/merge.ts';
import { Acceptor } from './acceptor.ts';
import { inFlightBudget, type ByteBudget } from './byte-budget.ts';
import { ChangeDesk } from './change-desk.ts';
import type {
  AcceptCommand,
  GetCommand,
  InspectedReply,
  KvCommand,
  KvReply,
  MergeCommand,
  PageCommand,
} from './commands.ts';
import { Damage } from './damage.ts';
import { inspectedReply } from './inspection.ts';
import { KvItemTrees } from './item-trees.ts';
import { decodeCursor, decodeItem, encodeCursor, encodeItem } from './items.ts';
import { beforeHash, isAfter } from './key-space.ts';
import { NOBODY, Overlay } from './overlay.ts';
import { PageWalk } from './page-walk.ts';
import { VnodeTallies } from './range-tally.ts';
import { VnodeScrub, type ScrubStatus } from './scrub.ts';
import { FlushDesk } from './flush-desk.ts';
import { Tidying, type TidyCounts } from './tidying.ts';
import { VnodeFlush } from './vnode-flush.ts';

/** Records visited in one step of a walk or of clearing: well under a millisecond. */
const STEP_RECORDS = 500;
/** Records of a page that are read within one call: about a millisecond. */
const PAGE_RECORDS_AT_ONCE = 1_000;

/** What the vnodes of a node have in common; left out, this one stands alone. */
export interface SharedByVnodes {
  /** Runs the changes that come to it. */
  readonly desk?: ChangeDesk | undefined;
  /** Carries out flushes. */
  readonly flushes?: FlushDesk | undefined;
  /** Entries of all of them that the store has not committed. */
  readonly inFlight?: ByteBudget | undefined;
  /** What they have tidied up so far. */
  readonly counts?: TidyCounts | undefined;
  /** Told when the store has lost what it held, or the way to it (scrub.ts). */
  readonly onUnsound?: ((why: string) => void) | undefined;
}

export class KvVnode implements Vnode<KvCommand, KvReply> {
  readonly #context: VnodeContext;
  readonly #clock: HybridClock;
  readonly #desk: ChangeDesk;
  readonly #overlay: Overlay;
  readonly #tallies: VnodeTallies;
  readonly trees: KvItemTrees;
  readonly #damage: Damage;
  readonly #scrub: VnodeScrub;
  readonly #tidying: Tidying;
  readonly #acceptor: Acceptor;
  readonly #flushes: FlushDesk;
  readonly #flush: VnodeFlush;
  readonly #onClash: ClashHandler;
  /** The answer to a get that need not wait: one object for all, borrowed by whoever is told. */
  readonly #held = { kind: 'held' as const, entry: undefined as Uint8Array | undefined, whole: true };
  #clearedTo: RecordKey | undefined;

  constructor(
    context: VnodeContext,
    clock: HybridClock,
    {
      desk = new ChangeDesk(),
      inFlight = inFlightBudget(),
      flushes = new FlushDesk(clock),
      onUnsound = nothing,
      counts = { swept: 0, reaped: 0 },
    }: SharedByVnodes = {},
  ) {
    this.#desk = desk;
    this.#context = context;
    this.#overlay = new Overlay(context, inFlight);
    this.#clock = clock;
    const at = { hashHi: 0, hashLo: 0, key: 'tally' };
    this.#tallies = new VnodeTallies(context.place, context.store.get(SPACE_META, context.place, at));
    this.#damage = new Damage(
      context,
      () => this.#scrub.want(),
      // What this acceptor promised and accepted of a strict key may be forgotten once another replica's is in its place.
      (key) => {
        if (desk.isStrict(key)) context.doubt();
      },
    );
    const parts = { context, overlay: this.#overlay.underway, tallies: this.#tallies, damage: this.#damage };
    this.trees = new KvItemTrees(parts);
    const distrust = (range: PartitionId): void => this.trees.distrust(range);
    this.#scrub = new VnodeScrub({ ...parts, distrust, onUnsound });
    this.#tidying = new Tidying({
      context,
      tallies: this.#tallies,
      counts,
      overlay: this.#overlay.underway,
      replace: (at, before, after) => this.#store(at, before, after, false) !== undefined,
    });
    this.#acceptor = new Acceptor({
      clock,
      find: (at) => this.#find(at),
      isDamaged: (at) => this.#isDamaged(at),
      stored: (at) => context.store.get(SPACE_ENTRY, context.place, at),
      replace: (at, before, after) => this.#store(at, before, after) !== undefined,
      whenStored: (key, token, stored) => this.#whenStored(key, token, stored),
      onClash: (...clash) => this.#onClash(...clash),
    });
    this.#flushes = flushes;
    this.#flush = new VnodeFlush({
      context,
      clock,
      isStrict: (key) => desk.isStrict(key),
      find: (at) => this.#findReadable(at),
      replace: (at, before, after) => this.#overwrite(at, before, after),
      reached: () => this.#overlay.reached,
    });
    this.#onClash = (key) =>
      context.logger.error(
        { partition: context.place.partition, key },
        'two writes of this key bear one stamp; the larger bytes stay',
      );
    flushes.add(this.#flush);
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
      case 'prepare':
        return this.#acceptor.prepare(command, token);
      case 'accept':
        return this.#accept(command, token);
      case 'change':
        return this.#desk.run(command, () => this.#find(command), token);
      case 'inspect':
        return token.reply(this.#inspect(command));
      case 'flush':
        return this.#flushes.handle(command, this.#context, token);
    }
  }

  onStoreProgress(failedFrom?: number): void {
    if (failedFrom !== undefined) this.#fail(failedFrom);
    this.#overlay.tellFlushed();
    this.#flush.onStoreProgress(failedFrom);
    this.#overlay.tellStored();
  }

  limits(): LimitUse[] {
    return [this.#overlay.limit];
  }

  isEmpty(): boolean {
    return this.#tallies.total === 0 && this.#overlay.isEmpty;
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
      for (const { at, entry } of this.#overlay.underway.values())
        if (entry !== undefined && covers([within], at.hashHi)) take(at, entry);
    }
    const after = cursor === undefined ? beforeHash(within.start) : decodeCursor(cursor);
    const end = upTo && decodeCursor(upTo);
    let last: RecordKey | undefined;
    let inRange = true;
    const { store, place } = this.#context;
    const more = store.walk(SPACE_ENTRY, place, after, STEP_RECORDS, (hashHi, hashLo, key, entry) => {
      inRange = hashHi < within.end && (end === undefined || !isAfter(hashHi, hashLo, key, end));
      if (!inRange) return false;
      last = { hashHi, hashLo, key };
      // On its way out: whoever compares must not be told that it stays.
      if (hashHi < within.start || this.#isLeaving(key)) return true;
      if (!this.#damage.isIn(last, entry)) take(last, entry);
      return bytes < budgetBytes;
    });
    return { items, next: more && inRange && last !== undefined ? encodeCursor(last) : undefined };
  }

  keyOf(item: Uint8Array): RecordKey {
    return decodeItem(item).at;
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
    const held = this.#findSound(at);
    const left = this.#desk.isStrict(at.key) ? entry : this.#flushes.remainsOf(at.key, entry);
    const merged = merge(at.key, held, left, this.#onClash);
    if (merged !== held && this.#store(at, held, merged) === undefined) return done(false);
    const inFlight = this.#overlay.get(at.key);
    if (inFlight === undefined) return done(true);
    this.#overlay.wait(inFlight, { stored: () => done(true), failed: () => done(false) });
  }

  handleItemHandedOff(item: Uint8Array): void {
    const { at, entry } = decodeItem(item);
    if (this.#overlay.get(at.key) !== undefined) return;
    const held = this.#find(at);
    if (held === undefined || !sameState(held, entry)) return;
    this.#store(at, held, undefined);
  }

  mayBeReaped(item: Uint8Array, floorHasRisen: boolean): boolean {
    const { at, entry } = decodeItem(item);
    // Not looked at closely: what is damaged is refused when it is merged.
    if (entry.length < HEADER_BYTES) return false;
    // What bears a ballot is never reaped, and so never brought back.
    if (hasFlag(entry, FLAG_PROMISED)) return false;
    const { bounds } = this.#context;
    if (compareStamps(entry, VERSION_AT, bounds.floor, 0) > 0) return false;
    return (floorHasRisen || this.#mayBeOver(entry)) && this.#find(at) === undefined;
  }

  /** The tombstones of a flush bear the stamp that it was begun with, however late they are made. */
  whyBarMustWait(): string | undefined {
    return this.#flushes.isOn ? 'a flush goes on' : undefined;
  }

  reapable(): number {
    return this.#tallies.tombstones;
  }

  clearSome(): boolean {
    if (!this.#overlay.isEmpty) return false;
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

  /** How far it is with looking at all that it holds. */
  get scrubbed(): ScrubStatus {
    return this.#scrub.status;
  }

  /** Look at all that it holds. False: it does already. */
  scrub(): boolean {
    return this.#scrub.begin();
  }

  close(inOrder: boolean): void {
    this.#scrub.close();
    this.#tidying.close();
    this.#flushes.remove(this.#flush, inOrder);
    this.trees.close(inOrder);
  }

  #handleMerge(command: MergeCommand, token: ReplyToken<KvReply>): void {
    const { key, entry } = command;
    // Of somebody who has not heard yet that the key is strict.
    if (this.#desk.isStrict(key)) return token.refuse('bad_request');
    if (!this.#overlay.hasRoom(entry.length)) return token.refuse('overload');
    this.#clock.observe(entry, VERSION_AT);
    const held = this.#findSound(command);
    const existed = held !== undefined && isLive(held, 0);
    const untilMs = held === undefined ? 0 : expiryMs(held);
    const late = this.#tooLateFor(entry);
    if (late !== undefined) {
      // Too late for a flush or the reap floor. It is stamped anew, above what is held too: the merge below is of that.
      const isAbove = held !== undefined && compareStamps(held, VERSION_AT, late, 0) > 0;
      const later = isAbove ? held.slice(VERSION_AT, VERSION_AT + STAMP_BYTES) : late.slice();
      return token.reply({ kind: 'merged', existed, untilMs, later, tooLate: true });
    }
    const merged = merge(key, held, entry, this.#onClash);
    const later = counted(merged, entry) ? undefined : merged.slice(VERSION_AT, VERSION_AT + STAMP_BYTES);
    if (merged !== held && this.#store(command, held, merged) === undefined) return token.refuse('read_only');
    const inFlight = this.#overlay.get(key);
    const reply = { kind: 'merged' as const, existed, untilMs, later, tooLate: undefined };
    if (inFlight === undefined && command.flushed !== true) return token.reply(reply);
    const waiting = { stored: () => token.reply(reply), failed: () => token.fail('the store failed') };
    if (command.flushed === true) this.#overlay.waitForFlush(inFlight, waiting);
    else if (inFlight !== undefined) this.#overlay.wait(inFlight, waiting);
  }

  /** What deletes are forgotten up to, or the flush that goes on: the higher one, where the entry is not above it. */
  #tooLateFor(entry: Uint8Array): Uint8Array | undefined {
    const { bar } = this.#context.bounds;
    const floor = this.#flushes.floorAbove(entry);
    if (compareStamps(entry, VERSION_AT, bar, 0) > 0) return floor;
    return floor !== undefined && compareStamps(floor, 0, bar, 0) > 0 ? floor : bar;
  }

  #isDamaged(at: RecordKey): boolean {
    if (this.#overlay.get(at.key) !== undefined) return false;
    const entry = this.#context.store.get(SPACE_ENTRY, this.#context.place, at);
    return entry !== undefined && this.#damage.isIn(at, entry);
  }

  #accept(command: AcceptCommand, token: ReplyToken<KvReply>): void {
    if (this.#overlay.hasRoom(command.entry.length)) this.#acceptor.accept(command, token);
    else token.refuse('overload');
  }

  /** Once what is held of this key now is as durable as an acknowledgement says. */
  #whenStored(key: string, token: ReplyToken<KvReply>, stored: () => void): void {
    const inFlight = this.#overlay.get(key);
    if (inFlight === undefined) return stored();
    this.#overlay.wait(inFlight, { stored, failed: () => token.fail('the store failed') });
  }

  #handleGet(command: GetCommand, token: ReplyToken<KvReply>): void {
    const inFlight = this.#overlay.get(command.key);
    if (inFlight === undefined) return this.#replyHeld(command, token);
    const waiting = { ...command };
    const answer = (): void => this.#replyHeld(waiting, token);
    this.#overlay.wait(inFlight, { stored: answer, failed: answer });
  }

  #replyHeld(command: GetCommand, token: ReplyToken<KvReply>): void {
    const entry = this.#context.store.get(SPACE_ENTRY, this.#context.place, command);
    if (entry !== undefined && this.#isUnreadable(command, entry))
      return token.fail('the entry is damaged here');
    // What a flush has come upon is gone for whoever reads it, also where the walk has not been yet.
    this.#held.entry =
      entry === undefined || command.strict === true ? entry : this.#flushes.remainsOf(command.key, entry);
    this.#held.whole = command.whole;
    token.reply(this.#held);
    // Of a large value this would keep the memory, long after it has been deleted.
    this.#held.entry = undefined;
  }

  #isUnreadable(command: GetCommand, entry: Uint8Array): boolean {
    return command.whole ? this.#damage.isIn(command, entry) : this.#damage.isInState(command, entry);
  }

  #inspect(at: RecordKey): InspectedReply {
    return inspectedReply(
      at.key,
      this.#find(at),
      this.#overlay.get(at.key) !== undefined,
      this.#context.role(),
    );
  }

  /** A page of usual size within the call; a longer one, which many keys at one position call for, in the pool. */
  #handlePage(command: PageCommand, token: ReplyToken<KvReply>): void {
    const { store, place, pool } = this.#context;
    const isDamaged = (at: RecordKey, entry: Uint8Array): boolean => this.#damage.isInState(at, entry);
    const walk = new PageWalk({ store, place, isDamaged }, { ...command });
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
    const inFlight = this.#overlay.get(at.key);
    if (inFlight !== undefined) return inFlight.entry;
    return this.#context.store.get(SPACE_ENTRY, this.#context.place, at);
  }

  /** As `#find`; of a damaged entry nothing can be believed, so nothing is lost when another takes its place. */
  #findSound(at: RecordKey): Uint8Array | undefined {
    const held = this.#find(at);
    if (held === undefined || this.#overlay.get(at.key) !== undefined) return held;
    return this.#damage.isIn(at, held) ? undefined : held;
  }

  /** As `#findSound`, by the header alone. */
  #findReadable(at: RecordKey): Uint8Array | undefined {
    const held = this.#find(at);
    if (held === undefined || this.#overlay.get(at.key) !== undefined) return held;
    return this.#damage.isInState(at, held) ? undefined : held;
  }

  /**
   * Deleted, or past on the clock of every member: somebody may have swept it. While one of them is not heard nobody knows, so
   * whatever expires at all counts: it waits until that one is back, rather than come back where it was swept.
   */
  #mayBeOver(entry: Uint8Array): boolean {
    if (typeOf(entry) === TOMBSTONE) return true;
    const untilMs = expiryMs(entry);
    return untilMs !== 0 && untilMs <= (this.#context.bounds.lowestClock() ?? Infinity);
  }

  /** Its removal is on its way into the store. */
  #isLeaving(key: string): boolean {
    const inFlight = this.#overlay.get(key);
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
    this.#tallies.changed(at, this.#damage.isKnown(key) ? undefined : before, after);
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
    this.#damage.replaced(key, after !== undefined);
    if (isLast) this.trees.becomeEmpty();
    const inFlight = this.#overlay.add(at, after, seq);
    if (inFlight !== undefined && (after === undefined || !isNews)) this.#overlay.wait(inFlight, NOBODY);
    if (after !== undefined && isNews) {
      this.#tidying.note(after);
      changed(hashHi, () => encodeItem(at, after));
    }
    return seq;
  }

  /** As `#store`, when nobody waits for it. */
  #overwrite(at: RecordKey, before: Uint8Array, after: Uint8Array): boolean {
    if (this.#store(at, before, after) === undefined) return false;
    const inFlight = this.#overlay.get(at.key);
    if (inFlight !== undefined) this.#overlay.wait(inFlight, NOBODY);
    return true;
  }

  #fail(seq: number): void {
    this.#overlay.fail(seq, (gone) => {
      for (const { at, entry } of gone) {
        this.#tallies.changed(at, entry, this.#findSound(at));
        this.trees.changed(at);
      }
      this.trees.storeFailed();
    });
  }
}

function nothing(): void {}
