/** How fast something grows: the mean of the last seconds, from looks at a counter. */

const WINDOW_MS = 5_000;
const LOOK_MS = 500;

interface Look {
  readonly at: number;
  readonly items: number;
  readonly bytes: number;
}

export class Rate {
  #looks: Look[];

  constructor(now: number) {
    this.#looks = [{ at: now, items: 0, bytes: 0 }];
  }

  /** To be told often; looks are kept twice a second. */
  look(at: number, items: number, bytes: number): void {
    const last = this.#looks.at(-1) as Look;
    if (at - last.at < LOOK_MS) return;
    this.#looks.push({ at, items, bytes });
    this.#looks = this.#looks.filter((look, i) => i >= this.#looks.length - 2 || at - look.at <= WINDOW_MS);
  }

  /** Per second, as of now. */
  of(at: number, items: number, bytes: number): { readonly items: number; readonly bytes: number } {
    const first = this.#looks[0] as Look;
    const seconds = Math.max(at - first.at, 1) / 1_000;
    return { items: (items - first.items) / seconds, bytes: (bytes - first.bytes) / seconds };
  }
}
