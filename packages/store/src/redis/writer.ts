/**
 * Replies into bytes, in RESP2 or RESP3: one growing buffer that is sent with one write and then used again.
 *
 * What RESP2 has no form for (null, map, set, verbatim text) is written as the nearest thing it has, as Redis
 * does, so a command states its reply once for both. Text is latin1, one char per byte; a wider char becomes
 * a question mark.
 *
 * Source: the RESP specification; redis-server 7.0 for what its RESP2 makes of RESP3's types.
 */
import { LOOP_BYTES_MAX } from '@rkv/core';

const FIRST_BYTES = 16 * 1024;
/** A buffer that grew beyond this for a large reply is not kept. */
const KEPT_BYTES_MAX = 256 * 1024;

const CR = 13;
const LF = 10;
const DOLLAR = 36;
const COLON = 58;
const ZERO = 48;

const OK = Buffer.from('+OK\r\n');
const NULL_RESP2 = Buffer.from('$-1\r\n');
const NULL_RESP3 = Buffer.from('_\r\n');

export class ReplyWriter {
  /** Which RESP: set by HELLO. */
  resp3 = false;
  /** Bytes written and not yet taken. */
  length = 0;
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** What was written, borrowed until `clear()`. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** Start over in the same buffer, if it is of ordinary size. */
  clear(): void {
    this.length = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  /** Start over in another buffer: somebody still reads this one. */
  renew(): void {
    this.length = 0;
    this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  ok(): void {
    this.raw(OK);
  }

  simple(text: string): void {
    this.#line('+', text);
  }

  /** `text` begins with the error's word, `ERR ...`; line ends in it become spaces. */
  error(text: string): void {
    this.#line('-', text.replace(/[\r\n]/g, ' '));
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= 9) {
      this.#room(4);
      const at = this.length;
      this.#buffer[at] = COLON;
      this.#buffer[at + 1] = ZERO + value;
      this.#lineEnd(at + 2);
    } else {
      this.#line(':', String(value));
    }
  }

  /** A bulk string of `bytes[start, end)`. */
  bulk(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const size = end - start;
    this.#room(size + 16);
    this.#bulkHeader(size);
    this.#copy(bytes, start, end);
    this.#lineEnd(this.length);
  }

  bulkText(text: string): void {
    this.#room(text.length + 16);
    this.#bulkHeader(text.length);
    this.#latin1(text);
    this.#lineEnd(this.length);
  }

  null(): void {
    this.raw(this.resp3 ? NULL_RESP3 : NULL_RESP2);
  }

  /** The header of an array; its elements follow. */
  array(size: number): void {
    this.#line('*', String(size));
  }

  /** The header of a map of so many pairs; key, value, key, ... follow. */
  map(pairs: number): void {
    if (this.resp3) this.#line('%', String(pairs));
    else this.array(pairs * 2);
  }

  /** The header of a set; its elements follow. */
  set(size: number): void {
    if (this.resp3) this.#line('~', String(size));
    else this.array(size);
  }

  /** Text for people to read. */
  verbatim(text: string): void {
    if (!this.resp3) return this.bulkText(text);
    this.#line('=', String(text.length + 4));
    this.#room(text.length + 8);
    this.#latin1('txt:');
    this.#latin1(text);
    this.#lineEnd(this.length);
  }

  /** Bytes that are a reply already. */
  raw(reply: Uint8Array): void {
    this.#room(reply.length);
    this.#copy(reply, 0, reply.length);
  }

  #line(type: string, text: string): void {
    this.#room(text.length + 3);
    this.#latin1(type);
    this.#latin1(text);
    this.#lineEnd(this.length);
  }

  #bulkHeader(size: number): void {
    const buffer = this.#buffer;
    let at = this.length;
    buffer[at++] = DOLLAR;
    let scale = 1;
    while (scale * 10 <= size) scale *= 10;
    for (let rest = size; scale >= 1; scale /= 10) {
      const digit = Math.floor(rest / scale);
      buffer[at++] = ZERO + digit;
      rest -= digit * scale;
    }
    this.#lineEnd(at);
  }

  #lineEnd(at: number): void {
    this.#buffer[at] = CR;
    this.#buffer[at + 1] = LF;
    this.length = at + 2;
  }

  #latin1(text: string): void {
    const buffer = this.#buffer;
    const at = this.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      buffer[at + i] = code <= 0xff ? code : 63;
    }
    this.length = at + text.length;
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const buffer = this.#buffer;
    const at = this.length;
    const size = end - start;
    if (size <= LOOP_BYTES_MAX) {
      for (let i = 0; i < size; i++) buffer[at + i] = bytes[start + i] as number;
    } else {
      buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    }
    this.length = at + size;
  }

  #room(size: number): void {
    const needed = this.length + size;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}

/** Writers lent to connections for as long as they have something unsent, so that an idle one owns no buffer. */
export class WriterPool {
  #spare: ReplyWriter[] = [];

  take(resp3: boolean): ReplyWriter {
    const writer = this.#spare.pop() ?? new ReplyWriter();
    writer.resp3 = resp3;
    return writer;
  }

  /** `writer` is empty and nobody else's. */
  give(writer: ReplyWriter): void {
    if (this.#spare.length < SPARE_WRITERS_MAX) this.#spare.push(writer);
  }
}

/** As many connections as commonly answer in one turn; each spare one costs FIRST_BYTES. */
const SPARE_WRITERS_MAX = 128;
