/**
 * A vnode of very many items in little memory: where they lie is one list for all copies, a copy has a version for each and a
 * hash tree of its own.
 */
import type { HashRange } from '../src/contracts/store.ts';
import type { ItemTrees, StatePage } from '../src/contracts/vnode.ts';
import { digest64 } from '../src/base/murmur.ts';
import type { Prng } from '../src/base/prng.ts';
import { HashTree } from '../src/exchange/hash-tree.ts';
import type { ComparableVnode, Merged } from '../src/exchange/port.ts';
import { decodeModelItem, encodeModelItem } from './model-vnode.ts';

/** First words of hashes, in hash order; the second word of each is its number. */
export type Places = Uint32Array;

export function drawPlaces(prng: Prng, { start, end }: HashRange, count: number): Places {
  return Uint32Array.from({ length: count }, () => prng.between(start, end - 1)).toSorted();
}

/** Not held. */
const NOTHING = 0;

export interface LargeVnodeInit {
  readonly ringBits: number;
  /** That all its items lie in. */
  readonly range: HashRange;
  readonly places: Places;
}

export class LargeVnode implements ComparableVnode, ItemTrees {
  readonly comparable = true;
  readonly trees = this;
  readonly #range: HashRange;
  readonly #places: Places;
  readonly #tree: HashTree;
  /** By number. */
  readonly versions: Uint8Array;

  /** All items are held, in their first version. */
  constructor({ ringBits, range, places }: LargeVnodeInit) {
    this.#range = range;
    this.#places = places;
    this.#tree = new HashTree({ ringBits });
    this.versions = new Uint8Array(places.length);
    for (const number of places.keys()) this.set(number, 1);
  }

  set(number: number, version: number): void {
    const place = this.#places[number] as number;
    const before = this.versions[number] as number;
    if (before !== NOTHING) this.#tree.subtract(place, ...stateOf(number, before));
    this.versions[number] = version;
    if (version !== NOTHING) this.#tree.add(place, ...stateOf(number, version));
  }

  remove(number: number): void {
    this.set(number, NOTHING);
  }

  merge(bytes: Uint8Array, _asOf: Uint8Array, done: (merged: Merged) => void): void {
    const { hashLo, version } = decodeModelItem(bytes);
    const isLater = version > (this.versions[hashLo] as number);
    if (isLater) this.set(hashLo, version);
    done(isLater ? 'changed' : 'same');
  }

  sums(within: HashRange, parts: number): Uint32Array {
    const isHere = within.start >= this.#range.start && within.end <= this.#range.end;
    return isHere ? this.#tree.sums(within, parts) : new Uint32Array(2 * parts);
  }

  states({ start, end }: HashRange, after: readonly [number, number] | undefined, limit: number): StatePage {
    const states: number[] = [];
    let number = after === undefined ? this.#firstFrom(start) : after[1] + 1;
    for (; (this.#places[number] ?? end) < end && states.length < 4 * limit; number++) {
      const version = this.versions[number] as number;
      if (version !== NOTHING)
        states.push(this.#places[number] as number, number, ...stateOf(number, version));
    }
    const last = number - 1;
    const isOver = (this.#places[number] ?? end) >= end;
    return {
      states: Uint32Array.from(states),
      upTo: isOver ? undefined : [this.#places[last] as number, last],
    };
  }

  itemsAt(hashHi: number, hashLo: number): Uint8Array[] {
    const version = this.versions[hashLo] as number;
    return version === NOTHING ? [] : [encodeModelItem({ hashHi, hashLo, name: `item ${hashLo}`, version })];
  }

  #firstFrom(place: number): number {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const words = new Uint32Array(2);
const bytes = new Uint8Array(words.buffer);
const digest = new Uint32Array(2);

function stateOf(number: number, version: number): [hi: number, lo: number] {
  words[0] = number;
  words[1] = version;
  digest64(bytes, 0, bytes.length, digest);
  return [digest[0] as number, digest[1] as number];
}
