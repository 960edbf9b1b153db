/**
 * One vnode's part of a flush: whatever it holds that is stamped below the flush becomes a tombstone with the stamp of the flush.
 *
 * All replicas make the same tombstone of a key, so that they are alike again without a word. It walks in pages: steps
 * of the node's pool, between requests, and after each page it waits until the store has it, so that neither the queue of the
 * store nor the overlay grows with the number of keys. What was on its way into the store when it begins is waited for first,
 * as a walk does not come by it.
 *
 * What runs ahead of every clock by more than any may is no later write but one that a sick clock stamped long ago. It becomes a
 * tombstone just above itself, or nothing would ever delete it.
 *
 * Not here: strict keys, which nobody may delete alone (flush-request.ts); keys that this vnode does not hold.
 */
import {
  SPACE_ENTRY,
  stampMs,
  ZERO_STAMP,
  type HybridClock,
  type RecordKey,
  type VnodeContext,
} from '@rkv/core';
import { successorOf } from '../entry/ballot.ts';
import { encodeTombstone } from '../entry/codec.ts';
import { TOMBSTONE, typeOf, VERSION_AT } from '../entry/layout.ts';
import { merge } from '../entry/merge.ts';

export interface VnodeFlushParts {
  readonly context: Pick<VnodeContext, 'store' | 'place' | 'pool' | 'host'>;
  readonly clock: Pick<HybridClock, 'reading'>;
  isStrict(key: string): boolean;
  /** What is held of a key; undefined where it is damaged. */
  find(at: RecordKey): Uint8Array | undefined;
  /** False: the store takes nothing. */
  replace(at: RecordKey, before: Uint8Array, after: Uint8Array): boolean;
  /** How far the store has come. */
  reached(): number;
}

/** Records visited in one step, and entries replaced: some tenths of a millisecond. */
const STEP_RECORDS = 200;
/** Entries replaced until the store is waited for. */
const PAGE_ENTRIES = 1_000;
/** Steps of one job; then others of this vnode have their turn in the pool. */
const STEPS_PER_JOB = 32;
/** When the pool had no room. */
const AGAIN_MS = 50;
/** How far a stamp may lie above what the clocks show and be that of a write which came during the flush; ms. */
const AHEAD_MS_MAX = 60_000;

/** What a flush with this stamp leaves of an entry: the entry itself, when that is later or a tombstone. */
export function remainsOf(key: string, entry: Uint8Array, stamp: Uint8Array): Uint8Array {
  return typeOf(entry) === TOMBSTONE ? entry : merge(key, entry, encodeTombstone(key, stamp), noClash);
}

/** No write bears the stamp of a flush. */
function noClash(): void {}

export class VnodeFlush {
  readonly #parts: VnodeFlushParts;
  #stamp: Uint8Array = ZERO_STAMP;
  /** When it was begun, by the monotonic clock. */
  #begunMs = 0;
  #done: ((ok: boolean) => void) | undefined;
  #after: RecordKey | undefined;
  #walked = false;
  /** The batch that is waited for; 0: none. */
  #waitsFor = 0;
  #pageEntries = 0;
  /** Entries looked at since it was begun. */
  records = 0;
  /** Jobs of an earlier flush that are still in the pool are nobody's. */
  #number = 0;

  constructor(parts: VnodeFlushParts) {
    this.#parts = parts;
  }

  /** What goes on ends, and its `done` is not called. */
  begin(stamp: Uint8Array, done: (ok: boolean) => void): void {
    this.#number++;
    this.#stamp = stamp;
    this.#begunMs = this.#parts.context.host.monotonic();
    this.#done = done;
    this.#after = undefined;
    this.#walked = false;
    this.#pageEntries = 0;
    this.records = 0;
    // Once an empty batch is stored, all before it is.
    this.#waitFor(this.#parts.context.store.submit([]));
  }

  cancel(): void {
    this.#number++;
    this.#done = undefined;
    this.#waitsFor = 0;
  }

  onStoreProgress(failedFrom: number | undefined): void {
    // Between two pages too: what was lost may be tombstones that the walk has gone by.
    if (failedFrom !== undefined && this.#done !== undefined) this.#end(false);
    else if (this.#waitsFor !== 0 && this.#parts.reached() >= this.#waitsFor) this.#goOn();
  }

  #waitFor(seq: number | undefined): void {
    if (seq === undefined) return this.#end(false);
    this.#waitsFor = seq;
    if (this.#parts.reached() >= seq) this.#goOn();
  }

  #end(ok: boolean): void {
    const done = this.#done;
    this.cancel();
    done?.(ok);
  }

  /** What was waited for is stored. */
  #goOn(): void {
    this.#waitsFor = 0;
    this.#pageEntries = 0;
    if (this.#walked) return this.#end(true);
    const number = this.#number;
    const { pool, host } = this.#parts.context;
    let steps = 0;
    const isOver = (): boolean => this.#number !== number;
    pool.run(
      {
        refuse: (why) => {
          if (isOver()) return;
          if (why === 'overload') host.setTimer(AGAIN_MS, () => isOver() || this.#goOn());
          else this.#end(false);
        },
        fail: () => {
          if (!isOver()) this.#end(false);
        },
      },
      () => isOver() || this.#step(++steps),
    );
  }

  /** True: this job has nothing more to do. */
  #step(steps: number): boolean {
    const { store, place } = this.#parts.context;
    const doomed: RecordKey[] = [];
    const more = store.walk(SPACE_ENTRY, place, this.#after, STEP_RECORDS, (hashHi, hashLo, key, entry) => {
      this.#after = { hashHi, hashLo, key };
      if (typeOf(entry) !== TOMBSTONE) doomed.push(this.#after);
      this.records++;
      return true;
    });
    for (const at of doomed) {
      if (this.#isReplaced(at)) continue;
      this.#end(false);
      return true;
    }
    this.#walked = !more;
    this.#pageEntries += doomed.length;
    if (more && this.#pageEntries < PAGE_ENTRIES && steps < STEPS_PER_JOB) return false;
    this.#waitFor(store.submit([]));
    return true;
  }

  /** Also where this node's clock is slow: the flush was stamped by one that is not, and time has passed since. */
  #nowMs(): number {
    const { clock, context } = this.#parts;
    return Math.max(clock.reading, stampMs(this.#stamp) + context.host.monotonic() - this.#begunMs);
  }

  /** False: the store takes nothing. */
  #isReplaced(at: RecordKey): boolean {
    const { isStrict, find, replace } = this.#parts;
    if (isStrict(at.key)) return true;
    const held = find(at);
    // Of what is damaged nothing is known: it may be later than the flush, and is for the exchange to mend.
    if (held === undefined) return true;
    const isAhead = stampMs(held, VERSION_AT) > this.#nowMs() + AHEAD_MS_MAX;
    const after = remainsOf(at.key, held, isAhead ? successorOf(held, VERSION_AT) : this.#stamp);
    return after === held || replace(at, held, after);
  }
}
