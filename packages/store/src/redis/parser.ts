/**
 * Requests out of a stream of bytes: the multibulk form, the inline form, in chunks of any size.
 *
 *     *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $5\r\nvalue\r\n          SET k value\r\n
 *
 * The arguments are not copied out: a command is a list of places in the chunk it came with, valid until the
 * next `next()`. What is left of a chunk at the end of a turn is copied by `keep()`, because the chunk is
 * borrowed from the socket. Nothing is reserved for a declared length: memory follows the bytes received. An
 * argument above the limits is read past without being kept, and its command is marked `oversized`.
 *
 * One object per connection:  feed, next until MORE (run each COMMAND), keep; and again.
 * Holds: never throws for any bytes, each byte is looked at a bounded number of times (a header line, of at
 * most 64 KiB, once per chunk it is spread over).
 *
 * Source: the RESP specification; limits and error texts as redis-server 7.0 shows them.
 */
import type { Request } from './commands/command.ts';
import { splitInline } from './inline.ts';

export type Outcome = typeof MORE | typeof COMMAND | typeof BROKEN;
/** All that was fed is used up, or is the beginning of a command. */
export const MORE = 0;
/** A command lies ready. */
export const COMMAND = 1;
/** The bytes are no requests; `error` says why, and nothing after them can be understood. */
export const BROKEN = 2;

export interface ParserLimits {
  readonly valueBytesMax: number;
  readonly commandBytesMax: number;
}

/** Redis's own bounds: an argument declared longer, or more arguments, are no mistake in size but no request at all. */
const BULK_BYTES_MAX = 512 * 1024 * 1024;
const ARGUMENTS_MAX = 1024 * 1024;
const LINE_BYTES_MAX = 64 * 1024;

/** Kept between commands; what grew larger goes back to the heap. */
const IDLE_BYTES_MAX = 16 * 1024;
const IDLE_ARGUMENTS_MAX = 1024;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const ASTERISK = 42;
const ZERO = 48;
const NINE = 57;

/** What a header line can hold instead of a length. */
const NEGATIVE = -1;
const PARTIAL = -2;
const INVALID = -3;
const ENDLESS = -4;

const NO_BODY = -1;
const NO_BYTES = Buffer.alloc(0);
const NEGATIVE_NUMBER = /^-[1-9]\d{0,18}$/;

export class RequestParser implements Request {
  /** Number of arguments of the command so far, its name included. */
  argc = 0;
  /** The command has an argument that was not kept. */
  oversized = false;
  error = '';
  /** Arguments read so far, of all commands: it grows as long as the client gets on. */
  argumentsRead = 0;

  /** The arguments lie in here, from `#starts[i]` to `#ends[i]`. */
  #source: Buffer = NO_BYTES;
  #starts: number[] = [];
  #ends: number[] = [];

  // The bytes at hand are #buffer[#base, #end): from the first of the current command on.
  #buffer: Buffer = NO_BYTES;
  #base = 0;
  #at = 0;
  #end = 0;
  /** Our own buffer, for what has to outlive its chunk. */
  #own: Buffer = NO_BYTES;

  #argumentsLeft = 0;
  /** Declared length of the argument whose body comes next. */
  #body = NO_BODY;
  /** Bytes still to be read past, line end included. */
  #skip = 0;
  #commandBytes = 0;
  readonly #limits: ParserLimits;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** Take in `chunk[0, length)`, which stays borrowed until `keep()`. */
  feed(chunk: Buffer, length: number): void {
    if (this.#base === this.#end) {
      this.#buffer = chunk;
      this.#base = 0;
      this.#at = 0;
      this.#end = length;
      return;
    }
    this.#reserve(this.#end + length);
    chunk.copy(this.#own, this.#end, 0, length);
    this.#buffer = this.#own;
    this.#end += length;
  }

  /** Go on to the next command; the arguments of the one before are no longer valid. */
  next(): Outcome {
    if (this.#argumentsLeft > 0) return this.#readArguments();
    while (this.#at < this.#end) {
      this.#beginCommand();
      const outcome = this.#buffer[this.#at] === ASTERISK ? this.#readMultibulk() : this.#readLine();
      if (outcome !== COMMAND || this.argc > 0) return outcome;
    }
    this.#base = this.#at;
    return MORE;
  }

  /** Copy what has to outlive the chunk: a command begun, one that lies ready, and all after it. */
  keep(): void {
    const size = this.#end - this.#base;
    if (size === 0) {
      this.#buffer = NO_BYTES;
      this.#base = this.#at = this.#end = 0;
      if (this.#own.length > IDLE_BYTES_MAX) this.#own = NO_BYTES;
      if (this.#starts.length > IDLE_ARGUMENTS_MAX) {
        this.#starts = [];
        this.#ends = [];
      }
      return;
    }
    if (this.#buffer === this.#own && this.#base === 0) return;
    const from = this.#buffer;
    if (from !== this.#own) this.#reserve(size);
    from.copy(this.#own, 0, this.#base, this.#end);
    this.#rebase(from);
  }

  /** No part of a command lies here. To be asked between turns. */
  get empty(): boolean {
    return this.#base === this.#end && this.#argumentsLeft === 0;
  }

  /** True while a header line is awaited in the middle of a command, as opposed to a body or a new command. */
  get awaitsHeader(): boolean {
    return this.#base < this.#end && this.#body === NO_BODY;
  }

  /** An argument as a latin1 string. */
  text(index: number): string {
    return this.#source.toString('latin1', this.#starts[index], this.#ends[index]);
  }

  /** An argument's bytes, borrowed. No Buffer: who keeps some of them takes a slice, and a Buffer's slice is no copy. */
  view(index: number): Uint8Array {
    const { buffer, byteOffset } = this.#source;
    return new Uint8Array(buffer, byteOffset + (this.#starts[index] as number), this.size(index));
  }

  size(index: number): number {
    return (this.#ends[index] as number) - (this.#starts[index] as number);
  }

  /** One byte of an argument; `at` must be less than its size. */
  byte(index: number, at: number): number {
    return this.#source[(this.#starts[index] as number) + at] as number;
  }

  detached(): Request {
    const copy = new RequestParser(this.#limits);
    const start = this.#starts[0] as number;
    copy.argc = this.argc;
    copy.#source = Buffer.from(this.#source.subarray(start, this.#ends[this.argc - 1]));
    copy.#starts = this.#starts.slice(0, this.argc).map((place) => place - start);
    copy.#ends = this.#ends.slice(0, this.argc).map((place) => place - start);
    return copy;
  }

  #beginCommand(): void {
    this.#base = this.#at;
    this.argc = 0;
    this.oversized = false;
    this.#commandBytes = 0;
  }

  #readMultibulk(): Outcome {
    const count = this.#readLength();
    if (count === PARTIAL) return MORE;
    if (count === ENDLESS) return this.#break('too big mbulk count string');
    if (count === INVALID || count > ARGUMENTS_MAX) return this.#break('invalid multibulk length');
    if (count <= 0) return COMMAND;
    this.#argumentsLeft = count;
    return this.#readArguments();
  }

  #readArguments(): Outcome {
    this.#source = this.#buffer;
    while (this.#argumentsLeft > 0) {
      if (this.#body === NO_BODY) {
        const outcome = this.#readBodyLength();
        if (outcome !== COMMAND) return outcome;
      }
      if (this.#skip > 0) {
        if (!this.#readPast()) return MORE;
        this.#addArgument(this.#at, this.#at);
      } else {
        const end = this.#at + this.#body;
        if (end + 2 > this.#end) return MORE;
        this.#addArgument(this.#at, end);
        this.#at = end + 2;
      }
      this.#body = NO_BODY;
      this.#argumentsLeft--;
    }
    return COMMAND;
  }

  /** COMMAND when the body's length is known. */
  #readBodyLength(): Outcome {
    if (this.#at >= this.#end) return MORE;
    if (this.#buffer[this.#at] !== DOLLAR) return this.#readStrangeHeader();
    const length = this.#readLength();
    if (length === PARTIAL) return MORE;
    if (length === ENDLESS) return this.#break('too big bulk count string');
    if (length < 0 || length > BULK_BYTES_MAX) return this.#break('invalid bulk length');
    this.#body = length;
    this.#commandBytes += length;
    if (length > this.#limits.valueBytesMax || this.#commandBytes > this.#limits.commandBytesMax) {
      this.oversized = true;
      this.#commandBytes -= length;
      this.#skip = length + 2;
    }
    return COMMAND;
  }

  /** Redis complains once the line is whole. */
  #readStrangeHeader(): Outcome {
    const lineEnd = this.#find(CR);
    if (lineEnd === -1) {
      return this.#end - this.#at > LINE_BYTES_MAX ? this.#break('too big bulk count string') : MORE;
    }
    if (lineEnd + 1 >= this.#end) return MORE;
    const char = String.fromCharCode(this.#buffer[this.#at] as number);
    return this.#break(`expected '$', got '${char}'`);
  }

  /** False when all that is at hand was read past; it is dropped then, so nothing of it is ever kept. */
  #readPast(): boolean {
    const atHand = this.#end - this.#at;
    if (atHand < this.#skip) {
      this.#skip -= atHand;
      this.#end = this.#at;
      return false;
    }
    this.#at += this.#skip;
    this.#skip = 0;
    return true;
  }

  /** The length in the header line at #at; #at is behind the line unless the result is PARTIAL, INVALID or ENDLESS. */
  #readLength(): number {
    const buffer = this.#buffer;
    const end = this.#end;
    const first = this.#at + 1;
    let at = first;
    let value = 0;
    while (at < end) {
      const digit = buffer[at] as number;
      if (digit < ZERO || digit > NINE) break;
      value = value * 10 + (digit - ZERO);
      at++;
    }
    const plain = at > first && (buffer[first] !== ZERO || at === first + 1);
    if (!plain || at >= end || buffer[at] !== CR) return this.#readOddLength();
    if (at + 1 >= end) return PARTIAL;
    this.#at = at + 2;
    return value;
  }

  #readOddLength(): number {
    const lineEnd = this.#find(CR);
    if (lineEnd === -1) return this.#end - this.#at > LINE_BYTES_MAX ? ENDLESS : PARTIAL;
    if (lineEnd + 1 >= this.#end) return PARTIAL;
    if (!NEGATIVE_NUMBER.test(this.#buffer.toString('latin1', this.#at + 1, lineEnd))) return INVALID;
    this.#at = lineEnd + 2;
    return NEGATIVE;
  }

  #readLine(): Outcome {
    const lineEnd = this.#find(LF);
    if (lineEnd === -1) {
      return this.#end - this.#at > LINE_BYTES_MAX ? this.#break('too big inline request') : MORE;
    }
    const stop = lineEnd > this.#at && this.#buffer[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const words = splitInline(this.#buffer.toString('latin1', this.#at, stop));
    if (words === undefined) return this.#break('unbalanced quotes in request');
    this.#at = lineEnd + 1;
    this.#source = Buffer.from(words.join(''), 'latin1');
    let place = 0;
    for (const word of words) this.#addArgument(place, (place += word.length));
    return COMMAND;
  }

  #addArgument(start: number, end: number): void {
    this.#starts[this.argc] = start;
    this.#ends[this.argc] = end;
    this.argc++;
    this.argumentsRead++;
  }

  #find(byte: number): number {
    const at = this.#buffer.indexOf(byte, this.#at);
    return at < this.#end ? at : -1;
  }

  #break(reason: string): Outcome {
    this.error = reason;
    return BROKEN;
  }

  /** Everything at hand has moved from `from` at #base to #own at 0. The words of an inline command lie elsewhere. */
  #rebase(from: Buffer): void {
    const shift = this.#base;
    if (this.#source === from) {
      for (let i = 0; i < this.argc; i++) {
        this.#starts[i] = (this.#starts[i] as number) - shift;
        this.#ends[i] = (this.#ends[i] as number) - shift;
      }
      this.#source = this.#own;
    }
    this.#buffer = this.#own;
    this.#base = 0;
    this.#at -= shift;
    this.#end -= shift;
  }

  /** Room in #own; what is at hand stays where it is if it lies there. */
  #reserve(size: number): void {
    if (size <= this.#own.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(size, this.#own.length * 2, 1024));
    const inUse = this.#buffer === this.#own ? this.#end : 0;
    this.#own.copy(grown, 0, 0, inUse);
    if (this.#buffer === this.#own) this.#buffer = grown;
    if (this.#source === this.#own) this.#source = grown;
    this.#own = grown;
  }
}
