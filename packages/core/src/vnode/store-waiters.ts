/** Who waits until the store has come so far, and is told once: that it has, or that what was waited for is lost. */

interface Waiter {
  readonly seq: number;
  readonly done: (reached: boolean) => void;
}

export class StoreWaiters {
  #waiting: Waiter[] = [];

  add(seq: number, done: (reached: boolean) => void): void {
    this.#waiting.push({ seq, done });
  }

  /** What the store has reached, and from where on it has lost all. Whoever is told may wait anew. */
  settle(reached: number, failedFrom = Infinity): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ seq }) => seq > reached && seq < failedFrom);
    for (const { seq, done } of waiting)
      if (seq <= reached) done(true);
      else if (seq >= failedFrom) done(false);
  }
}
