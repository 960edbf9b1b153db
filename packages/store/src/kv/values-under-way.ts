/**
 * Values that a node holds for open requests: those that reads have been given, and those that writes spread.
 *
 * Clients are slowed down by it first; only a read beyond four times as much is refused. Who sends many requests and waits for
 * none of them, and many who send one each, fill the lanes to the other nodes faster than they empty, and a lane that is
 * full takes no frame: a burst of large values would fail although every node is well. So a door begins no more while these are
 * crowded: of who is owed an answer nothing, and of who is not no write.
 */
import type { LimitUse } from '@rkv/core';
import { ByteBudget } from './byte-budget.ts';

/**
 * Bytes of copies in open reads from which on clients that wait for answers are not read: some sixty values of one
 * megabyte under way keep every lane busy, and copying as many takes a node some ten milliseconds.
 */
const READ_BYTES_CROWDED = 64 * 1024 * 1024;
/** A read that would hold more is refused. Four times the above: what was under way when it was reached may yet come in. */
const READ_BYTES_MAX = 256 * 1024 * 1024;
/** The same of values being written: half of a lane, of which the other half is for copies that nobody waits for any more. */
const WRITE_BYTES_CROWDED = 8 * 1024 * 1024;

export class ValuesUnderWay {
  /** Copies in open reads. */
  readonly reads = new ByteBudget('read_bytes', READ_BYTES_MAX);
  #writeBytes = 0;
  readonly #waiting: (() => void)[] = [];

  /** Values in open writes, each counted once, bytes. */
  get writeBytes(): number {
    return this.#writeBytes;
  }

  beginWrite(bytes: number): void {
    this.#writeBytes += bytes;
  }

  endWrite(bytes: number): void {
    this.#writeBytes -= bytes;
    if (this.#waiting.length === 0 || this.#areWritesCrowded) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** True: open writes hold too much for another one; `wake` is called, once, when some of them have ended. */
  awaitsRoom(wake: () => void): boolean {
    if (!this.#areWritesCrowded) return false;
    this.#waiting.push(wake);
    return true;
  }

  /** So much that no more should be begun before some of it has ended. */
  get crowded(): boolean {
    return this.#areWritesCrowded || this.reads.bytes > READ_BYTES_CROWDED;
  }

  get #areWritesCrowded(): boolean {
    return this.#writeBytes > WRITE_BYTES_CROWDED;
  }

  limits(): readonly LimitUse[] {
    return [this.reads.limit, { limit: 'write_bytes', used: this.writeBytes, max: WRITE_BYTES_CROWDED }];
  }
}
