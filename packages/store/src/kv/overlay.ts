/**
 * What a vnode has merged and the store has not committed yet, and who waits for that.
 *
 * Merges read through it. Reads and acknowledgements wait: an entry is *underway* until the store has come as far as the
 * vnode's durability demands, and whoever waited for it is told then, in the order of the commits. When the store loses what
 * was underway, what it had covered comes to light again: an earlier entry that is still underway, or what the store has.
 */
import type { LimitUse, RecordKey, VnodeContext } from '@rkv/core';
import type { ByteBudget } from './byte-budget.ts';

/** An entry on its way into the store; undefined: its removal is. */
export interface Underway {
  readonly at: RecordKey;
  readonly entry: Uint8Array | undefined;
}

/** With how far the store must come for it, and what the node's budget has counted: 0 once that is over. */
export interface InFlight extends Underway {
  readonly seq: number;
  bytes: number;
}

/** Told once, one or the other. */
export interface Waiting {
  readonly stored: () => void;
  readonly failed: () => void;
}

interface Waiter extends Waiting {
  readonly inFlight: InFlight;
}

/** Waits for the flush of all up to `seq`, where an acknowledgement otherwise waits for less. */
interface FlushWaiter extends Waiting {
  readonly seq: number;
}

/** It has to leave the overlay, and nobody asks when. */
export const NOBODY: Waiting = { stored() {}, failed() {} };

export class Overlay {
  readonly #context: Pick<VnodeContext, 'store' | 'durability'>;
  readonly #budget: ByteBudget;
  readonly #underway = new Map<string, InFlight>();
  /** In the order in which they came. Who waits for what was underway already stands behind later ones, and is told with them. */
  #waiters: Waiter[] = [];
  #flushWaiters: FlushWaiter[] = [];
  #refused = 0;

  constructor(context: Pick<VnodeContext, 'store' | 'durability'>, budget: ByteBudget) {
    this.#context = context;
    this.#budget = budget;
  }

  /** By key. */
  get underway(): ReadonlyMap<string, Underway> {
    return this.#underway;
  }

  get isEmpty(): boolean {
    return this.#underway.size === 0;
  }

  get(key: string): InFlight | undefined {
    return this.#underway.size === 0 ? undefined : this.#underway.get(key);
  }

  /** The node's budget; of what that refused, what was of this vnode. */
  get limit(): LimitUse {
    return { ...this.#budget.limit, reached: this.#refused };
  }

  /** Whether the node has room for an entry of so many bytes. */
  hasRoom(bytes: number): boolean {
    if (this.#budget.fits(bytes)) return true;
    this.#refused++;
    return false;
  }

  /** How far the store has come, at the durability that an acknowledgement stands for. */
  get reached(): number {
    const { store, durability } = this.#context;
    return durability === 'power' ? store.flushedSeq : store.committedSeq;
  }

  /** The store has taken this as `seq`. Undefined: and has it already. Otherwise somebody must wait for it, if only `NOBODY`. */
  add({ hashHi, hashLo, key }: RecordKey, entry: Uint8Array | undefined, seq: number): InFlight | undefined {
    if (seq <= this.reached) return undefined;
    const bytes = entry?.length ?? 0;
    const inFlight = { at: { hashHi, hashLo, key }, entry, seq, bytes };
    this.#budget.bytes += bytes;
    this.#underway.set(key, inFlight);
    return inFlight;
  }

  wait(inFlight: InFlight, { stored, failed }: Waiting): void {
    this.#waiters.push({ inFlight, stored, failed });
  }

  /** What is not underway is committed, and so flushed once all is that was committed by now. */
  waitForFlush(inFlight: InFlight | undefined, { stored, failed }: Waiting): void {
    const { store } = this.#context;
    // Reads wait for the commit only: it must leave the overlay then.
    if (inFlight !== undefined) this.wait(inFlight, NOBODY);
    const seq = inFlight?.seq ?? store.committedSeq;
    if (store.flushedSeq >= seq) return stored();
    this.#flushWaiters.push({ seq, stored, failed });
  }

  /** Tell those whose flush has come. */
  tellFlushed(): void {
    if (this.#flushWaiters.length === 0) return;
    const { flushedSeq } = this.#context.store;
    const ready = this.#flushWaiters.filter(({ seq }) => seq <= flushedSeq);
    this.#flushWaiters = this.#flushWaiters.filter(({ seq }) => seq > flushedSeq);
    for (const waiter of ready) waiter.stored();
  }

  /** Let go of what the store has by now, and tell those who waited for it. */
  tellStored(): void {
    const { reached } = this;
    let count = 0;
    while (count < this.#waiters.length && (this.#waiters[count] as Waiter).inFlight.seq <= reached) count++;
    if (count === 0) return;
    const ready = this.#waiters.splice(0, count);
    for (const { inFlight } of ready) {
      if (this.#underway.get(inFlight.at.key) === inFlight) this.#underway.delete(inFlight.at.key);
      this.#letGo(inFlight);
    }
    for (const waiter of ready) waiter.stored();
  }

  /** The store has lost everything from `seq` on. `uncover` is called before those who waited for it are told. */
  fail(seq: number, uncover: (gone: readonly Underway[]) => void): void {
    const lost = this.#waiters.filter(({ inFlight }) => inFlight.seq >= seq);
    this.#waiters = this.#waiters.filter(({ inFlight }) => inFlight.seq < seq);
    const gone = [...this.#underway.values()].filter((inFlight) => inFlight.seq >= seq);
    for (const { at } of gone) this.#underway.delete(at.key);
    const uncovered = new Set(gone.map(({ at }) => at.key));
    for (const { inFlight } of this.#waiters)
      if (uncovered.has(inFlight.at.key)) this.#underway.set(inFlight.at.key, inFlight);
    uncover(gone);
    for (const { inFlight } of lost) this.#letGo(inFlight);
    for (const waiter of lost) waiter.failed();
    const unflushed = this.#flushWaiters.filter((waiter) => waiter.seq >= seq);
    this.#flushWaiters = this.#flushWaiters.filter((waiter) => waiter.seq < seq);
    for (const waiter of unflushed) waiter.failed();
  }

  #letGo(inFlight: InFlight): void {
    this.#budget.bytes -= inFlight.bytes;
    inFlight.bytes = 0;
  }
}
