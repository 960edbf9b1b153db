/**
 * The keys that one connection's unanswered commands read or write, so that its pipelined commands take effect
 * as if they ran one after the other: any number of readers of a key, or one writer.
 */
export class KeyLocks {
  /** Readers of a key, or WRITER. */
  readonly #held = new Map<string, number>();

  /** Whether a command that writes (or only reads) these keys has to wait. */
  blocks(keys: readonly string[], writes: boolean): boolean {
    if (this.#held.size === 0) return false;
    for (const key of keys) {
      const held = this.#held.get(key);
      if (held !== undefined && (writes || held === WRITER)) return true;
    }
    return false;
  }

  /** Only when `blocks` says no. A writer may name a key twice. */
  take(keys: readonly string[], writes: boolean): void {
    for (const key of keys) this.#held.set(key, writes ? WRITER : (this.#held.get(key) ?? 0) + 1);
  }

  /** With exactly what was taken. */
  release(keys: readonly string[], writes: boolean): void {
    for (const key of keys) {
      const readers = this.#held.get(key) ?? 0;
      if (writes || readers <= 1) this.#held.delete(key);
      else this.#held.set(key, readers - 1);
    }
  }
}

const WRITER = -1;
