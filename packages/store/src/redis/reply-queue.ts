/**
 * The replies owed to one client, in the order of its commands.
 *
 * While none is owed, an answer is written straight to the output and nothing is queued. An answer that has to
 * wait for others before it is held as bytes. With the replies go the keys that their commands have locked.
 *
 * A command:  const slot = next(); slot.open...; begin it; and if not `isGiven(slot)`, enqueue(slot, keys).
 */
import { assert } from '@rkv/core';
import type { ByteBudget } from '../kv/byte-budget.ts';
import { KeyLocks } from './key-locks.ts';
import type { Output } from './output.ts';
import { NO_KEYS, Slot, type SlotOwner } from './slot.ts';
import type { ReplyWriter } from './writer.ts';

export interface ReplyQueueInit {
  readonly output: Output;
  /** For one reply that has to be held; empty between uses, so any number of queues can share it. */
  readonly scratch: ReplyWriter;
  readonly traffic: { hits: number; misses: number };
  /** A command was answered after it had been enqueued. */
  readonly onLateAnswer: () => void;
  readonly gathered: ByteBudget;
  /** A part of a reply is written; `more` is to be called when there is room for the next. */
  readonly onPart: (more: () => void) => void;
}

export class ReplyQueue implements SlotOwner {
  closed = false;
  /** Replies not given yet. */
  owed = 0;
  /** Bytes of replies that wait for others before them. */
  heldBytes = 0;
  /** A command over the whole key space is unanswered. */
  exclusive = false;

  readonly #init: ReplyQueueInit;
  readonly #locks = new KeyLocks();
  /** For the next command; replaced when that takes it with it. */
  #spare = new Slot(this);
  /** The command that is being begun. */
  #opening: Slot | undefined;
  /** The first is always unanswered. */
  #first: Slot | undefined;
  #last: Slot | undefined;

  constructor(init: ReplyQueueInit) {
    this.#init = init;
  }

  get empty(): boolean {
    return this.#first === undefined;
  }

  get gathered(): ByteBudget {
    return this.#init.gathered;
  }

  givePart(slot: Slot, write: (out: ReplyWriter) => void, more: () => void): void {
    if (this.closed) return void setImmediate(more);
    assert(slot === this.#first && slot.exclusive, 'a reply in parts has the connection to itself');
    write(this.#init.output.writer());
    this.#init.onPart(more);
  }

  /** Whether a command with these keys has to wait. */
  blocks(keys: readonly string[], writes: boolean): boolean {
    return this.#first !== undefined && this.#locks.blocks(keys, writes, this.#first);
  }

  next(): Slot {
    this.#opening = this.#spare;
    return this.#spare;
  }

  /** Its command is begun. True when its reply is given already, so that there is nothing to enqueue. */
  isGiven(slot: Slot): boolean {
    this.#opening = undefined;
    return slot.answered && this.#first === undefined;
  }

  enqueue(slot: Slot, keys: readonly string[]): void {
    this.#spare = new Slot(this);
    if (this.#last === undefined) this.#first = slot;
    else this.#last.next = slot;
    this.#last = slot;
    this.owed++;
    if (slot.answered) return;
    slot.keys = keys;
    this.#locks.take(slot);
  }

  /** The client is gone: what is still answered is dropped. */
  close(): void {
    this.closed = true;
    this.#first = undefined;
    this.#last = undefined;
    this.heldBytes = 0;
  }

  writerFor(slot: Slot): ReplyWriter {
    const { output, scratch } = this.#init;
    if (!this.closed && (this.#first === undefined || this.#first === slot)) return output.writer();
    scratch.resp3 = output.resp3;
    return scratch;
  }

  settled(slot: Slot, writer: ReplyWriter): void {
    if (!this.#init.output.isCurrent(writer)) this.#hold(slot, writer);
    if (slot === this.#opening) return;
    this.#locks.release(slot);
    slot.keys = NO_KEYS;
    if (slot.exclusive) this.exclusive = false;
    if (this.closed) return;
    if (slot === this.#first) this.#giveReplies();
    this.#init.onLateAnswer();
  }

  countLookup(found: boolean): void {
    if (found) this.#init.traffic.hits++;
    else this.#init.traffic.misses++;
  }

  #hold(slot: Slot, writer: ReplyWriter): void {
    if (!this.closed) {
      slot.held = Buffer.from(writer.view());
      this.heldBytes += slot.held.length;
    }
    writer.clear();
  }

  /** The first reply is written: it leaves, and those behind it that are ready follow. */
  #giveReplies(): void {
    let slot = this.#first;
    while (slot?.answered === true) {
      if (slot.held !== undefined) {
        this.#init.output.writer().raw(slot.held);
        this.heldBytes -= slot.held.length;
      }
      this.owed--;
      slot = slot.next;
    }
    this.#first = slot;
    if (slot === undefined) this.#last = undefined;
  }
}
