/**
 * How two nodes meet on a fresh connection: each proves that it knows the shared secret before anything that
 * the other said is looked at.
 *
 *     dialer                                               acceptor
 *       | preamble | HELLO   lane, nonce, hello             -> |
 *       | <-  preamble | WELCOME nonce, hello, proof           |   knows the secret, spoke just now
 *       | PROOF   proof                                     -> |   so does the dialer; admit?
 *       | <-  READY proof          or REFUSE reason            |
 *       | frames ...                                        -> |
 *
 *     preamble  'r' 'k' 'v' 0x93, version u16          the same in all versions
 *     message   length u16 (of what follows), kind u8, body
 *
 * A proof is an HMAC over role and transcript; the transcript is the digest of all that the dialer said up to
 * then (preamble, lane, nonce, hello) and of the acceptor's nonce and hello. Nonces are fresh, so a recorded
 * handshake proves nothing later, or to another node. The dialer proves with the key that the acceptor used,
 * hence one key is known to both and the records' key comes from it. It looks at who answers before it proves
 * anything: a node that was dialled by mistake lets nobody in, and keeps the connection that it had.
 *
 * Both sides are machines over bytes and know no socket: bytes in, one step out. They keep at most one message
 * and allocate nothing by a length that a stranger declared. After `established` or `failed` they are done.
 *
 * Not here: secrecy of the hellos. Who can listen on the wire reads names and addresses, and may try guesses at
 * the secret on the proofs it saw: a secret is to be drawn at random, not thought up.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { WireError } from '../base/bytes.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { LANES } from '../contracts/transport.ts';
import { decodeHello, encodeHello, HELLO_BYTES_MAX } from './hello.ts';
import { PROOF_BYTES } from './keyring.ts';
import type { Keyring, SharedKey } from './keyring.ts';

/** Raised when a node could no longer follow a peer's handshake or records. Features are for all else. */
const PROTOCOL_VERSION = 1;

const PREAMBLE = Uint8Array.of(0x72, 0x6b, 0x76, 0x93, PROTOCOL_VERSION >>> 8, PROTOCOL_VERSION & 0xff);
const MAGIC_BYTES = 4;
const NONCE_BYTES = 32;
const REASON_CHARS_MAX = 300;
const MESSAGE_BYTES_MAX = HELLO_BYTES_MAX + NONCE_BYTES + PROOF_BYTES + 16;

const HELLO = 1;
const WELCOME = 2;
const PROOF = 3;
const READY = 4;
const REFUSE = 5;

export interface Established {
  readonly kind: 'established';
  /** To be sent before anything else. */
  readonly answer: Uint8Array | undefined;
  readonly peer: Hello;
  readonly lane: Lane;
  /** For the records from the dialer to the acceptor; undefined when there is no secret. */
  readonly recordKey: KeyObject | undefined;
}

export interface HandshakeFailure {
  readonly kind: 'failed';
  /** To be sent before closing. */
  readonly answer: Uint8Array | undefined;
  readonly reason: string;
  /** Who it is when both have proven themselves and one does not want the other; else undefined. */
  readonly peer: Hello | undefined;
}

export type HandshakeStep =
  { readonly kind: 'waiting'; readonly answer: Uint8Array | undefined } | Established | HandshakeFailure;

const WAITING: HandshakeStep = { kind: 'waiting', answer: undefined };

export interface DialerInit {
  readonly lane: Lane;
  readonly hello: Hello;
  readonly keyring: Keyring;
  /** Why a proven peer is not the one that was dialled, or undefined: it is told nothing more, and lets nobody in. */
  judge?(peer: Hello): string | undefined;
}

/** The acceptor, once it has proven that it knows a secret of ours. */
interface Proven {
  readonly key: SharedKey;
  readonly transcript: Uint8Array;
  readonly peer: Hello;
}

export class DialerHandshake {
  readonly #init: DialerInit;
  readonly #messages = new Messages();
  /** The first bytes to send. */
  readonly opening: Uint8Array;
  #proven: Proven | undefined;

  constructor(init: DialerInit) {
    this.#init = init;
    const lane = Uint8Array.of(LANES.indexOf(init.lane));
    this.opening = Buffer.concat([PREAMBLE, message(HELLO, lane, nonce(), encodeHello(init.hello))]);
  }

  onBytes(chunk: Uint8Array): HandshakeStep {
    return stepOn(this.#messages, chunk, (kind, body) => {
      if (kind === REFUSE) return failed(reasonIn(body), this.#proven?.peer);
      if (kind === WELCOME && this.#proven === undefined) return this.#handleWelcome(body);
      if (kind === READY && this.#proven !== undefined) return this.#handleReady(body, this.#proven);
      return failed(`a message of kind ${kind} out of turn`);
    });
  }

  #handleWelcome(body: Uint8Array): HandshakeStep {
    if (body.length < NONCE_BYTES + PROOF_BYTES) return failed('a welcome is too short');
    const signed = body.subarray(0, body.length - PROOF_BYTES);
    const transcript = digest(this.opening, signed);
    const key = this.#init.keyring.keyOf(body.subarray(signed.length), 'acceptor', transcript);
    if (key === undefined) return failed('it does not know the shared secret of this node');
    const peer = decodeHello(signed.subarray(NONCE_BYTES));
    const objection = this.#init.judge?.(peer);
    if (objection !== undefined) return failed(objection);
    this.#proven = { key, transcript, peer };
    return { kind: 'waiting', answer: message(PROOF, key.prove('dialer', transcript)) };
  }

  #handleReady(body: Uint8Array, { key, transcript, peer }: Proven): HandshakeStep {
    if (!key.proves(body, 'ready', transcript)) return failed('a forged end of the handshake');
    const recordKey = key.recordKey(transcript);
    return { kind: 'established', answer: undefined, peer, lane: this.#init.lane, recordKey };
  }
}

export interface AcceptorInit {
  readonly keyring: Keyring;
  /** This node's hello; asked once something like a handshake has begun. */
  hello(): Hello;
  /** Why a proven peer is not let in, or undefined. */
  judge(peer: Hello, lane: Lane): string | undefined;
}

/** What the dialer said, its hello not yet read. */
interface Opened {
  readonly lane: Lane;
  readonly hello: Uint8Array;
  readonly transcript: Uint8Array;
}

export class AcceptorHandshake {
  readonly #init: AcceptorInit;
  readonly #messages = new Messages();
  #opened: Opened | undefined;

  constructor(init: AcceptorInit) {
    this.#init = init;
  }

  onBytes(chunk: Uint8Array): HandshakeStep {
    return stepOn(this.#messages, chunk, (kind, body) => {
      if (kind === HELLO && this.#opened === undefined) return this.#handleHello(body);
      if (kind === PROOF && this.#opened !== undefined) return this.#handleProof(body, this.#opened);
      return failed(`a message of kind ${kind} out of turn`);
    });
  }

  /** The hello is kept as bytes: it is read once its sender has proven that it belongs here. */
  #handleHello(body: Uint8Array): HandshakeStep {
    const lane = LANES[body[0] ?? LANES.length];
    if (lane === undefined || body.length < 1 + NONCE_BYTES) return failed('a hello without lane or nonce');
    const signed = Buffer.concat([nonce(), encodeHello(this.#init.hello())]);
    const opening = Buffer.concat([PREAMBLE, message(HELLO, body)]);
    const transcript = digest(opening, signed);
    this.#opened = { lane, hello: body.slice(1 + NONCE_BYTES), transcript };
    const welcome = message(WELCOME, signed, this.#init.keyring.first.prove('acceptor', transcript));
    return { kind: 'waiting', answer: Buffer.concat([PREAMBLE, welcome]) };
  }

  #handleProof(body: Uint8Array, { lane, hello, transcript }: Opened): HandshakeStep {
    const key = this.#init.keyring.first;
    if (!key.proves(body, 'dialer', transcript)) {
      return refused('it did not prove the shared secret', undefined);
    }
    const peer = decodeHello(hello);
    const refusal = this.#init.judge(peer, lane);
    if (refusal !== undefined) return refused(refusal, peer);
    const answer = message(READY, key.prove('ready', transcript));
    return { kind: 'established', answer, peer, lane, recordKey: key.recordKey(transcript) };
  }
}

/** Gathers the bytes of one message. */
class Messages {
  #bytes: Uint8Array = new Uint8Array(0);
  #greeted = false;

  add(chunk: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
  }

  /** A whole message, kind first; undefined while it is incomplete. Throws `WireError` for what is none. */
  next(): Uint8Array | undefined {
    if (!this.#greeted && !this.#takePreamble()) return undefined;
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const length = ((bytes[0] as number) << 8) | (bytes[1] as number);
    if (length < 1 || length > MESSAGE_BYTES_MAX)
      throw new WireError('a handshake message too long or empty');
    if (bytes.length < 2 + length) return undefined;
    // Each message answers one that its sender has read first, so nothing can follow it yet.
    if (bytes.length > 2 + length) throw new WireError('it speaks before it was answered');
    this.#bytes = new Uint8Array(0);
    return bytes.subarray(2);
  }

  /** A stranger is recognised by its first wrong byte. */
  #takePreamble(): boolean {
    const bytes = this.#bytes;
    const length = Math.min(bytes.length, PREAMBLE.length);
    for (let i = 0; i < Math.min(length, MAGIC_BYTES); i++) {
      if (bytes[i] !== PREAMBLE[i]) throw new WireError('it does not speak the protocol of rkv nodes');
    }
    if (length < PREAMBLE.length) return false;
    const version = ((bytes[4] as number) << 8) | (bytes[5] as number);
    if (version !== PROTOCOL_VERSION) throw new WrongVersion(version);
    this.#bytes = bytes.subarray(PREAMBLE.length);
    this.#greeted = true;
    return true;
  }
}

class WrongVersion extends WireError {
  constructor(theirs: number) {
    super(`it speaks protocol version ${theirs}, this node version ${PROTOCOL_VERSION}`);
  }
}

function stepOn(
  messages: Messages,
  chunk: Uint8Array,
  handle: (kind: number, body: Uint8Array) => HandshakeStep,
): HandshakeStep {
  try {
    messages.add(chunk);
    const next = messages.next();
    return next === undefined ? WAITING : handle(next[0] as number, next.subarray(1));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // The preamble is all that another version is sure to understand; it tells the peer ours.
    return failed(error.message, undefined, error instanceof WrongVersion ? PREAMBLE : undefined);
  }
}

function failed(reason: string, peer?: Hello, answer?: Uint8Array): HandshakeFailure {
  return { kind: 'failed', answer, reason, peer };
}

function refused(reason: string, peer: Hello | undefined): HandshakeFailure {
  return failed(reason, peer, message(REFUSE, Buffer.from(reason.slice(0, REASON_CHARS_MAX))));
}

/** A peer's words, fit for a log line. */
function reasonIn(body: Uint8Array): string {
  const text = Buffer.from(body).toString('utf8', 0, 4 * REASON_CHARS_MAX);
  return text.replaceAll(/\p{C}/gu, '?').slice(0, REASON_CHARS_MAX);
}

function message(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([Uint8Array.of(length >>> 8, length & 0xff, kind), ...parts]);
}

function nonce(): Uint8Array {
  return randomBytes(NONCE_BYTES);
}

/** Either part tells its own length: the opening in its header, and what follows it is the rest. */
function digest(opening: Uint8Array, signedWelcome: Uint8Array): Uint8Array {
  return createHash('sha256').update(opening).update(signedWelcome).digest();
}
