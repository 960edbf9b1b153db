/**
 * What was acknowledged of keys whose values tell nothing by themselves: the latest change of each must stay, under a version
 * of its own or beneath a higher one.
 */
import type { Acknowledged, Undoable } from './history.ts';

export class Latest {
  readonly #changes = new Map<string, Acknowledged[]>();

  /** All that anything was asked of. */
  get keys(): string[] {
    return [...this.#changes.keys()];
  }

  asked(key: string): void {
    if (!this.#changes.has(key)) this.#changes.set(key, []);
  }

  take(change: Acknowledged): void {
    this.asked(change.key);
    this.#changes.get(change.key)?.push(change);
  }

  /** Some changes may be lost. How many these are. */
  excuse(mayGo: (change: Undoable) => boolean): number {
    let count = 0;
    for (const [key, changes] of this.#changes) {
      const kept = changes.filter((change) => !mayGo(change));
      count += changes.length - kept.length;
      this.#changes.set(key, kept);
    }
    return count;
  }

  /** The one of the highest version, of those that must not be lost. */
  neededOf(key: string, mayGo: (change: Undoable) => boolean = () => false): Acknowledged | undefined {
    let needed: Acknowledged | undefined;
    for (const change of this.#changes.get(key) ?? [])
      if (change.version > (needed?.version ?? '') && !mayGo(change)) needed = change;
    return needed;
  }
}
