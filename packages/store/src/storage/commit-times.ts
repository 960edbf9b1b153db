/**
 * How long commits take: for a monitor, and for the word that a disk is slow.
 *
 * Slow is a mean above a tenth of a second for ten seconds: requests of this node's replicas feel it long before. It is said
 * when it begins and when it ends. A store that commits nothing is neither.
 */
export interface CommitFigures {
  /** Since the store was opened. */
  readonly commits: number;
  readonly seconds: number;
  /** In the last whole window. */
  readonly meanMs: number;
  readonly maxMs: number;
}

export const SLOW_MS = 100;
const WINDOW_MS = 10_000;

export class CommitTimes {
  readonly #onSlow: (slow: boolean, meanMs: number) => void;
  #commits = 0;
  #totalMs = 0;
  #windowAt: number | undefined;
  #windowCommits = 0;
  #windowMs = 0;
  #windowMaxMs = 0;
  #meanMs = 0;
  #maxMs = 0;
  slow = false;

  constructor(onSlow: (slow: boolean, meanMs: number) => void = () => {}) {
    this.#onSlow = onSlow;
  }

  get figures(): CommitFigures {
    return {
      commits: this.#commits,
      seconds: this.#totalMs / 1_000,
      meanMs: this.#meanMs,
      maxMs: this.#maxMs,
    };
  }

  /** A commit that took so long has ended now, by the monotonic clock. */
  ended(tookMs: number, now: number): void {
    this.#windowAt ??= now - tookMs;
    this.#commits++;
    this.#totalMs += tookMs;
    this.#windowCommits++;
    this.#windowMs += tookMs;
    this.#windowMaxMs = Math.max(this.#windowMaxMs, tookMs);
    if (now - this.#windowAt >= WINDOW_MS) this.#endWindow(now);
  }

  #endWindow(now: number): void {
    this.#meanMs = this.#windowMs / this.#windowCommits;
    this.#maxMs = this.#windowMaxMs;
    this.#windowAt = now;
    this.#windowCommits = 0;
    this.#windowMs = 0;
    this.#windowMaxMs = 0;
    const slow = this.#meanMs > SLOW_MS;
    if (slow === this.slow) return;
    this.slow = slow;
    this.#onSlow(slow, this.#meanMs);
  }
}
