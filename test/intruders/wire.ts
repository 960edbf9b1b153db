/**
 * A wire that an intruder holds in his hands: a TCP proxy that writes down what passes, leads elsewhere, spoils it or
 * is cut.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** Of one connection, about: the handshake and what follows it soon. */
const RECORDED_BYTES_MAX = 64 * 1024;

/** Where connections lead from now on: to a port, back to where they came from, or nowhere. */
export type Course = { readonly port: number } | 'echo' | 'cut';

export class Passage {
  readonly #near: Socket;
  readonly #far: Socket | undefined;
  /** What the one who dialled has said, and what it was told. */
  readonly fromDialer: Buffer[] = [];
  readonly fromAcceptor: Buffer[] = [];
  /** Who hung up; undefined while both hold on, and when the wire was cut. */
  endedBy: 'dialer' | 'acceptor' | undefined;
  readonly ended: Promise<void>;
  #cut = false;
  #recordedBytes = 0;

  constructor(near: Socket, far: Socket | undefined, tamper: (chunk: Buffer, passage: Passage) => Buffer) {
    this.#near = near;
    this.#far = far;
    near.on('error', () => {});
    far?.on('error', () => {});
    const note = (list: Buffer[], chunk: Buffer): void => {
      if (this.#recordedBytes > RECORDED_BYTES_MAX) return;
      this.#recordedBytes += chunk.length;
      list.push(Buffer.from(chunk));
    };
    near.on('data', (chunk) => {
      note(this.fromDialer, chunk);
      (far ?? near).write(tamper(chunk, this));
    });
    far?.on('data', (chunk) => {
      note(this.fromAcceptor, chunk);
      near.write(chunk);
    });
    this.ended = new Promise((resolve) => {
      near.on('close', () => this.#end('dialer', resolve));
      far?.on('close', () => this.#end('acceptor', resolve));
    });
  }

  get isOpen(): boolean {
    return !this.#near.destroyed;
  }

  cut(): void {
    this.#cut = true;
    this.#near.destroy();
    this.#far?.destroy();
  }

  #end(by: 'dialer' | 'acceptor', resolve: () => void): void {
    if (!this.#cut) this.endedBy ??= by;
    this.#near.destroy();
    this.#far?.destroy();
    resolve();
  }
}

export class Wire {
  static readonly #all = new Set<Wire>();
  readonly #server: Server;
  readonly #open = new Set<Passage>();
  /** All that ever stood, the oldest first. */
  readonly passages: Passage[] = [];
  #course: Course;
  /** What the dialer says becomes this. */
  tamper: (chunk: Buffer, passage: Passage) => Buffer = (chunk) => chunk;

  private constructor(course: Course) {
    this.#course = course;
    this.#server = createServer((near) => this.#join(near));
  }

  static async open(course: Course): Promise<Wire> {
    const wire = new Wire(course);
    Wire.#all.add(wire);
    await new Promise<void>((resolve) => wire.#server.listen(0, LOOPBACK, resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What stands is cut; what is dialled next goes there. */
  lead(course: Course): void {
    this.#course = course;
    for (const passage of this.#open) passage.cut();
  }

  static closeAll(): void {
    for (const wire of Wire.#all) {
      wire.lead('cut');
      wire.#server.close();
    }
    Wire.#all.clear();
  }

  #join(near: Socket): void {
    const course = this.#course;
    if (course === 'cut') {
      near.on('error', () => {});
      near.destroy();
      return;
    }
    const far = course === 'echo' ? undefined : connect(course.port, LOOPBACK);
    const passage = new Passage(near, far, (chunk, on) => this.tamper(chunk, on));
    this.passages.push(passage);
    this.#open.add(passage);
    void passage.ended.then(() => this.#open.delete(passage));
  }
}

/** A recorded handshake as its dialer said it. */
export interface SaidByDialer {
  readonly hello: Buffer;
  readonly proof: Buffer;
  /** What followed: records. */
  readonly rest: Buffer;
}

/** What each side says before its first handshake message. */
export const PREAMBLE_BYTES = 6;
/** Kinds of handshake messages (docs/protocol.md); the first byte after the length. */
export const WELCOME = 2;
export const READY = 4;
export const REFUSE = 5;

/** Undefined when the handshake did not come so far. */
export function saidByDialer(passage: Passage): SaidByDialer | undefined {
  const all = Buffer.concat(passage.fromDialer);
  const helloEnd = messageEnd(all, PREAMBLE_BYTES);
  const proofEnd = messageEnd(all, helloEnd);
  if (proofEnd > all.length) return undefined;
  return {
    hello: all.subarray(0, helloEnd),
    proof: all.subarray(helloEnd, proofEnd),
    rest: all.subarray(proofEnd),
  };
}

/** Where the handshake message at this place ends; beyond the bytes when they do not hold all of it. */
export function messageEnd(bytes: Buffer, at: number): number {
  return at + 2 <= bytes.length ? at + 2 + bytes.readUInt16BE(at) : Number.POSITIVE_INFINITY;
}
