/**
 * Somebody who knows the secret, played with the handshake and the records that are shipped. What is done to the bytes
 * on their way to the port is the intruder's work: so every byte that is spoilt was a good one.
 */
import { jsonEncode, Writer } from '../../packages/core/src/base/bytes.ts';
import type { Hello, Lane } from '../../packages/core/src/contracts/transport.ts';
import { decodeHello } from '../../packages/core/src/net/hello.ts';
import { DialerHandshake } from '../../packages/core/src/net/handshake.ts';
import { Keyring } from '../../packages/core/src/net/keyring.ts';
import { RECORD_RESERVE, RecordSealer } from '../../packages/core/src/net/record.ts';
import { ChunkPool, SendQueue } from '../../packages/core/src/net/send-queue.ts';
import { MESSAGE, newHeader, writeHeader } from '../../packages/core/src/request/message.ts';
import { Knock } from './knock.ts';
import { PREAMBLE_BYTES } from './wire.ts';

const HELLO_AT = PREAMBLE_BYTES + 4 + 32;

/** What a recorded HELLO says of its sender: it is not secret. */
export function helloIn(opening: Buffer): Hello {
  return decodeHello(opening.subarray(HELLO_AT));
}

export interface MemberInit {
  readonly hello: Hello;
  readonly secret: string;
  readonly lane?: Lane;
}

/** One byte of what is said to the port, or of what it says, by its place in that stream. */
export interface Flip {
  readonly stream: 'said' | 'heard';
  readonly at: number;
}

export class Member {
  readonly knock: Knock;
  readonly #handshake: DialerHandshake;
  readonly #flip: Flip | undefined;
  #sealer: RecordSealer | undefined;
  #saidBytes = 0;
  #heardBytes = 0;
  /** Resolves with true when its own side of the handshake is content, with false when it is not or the port hung up. */
  readonly met: Promise<boolean>;

  /** Resolves when its own side of the handshake is not content; else never. */
  readonly disbelieves: Promise<void>;

  constructor(port: number, { hello, secret, lane = 'control' }: MemberInit, flip?: Flip) {
    this.#handshake = new DialerHandshake({ lane, hello, keyring: new Keyring([secret]) });
    this.#flip = flip;
    this.knock = new Knock(port);
    let disbelieve: () => void;
    this.disbelieves = new Promise((resolve) => (disbelieve = resolve));
    this.met = new Promise((resolve) => {
      const { socket } = this.knock;
      socket.on('close', () => resolve(false));
      socket.on('data', (chunk) => {
        if (this.#sealer !== undefined) return;
        const step = this.#handshake.onBytes(this.#spoil(chunk, 'heard'));
        if (step.answer !== undefined) this.#say(step.answer);
        if (step.kind === 'established' && step.recordKey !== undefined) {
          this.#sealer = new RecordSealer(step.recordKey);
          resolve(true);
        }
        if (step.kind !== 'failed') return;
        resolve(false);
        disbelieve();
      });
    });
    this.#say(this.#handshake.opening);
  }

  static async in(port: number, init: MemberInit): Promise<Member> {
    const member = new Member(port, init);
    if (!(await member.met))
      throw new Error(`a member was not let in: ${(await member.knock.outcome(0)).answer}`);
    return member;
  }

  /** The next record, with this frame in it; not sent. */
  seal(frame: Uint8Array): Buffer {
    const queue = new SendQueue(new ChunkPool(0), RECORD_RESERVE);
    queue.add(frame, 0, frame.length);
    return this.#sealed(queue);
  }

  /** The next record, with these bytes where frames should be. */
  sealRaw(bytes: Buffer): Buffer {
    const queue = new SendQueue(new ChunkPool(0), RECORD_RESERVE);
    for (let at = 0; at < bytes.length; at += 4) queue.addMark(bytes.readUInt32BE(at));
    return this.#sealed(queue);
  }

  #sealed(queue: SendQueue): Buffer {
    const records = queue.take().map((chunk) => {
      this.#sealer?.seal(chunk);
      return Buffer.from(chunk.bytes.subarray(chunk.start, chunk.end));
    });
    return Buffer.concat(records);
  }

  #say(bytes: Uint8Array): void {
    this.knock.say(this.#spoil(bytes, 'said'));
  }

  #spoil(bytes: Uint8Array, stream: Flip['stream']): Uint8Array {
    const before = stream === 'said' ? this.#saidBytes : this.#heardBytes;
    if (stream === 'said') this.#saidBytes += bytes.length;
    else this.#heardBytes += bytes.length;
    const at = this.#flip?.stream === stream ? this.#flip.at - before : -1;
    return at < 0 || at >= bytes.length ? bytes : flipped(bytes, at);
  }
}

/** One bit of this byte, another one from byte to byte. */
export function flipped(bytes: Uint8Array, at: number): Buffer {
  const spoilt = Buffer.from(bytes);
  spoilt[at] = (spoilt[at] as number) ^ (1 << (at % 8));
  return spoilt;
}

/** A question of a member to the claimant. */
function questionFrame(topic: string, body: unknown): Uint8Array {
  const out = new Writer();
  const header = newHeader();
  header.type = MESSAGE.question;
  writeHeader(out, header);
  out.bytes(jsonEncode({ id: 1, topic, body }));
  return out.copy();
}

/** A frame that everybody can see has been obeyed: the member asks to leave, which changes the ring document. */
export function leaveFrame({ nodeId }: Hello): Uint8Array {
  return questionFrame('request', { kind: 'leave', node: nodeId });
}

/** A frame that changes nothing. */
export function idleFrame(bytes = 0): Uint8Array {
  return questionFrame('no such topic', 'x'.repeat(bytes));
}
