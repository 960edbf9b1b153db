/**
 * Who sleeps until when: the earliest first, equals in the order in which they came.
 *
 * Mostly each sleeps longer than the one before, so a sorted list with a search for the place is quick enough.
 */
interface Sleeper {
  readonly us: number;
  readonly wake: () => void;
}

export class Sleepers {
  readonly #list: Sleeper[] = [];

  /** The earliest; undefined when all are awake. */
  get nextUs(): number | undefined {
    return this.#list[0]?.us;
  }

  add(us: number, wake: () => void): void {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle] as Sleeper).us <= us) low = middle + 1;
      else high = middle;
    }
    this.#list.splice(low, 0, { us, wake });
  }

  wakeUntil(us: number): void {
    const stillAsleep = this.#list.findIndex((sleeper) => sleeper.us > us);
    const awake = this.#list.splice(0, stillAsleep < 0 ? this.#list.length : stillAsleep);
    for (const { wake } of awake) wake();
  }
}
