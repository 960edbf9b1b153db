/** The moment by which a request has to end, on the monotonic clock of its node. */
import type { Host } from '@rkv/core';

export class Deadline {
  readonly #host: Host;
  readonly #at: number;

  constructor(host: Host, withinMs: number) {
    this.#host = host;
    this.#at = host.monotonic() + withinMs;
  }

  get isOver(): boolean {
    return this.#host.monotonic() >= this.#at;
  }

  /** Whole ms, at least one. */
  get remainingMs(): number {
    return Math.max(1, Math.ceil(this.#at - this.#host.monotonic()));
  }
}
