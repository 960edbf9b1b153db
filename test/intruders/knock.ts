/**
 * One connection of an intruder to a cluster port, and what came of it.
 *
 * What it hears is read as far as anyone can read it who knows the protocol and no secret: a WELCOME, a REFUSE with its
 * sentence, a READY. READY is what no intruder may ever hear.
 */
import { connect, type Socket } from 'node:net';
import { messageEnd, PREAMBLE_BYTES, READY, REFUSE, WELCOME } from './wire.ts';

const LOOPBACK = '127.0.0.1';

/** A port that holds on for longer than this to somebody who has not proven himself keeps no time limit. */
const PATIENCE_MS = 8_000;

export interface Outcome {
  /** What the intruder heard, in a few words. */
  readonly answer: string;
  readonly accepted: boolean;
}

export class Knock {
  readonly socket: Socket;
  readonly #closed: Promise<void>;
  #isClosed = false;
  #heard = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: LOOPBACK, noDelay: true });
    this.socket.on('data', (chunk) => {
      this.#heard = Buffer.concat([this.#heard, chunk]);
      this.#wake();
    });
    this.socket.on('error', () => {});
    this.#closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  say(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** The body of the WELCOME, or undefined when the port hung up instead. */
  async welcome(): Promise<Buffer | undefined> {
    return this.#message(WELCOME);
  }

  /** The answer once the port has hung up; after `PATIENCE_MS` the intruder gives up, and that it was held is the answer. */
  async outcome(patienceMs = PATIENCE_MS): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const tired = new Promise<void>((resolve) => (timer = setTimeout(resolve, patienceMs)));
    await Promise.race([this.#closed, tired, this.#until(() => this.#find(READY) !== undefined)]);
    clearTimeout(timer);
    const outcome = this.#describe();
    this.hangUp();
    return outcome;
  }

  hangUp(): void {
    this.socket.destroy();
  }

  #describe(): Outcome {
    if (this.#find(READY) !== undefined) return { answer: 'READY', accepted: true };
    const refusal = this.#find(REFUSE)?.toString('utf8');
    if (refusal !== undefined) return { answer: `refused: ${withoutIds(refusal)}`, accepted: false };
    const told = this.#find(WELCOME) === undefined ? '' : 'its hello, then ';
    const odd =
      told === '' && this.#heard.length > PREAMBLE_BYTES ? `${this.#heard.length} bytes, then ` : '';
    return {
      answer: this.#isClosed ? `${told}${odd}hung up on without a word` : `${told}${odd}HELD OPEN`,
      accepted: false,
    };
  }

  async #message(kind: number): Promise<Buffer | undefined> {
    await this.#until(() => this.#isClosed || this.#find(kind) !== undefined);
    return this.#find(kind);
  }

  #find(kind: number): Buffer | undefined {
    for (let at = PREAMBLE_BYTES; ;) {
      const end = messageEnd(this.#heard, at);
      if (end > this.#heard.length) return undefined;
      if (this.#heard[at + 2] === kind) return this.#heard.subarray(at + 3, end);
      at = end;
    }
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (holds()) resolve();
        else this.#waiting.push(look);
      };
      look();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }
}

/** Sentences that differ only in whom they name are one answer. */
function withoutIds(sentence: string): string {
  return sentence.replaceAll(/\b[0-9a-f]{32}\b/g, 'ID');
}
