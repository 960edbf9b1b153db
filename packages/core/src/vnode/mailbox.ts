/**
 * The mailbox of a vnode: commands that it has taken and not answered, and how many of them there may be.
 *
 * A command that is answered within its call costs nothing here. One that is answered later is counted until it is:
 * beyond the limit the framework answers `overload` without asking the module, and takes commands again when answers come.
 *
 * A module that never answers must not shut its vnode for ever. Its asker waits no longer than it said, so the place of
 * a command is given up, a second or so after that, when somebody needs it. Places are not kept one by one: those that are
 * given up at one time share a slot, which counts them; a late answer finds its slot closed and frees nothing.
 *
 * Not promised: that a module which forgets its commands holds nothing else of them; that is its own affair.
 *
 * Source: Riak's vnode proxy (`vnode_overload_threshold`), which estimates the mailbox and lets lost ones count for ever.
 */
import { assert } from '../base/assert.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Refusal, ReplyToken } from '../contracts/vnode.ts';

/** Riak's threshold: at 2 us a command, what a vnode may owe is worked off in 20 ms. */
export const MAILBOX_MAX = 10_000;
/** Places of so many milliseconds share a slot. */
const SLOT_MS = 1_000;

interface Slot {
  readonly mailbox: Mailbox | undefined;
  /** Given up when this has passed, on the clock that only goes forward. */
  readonly dueMs: number;
  open: number;
}

export class Mailbox {
  readonly #max: number;
  readonly #monotonic: () => number;
  #slots: Slot[] = [];
  #newest: Slot | undefined;
  #open = 0;
  #refused = 0;
  #sweptMs = 0;

  constructor(max: number, monotonic: () => number) {
    this.#max = max;
    this.#monotonic = monotonic;
  }

  get limit(): LimitUse {
    this.#sweep();
    return { limit: 'vnode_mailbox', used: this.#open, max: this.#max, reached: this.#refused };
  }

  /** Taken and not answered. */
  get open(): number {
    return this.#open;
  }

  /** No place is left. Asked once for each command: each yes counts as one refused. */
  get full(): boolean {
    return this.#open >= this.#max && this.#isStillFull();
  }

  /** The vnode has not answered within the call: the command has a place until it does, or until nobody waits for it. */
  keep(token: VnodeToken, remainingMs: number): void {
    const dueMs = (Math.floor((this.#monotonic() + remainingMs) / SLOT_MS) + 1) * SLOT_MS;
    let slot = this.#newest;
    if (slot?.dueMs !== dueMs) slot = this.#newest = this.#slotOf(dueMs);
    slot.open++;
    this.#open++;
    token.place = slot;
  }

  free(slot: Slot): void {
    if (slot.open === 0) return;
    slot.open--;
    this.#open--;
  }

  #isStillFull(): boolean {
    this.#sweep();
    if (this.#open < this.#max) return false;
    this.#refused++;
    return true;
  }

  /** Give up the places of those for whom nobody waits. At most once in the time of a slot, since it changes nothing sooner. */
  #sweep(): void {
    const now = this.#monotonic();
    if (now < this.#sweptMs + SLOT_MS / 4) return;
    this.#sweptMs = now;
    for (const slot of this.#slots) {
      if (slot.dueMs > now) continue;
      this.#open -= slot.open;
      slot.open = 0;
    }
    this.#slots = this.#slots.filter((slot) => slot.dueMs > now);
    if (this.#newest !== undefined && this.#newest.dueMs <= now) this.#newest = undefined;
  }

  #slotOf(dueMs: number): Slot {
    const found = this.#slots.find((slot) => slot.dueMs === dueMs);
    if (found !== undefined) return found;
    // Else those that were emptied long ago would pile up in a mailbox that is never full.
    this.#sweep();
    const slot: Slot = { mailbox: this, dueMs, open: 0 };
    this.#slots.push(slot);
    return slot;
  }
}

/** Where a command's place is when it has none: it is answered, or its answer is for nobody. */
const ANSWERED: Slot = { mailbox: undefined, dueMs: 0, open: 0 };
const ABANDONED: Slot = { mailbox: undefined, dueMs: 0, open: 0 };

/** A reply token as the mailbox sees it: used once, and its place is freed. */
export abstract class VnodeToken implements ReplyToken<unknown> {
  /** Undefined: within the call. One field for all, since there is a token for each command. */
  place: Slot | undefined = undefined;

  abstract reply(reply: unknown): void;
  abstract refuse(why: Refusal): void;
  abstract fail(why: string): void;

  get answered(): boolean {
    return this.place === ANSWERED || this.place === ABANDONED;
  }

  /** The vnode threw over this command: whoever waits is told, and what the module may still answer is for nobody. */
  abandon(why: string): void {
    if (!this.answered) this.fail(why);
    this.place = ABANDONED;
  }

  /** To be asked before an answer is given: false when it must not be. */
  protected use(): boolean {
    const { place } = this;
    if (place === undefined) {
      this.place = ANSWERED;
      return true;
    }
    if (place === ABANDONED) return false;
    assert(place !== ANSWERED, 'a vnode answers a command once');
    this.place = ANSWERED;
    place.mailbox?.free(place);
    return true;
  }
}
