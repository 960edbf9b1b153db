/**
 * What a vnode does with entries that are over: what has expired is swept, what is deleted everywhere is reaped.
 *
 * A *sweep* turns an expired entry into its tombstone, once its moment is past on the clock of every member: so whatever
 * stamp anybody gives from then on lies above it. The tombstone has the version and the sum of what it stands for, so
 * no other replica takes it for news, and nobody is told; each sweeps by itself.
 *
 * A tombstone at or below the reap floor (core/reaping) is removed: every replica had it, and nobody has anything
 * older that could come back. What is swept after the floor has passed its version goes in the same pass.
 *
 * A pass walks through the vnode in steps of the node's pool. Between two the lowest moment and the lowest deletion that
 * are left are known, so one is begun only when there is something for it to do, and an idle vnode costs a look now and then.
 *
 * Strict keys that bear a ballot are left alone. Source: rules 10.
 */
import {
  compareStamps,
  SPACE_ENTRY,
  stampMs,
  type RecordKey,
  type Timer,
  type VnodeContext,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import { encodeSwept } from '../entry/codec.ts';
import {
  expiryMs,
  FLAG_PROMISED,
  hasFlag,
  payloadStart,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from '../entry/layout.ts';
import type { Underway } from './overlay.ts';
import type { VnodeTallies } from './range-tally.ts';

/** Of all vnodes of a node, since it started. */
export interface TidyCounts {
  swept: number;
  reaped: number;
}

export interface TidyingParts {
  readonly context: VnodeContext;
  readonly tallies: VnodeTallies;
  readonly counts: TidyCounts;
  /** By key: all that the store has not committed. A walk does not come by it, and it is left for another pass. */
  readonly overlay: ReadonlyMap<string, Underway>;
  /** Put `after` in the place of `before`, telling nobody. False: the store takes nothing. */
  replace(at: RecordKey, before: Uint8Array, after: Uint8Array | undefined): boolean;
}

/** How long what is over may lie there, about, when nothing else holds it; ms. */
const PAUSE_MS = 5_000;
/**
 * A pause is so many times as long as the pass before it worked: at most a twentieth of the time goes into passes. What it
 * waited for its turn does not count, or a node that was busy once would leave for minutes what others have removed.
 */
const PAUSES_PER_PASS = 20;
/** Records visited in one step: some tenths of a millisecond. */
const STEP_RECORDS = 500;
/** Then others of this vnode have their turn in the pool. */
const STEPS_PER_JOB = 32;

interface Over {
  readonly at: RecordKey;
  /** Without its value. */
  readonly entry: Uint8Array;
}

export class Tidying {
  readonly #parts: TidyingParts;
  /** No moment of what is held lies before this; 0: who knows. */
  #lowestMoment = 0;
  /** No tombstone that is held was stamped before this; 0: who knows. */
  #lowestDeletion = 0;
  #timer: Timer | undefined;
  #passing = false;
  /** How long the steps of this pass have taken, ms. */
  #workedMs = 0;
  #closed = false;
  #after: RecordKey | undefined;

  constructor(parts: TidyingParts) {
    this.#parts = parts;
    this.#lookLater(PAUSE_MS);
  }

  /** This is held from now on. */
  note(entry: Uint8Array): void {
    if (entry[1] === 0 && typeOf(entry) !== TOMBSTONE) return;
    this.#keepInMind(entry);
    this.#lookLater(PAUSE_MS);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #keepInMind(entry: Uint8Array): void {
    if (hasFlag(entry, FLAG_PROMISED)) return;
    if (typeOf(entry) === TOMBSTONE)
      this.#lowestDeletion = Math.min(this.#lowestDeletion, stampMs(entry, VERSION_AT));
    else if (expiryMs(entry) !== 0) this.#lowestMoment = Math.min(this.#lowestMoment, expiryMs(entry));
  }

  /** While there is something that may be over some day. */
  #lookLater(ms: number): void {
    const { context, tallies } = this.#parts;
    if (this.#timer !== undefined || this.#passing || this.#closed) return;
    if (tallies.expiring === 0 && tallies.tombstones === 0) return;
    this.#timer = context.host.setTimer(ms, () => {
      this.#timer = undefined;
      if (this.#isDue()) this.#pass();
      else this.#lookLater(PAUSE_MS);
    });
  }

  #isDue(): boolean {
    const { tallies, context } = this.#parts;
    const { bounds } = context;
    if (tallies.tombstones > 0 && this.#lowestDeletion <= stampMs(bounds.floor)) return true;
    return tallies.expiring > 0 && this.#lowestMoment <= (bounds.lowestClock() ?? -1);
  }

  #pass(): void {
    this.#passing = true;
    this.#workedMs = 0;
    this.#lowestMoment = Infinity;
    this.#lowestDeletion = Infinity;
    this.#after = undefined;
    for (const { entry } of this.#parts.overlay.values()) if (entry !== undefined) this.#keepInMind(entry);
    this.#goOn();
  }

  #goOn(): void {
    const { host, pool } = this.#parts.context;
    const end = (): void => {
      this.#passing = false;
      this.#lookLater(Math.max(PAUSE_MS, PAUSES_PER_PASS * this.#workedMs));
    };
    const giveUp = (): void => {
      this.#lowestMoment = 0;
      this.#lowestDeletion = 0;
      end();
    };
    let steps = 0;
    pool.run({ refuse: giveUp, fail: giveUp }, () => {
      if (this.#closed) return true;
      const begunAt = host.monotonic();
      const more = this.#step();
      this.#workedMs += host.monotonic() - begunAt;
      if (more === true && ++steps < STEPS_PER_JOB) return false;
      if (more === undefined) giveUp();
      else if (more) this.#goOn();
      else end();
      return true;
    });
  }

  /** Whether there is more to visit; undefined: the store takes nothing. */
  #step(): boolean | undefined {
    const { context } = this.#parts;
    const { store, place, bounds } = context;
    const nowMs = bounds.lowestClock() ?? 0;
    const { floor } = bounds;
    const over: Over[] = [];
    const more = store.walk(SPACE_ENTRY, place, this.#after, STEP_RECORDS, (hashHi, hashLo, key, entry) => {
      const at = { hashHi, hashLo, key };
      this.#after = at;
      if (!this.#isOver(key, entry, nowMs, floor)) this.#keepInMind(entry);
      else over.push({ at, entry: entry.slice(0, payloadStart(entry)) });
      return true;
    });
    for (const { at, entry } of over) if (!this.#tidy(at, entry, floor)) return undefined;
    return more;
  }

  #isOver(key: string, entry: Uint8Array, nowMs: number, floor: Uint8Array): boolean {
    if (entry[1] === 0 && typeOf(entry) !== TOMBSTONE) return false;
    if (hasFlag(entry, FLAG_PROMISED)) return false;
    const untilMs = expiryMs(entry);
    const isOver =
      typeOf(entry) === TOMBSTONE
        ? compareStamps(entry, VERSION_AT, floor, 0) <= 0
        : untilMs !== 0 && untilMs <= nowMs;
    return isOver && !this.#parts.overlay.has(key) && problemOf(key, entry) === undefined;
  }

  #tidy(at: RecordKey, entry: Uint8Array, floor: Uint8Array): boolean {
    const { counts, replace } = this.#parts;
    const isSwept = typeOf(entry) === TOMBSTONE;
    const isReaped = compareStamps(entry, VERSION_AT, floor, 0) <= 0;
    const after = isReaped ? undefined : encodeSwept(at.key, entry);
    if (!replace(at, entry, after)) return false;
    if (!isSwept) counts.swept++;
    if (isReaped) counts.reaped++;
    if (after !== undefined) this.#keepInMind(after);
    return true;
  }
}
