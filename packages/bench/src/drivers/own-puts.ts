/**
 * The keys that a worker has written itself, for the operation `getOwnPuts`: a read that must find something.
 *
 * Up to a limit all of them; after that a new one takes the place of one drawn at random, so memory stays bounded.
 */
import type { Key } from '../contracts/driver.ts';

const KEPT_MAX = 100_000;

export class OwnPuts {
  readonly #keys: Key[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  add(key: Key): void {
    if (this.#keys.length < KEPT_MAX) this.#keys.push(key);
    else this.#keys[Math.floor(this.#random() * KEPT_MAX)] = key;
  }

  /** Undefined before the first. */
  pick(): Key | undefined {
    return this.#keys[Math.floor(this.#random() * this.#keys.length)];
  }
}
