/**
 * What leaves for one client: gathered in a lent writer, sent with one write, kept an eye on.
 *
 * The kernel mostly takes the bytes at once, and the writer goes back to be lent again. What it does not take,
 * the socket holds until the client reads; the writer's buffer is left to it then.
 */
import type { Socket } from 'node:net';
import type { ReplyWriter, WriterPool } from './writer.ts';

export interface OutputInit {
  readonly socket: Socket;
  readonly writers: WriterPool;
  readonly traffic: { outputBytes: number };
  /** Unsent bytes from which on the output is congested. */
  readonly pauseBytes: number;
}

export class Output {
  /** The client reads slower than we write. Ends with the socket's `drain`. */
  congested = false;
  readonly #init: OutputInit;
  readonly #socket: Socket;
  #writer: ReplyWriter | undefined;
  #resp3 = false;

  constructor(init: OutputInit) {
    this.#init = init;
    this.#socket = init.socket;
  }

  get resp3(): boolean {
    return this.#resp3;
  }

  set resp3(spoken: boolean) {
    this.#resp3 = spoken;
    if (this.#writer !== undefined) this.#writer.resp3 = spoken;
  }

  /** Where replies are written until the next flush. */
  writer(): ReplyWriter {
    this.#writer ??= this.#init.writers.take(this.#resp3);
    return this.#writer;
  }

  isCurrent(writer: ReplyWriter): boolean {
    return writer === this.#writer;
  }

  /** Bytes gathered since the last flush. */
  get gatheredBytes(): number {
    return this.#writer?.length ?? 0;
  }

  /** Bytes that have not been given to the kernel. */
  get unsentBytes(): number {
    return this.#socket.writableLength + this.gatheredBytes;
  }

  flush(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    if (writer.length > 0) this.#send(writer);
    this.#init.writers.give(writer);
  }

  #send(writer: ReplyWriter): void {
    const socket = this.#socket;
    this.#init.traffic.outputBytes += writer.length;
    // Behind other bytes it will lie for a while: in a buffer of its size, not in one of the writer's.
    const backedUp = socket.writableLength > 0;
    socket.write(backedUp ? Buffer.from(writer.view()) : writer.view());
    if (backedUp || socket.writableLength === 0) writer.clear();
    else writer.renew();
    this.congested = socket.writableLength > this.#init.pauseBytes;
  }
}
