/**
 * What clients did to each key, and what must be true of it in the end.
 *
 * The promise is exact: an acknowledged write stays until a higher version replaces it. So for every key the final
 * state must have at least the highest acknowledged version, must be something that a client really wrote, and if it
 * is exactly an acknowledged version, it must be that write's value.
 */
export interface FinalState {
  /** Hex stamp; empty when nothing is held. */
  readonly version: string;
  /** Undefined: a tombstone, or nothing. */
  readonly value: string | undefined;
}

interface Acknowledged {
  readonly version: string;
  /** Undefined: a delete. */
  readonly value: string | undefined;
}

export class History {
  readonly #acknowledged = new Map<string, Acknowledged>();
  readonly #attempted = new Map<string, Set<string>>();
  acknowledgedCount = 0;
  failedCount = 0;

  attempted(key: string, value: string | undefined): void {
    let values = this.#attempted.get(key);
    if (values === undefined) this.#attempted.set(key, (values = new Set()));
    if (value !== undefined) values.add(value);
  }

  acknowledged(key: string, value: string | undefined, version: string): void {
    this.acknowledgedCount++;
    const highest = this.#acknowledged.get(key);
    if (highest === undefined || version > highest.version) this.#acknowledged.set(key, { version, value });
  }

  failed(): void {
    this.failedCount++;
  }

  get keys(): string[] {
    return [...this.#attempted.keys()];
  }

  /** What is wrong with this as the final state of the key, or undefined. */
  problemOf(key: string, final: FinalState): string | undefined {
    const highest = this.#acknowledged.get(key);
    if (final.value !== undefined && this.#attempted.get(key)?.has(final.value) !== true) {
      return `${key} has the value ${final.value}, which nobody wrote`;
    }
    if (highest === undefined || final.version > highest.version) return undefined;
    if (final.version < highest.version) {
      const lost = highest.value === undefined ? 'a delete' : `the write of ${highest.value}`;
      return `${key} lost ${lost} acknowledged at ${highest.version}: it has ${final.value ?? 'nothing'} at ${final.version || 'no version'}`;
    }
    if (final.value !== highest.value) return `${key} has ${final.value ?? 'nothing'} where ${highest.value ?? 'nothing'} was acknowledged`;
    return undefined;
  }
}
