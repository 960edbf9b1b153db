/**
 * One client: its requests are run as they come, its replies are given in their order.
 *
 * Requests of one read are parsed and begun one after the other. What the store answers at once goes straight
 * into the output, and the output leaves with one write when the read is done. What it answers later gets a
 * slot in a queue; later commands go on meanwhile, unless
 *   - they touch a key that an unanswered command writes, or write one that it reads,
 *   - they concern the whole key space, or change how replies are written, and anything is unanswered,
 *   - too many replies are owed, or too many bytes wait for the client to read them.
 * Then the command waits where it lies, and nothing more is read from the socket. So a client sees the effects
 * of its commands in the order it sent them, and its memory here stays bounded.
 *
 * Not promised: an order between the keys of pipelined commands as other clients see it.
 */
import type { Socket } from 'node:net';
import type { Logger } from '@rkv/core';
import type { KvStore } from '../kv/api.ts';
import { unknownCommand, wrongArity } from './commands/errors.ts';
import {
  acceptsArity,
  type ClusterCommand,
  type Command,
  type Door,
  keysOf,
  type LocalCommand,
  type ManyCommand,
  type ReadCommand,
  type Session,
  type WriteCommand,
} from './commands/command.ts';
import { commands } from './commands/table.ts';
import { KeyLocks } from './key-locks.ts';
import type { RedisLimits } from './limits.ts';
import { BROKEN, MORE, RequestParser } from './parser.ts';
import { Slot, type SlotOwner } from './slot.ts';
import type { ReplyWriter, WriterPool } from './writer.ts';

/** The server, as a connection needs it. */
export interface ConnectionDoor extends Door {
  readonly kv: KvStore;
  readonly limits: RedisLimits;
  readonly writers: WriterPool;
  /** For one reply that has to be held; empty between uses. */
  readonly scratch: ReplyWriter;
  readonly traffic: Traffic;
  readonly logger: Logger;
  /** Call `onWake` once, after the events at hand and before waiting for new ones. */
  wake(connection: Connection): void;
}

/** Counted by the connections. */
export interface Traffic {
  commands: number;
  inputBytes: number;
  outputBytes: number;
  hits: number;
  misses: number;
}

/** So much output is sent before the read is done, to keep the buffer small. */
const FLUSH_BYTES = 32 * 1024;
const NO_KEYS: readonly string[] = [];

export class Connection implements Session, SlotOwner {
  readonly id: number;
  readonly door: ConnectionDoor;
  name = '';
  library = '';
  libraryVersion = '';
  resp3 = false;
  closed = false;
  /** A call of `onWake` is due. Kept by the door. */
  waking = false;

  readonly #socket: Socket;
  readonly #address: string;
  readonly #openedAtMs: number;
  readonly #parser: RequestParser;
  readonly #locks = new KeyLocks();
  #lastCommand = '';

  /** The output, while there is any. */
  #out: ReplyWriter | undefined;
  /** For the next command; replaced when that takes it with it. */
  #spare: Slot;
  /** The command that is being begun. */
  #opening: Slot | undefined;

  // The replies owed, first to last. The first is always unanswered.
  #first: Slot | undefined;
  #last: Slot | undefined;
  #owed = 0;
  #heldBytes = 0;

  /** A command over the whole key space is unanswered. */
  #exclusive = false;
  /** A command lies ready in the parser and may not begin yet. */
  #waiting = false;
  /** The client reads slower than we write. */
  #congested = false;
  /** No more commands are taken; the connection closes when all replies are given. */
  #ending = false;
  #endingSinceMs = 0;
  #argumentsSeen = 0;
  #stuckSinceMs = 0;

  /** `socket` is paused, and calls `receive` with what it reads. */
  constructor(init: { id: number; socket: Socket; door: ConnectionDoor; nowMs: number }) {
    this.id = init.id;
    this.door = init.door;
    this.#openedAtMs = init.nowMs;
    this.#parser = new RequestParser(init.door.limits);
    this.#spare = new Slot(this);
    const socket = init.socket;
    this.#socket = socket;
    this.#address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.on('drain', () => this.#handleDrain());
    socket.on('end', () => this.closeAfterReplies());
  }

  /** Bytes from the client; borrowed. */
  receive(bytes: Buffer, length: number): void {
    if (this.#ending) return;
    this.door.traffic.inputBytes += length;
    this.#parser.feed(bytes, length);
    this.#run();
    this.#parser.keep();
    this.#flush();
    this.#maybeFinish();
  }

  /** Something that was waited for has come: answers, or room in the output. */
  onWake(): void {
    if (this.closed) return;
    if (this.#waiting) {
      this.#run();
      if (!this.#waiting) this.#parser.keep();
    }
    this.#flush();
    this.#maybeFinish();
  }

  closeAfterReplies(): void {
    this.#ending = true;
    this.door.wake(this);
  }

  /** Close now, whatever is owed. */
  cut(reason: string): void {
    if (this.closed) return;
    this.door.logger.warn({ client: this.#address, reason }, 'redis client cut off');
    this.#socket.destroy();
    this.handleClosed();
  }

  /** The socket is gone. Commands under way go on; their answers are dropped. */
  handleClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.#ending = true;
    this.#first = undefined;
    this.#last = undefined;
    this.#heldBytes = 0;
    this.#out = undefined;
  }

  /** Called now and then: closes a client that never finishes a header, or that never reads its last replies. */
  sweep(nowMs: number): void {
    if (this.#ending) {
      if (this.#endingSinceMs === 0) this.#endingSinceMs = nowMs;
      else if (nowMs - this.#endingSinceMs > this.door.limits.drainTimeoutMs) this.cut('last replies not read');
      return;
    }
    const parser = this.#parser;
    const stuck = parser.awaitsHeader && !this.#waiting && parser.argumentsRead === this.#argumentsSeen;
    this.#argumentsSeen = parser.argumentsRead;
    if (!stuck || this.#stuckSinceMs === 0) this.#stuckSinceMs = nowMs;
    else if (nowMs - this.#stuckSinceMs > this.door.limits.headerTimeoutMs) this.cut('header not finished in time');
  }

  describe(): string {
    const age = Math.floor((Date.now() - this.#openedAtMs) / 1000);
    return (
      `id=${this.id} addr=${this.#address} name=${this.name} age=${age} flags=N db=0 ` +
      `oll=${this.#owed} omem=${this.#socket.writableLength + this.#heldBytes} cmd=${this.#lastCommand} ` +
      `user=default resp=${this.resp3 ? 3 : 2} lib-name=${this.library} lib-ver=${this.libraryVersion}`
    );
  }

  // Running commands

  #run(): void {
    while (!this.#ending) {
      if (!this.#waiting) {
        const outcome = this.#parser.next();
        if (outcome === MORE) break;
        if (outcome === BROKEN) {
          this.#refuseBytes();
          break;
        }
      }
      this.#waiting = !this.#begin();
      if (this.#waiting) break;
    }
    if (this.#waiting && !this.#ending) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** False when the command has to wait. */
  #begin(): boolean {
    if (this.#mustPause()) return false;
    const request = this.#parser;
    const command = commands.find(request);
    if (command === undefined) return this.#beginUnknown();
    if (request.oversized) return this.#beginRefused(this.#tooLarge());
    if (!acceptsArity(command.arity, request.argc)) return this.#beginRefused(wrongArity(command.name));
    if (!this.#beginKnown(command)) return false;
    this.#lastCommand = command.name;
    this.door.traffic.commands++;
    return true;
  }

  #beginKnown(command: Command): boolean {
    switch (command.kind) {
      case 'read':
        return this.#beginRead(command, this.#parser.text(1));
      case 'write':
        return this.#beginWrite(command, this.#parser.text(1));
      case 'many':
        return this.#beginMany(command, keysOf(command, this.#parser));
      case 'cluster':
        return this.#beginCluster(command);
      case 'local':
        return this.#beginLocal(command);
    }
  }

  #mustPause(): boolean {
    if (this.#out !== undefined && this.#out.length >= FLUSH_BYTES) this.#flush();
    if (this.#congested || this.#exclusive) return true;
    const { owedRepliesMax, outputPauseBytes } = this.door.limits;
    return this.#owed >= owedRepliesMax || this.#heldBytes > outputPauseBytes;
  }

  #beginRead(command: ReadCommand, key: string): boolean {
    if (this.#first !== undefined && this.#locks.blocks([key], false)) return false;
    const slot = this.#spare;
    slot.openRead(command);
    this.#opening = slot;
    this.door.kv.get(key, undefined, slot);
    this.#opening = undefined;
    if (!slot.answered || this.#first !== undefined) this.#enqueue(slot, [key]);
    return true;
  }

  #beginWrite(command: WriteCommand, key: string): boolean {
    if (this.#first !== undefined && this.#locks.blocks([key], true)) return false;
    const slot = this.#spare;
    slot.openWrite(command);
    this.#opening = slot;
    command.begin(this.door.kv, key, this.#parser, slot);
    this.#opening = undefined;
    if (!slot.answered || this.#first !== undefined) this.#enqueue(slot, [key]);
    return true;
  }

  #beginMany(command: ManyCommand, keys: readonly string[]): boolean {
    if (this.#locks.blocks(keys, command.writes)) return false;
    this.#withSlot(command.writes, keys, (slot) => command.begin(this.door.kv, keys, this.#parser, slot));
    return true;
  }

  #beginCluster(command: ClusterCommand): boolean {
    if (this.#first !== undefined) return false;
    const slot = this.#withSlot(command.writes, NO_KEYS, (opened) => {
      command.begin(this.door.kv, this.#parser, opened);
    });
    if (!slot.answered) this.#exclusive = slot.exclusive = true;
    return true;
  }

  #beginLocal(command: LocalCommand): boolean {
    if (command.alone === true && this.#first !== undefined) return false;
    this.#answerNow((out) => command.run(this, this.#parser, out));
    return true;
  }

  /** Browsers that were talked into sending a form here are hung up on, as Redis does. */
  #beginUnknown(): boolean {
    const name = this.#parser.text(0).toLowerCase();
    if (name === 'post' || name === 'host:') {
      this.cut('HTTP spoken to the Redis port');
      return true;
    }
    return this.#beginRefused(unknownCommand(this.#parser));
  }

  #beginRefused(error: string): boolean {
    this.#answerNow((out) => out.error(error));
    return true;
  }

  #refuseBytes(): void {
    this.#answerNow((out) => out.error(`ERR Protocol error: ${this.#parser.error}`));
    this.door.logger.debug({ client: this.#address, error: this.#parser.error }, 'redis client sent no request');
    this.closeAfterReplies();
  }

  #tooLarge(): string {
    const { valueBytesMax, commandBytesMax } = this.door.limits;
    return (
      `ERR string exceeds maximum allowed size (${valueBytesMax} bytes an argument, ` +
      `${commandBytesMax} bytes a command)`
    );
  }

  // Giving replies

  #answerNow(write: (out: ReplyWriter) => void): void {
    if (this.#first === undefined) write(this.#writer());
    else this.#withSlot(false, NO_KEYS, (slot) => slot.answer(write));
  }

  #withSlot(writes: boolean, keys: readonly string[], begin: (slot: Slot) => void): Slot {
    const slot = this.#spare;
    slot.open(writes);
    this.#opening = slot;
    begin(slot);
    this.#opening = undefined;
    if (!slot.answered || this.#first !== undefined) this.#enqueue(slot, keys);
    return slot;
  }

  /** Its reply is still to come, or cannot be given yet. */
  #enqueue(slot: Slot, keys: readonly string[]): void {
    this.#spare = new Slot(this);
    if (this.#last === undefined) this.#first = slot;
    else this.#last.next = slot;
    this.#last = slot;
    this.#owed++;
    if (slot.answered) return;
    slot.keys = keys;
    this.#locks.take(keys, slot.writes);
  }

  writerFor(slot: Slot): ReplyWriter {
    if (!this.closed && (this.#first === undefined || this.#first === slot)) return this.#writer();
    const scratch = this.door.scratch;
    scratch.resp3 = this.resp3;
    return scratch;
  }

  settled(slot: Slot, writer: ReplyWriter): void {
    if (writer !== this.#out) this.#hold(slot, writer);
    if (slot === this.#opening) return;
    this.#locks.release(slot.keys, slot.writes);
    if (slot.exclusive) this.#exclusive = false;
    if (this.closed) return;
    if (slot === this.#first) this.#giveReplies();
    this.#checkOutput();
    this.door.wake(this);
  }

  countLookup(found: boolean): void {
    if (found) this.door.traffic.hits++;
    else this.door.traffic.misses++;
  }

  #hold(slot: Slot, writer: ReplyWriter): void {
    if (!this.closed) {
      slot.held = Buffer.from(writer.view());
      this.#heldBytes += slot.held.length;
    }
    writer.clear();
  }

  /** The first reply is written: it leaves the queue, and those behind it that are ready follow. */
  #giveReplies(): void {
    let slot = this.#first;
    while (slot?.answered === true) {
      if (slot.held !== undefined) {
        this.#writer().raw(slot.held);
        this.#heldBytes -= slot.held.length;
      }
      this.#owed--;
      slot = slot.next;
    }
    this.#first = slot;
    if (slot === undefined) this.#last = undefined;
  }

  // Output

  #writer(): ReplyWriter {
    this.#out ??= this.door.writers.take(this.resp3);
    return this.#out;
  }

  /** The socket keeps the bytes it could not send at once, so those are left to it. */
  #flush(): void {
    const out = this.#out;
    if (out === undefined || this.closed) return;
    this.#out = undefined;
    const socket = this.#socket;
    if (out.length > 0) {
      this.door.traffic.outputBytes += out.length;
      const backedUp = socket.writableLength > 0;
      socket.write(backedUp ? Buffer.from(out.view()) : out.view());
      if (backedUp || socket.writableLength === 0) out.clear();
      else out.renew();
    }
    this.door.writers.give(out);
    this.#congested = socket.writableLength > this.door.limits.outputPauseBytes;
    this.#checkOutput();
  }

  #checkOutput(): void {
    const unsent = this.#socket.writableLength + this.#heldBytes + (this.#out?.length ?? 0);
    if (unsent > this.door.limits.outputCloseBytes) this.cut(`${unsent} bytes of output not read`);
  }

  #handleDrain(): void {
    this.#congested = false;
    this.door.wake(this);
  }

  #maybeFinish(): void {
    if (this.#ending && this.#first === undefined && !this.closed) this.#socket.destroySoon();
  }
}
