/**
 * One client: its requests are run as they come, its replies are given in their order.
 *
 * Requests of one read are parsed and begun one after the other. What the store answers at once goes straight
 * into the output, and the output leaves with one write when the read is done. What it answers later is queued;
 * later commands go on meanwhile, unless
 *   - they touch a key that an unanswered command writes, or write one that it reads,
 *   - they concern the whole key space, or change how replies are written, and anything is unanswered,
 *   - too many replies are owed, or too many bytes wait for the client to read them,
 *   - any reply is owed, and the node holds too many bytes for the reads and writes of all clients,
 *   - they write, and the writes of all clients hold too many bytes.
 * Then the command waits where it lies, and nothing more is read from the socket. So a client sees the effects
 * of its commands in the order it sent them, and its memory here stays bounded.
 *
 * Not promised: an order between the keys of pipelined commands as other clients see it.
 */
import type { Socket } from 'node:net';
import type { Logger } from '@rkv/core';
import type { Failure, KvStore } from '../kv/api.ts';
import type { ByteBudget } from '../kv/byte-budget.ts';
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
import { failureReply } from './failure-reply.ts';
import type { Guest } from './leave-taking.ts';
import type { RedisLimits } from './limits.ts';
import { Output } from './output.ts';
import { BROKEN, MORE, RequestParser } from './parser.ts';
import { ReplyQueue } from './reply-queue.ts';
import { NO_KEYS } from './slot.ts';
import type { ReplyWriter, WriterPool } from './writer.ts';

/** The server, as a connection needs it. */
export interface ConnectionDoor extends Door {
  readonly kv: KvStore;
  readonly limits: RedisLimits;
  readonly logger: Logger;
  readonly writers: WriterPool;
  readonly scratch: ReplyWriter;
  /** Replies that are put together before they can be given. */
  readonly gathered: ByteBudget;
  readonly traffic: Traffic;
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
  /** Commands refused because an argument, or all together, were too large. */
  oversized: number;
  /** Requests that were none. */
  broken: number;
  /** Times that a client was not read because it is owed too many replies, or reads too slowly. */
  paused: number;
  /** Clients closed with too much output unread. */
  overflowed: number;
}

/** So much output is sent before the read is done, to keep the buffer small. */
const FLUSH_BYTES = 32 * 1024;

/** How long a client that was parted from may say nothing and not close either. */
const LINGER_MS = 100;
/** What a command on keys is answered by a node that is about to end. */
const STOPPING: Failure = {
  code: 'stopping',
  message: 'this node is about to end; ask another one',
  needed: 1,
  got: 0,
  from: [],
  definite: true,
};

export class Connection implements Session, Guest {
  readonly id: number;
  readonly door: ConnectionDoor;
  name = '';
  library = '';
  libraryVersion = '';
  /** A call of `onWake` is due. Kept by the door. */
  waking = false;
  /** Times that something was read. */
  reads = 0;

  readonly #socket: Socket;
  readonly #address: string;
  readonly #openedAtMs: number;
  readonly #parser: RequestParser;
  readonly #output: Output;
  readonly #replies: ReplyQueue;
  #lastCommand = '';

  /** A command lies ready in the parser and may not begin yet. */
  #waiting = false;
  /** The store is to say when there is room for a write. */
  #awaitsRoom = false;
  /** No more commands are taken; the connection closes when all replies are given. */
  #ending = false;
  /** Commands on keys are answered with `STOPPING`. */
  #refusing = false;
  /** The end of the stream has gone out; what comes in is not looked at, and the client is waited for. */
  #parted = false;
  /** When the client was last seen to get on, by the clock of `sweep`. */
  #aliveAtMs = 0;
  #argumentsSeen = 0;
  /** Gives the next part of a reply, once the client has read of those before it. */
  #whenRoom: (() => void) | undefined;
  #unsentSeen = 0;

  /** `socket` is paused, and calls `receive` with what it reads. */
  constructor(init: { id: number; socket: Socket; door: ConnectionDoor; nowMs: number }) {
    const { id, socket, door } = init;
    this.id = id;
    this.door = door;
    this.#socket = socket;
    this.#address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.#openedAtMs = init.nowMs;
    this.#parser = new RequestParser(door.limits);
    const { writers, scratch, traffic, limits, gathered } = door;
    this.#output = new Output({ socket, writers, traffic, pauseBytes: limits.outputPauseBytes });
    const onLateAnswer = (): void => this.#handleLateAnswer();
    const onPart = (more: () => void): void => this.#handlePart(more);
    this.#replies = new ReplyQueue({
      output: this.#output,
      scratch,
      traffic,
      onLateAnswer,
      gathered,
      onPart,
    });
    socket.on('drain', () => this.#handleDrain());
    socket.on('end', () => this.closeAfterReplies());
  }

  get resp3(): boolean {
    return this.#output.resp3;
  }

  set resp3(spoken: boolean) {
    this.#output.resp3 = spoken;
  }

  /** Bytes from the client; borrowed. */
  receive(bytes: Buffer, length: number): void {
    this.reads++;
    if (this.#ending) return;
    this.door.traffic.inputBytes += length;
    this.#parser.feed(bytes, length);
    this.#run();
    this.#parser.keep();
    this.#finishTurn();
  }

  /** Something that was waited for has come: answers, or room in the output. */
  onWake(): void {
    if (this.#replies.closed) return;
    if (this.#waiting) {
      this.#run();
      if (!this.#waiting) this.#parser.keep();
    }
    this.#finishTurn();
  }

  closeAfterReplies(): void {
    this.#ending = true;
    this.door.wake(this);
  }

  get idle(): boolean {
    return this.#replies.empty && !this.#waiting && this.#parser.empty && !this.#output.congested;
  }

  refuse(): void {
    this.#refusing = true;
  }

  part(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#parted = true;
    this.#flush();
    // What comes now is read past: a socket closed with something unread takes from the client what it has not read yet.
    this.#socket.end(() => this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy()));
  }

  /** Close now, whatever is owed. */
  cut(reason: string): void {
    if (this.#replies.closed) return;
    this.door.logger.warn({ client: this.#address, reason }, 'redis client cut off');
    this.#socket.destroy();
    this.handleClosed();
  }

  /** The socket is gone. Commands under way go on; their answers are dropped. */
  handleClosed(): void {
    this.#ending = true;
    this.#replies.close();
    this.#tellOfRoom();
  }

  /** Called now and then: cuts off who never finishes a header, or never reads its last replies. */
  sweep(nowMs: number): void {
    const { headerTimeoutMs, drainTimeoutMs } = this.door.limits;
    const parser = this.#parser;
    const leaving = this.#ending && this.#replies.empty;
    const stuck = parser.awaitsHeader && !this.#waiting && parser.argumentsRead === this.#argumentsSeen;
    const { unsentBytes } = this.#output;
    // What is gathered for it is missing to others.
    const idle = this.#whenRoom !== undefined && unsentBytes === this.#unsentSeen;
    this.#argumentsSeen = parser.argumentsRead;
    this.#unsentSeen = unsentBytes;
    if (this.#aliveAtMs === 0 || !(leaving || stuck || idle)) this.#aliveAtMs = nowMs;
    const sinceMs = nowMs - this.#aliveAtMs;
    if (leaving && sinceMs > drainTimeoutMs) this.cut('last replies not read');
    else if (stuck && sinceMs > headerTimeoutMs) this.cut('header not finished in time');
    else if (idle && sinceMs > headerTimeoutMs) this.cut('a gathered reply not read');
  }

  /** Replies that its commands have not been given yet. */
  get owedReplies(): number {
    return this.#replies.owed;
  }

  /** Bytes of replies that its client has not read: on their way, and held until those before them are given. */
  get unsentBytes(): number {
    return this.#output.unsentBytes + this.#replies.heldBytes;
  }

  describe(): string {
    const age = Math.floor((Date.now() - this.#openedAtMs) / 1000);
    return (
      `id=${this.id} addr=${this.#address} name=${this.name} age=${age} flags=N db=0 ` +
      `oll=${this.owedReplies} omem=${this.unsentBytes} ` +
      `cmd=${this.#lastCommand} user=default resp=${this.resp3 ? 3 : 2} ` +
      `lib-name=${this.library} lib-ver=${this.libraryVersion}`
    );
  }

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
    if (this.#waiting && !this.#ending) {
      if (!this.#socket.isPaused() && (this.#awaitsRoom || this.#mustPause())) this.door.traffic.paused++;
      this.#socket.pause();
    } else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** False when the command has to wait. */
  #begin(): boolean {
    if (this.#mustPause()) return false;
    const request = this.#parser;
    const command = commands.find(request);
    if (command === undefined) return this.#beginUnknown();
    if (request.oversized) {
      this.door.traffic.oversized++;
      return this.#refuse(this.#tooLarge());
    }
    if (!acceptsArity(command.arity, request.argc)) return this.#refuse(wrongArity(command.name));
    if (!this.#beginKnown(command)) return false;
    this.#lastCommand = command.name;
    this.door.traffic.commands++;
    return true;
  }

  #mustPause(): boolean {
    if (this.#output.gatheredBytes >= FLUSH_BYTES) this.#flush();
    const replies = this.#replies;
    const { owedRepliesMax, outputPauseBytes } = this.door.limits;
    if (this.#output.congested || replies.exclusive) return true;
    // Who is owed a reply is woken when it comes.
    if (replies.owed > 0 && this.door.kv.crowded) return true;
    return replies.owed >= owedRepliesMax || replies.heldBytes > outputPauseBytes;
  }

  #mustAwaitRoom(): boolean {
    this.#awaitsRoom ||= this.door.kv.awaitsRoom(() => {
      this.#awaitsRoom = false;
      this.door.wake(this);
    });
    return this.#awaitsRoom;
  }

  #beginKnown(command: Command): boolean {
    if (this.#refusing && command.kind !== 'local')
      return this.#refuse(failureReply(STOPPING, writesKeys(command)));
    if (writesKeys(command) && this.#mustAwaitRoom()) return false;
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

  #beginRead(command: ReadCommand, key: string): boolean {
    const replies = this.#replies;
    if (!replies.empty && replies.blocks([key], false)) return false;
    const slot = replies.next();
    slot.openRead(command);
    this.door.kv.get(key, undefined, slot);
    if (!replies.isGiven(slot)) replies.enqueue(slot, [key]);
    return true;
  }

  #beginWrite(command: WriteCommand, key: string): boolean {
    const replies = this.#replies;
    if (!replies.empty && replies.blocks([key], true)) return false;
    const slot = replies.next();
    slot.openWrite(command);
    command.begin(this.door.kv, key, this.#parser, slot);
    if (!replies.isGiven(slot)) replies.enqueue(slot, [key]);
    return true;
  }

  #beginMany(command: ManyCommand, keys: readonly string[]): boolean {
    const replies = this.#replies;
    if (replies.blocks(keys, command.writes)) return false;
    const slot = replies.next();
    slot.open(command.writes);
    command.begin(this.door.kv, keys, this.#parser, slot);
    if (!replies.isGiven(slot)) replies.enqueue(slot, keys);
    return true;
  }

  #beginCluster(command: ClusterCommand): boolean {
    const replies = this.#replies;
    if (!replies.empty) return false;
    const slot = replies.next();
    slot.open(command.writes);
    command.begin(this.door.kv, this.#parser, slot);
    if (replies.isGiven(slot)) return true;
    slot.exclusive = true;
    replies.exclusive = true;
    replies.enqueue(slot, NO_KEYS);
    return true;
  }

  #beginLocal(command: LocalCommand): boolean {
    if (command.alone === true && !this.#replies.empty) return false;
    this.#answer((out) => command.run(this, this.#parser, out));
    return true;
  }

  /** Browsers that were talked into sending a form here are hung up on, as Redis does. */
  #beginUnknown(): boolean {
    const name = this.#parser.text(0).toLowerCase();
    if (name !== 'post' && name !== 'host:') return this.#refuse(unknownCommand(this.#parser));
    this.cut('HTTP spoken to the Redis port');
    return true;
  }

  #refuse(error: string): boolean {
    this.#answer((out) => out.error(error));
    return true;
  }

  #refuseBytes(): void {
    const { error } = this.#parser;
    this.door.traffic.broken++;
    this.#answer((out) => out.error(`ERR Protocol error: ${error}`));
    this.door.logger.debug({ client: this.#address, error }, 'redis client sent no request');
    this.closeAfterReplies();
  }

  #tooLarge(): string {
    const { valueBytesMax, commandBytesMax } = this.door.limits;
    return (
      `ERR string exceeds maximum allowed size (${valueBytesMax} bytes an argument, ` +
      `${commandBytesMax} bytes a command)`
    );
  }

  /** A reply that is known at once. */
  #answer(write: (out: ReplyWriter) => void): void {
    const replies = this.#replies;
    if (replies.empty) {
      write(this.#output.writer());
      return;
    }
    const slot = replies.next();
    slot.open(false);
    slot.answer(write);
    if (!replies.isGiven(slot)) replies.enqueue(slot, NO_KEYS);
  }

  #handleLateAnswer(): void {
    // Many large answers may come in one turn; gathered in one buffer, they would be copied each time it grows.
    if (this.#output.gatheredBytes >= FLUSH_BYTES) this.#flush();
    else this.#checkOutput();
    this.door.wake(this);
  }

  #handlePart(more: () => void): void {
    this.#flush();
    this.#whenRoom = more;
    if (!this.#output.congested || this.#replies.closed) this.#tellOfRoom();
  }

  #tellOfRoom(): void {
    if (this.#whenRoom !== undefined) setImmediate(this.#whenRoom);
    this.#whenRoom = undefined;
  }

  #handleDrain(): void {
    this.#output.congested = false;
    this.#tellOfRoom();
    this.door.wake(this);
  }

  #finishTurn(): void {
    this.#flush();
    if (this.#ending && !this.#parted && this.#replies.empty && !this.#replies.closed)
      this.#socket.destroySoon();
  }

  #flush(): void {
    if (this.#replies.closed) return;
    this.#output.flush();
    this.#checkOutput();
  }

  #checkOutput(): void {
    const unsent = this.unsentBytes;
    if (unsent <= this.door.limits.outputCloseBytes) return;
    this.door.traffic.overflowed++;
    this.cut(`${unsent} bytes of output not read`);
  }
}

function writesKeys(command: Command): boolean {
  if (command.kind === 'write') return true;
  return (command.kind === 'many' || command.kind === 'cluster') && command.writes;
}
