/**
 * Bytes in and out of frames and records, big-endian, without Buffer.
 *
 * A `Writer` grows and is used again; a `Reader` walks over borrowed bytes. Running past the end is the
 * sender's fault, not ours: it throws `WireError`, which whoever reads a peer's frame turns into a refusal.
 */
import type { ByteReader, ByteWriter } from '../contracts/vnode.ts';

/** A peer's bytes made no sense. Never thrown for our own. */
export class WireError extends Error {}

/** Up to here a loop over bytes costs less than a view and `set`. */
export const LOOP_BYTES_MAX = 20;

export class Writer implements ByteWriter {
  /** The bytes so far are `buffer[0..length)`. Borrowed: the next write may move them. */
  buffer: Uint8Array;
  length = 0;
  #view: DataView;

  constructor(capacity = 1024) {
    this.buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.buffer.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  u8(value: number): void {
    this.#room(1);
    this.buffer[this.length++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.buffer[this.length++] = value >>> 8;
    this.buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.#room(4);
    const at = this.length;
    this.buffer[at] = value >>> 24;
    this.buffer[at + 1] = value >>> 16;
    this.buffer[at + 2] = value >>> 8;
    this.buffer[at + 3] = value;
    this.length = at + 4;
  }

  f64(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.length, value);
    this.length += 8;
  }

  latin1(text: string): void {
    const size = text.length;
    this.#room(size);
    const buffer = this.buffer;
    const at = this.length;
    for (let i = 0; i < size; i++) buffer[at + i] = text.charCodeAt(i);
    this.length = at + size;
  }

  /** A latin1 string behind its 32-bit length. */
  string(text: string): void {
    this.u32(text.length);
    this.latin1(text);
  }

  bytes(source: Uint8Array, start = 0, end: number = source.length): void {
    const size = end - start;
    this.#room(size);
    if (size <= LOOP_BYTES_MAX) {
      const buffer = this.buffer;
      const at = this.length;
      for (let i = 0; i < size; i++) buffer[at + i] = source[start + i] as number;
    } else {
      this.buffer.set(
        start === 0 && end === source.length ? source : source.subarray(start, end),
        this.length,
      );
    }
    this.length += size;
  }

  /** Overwrite a 32-bit integer written before. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  #room(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class Reader implements ByteReader {
  #bytes: Uint8Array;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array = new Uint8Array(0), start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Start over on other bytes. */
  on(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    return this;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    const at = this.#take(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  u32(): number {
    const at = this.#take(4);
    const b = this.#bytes;
    return (
      (((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number)) >>>
      0
    );
  }

  f64(): number {
    const at = this.#take(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0);
  }

  latin1(length: number): string {
    const at = this.#take(length);
    return latin1Decode(this.#bytes, at, at + length);
  }

  string(): string {
    return this.latin1(this.u32());
  }

  view(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.view(this.left);
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw new WireError(`${size} bytes wanted, ${this.#end - at} left`);
    this.#at = at + size;
    return at;
  }
}

const CARVED_CHUNK_BYTES = 64 * 1024;
const CARVED_BYTES_MAX = 4096;
let carvedChunk = new ArrayBuffer(0);
let carvedTo = 0;

/**
 * New bytes, all zero, cut from a chunk that they share with others: a tenth of the cost of bytes with memory of their
 * own. A chunk stays as long as any piece of it, so this is for bytes that are soon forgotten; who keeps bytes for
 * long copies them to a place of his own.
 */
export function carve(size: number): Uint8Array {
  if (size > CARVED_BYTES_MAX) return new Uint8Array(size);
  if (carvedTo + size > carvedChunk.byteLength) {
    carvedChunk = new ArrayBuffer(CARVED_CHUNK_BYTES);
    carvedTo = 0;
  }
  const piece = new Uint8Array(carvedChunk, carvedTo, size);
  carvedTo += size;
  return piece;
}

/** A carved copy of `source[start..end)`. */
export function carveCopy(source: Uint8Array, start = 0, end: number = source.length): Uint8Array {
  const copy = carve(end - start);
  copy.set(start === 0 && end === source.length ? source : source.subarray(start, end));
  return copy;
}

const CHUNK = 4096;
const SHORT_MAX = 64;
/** By length: the char codes of a short text, used again for each. */
const shortCodes = Array.from({ length: SHORT_MAX + 1 }, (_, length) => new Array<number>(length).fill(0));

/** Bytes to a latin1 string, one char per byte. */
export function latin1Decode(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (end - start <= SHORT_MAX) return shortLatin1(bytes, start, end);
  let text = '';
  for (let at = start; at < end; at += CHUNK) {
    text += String.fromCharCode.apply(
      null,
      bytes.subarray(at, Math.min(end, at + CHUNK)) as unknown as number[],
    );
  }
  return text;
}

/** Keys: from an array they are made in half the time that a view takes. */
function shortLatin1(bytes: Uint8Array, start: number, end: number): string {
  const codes = shortCodes[end - start] as number[];
  for (let i = 0; i < codes.length; i++) codes[i] = bytes[start + i] as number;
  return String.fromCharCode.apply(null, codes);
}

/** A latin1 string to bytes. */
export function latin1Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Byte order of two byte strings: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * A value as JSON in pure ASCII bytes (other chars are escaped), fields in the order they were built: the form
 * of everything cold on the wire and on disk, legible in a dump.
 */
export function jsonEncode(value: unknown): Uint8Array {
  const text = JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => '\\u' + char.charCodeAt(0).toString(16).padStart(4, '0'),
  );
  return latin1Encode(text);
}

/** The JSON value in these bytes; `WireError` when it is none. Its shape is for the caller to check. */
export function jsonDecode(bytes: Uint8Array, start = 0, end: number = bytes.length): unknown {
  try {
    return JSON.parse(latin1Decode(bytes, start, end));
  } catch (cause) {
    throw new WireError('not JSON', { cause });
  }
}
