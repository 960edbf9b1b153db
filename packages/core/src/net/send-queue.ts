/**
 * What one lane has yet to send: frames copied one behind the other into chunks of equal size.
 *
 *     frame   length u32 (of the bytes that follow), bytes
 *
 * A stream of frames is cut into chunks wherever one is full, in the middle of a frame too, so chunks can be
 * used again whatever the sizes of frames. Each chunk keeps room at its start and end for what a record needs.
 *
 * Holds: `bytes` counts all that was added and not yet released, written out or not.
 */
import { LOOP_BYTES_MAX } from '../base/bytes.ts';

/** One chunk: what a socket reads or writes at once, and no more than a record may hold. */
export const CHUNK_BYTES = 64 * 1024;

/** `bytes[start..end)` is used. */
export interface Chunk {
  readonly bytes: Buffer;
  start: number;
  end: number;
  /** How much of the queue it carries, once it is taken: a record adds to what is used. */
  payload: number;
}

/** The chunks that nobody uses, shared by all lanes. */
export class ChunkPool {
  readonly #free: Chunk[] = [];
  readonly #keptMax: number;

  /** Keeps up to so many chunks for later; what a burst needed beyond that is left to the garbage collector. */
  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  take(): Chunk {
    return this.#free.pop() ?? { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES), start: 0, end: 0, payload: 0 };
  }

  give(chunk: Chunk): void {
    if (this.#free.length < this.#keptMax) this.#free.push(chunk);
  }
}

export interface Reserve {
  readonly head: number;
  readonly tail: number;
}

export class SendQueue {
  readonly #pool: ChunkPool;
  readonly #head: number;
  readonly #limit: number;
  #chunks: Chunk[] = [];
  #last: Chunk | undefined;
  #bytes = 0;

  constructor(pool: ChunkPool, reserve: Reserve) {
    this.#pool = pool;
    this.#head = reserve.head;
    this.#limit = CHUNK_BYTES - reserve.tail;
  }

  /** Added and not yet released. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is nothing to take. */
  get empty(): boolean {
    return this.#last === undefined;
  }

  /** Append a frame. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const last = this.#last;
    this.#bytes += 4 + length;
    if (last !== undefined && last.end + 4 + length <= this.#limit) {
      last.end = putFrame(last.bytes, last.end, bytes, start, end);
    } else {
      this.#addU32(length);
      this.#addAcross(bytes, start, end);
    }
  }

  /** Append a length without a frame. */
  addMark(value: number): void {
    this.#bytes += 4;
    this.#addU32(value);
  }

  /** All chunks, to be written in this order and released one by one. */
  take(): Chunk[] {
    const chunks = this.#chunks;
    for (const chunk of chunks) chunk.payload = chunk.end - chunk.start;
    this.#chunks = [];
    this.#last = undefined;
    return chunks;
  }

  /** A chunk that was taken is written. */
  release(chunk: Chunk): void {
    this.#bytes -= chunk.payload;
    this.#pool.give(chunk);
  }

  #addU32(value: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) {
      const chunk = this.#withRoom();
      chunk.bytes[chunk.end++] = value >>> shift;
    }
  }

  #addAcross(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      const chunk = this.#withRoom();
      const size = Math.min(end - at, this.#limit - chunk.end);
      chunk.bytes.set(bytes.subarray(at, at + size), chunk.end);
      chunk.end += size;
      at += size;
    }
  }

  #withRoom(): Chunk {
    const last = this.#last;
    if (last !== undefined && last.end < this.#limit) return last;
    const chunk = this.#pool.take();
    chunk.start = chunk.end = this.#head;
    this.#chunks.push(chunk);
    this.#last = chunk;
    return chunk;
  }
}

function putFrame(target: Buffer, at: number, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  if (length <= LOOP_BYTES_MAX) {
    for (let i = 0; i < length; i++) target[at + 4 + i] = bytes[start + i] as number;
  } else {
    target.set(bytes.subarray(start, end), at + 4);
  }
  return at + 4 + length;
}
