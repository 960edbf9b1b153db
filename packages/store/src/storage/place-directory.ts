/**
 * The records of one place in memory: a hash directory for each interval of the ring that it holds keys of.
 *
 * Partition p holds the keys of few intervals, those before p, p-1, ... p-n+1. Their hashes begin with one of a
 * few patterns, and evenly spread are only the bits behind it: so each interval has a directory of its own, which
 * leaves those leading bits out. Directories are counted back from the partition's own interval.
 */
import type { Place, RecordKey, Visitor } from '@rkv/core';
import { HashDirectory, type DirectoryParts } from './hash-directory.ts';

const WORD_BITS = 32;

export class PlaceDirectory {
  readonly #parts: DirectoryParts;
  readonly #ringBits: number;
  readonly #mask: number;
  /** The interval that ends where the partition begins. */
  readonly #own: number;
  /** By distance from the own interval, against the order of the ring. */
  readonly #directories: (HashDirectory | undefined)[] = [];

  constructor(parts: DirectoryParts, { ringBits, partition }: Place) {
    this.#parts = parts;
    this.#ringBits = ringBits;
    this.#mask = (1 << ringBits) - 1;
    this.#own = (partition - 1) & this.#mask;
  }

  get isEmpty(): boolean {
    return this.#directories.every((directory) => directory === undefined);
  }

  /** Borrowed: valid until the slab is changed. */
  get(hashHi: number, hashLo: number, key: string): Uint8Array | undefined {
    return this.#directories[this.#distanceOf(hashHi)]?.get(hashHi, hashLo, key);
  }

  /** The value is copied. */
  set(hashHi: number, hashLo: number, key: string, value: Uint8Array): void {
    const distance = this.#distanceOf(hashHi);
    let directory = this.#directories[distance];
    if (directory === undefined) {
      directory = new HashDirectory(this.#parts, this.#ringBits);
      this.#directories[distance] = directory;
    }
    directory.set(hashHi, hashLo, key, value);
  }

  remove(hashHi: number, hashLo: number, key: string): void {
    const distance = this.#distanceOf(hashHi);
    const directory = this.#directories[distance];
    if (directory === undefined) return;
    directory.remove(hashHi, hashLo, key);
    if (directory.size > 0) return;
    directory.dispose();
    this.#directories[distance] = undefined;
  }

  /** As `Store.walk`. */
  walk(after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    let left = limit;
    const visitOne: Visitor = (hashHi, hashLo, key, value) => {
      left--;
      return visit(hashHi, hashLo, key, value);
    };
    const first = after === undefined ? 0 : after.hashHi >>> (WORD_BITS - this.#ringBits);
    for (let interval = first; interval <= this.#mask; interval++) {
      const directory = this.#directories[(this.#own - interval) & this.#mask];
      if (directory === undefined) continue;
      if (directory.walk(interval === first ? after : undefined, left, visitOne)) return true;
    }
    return false;
  }

  #distanceOf(hashHi: number): number {
    return (this.#own - (hashHi >>> (WORD_BITS - this.#ringBits))) & this.#mask;
  }
}
