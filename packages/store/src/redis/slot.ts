/**
 * One command's place in the order of replies, and the sink its answer comes through.
 *
 * Most answers come while the command is begun and go straight into the output. A later one goes there too if
 * all replies before it have been given; otherwise its bytes are held until it is their turn. A slot that was
 * answered late is never used again, so a store that answers twice hits the assertion and not another command.
 */
import { assert } from '@rkv/core';
import type { Failure, ReadSink, WriteSink } from '../kv/api.ts';
import type { ByteBudget } from '../kv/byte-budget.ts';
import type { ReadCommand, ReplyTo, WriteCommand } from './commands/command.ts';
import { failureReply } from './failure-reply.ts';
import type { KeyHolder } from './key-locks.ts';
import type { ReplyWriter } from './writer.ts';

/** The queue, as its slots see it. */
export interface SlotOwner {
  /** Where this slot's reply is to be written now: the output, or a writer whose bytes `settled` will take. */
  writerFor(slot: Slot): ReplyWriter;
  /** The reply has been written to that writer. */
  settled(slot: Slot, writer: ReplyWriter): void;
  /** The beginning, or more, of the first slot's reply. */
  givePart(slot: Slot, write: (out: ReplyWriter) => void, more: () => void): void;
  readonly gathered: ByteBudget;
  /** The client is gone: nobody waits for the reply. */
  readonly closed: boolean;
  countLookup(found: boolean): void;
}

export const NO_KEYS: readonly string[] = [];

export class Slot implements ReadSink, WriteSink, ReplyTo, KeyHolder {
  answered = true;
  /** The keys it has locked, empty while it has none. */
  keys: readonly string[] = NO_KEYS;
  writes = false;
  mapped = false;
  /** Nothing else runs until it is answered. */
  exclusive = false;
  /** The reply, while others go before it. */
  held: Buffer | undefined;
  /** The slot behind it. */
  next: Slot | undefined;

  #read: ReadCommand | undefined;
  #write: WriteCommand | undefined;
  readonly #owner: SlotOwner;

  constructor(owner: SlotOwner) {
    this.#owner = owner;
  }

  get abandoned(): boolean {
    return this.#owner.closed;
  }

  get gathered(): ByteBudget {
    return this.#owner.gathered;
  }

  part(write: (out: ReplyWriter) => void, more: () => void): void {
    assert(!this.answered, 'a reply goes on until it is answered');
    this.#owner.givePart(this, write, more);
  }

  openRead(command: ReadCommand): void {
    this.answered = false;
    this.#read = command;
    this.writes = false;
  }

  openWrite(command: WriteCommand): void {
    this.answered = false;
    this.#write = command;
    this.writes = true;
  }

  /** For a command that calls `answer` itself. */
  open(writes: boolean): void {
    this.answered = false;
    this.writes = writes;
  }

  onValue(bytes: Uint8Array, start: number, end: number, untilMs: number, nowMs: number): void {
    const out = this.#begin();
    (this.#read as ReadCommand).onValue(out, bytes, start, end, untilMs, nowMs);
    this.#owner.countLookup(true);
    this.#owner.settled(this, out);
  }

  onMissing(): void {
    const out = this.#begin();
    (this.#read as ReadCommand).onMissing(out);
    this.#owner.countLookup(false);
    this.#owner.settled(this, out);
  }

  onWritten(existed: boolean): void {
    const out = this.#begin();
    (this.#write as WriteCommand).onWritten(out, existed);
    this.#owner.settled(this, out);
  }

  onFailure(failure: Failure): void {
    this.reject(failureReply(failure, this.writes));
  }

  reject(error: string): void {
    const out = this.#begin();
    out.error(error);
    this.#owner.settled(this, out);
  }

  answer(write: (out: ReplyWriter) => void): void {
    const out = this.#begin();
    write(out);
    this.#owner.settled(this, out);
  }

  #begin(): ReplyWriter {
    assert(!this.answered, 'a command is answered once');
    this.answered = true;
    return this.#owner.writerFor(this);
  }
}
