/**
 * So many bytes a second: a bucket of tokens that may go into debt.
 *
 * What was sent is charged; who wants to send more waits until the debt is paid. So an item larger than a second's
 * worth goes out whole, and the pause comes after it. A little may be saved up, for the time between two looks.
 */

/** Saved up at most, ms worth. */
const SAVED_MS = 100;

export class Throttle {
  /** Undefined: no limit. */
  #bytesPerSecond: number | undefined;
  /** When all that was charged is paid for. */
  #paidAt = 0;

  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** From now on; what was charged before is forgiven. */
  limitTo(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidAt = 0;
  }

  charge(bytes: number, now: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#paidAt = Math.max(this.#paidAt, now - SAVED_MS) + (bytes / this.#bytesPerSecond) * 1_000;
  }

  /** Milliseconds until more may be sent; 0: now. */
  waitMs(now: number): number {
    return this.#bytesPerSecond === undefined ? 0 : Math.max(0, this.#paidAt - now);
  }
}
