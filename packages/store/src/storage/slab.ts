/**
 * Records in memory, many to a chunk: no object, no allocation and nothing for the garbage collector per record.
 *
 *     chunk   | cell | cell | cell | ... |                      all cells of a chunk are of one size
 *     cell    value length u32, key length u32, key, value, unused
 *
 * A record lies in a cell of the smallest size that holds it. Sizes rise by 16 bytes, and by an eighth where that is
 * more, so at most an eighth of a large cell is unused. A record too large to share a chunk has one to itself. A cell
 * is named by a number: the place where it begins, in units of 16 bytes over all chunks.
 *
 * As objects of their own, a key, its bytes and what holds them together cost some 250 bytes beside the value, two
 * microseconds to make, and a stop of the whole node when millions of them are traced. And whoever looks for a value
 * follows four pointers to places that no cache holds, where one will do.
 *
 * Source: Bonwick, "The Slab Allocator" (1994); memcached.
 * Holds: a freed cell is used again before a new chunk is made for its size, and of the chunks without records at
 * most one of each shared size stays.
 * Not here: moving records together. Where most go and no more of their size come, chunks stay nearly empty.
 */
import { latin1Decode } from '@rkv/core';

const UNIT_BYTES = 16;
const CHUNK_BYTES = 256 * 1024;
const CHUNK_UNITS = CHUNK_BYTES / UNIT_BYTES;
/** Eight of the largest cells fill a chunk: of a chunk, too, at most an eighth is unused. */
const SHARED_CELL_BYTES_MAX = CHUNK_BYTES / 8;
const HEADER_BYTES = 8;
const KEY_LENGTH_AT = 4;
const NO_CELL = -1;

/** Names a record in the slab until it is removed. Up to 32 GiB of them V8 keeps such a number small. */
export type Cell = number;

interface Chunk {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly cellBytes: number;
  used: number;
  /** Cells up to here have been used; what is beyond them is new. */
  end: number;
  /** The cell that was freed last; its first bytes name the one before it. */
  freed: number;
}

export class Slab {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that are gone. */
  readonly #numbers: number[] = [];
  /** By size of cell: the chunks with room. */
  readonly #open = new Map<number, Chunk[]>();
  /** Of all chunks. */
  bytes = 0;

  /** Copies both in. `key` is latin1. */
  add(key: string, value: Uint8Array): Cell {
    const cellBytes = cellBytesFor(key.length, value.length);
    const chunk = this.#open.get(cellBytes)?.at(-1) ?? this.#makeChunk(cellBytes);
    const at = this.#takeCell(chunk);
    const { bytes } = chunk;
    putU32(bytes, at + KEY_LENGTH_AT, key.length);
    for (let i = 0; i < key.length; i++) bytes[at + HEADER_BYTES + i] = key.charCodeAt(i);
    putValue(bytes, at, key.length, value);
    return chunk.number * CHUNK_UNITS + at / UNIT_BYTES;
  }

  /** Borrowed: valid until the slab is changed. */
  valueOf(cell: Cell): Uint8Array {
    const { bytes } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const start = at + HEADER_BYTES + u32At(bytes, at + KEY_LENGTH_AT);
    return new Uint8Array(bytes.buffer, start, u32At(bytes, at));
  }

  keyOf(cell: Cell): string {
    const { bytes } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const start = at + HEADER_BYTES;
    return latin1Decode(bytes, start, start + u32At(bytes, at + KEY_LENGTH_AT));
  }

  /** Order of this record's key and another: negative, zero or positive. */
  compareKey(cell: Cell, key: string): number {
    const { bytes } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const length = u32At(bytes, at + KEY_LENGTH_AT);
    const shorter = Math.min(length, key.length);
    const start = at + HEADER_BYTES;
    for (let i = 0; i < shorter; i++) {
      const difference = (bytes[start + i] as number) - key.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** Give the record another value, where it lies. False when that needs a cell of another size. */
  maybeReplace(cell: Cell, value: Uint8Array): boolean {
    const { bytes, cellBytes } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const keyLength = u32At(bytes, at + KEY_LENGTH_AT);
    if (cellBytesFor(keyLength, value.length) !== cellBytes) return false;
    putValue(bytes, at, keyLength, value);
    return true;
  }

  remove(cell: Cell): void {
    const chunk = this.#chunkOf(cell);
    if (!hasRoom(chunk)) this.#openOf(chunk.cellBytes).push(chunk);
    putU32(chunk.bytes, offsetOf(cell), chunk.freed);
    chunk.freed = offsetOf(cell);
    chunk.used--;
    if (chunk.used === 0) this.#maybeDrop(chunk);
  }

  #chunkOf(cell: Cell): Chunk {
    return this.#chunks[Math.floor(cell / CHUNK_UNITS)] as Chunk;
  }

  #openOf(cellBytes: number): Chunk[] {
    let open = this.#open.get(cellBytes);
    if (open === undefined) this.#open.set(cellBytes, (open = []));
    return open;
  }

  #makeChunk(cellBytes: number): Chunk {
    const number = this.#numbers.pop() ?? this.#chunks.length;
    const bytes = new Uint8Array(cellBytes > SHARED_CELL_BYTES_MAX ? cellBytes : CHUNK_BYTES);
    const chunk: Chunk = { number, bytes, cellBytes, used: 0, end: 0, freed: NO_CELL };
    this.#chunks[number] = chunk;
    this.bytes += bytes.length;
    this.#openOf(cellBytes).push(chunk);
    return chunk;
  }

  #takeCell(chunk: Chunk): number {
    let at = chunk.freed;
    if (at === NO_CELL) {
      at = chunk.end;
      chunk.end += chunk.cellBytes;
    } else chunk.freed = u32At(chunk.bytes, at) | 0;
    chunk.used++;
    if (!hasRoom(chunk)) this.#openOf(chunk.cellBytes).pop();
    return at;
  }

  /** An empty chunk goes, but not the last of its size: one record that comes and goes would make a chunk each time. */
  #maybeDrop(chunk: Chunk): void {
    const open = this.#openOf(chunk.cellBytes);
    if (open.length === 1 && chunk.cellBytes <= SHARED_CELL_BYTES_MAX) return;
    open.splice(open.indexOf(chunk), 1);
    this.#chunks[chunk.number] = undefined;
    this.#numbers.push(chunk.number);
    this.bytes -= chunk.bytes.length;
  }
}

function hasRoom({ bytes, cellBytes, end, freed }: Chunk): boolean {
  return freed !== NO_CELL || end + cellBytes <= bytes.length;
}

function cellBytesFor(keyLength: number, valueLength: number): number {
  const bytes = HEADER_BYTES + keyLength + valueLength;
  const step = bytes <= 8 * UNIT_BYTES ? UNIT_BYTES : 1 << (28 - Math.clz32(bytes - 1));
  return (bytes + step - 1) & -step;
}

/** Of the cell in its chunk, bytes. */
function offsetOf(cell: Cell): number {
  return (cell & (CHUNK_UNITS - 1)) * UNIT_BYTES;
}

function putValue(bytes: Uint8Array, at: number, keyLength: number, value: Uint8Array): void {
  putU32(bytes, at, value.length);
  bytes.set(value, at + HEADER_BYTES + keyLength);
}

function u32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
