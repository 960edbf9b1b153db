/**
 * Records in memory, many to a chunk: no object, no allocation and nothing for the garbage collector per record.
 *
 *     chunk   | cell | cell | cell | ... |                      all cells of a chunk are of one size
 *     cell    value length, key length, low hash word: 3 words; key, value, unused
 *
 * A record lies in a cell of the smallest size that holds it. Sizes rise by 16 bytes, and by an eighth where that is
 * more, so at most an eighth of a large cell is unused. A record too large to share a chunk has one to itself. A cell
 * is named by a number: the place where it begins, in units of 16 bytes over all chunks. So the three words of a cell
 * lie aligned, and are read as words, in the byte order of the machine.
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
import { assert, latin1Decode } from '@rkv/core';

const UNIT_BYTES = 16;
const CHUNK_BYTES = 256 * 1024;
const CHUNK_UNITS = CHUNK_BYTES / UNIT_BYTES;
/** Eight of the largest cells fill a chunk: of a chunk, too, at most an eighth is unused. */
const SHARED_CELL_BYTES_MAX = CHUNK_BYTES / 8;
const HEADER_BYTES = 12;
const NO_CELL = -1;

// The words of a cell's header, counted from where it begins.
const VALUE_LENGTH = 0;
const KEY_LENGTH = 1;
const HASH_LO = 2;

/** Names a record in the slab until it is removed. It fits a signed word. */
export type Cell = number;

/** More than this cannot be named: a cell fits a signed word. */
const CHUNKS_MAX = 2 ** 31 / CHUNK_UNITS;
/** Left free, so that what is added within one batch still finds its names. */
const SPARE_CHUNKS = 4096;
const SPARE_BYTES = SPARE_CHUNKS * CHUNK_BYTES;
const SLAB_BYTES_MAX = CHUNKS_MAX * CHUNK_BYTES - SPARE_BYTES;

interface Chunk {
  readonly number: number;
  readonly memory: ArrayBuffer;
  /** Of the same memory. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly cellBytes: number;
  used: number;
  /** Cells up to here have been used; what is beyond them is new. */
  end: number;
  /** The cell that was freed last; its first word names the one before it. */
  freed: number;
}

export class Slab {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Numbers of chunks that are gone. */
  readonly #numbers: number[] = [];
  /** By size of cell: the chunks with room. */
  readonly #open = new Map<number, Chunk[]>();
  readonly #chunksMax: number;
  /** Of all chunks. */
  bytes = 0;

  /** `chunksMax`: fewer in tests. */
  constructor(chunksMax = CHUNKS_MAX) {
    this.#chunksMax = chunksMax;
  }

  /** Nothing more should be added. Large records, each a chunk of its own, are out of names before they are out of bytes. */
  get isFull(): boolean {
    const chunks = this.#chunks.length - this.#numbers.length;
    return chunks > this.#chunksMax - SPARE_CHUNKS || this.bytes > SLAB_BYTES_MAX;
  }

  /** Copies all of it in. `hashLo`: second word of the hash, unsigned; `key`: latin1. */
  add(hashLo: number, key: string, value: Uint8Array): Cell {
    const cellBytes = cellBytesFor(key.length, value.length);
    const chunk = this.#open.get(cellBytes)?.at(-1) ?? this.#makeChunk(cellBytes);
    const at = this.#takeCell(chunk);
    const { bytes, words } = chunk;
    words[(at >>> 2) + KEY_LENGTH] = key.length;
    words[(at >>> 2) + HASH_LO] = hashLo;
    for (let i = 0; i < key.length; i++) bytes[at + HEADER_BYTES + i] = key.charCodeAt(i);
    putValue(chunk, at, value);
    return chunk.number * CHUNK_UNITS + at / UNIT_BYTES;
  }

  /** Borrowed: valid until the slab is changed. */
  valueOf(cell: Cell): Uint8Array {
    const { memory, words } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const header = at >>> 2;
    const start = at + HEADER_BYTES + (words[header + KEY_LENGTH] as number);
    return new Uint8Array(memory, start, words[header + VALUE_LENGTH]);
  }

  keyOf(cell: Cell): string {
    const { bytes, words } = this.#chunkOf(cell);
    const start = offsetOf(cell) + HEADER_BYTES;
    return latin1Decode(bytes, start, start + (words[(offsetOf(cell) >>> 2) + KEY_LENGTH] as number));
  }

  /** Second word of its hash, unsigned. */
  hashLoOf(cell: Cell): number {
    return (this.#chunkOf(cell).words[(offsetOf(cell) >>> 2) + HASH_LO] as number) >>> 0;
  }

  /** Order of this record and another, by the rest of the hash, then by key: negative, zero or positive. */
  compare(cell: Cell, hashLo: number, key: string): number {
    const { bytes, words } = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const otherLo = (words[(at >>> 2) + HASH_LO] as number) >>> 0;
    if (otherLo !== hashLo) return otherLo < hashLo ? -1 : 1;
    const length = words[(at >>> 2) + KEY_LENGTH] as number;
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
    const chunk = this.#chunkOf(cell);
    const at = offsetOf(cell);
    const keyLength = chunk.words[(at >>> 2) + KEY_LENGTH] as number;
    if (cellBytesFor(keyLength, value.length) !== chunk.cellBytes) return false;
    putValue(chunk, at, value);
    return true;
  }

  remove(cell: Cell): void {
    const chunk = this.#chunkOf(cell);
    if (!hasRoom(chunk)) this.#openOf(chunk.cellBytes).push(chunk);
    chunk.words[offsetOf(cell) >>> 2] = chunk.freed;
    chunk.freed = offsetOf(cell);
    chunk.used--;
    if (chunk.used === 0) this.#maybeDrop(chunk);
  }

  #chunkOf(cell: Cell): Chunk {
    return this.#chunks[(cell / CHUNK_UNITS) | 0] as Chunk;
  }

  #openOf(cellBytes: number): Chunk[] {
    let open = this.#open.get(cellBytes);
    if (open === undefined) this.#open.set(cellBytes, (open = []));
    return open;
  }

  #makeChunk(cellBytes: number): Chunk {
    const number = this.#numbers.pop() ?? this.#chunks.length;
    assert(number < this.#chunksMax, 'a cell can be named');
    const memory = new ArrayBuffer(cellBytes > SHARED_CELL_BYTES_MAX ? cellBytes : CHUNK_BYTES);
    const chunk: Chunk = {
      number,
      memory,
      bytes: new Uint8Array(memory),
      words: new Int32Array(memory),
      cellBytes,
      used: 0,
      end: 0,
      freed: NO_CELL,
    };
    this.#chunks[number] = chunk;
    this.bytes += memory.byteLength;
    this.#openOf(cellBytes).push(chunk);
    return chunk;
  }

  #takeCell(chunk: Chunk): number {
    let at = chunk.freed;
    if (at === NO_CELL) {
      at = chunk.end;
      chunk.end += chunk.cellBytes;
    } else chunk.freed = chunk.words[at >>> 2] as number;
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
    this.bytes -= chunk.memory.byteLength;
  }
}

function hasRoom({ memory, cellBytes, end, freed }: Chunk): boolean {
  return freed !== NO_CELL || end + cellBytes <= memory.byteLength;
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

function putValue({ bytes, words }: Chunk, at: number, value: Uint8Array): void {
  words[(at >>> 2) + VALUE_LENGTH] = value.length;
  bytes.set(value, at + HEADER_BYTES + (words[(at >>> 2) + KEY_LENGTH] as number));
}
