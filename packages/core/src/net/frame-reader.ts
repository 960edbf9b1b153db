/**
 * Frames out of a stream of chunks that know nothing of frames.
 *
 * A frame that lies whole in a chunk is handed on where it lies. One that does not is gathered in a buffer that
 * at most doubles as bytes arrive: what a frame *says* it is long costs nothing until it is there, and each byte
 * is copied a bounded number of times. The buffer is kept for the next frame unless it has grown large.
 */

/** In place of a frame's length: no frame, an answer is asked for. */
export const PING_MARK = 0xffff_ffff;

/** The byte that answers it, and the only thing a receiver ever says after the handshake. */
export const PONG = 0x06;

export interface FrameReaderInit {
  /** A longer frame breaks the stream. */
  readonly frameBytesMax: number;
  /** Borrowed bytes, valid during the call. */
  onFrame(bytes: Uint8Array, start: number, end: number): void;
  onPing(): void;
}

const FIRST_BYTES = 4096;
/**
 * What a stream may hold between two frames. Those of a handoff are of about 64 KiB, a thousand a second, and most of
 * them do not lie whole in a chunk: a new buffer for each is much to collect.
 */
const KEPT_BYTES_MAX = 128 * 1024;

export class FrameReader {
  readonly #init: FrameReaderInit;
  /** A frame's length and the part of it that has come: `[0..gathered)`. */
  #partial: Uint8Array = new Uint8Array(0);
  #gathered = 0;
  #stopped = false;

  constructor(init: FrameReaderInit) {
    this.#init = init;
  }

  /** Bytes held for frames that are not complete, or kept for the next. */
  get heldBytes(): number {
    return this.#partial.length;
  }

  /** Hands on no more, not even from the chunk that is being read. */
  stop(): void {
    this.#stopped = true;
    this.#gathered = 0;
    this.#partial = new Uint8Array(0);
  }

  /** Reads on. Returns why the stream is broken, or undefined when it is not. */
  feed(chunk: Uint8Array): string | undefined {
    let at = 0;
    while (this.#gathered > 0 && at < chunk.length) {
      const size = Math.min(this.#lacking(), chunk.length - at);
      this.#keep(chunk, at, at + size);
      at += size;
      const broken = this.#maybeComplete();
      if (broken !== undefined) return broken;
    }
    return this.#readWhole(chunk, at);
  }

  #readWhole(chunk: Uint8Array, from: number): string | undefined {
    const end = chunk.length;
    let at = from;
    while (!this.#stopped && end - at >= 4) {
      const length = lengthAt(chunk, at);
      if (length > this.#init.frameBytesMax) {
        if (length !== PING_MARK) return tooLong(length);
        this.#init.onPing();
        at += 4;
      } else if (end - at - 4 >= length) {
        this.#init.onFrame(chunk, at + 4, at + 4 + length);
        at += 4 + length;
      } else break;
    }
    if (!this.#stopped && at < end) this.#keep(chunk, at, end);
    return undefined;
  }

  /** How many bytes until the length is known; then, until the frame is complete. */
  #lacking(): number {
    return (this.#gathered < 4 ? 4 : 4 + lengthAt(this.#partial, 0)) - this.#gathered;
  }

  #maybeComplete(): string | undefined {
    if (this.#gathered < 4) return undefined;
    const bytes = this.#partial;
    const length = lengthAt(bytes, 0);
    if (length === PING_MARK) {
      this.#forget();
      this.#init.onPing();
    } else if (length > this.#init.frameBytesMax) {
      return tooLong(length);
    } else if (this.#gathered === 4 + length) {
      this.#forget();
      this.#init.onFrame(bytes, 4, 4 + length);
    }
    return undefined;
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#gathered + end - start;
    if (needed > this.#partial.length) {
      // No Buffer: who keeps something of a frame takes a slice of it, and a Buffer's slice is no copy.
      const grown = new Uint8Array(
        Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#gathered, FIRST_BYTES)).buffer,
      );
      grown.set(this.#partial.subarray(0, this.#gathered));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(start, end), this.#gathered);
    this.#gathered = needed;
  }

  /** A large buffer is let go, so that a connection that once carried a large frame does not hold its size. */
  #forget(): void {
    this.#gathered = 0;
    if (this.#partial.length > KEPT_BYTES_MAX) this.#partial = new Uint8Array(0);
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

function tooLong(length: number): string {
  return `a length of ${length} bytes, which is more than any may be`;
}
