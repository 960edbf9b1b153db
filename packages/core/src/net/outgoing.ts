/**
 * One connection that this node dialled: one lane to one peer, frames going out, nothing but answers to pings
 * coming back.
 *
 * connecting -> handshake -> ready -> closed. Frames are gathered in a queue and written when the turn ends; at
 * most one write is under way, so whatever comes meanwhile leaves with the next one. The queue is bounded and so
 * is what the socket holds, since it is given nothing else.
 *
 * Promises: `onReady` at most once, `onClosed` at most once and nothing after it, neither from within the
 * constructor, `send`, `flush` or `close`. A frame that was taken may be lost with the connection.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { FRAME_BYTES_MAX, SMALL_FRAME_BYTES, SMALL_FRAMES_RESERVE } from '../contracts/transport.ts';
import type { HostPort } from './address.ts';
import { PING_MARK, PONG } from './frame-reader.ts';
import { DialerHandshake } from './handshake.ts';
import type { Established, HandshakeStep } from './handshake.ts';
import type { Keyring } from './keyring.ts';
import type { TcpLimits } from './limits.ts';
import { NO_RESERVE, RECORD_RESERVE, RecordSealer } from './record.ts';
import { SendQueue } from './send-queue.ts';
import type { Chunk, ChunkPool } from './send-queue.ts';

export interface OutgoingComponents {
  readonly host: Host;
  readonly keyring: Keyring;
  readonly limits: TcpLimits;
  readonly chunks: ChunkPool;
  /** Have `connection.flush` called at the end of the turn. */
  flushLater(connection: OutgoingConnection): void;
}

export interface OutgoingInit {
  readonly to: HostPort;
  readonly lane: Lane;
  readonly hello: Hello;
  /** Why the peer that answers is not the one wanted, or undefined. Asked before this node proves anything to it. */
  judge(peer: Hello): string | undefined;
  onReady(peer: Hello): void;
  /** `refusedBy`: the peer that is there and does not want us. */
  onClosed(reason: string, refusedBy: Hello | undefined): void;
}

export class OutgoingConnection {
  readonly #components: OutgoingComponents;
  readonly #init: OutgoingInit;
  readonly #socket: Socket;
  readonly #handshake: DialerHandshake;
  readonly #deadline: Timer;
  readonly #queueBytesMax: number;
  #state: 'shaking' | 'ready' | 'closed' = 'shaking';
  #queue: SendQueue | undefined;
  #sealer: RecordSealer | undefined;
  /** Of small frames, taken since the queue was last found less than full. */
  #reserveUsed = 0;
  #flushAsked = false;
  /** Chunks given to the socket and not yet written, in order. */
  #writing: Chunk[] = [];
  #written = 0;
  #pingsUnanswered = 0;

  constructor(components: OutgoingComponents, init: OutgoingInit) {
    this.#components = components;
    this.#init = init;
    const { host, keyring, limits } = components;
    this.#queueBytesMax = limits.queueBytesMax[init.lane];
    this.#handshake = new DialerHandshake({ ...init, keyring });
    this.#deadline = host.setTimer(limits.handshakeMs, () =>
      this.#lose(`no handshake within ${limits.handshakeMs} ms`),
    );
    this.#socket = connect({ ...init.to, noDelay: true, keepAlive: true });
    this.#socket.on('connect', () => this.#socket.write(this.#handshake.opening));
    this.#socket.on('data', (chunk) => this.#handleBytes(chunk));
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the peer closed the connection'));
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Added and not yet written. */
  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  /** False when not ready or full. */
  send(bytes: Uint8Array, start: number, end: number): boolean {
    assert(end - start <= FRAME_BYTES_MAX, 'a frame is not longer than FRAME_BYTES_MAX');
    const queue = this.#queue;
    if (queue === undefined) return false;
    if (queue.bytes <= this.#queueBytesMax) this.#reserveUsed = 0;
    else if (!this.#takesSmall(end - start)) return false;
    queue.add(bytes, start, end);
    this.#askFlush();
    return true;
  }

  /** A full lane has room for small frames yet. What they used counts as free once the lane has been less than full. */
  #takesSmall(size: number): boolean {
    if (size > SMALL_FRAME_BYTES || this.#reserveUsed + 4 + size > SMALL_FRAMES_RESERVE) return false;
    this.#reserveUsed += 4 + size;
    return true;
  }

  /** Ask the peer for a sign of life, or give it up when it left too many unanswered. */
  ping(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    const { pingsUnansweredMax, pingIntervalMs } = this.#components.limits;
    if (this.#pingsUnanswered >= pingsUnansweredMax) {
      this.#lose(`no sign of life for ${pingsUnansweredMax * pingIntervalMs} ms`);
      return;
    }
    this.#pingsUnanswered++;
    queue.addMark(PING_MARK);
    this.#askFlush();
  }

  /** Write what has been gathered, unless a write is under way: its end brings the next one. */
  flush(): void {
    this.#flushAsked = false;
    if (this.#queue === undefined || this.#queue.empty || this.#writing.length > 0) return;
    const chunks = this.#queue.take();
    this.#writing = chunks;
    this.#written = 0;
    if (chunks.length > 1) this.#socket.cork();
    for (const chunk of chunks) {
      this.#sealer?.seal(chunk);
      this.#socket.write(chunk.bytes.subarray(chunk.start, chunk.end), this.#handleWritten);
    }
    if (chunks.length > 1) this.#socket.uncork();
  }

  /** Without a word to `onClosed`. What was gathered goes out as far as the kernel takes it at once. */
  close(): void {
    if (this.#state === 'ready') this.flush();
    this.#dispose();
  }

  #askFlush(): void {
    if (this.#flushAsked || this.#writing.length > 0) return;
    this.#flushAsked = true;
    this.#components.flushLater(this);
  }

  readonly #handleWritten = (error?: Error | null): void => {
    if (error || this.#queue === undefined) return; // The socket tells of the error; its chunks go with it.
    this.#queue.release(this.#writing[this.#written++] as Chunk);
    if (this.#written < this.#writing.length) return;
    this.#writing = [];
    this.flush();
  };

  #handleBytes(chunk: Uint8Array): void {
    if (this.#state === 'shaking') this.#performStep(this.#handshake.onBytes(chunk));
    else if (this.#state === 'ready') this.#handlePongs(chunk);
  }

  #performStep(step: HandshakeStep): void {
    if (step.answer !== undefined) this.#socket.write(step.answer);
    if (step.kind === 'established') this.#becomeReady(step);
    else if (step.kind === 'failed') this.#lose(step.reason, step.peer);
  }

  #becomeReady({ peer, recordKey }: Established): void {
    this.#state = 'ready';
    this.#deadline.cancel();
    if (recordKey !== undefined) this.#sealer = new RecordSealer(recordKey);
    this.#queue = new SendQueue(
      this.#components.chunks,
      recordKey === undefined ? NO_RESERVE : RECORD_RESERVE,
    );
    this.#init.onReady(peer);
  }

  #handlePongs(bytes: Uint8Array): void {
    if (bytes.every((byte) => byte === PONG)) this.#pingsUnanswered = 0;
    else this.#lose('the peer sent what it must not send here');
  }

  #lose(reason: string, refusedBy?: Hello): void {
    if (this.#state === 'closed') return;
    this.#dispose();
    this.#init.onClosed(reason, refusedBy);
  }

  #dispose(): void {
    this.#state = 'closed';
    this.#queue = undefined;
    this.#deadline.cancel();
    this.#socket.destroy();
  }
}
