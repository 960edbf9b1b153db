/**
 * One connection that a peer dialled: after the handshake, frames of one lane come in and nothing but answers to
 * pings goes out.
 *
 * Until the handshake is over this is a stranger: it has five seconds and one message's worth of memory. A
 * stream that breaks (a frame too long, a record that fails its proof) ends the connection.
 *
 * Promises: `onClosed` at most once, and no frame after it or after `close`.
 */
import type { Socket } from 'node:net';
import type { Host, Timer } from '../contracts/host.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { FRAME_BYTES_MAX } from '../contracts/transport.ts';
import { FrameReader, PONG } from './frame-reader.ts';
import { AcceptorHandshake } from './handshake.ts';
import type { Established, HandshakeFailure, HandshakeStep } from './handshake.ts';
import type { Keyring } from './keyring.ts';
import type { TcpLimits } from './limits.ts';
import { RecordOpener } from './record.ts';

/** How long a refused peer is given to read why. */
const FAREWELL_MS = 1000;

/** More unread answers than this are not added to: whoever asks so often without reading needs none. */
const PONGS_UNREAD_MAX = 1024;

export interface IncomingComponents {
  readonly host: Host;
  readonly keyring: Keyring;
  readonly limits: TcpLimits;
}

export interface IncomingInit {
  /** Paused; what it reads comes through `receive`. */
  readonly socket: Socket;
  hello(): Hello;
  /** Why this proven peer is not let in, or undefined. */
  judge(peer: Hello, lane: Lane): string | undefined;
  /** The peer was let in; frames follow. */
  onAccepted(connection: IncomingConnection): void;
  onFrame(from: Hello, lane: Lane, bytes: Uint8Array, start: number, end: number): void;
  /** `refused`: the proven peer that was not let in. */
  onClosed(connection: IncomingConnection, reason: string, refused: Hello | undefined): void;
}

export class IncomingConnection {
  readonly #components: IncomingComponents;
  readonly #init: IncomingInit;
  readonly #socket: Socket;
  readonly #handshake: AcceptorHandshake;
  readonly #deadline: Timer;
  readonly remote: string;
  #state: 'shaking' | 'accepted' | 'closed' = 'shaking';
  #peer: Hello | undefined;
  #lane: Lane = 'control';
  #reader: FrameReader | undefined;
  #opener: RecordOpener | undefined;
  #isBroken = false;
  #bytesSeen = 0;
  #silentChecks = 0;

  constructor(components: IncomingComponents, init: IncomingInit) {
    this.#components = components;
    this.#init = init;
    this.#socket = init.socket;
    this.remote = `${init.socket.remoteAddress}:${init.socket.remotePort}`;
    const { host, keyring, limits } = components;
    this.#handshake = new AcceptorHandshake({ keyring, hello: init.hello, judge: init.judge });
    this.#deadline = host.setTimer(limits.handshakeMs, () =>
      this.#lose(`no handshake within ${limits.handshakeMs} ms`),
    );
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the peer closed the connection'));
  }

  /** Undefined until the peer was let in. */
  get peer(): Hello | undefined {
    return this.#peer;
  }

  get lane(): Lane {
    return this.#lane;
  }

  /** It was let in, and then its bytes made no sense or were not its own. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The socket is closed; after a refusal that takes a moment. */
  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  /** All that ever came. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  /** Called at each ping interval on a control connection: gives a peer up that has been silent for too many. */
  checkSilence(): void {
    const { pingsUnansweredMax, pingIntervalMs } = this.#components.limits;
    this.#silentChecks = this.bytesRead === this.#bytesSeen ? this.#silentChecks + 1 : 0;
    this.#bytesSeen = this.bytesRead;
    if (this.#silentChecks > pingsUnansweredMax) {
      this.#lose(`no sign of life for ${this.#silentChecks * pingIntervalMs} ms`);
    }
  }

  /** Without a word to `onClosed`. */
  close(): void {
    this.#becomeClosed();
    this.#socket.destroy();
  }

  /** Bytes from the peer, borrowed. A handshake keeps what it has of a message. */
  receive(chunk: Uint8Array): void {
    if (this.#state === 'shaking') this.#performStep(this.#handshake.onBytes(chunk.slice()));
    else if (this.#state === 'accepted') this.#readOn(chunk);
  }

  /** Whoever was asked about the peer may have closed this connection meanwhile. */
  #performStep(step: HandshakeStep): void {
    if (this.#state === 'closed') return;
    if (step.kind === 'failed') this.#dismiss(step);
    else if (step.answer !== undefined) this.#socket.write(step.answer);
    if (step.kind === 'established') this.#becomeAccepted(step);
  }

  #becomeAccepted({ peer, lane, recordKey }: Established): void {
    this.#state = 'accepted';
    this.#deadline.cancel();
    this.#peer = peer;
    this.#lane = lane;
    const reader = new FrameReader({
      frameBytesMax: FRAME_BYTES_MAX,
      onFrame: (bytes, start, end) => this.#init.onFrame(peer, lane, bytes, start, end),
      onPing: () => this.#answerPing(),
    });
    this.#reader = reader;
    if (recordKey !== undefined)
      this.#opener = new RecordOpener(recordKey, (payload) => reader.feed(payload));
    this.#socket.setNoDelay(true).setKeepAlive(true);
    this.#init.onAccepted(this);
  }

  #readOn(chunk: Uint8Array): void {
    const broken = (this.#opener ?? this.#reader)?.feed(chunk);
    if (broken === undefined) return;
    this.#isBroken = true;
    this.#lose(broken);
  }

  #answerPing(): void {
    if (this.#socket.writableLength < PONGS_UNREAD_MAX) this.#socket.write(Uint8Array.of(PONG));
  }

  /** Close, but not before the peer had a chance to read the answer. */
  #dismiss({ reason, answer, peer }: HandshakeFailure): void {
    this.#becomeClosed();
    if (answer === undefined) {
      this.#socket.destroy();
    } else {
      const timer = this.#components.host.setTimer(FAREWELL_MS, () => this.#socket.destroy());
      this.#socket.on('close', () => timer.cancel());
      this.#socket.end(answer);
    }
    this.#init.onClosed(this, reason, peer);
  }

  #lose(reason: string): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#init.onClosed(this, reason, undefined);
  }

  #becomeClosed(): void {
    this.#state = 'closed';
    this.#deadline.cancel();
    this.#reader?.stop();
    this.#opener?.stop();
  }
}
