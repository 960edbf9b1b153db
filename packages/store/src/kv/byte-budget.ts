/**
 * A sum of bytes that a node holds for some purpose, against the most that it may: one for all who hold them.
 *
 * Counts are no measure of memory: a thousand requests are nothing, and a gigabyte if each has a value of one megabyte.
 */
import type { LimitUse } from '@rkv/core';

export class ByteBudget {
  readonly name: string;
  readonly max: number;
  /** Held now. */
  bytes = 0;
  #refused = 0;

  constructor(name: string, max: number) {
    this.name = name;
    this.max = max;
  }

  get limit(): LimitUse {
    return { limit: this.name, used: this.bytes, max: this.max, reached: this.#refused };
  }

  /** Whether so many bytes more fit; each no counts as one refused. */
  fits(bytes: number): boolean {
    if (this.bytes + bytes <= this.max) return true;
    this.#refused++;
    return false;
  }
}

/** Bytes of entries that the store has taken and not committed, of all vnodes: beyond, a write is refused. Sixteen of the largest. */
const IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024;

/** One for all vnodes of a node. */
export function inFlightBudget(): ByteBudget {
  return new ByteBudget('vnode_in_flight_bytes', IN_FLIGHT_BYTES_MAX);
}
