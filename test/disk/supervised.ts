/** A node that is started again whenever it ends without having been asked to, as a supervisor does it. */
import type { Exit } from '@rkv/testkit';
import type { TestNode } from '../cluster/nodes.ts';

/** A node that ends so often is not started again any more. */
const STARTS_MAX = 12;

export class Supervised {
  readonly #node: TestNode;
  #asked = false;
  #watch: Promise<void> = Promise.resolve();
  #starts = 0;
  /** How it ended, each time that nobody had asked it to. */
  readonly ends: Exit[] = [];

  constructor(node: TestNode) {
    this.#node = node;
  }

  /** Waits for nothing. */
  start(): void {
    this.#asked = false;
    this.#starts = 0;
    this.#watch = this.#keepUp();
  }

  /** `end` makes it end. */
  async end(end: (node: TestNode) => Promise<unknown>): Promise<void> {
    this.#asked = true;
    await end(this.#node);
    await this.#watch;
  }

  /** It ends with whatever ends the node next. */
  giveUp(): void {
    this.#asked = true;
  }

  async #keepUp(): Promise<void> {
    while (!this.#asked) {
      if (++this.#starts > STARTS_MAX) return;
      this.#node.spawn();
      const exit = await this.#node.exited;
      if (!this.#asked) this.ends.push(exit);
    }
  }
}
