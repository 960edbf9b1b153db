/**
 * The contenders for the memory engine, behind one small interface: what a node asks of it, and no more.
 *
 *     set(at, entry)   copies the entry's bytes in               at: { hashHi, hashLo, key }, as the door makes it
 *     get(at)          its bytes, borrowed, or undefined
 *     remove(at)
 *     walk(visit)      visit(key, bytes) for all, in hash order; undefined where there is no such order
 *
 * - `strings`, `buffers`: a directory of small Maps by the next four bits of the hash, as rules 4 has it; a value
 *   is a latin1 string or a Buffer of its own. A Map keeps keys and not their hashes, so whoever splits or walks one
 *   hashes its keys again; keeping the hash words would cost each key an object.
 * - `one Map`: latin1 strings, the first thing that anybody writes.
 * - `slab`: the engine that rkv ships (packages/store/src/storage), as its vnodes call it.
 * - `none`: keeps nothing, so that the cost of everything around an engine shows.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const CONTENDERS = ['strings', 'buffers', 'one Map', 'slab', 'none'];

const DIGIT_BITS = 4;
/** Splitting takes a quarter of a millisecond at this size: nearly all of it hashes keys. */
const LEAF_KEYS_MAX = 512;
const RING_BITS = 4;
const PARTITIONS = 1 << RING_BITS;
const SPACE_ENTRY = 0;
const ENTRY_BYTES_MAX = 1024;

/** The public API of @rkv/store as it is built here, or in another clone. */
export function built(directory) {
  const root = resolve(directory ?? fileURLToPath(new URL('../..', import.meta.url)));
  return import(pathToFileURL(join(root, 'packages/store/dist/index.js')).href);
}

export function engineNamed(name, { placeKey, memoryStore }) {
  switch (name) {
    case 'strings':
      return new MapDirectory(latin1Strings(), placeKey);
    case 'buffers':
      return new MapDirectory(buffers(), placeKey);
    case 'one Map':
      return new OneMap(latin1Strings());
    case 'slab':
      return new Shipped(memoryStore());
    case 'none':
      return { set() {}, get: () => undefined, remove() {}, walk: undefined };
    default:
      throw new Error(`no contender ${name}; there are ${CONTENDERS.join(', ')}`);
  }
}

/** How a value is kept, and shown as bytes: values cross contracts as borrowed bytes (rules 13). */
function latin1Strings() {
  const shown = Buffer.alloc(ENTRY_BYTES_MAX);
  return {
    keep: (bytes) => bytes.latin1Slice(),
    show: (text) => shown.subarray(0, shown.latin1Write(text)),
  };
}

/** Node.js cuts small Buffers from blocks of 8 KiB, which is the cheapest way to have one per value. */
function buffers() {
  return { keep: (bytes) => Buffer.from(bytes), show: (bytes) => bytes };
}

class MapDirectory {
  #root = fork();
  #values;
  #placeKey;

  constructor(values, placeKey) {
    this.#values = values;
    this.#placeKey = placeKey;
  }

  get(at) {
    const kept = this.#leafOf(at).get(at.key);
    return kept === undefined ? undefined : this.#values.show(kept);
  }

  set(at, entry) {
    const leaf = this.#leafOf(at);
    leaf.set(at.key, this.#values.keep(entry));
    if (leaf.size > LEAF_KEYS_MAX) this.#split(at);
  }

  remove(at) {
    this.#leafOf(at).delete(at.key);
  }

  walk(visit, branch = this.#root) {
    if (Array.isArray(branch)) return branch.forEach((child) => this.walk(visit, child));
    const places = [...branch.keys()].map(this.#placeKey);
    places.sort((a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo);
    for (const { key } of places) visit(key, this.#values.show(branch.get(key)));
  }

  #leafOf({ hashHi, hashLo }) {
    let branch = this.#root;
    for (let depth = 0; Array.isArray(branch); depth++) branch = branch[digitAt(hashHi, hashLo, depth)];
    return branch;
  }

  #split({ hashHi, hashLo }) {
    let depth = 0;
    let parent = this.#root;
    let leaf = parent[digitAt(hashHi, hashLo, depth)];
    while (Array.isArray(leaf)) {
      parent = leaf;
      leaf = parent[digitAt(hashHi, hashLo, ++depth)];
    }
    const children = fork();
    for (const [key, kept] of leaf) {
      const at = this.#placeKey(key);
      children[digitAt(at.hashHi, at.hashLo, depth + 1)].set(key, kept);
    }
    parent[digitAt(hashHi, hashLo, depth)] = children;
  }
}

function fork() {
  return Array.from({ length: 1 << DIGIT_BITS }, () => new Map());
}

function digitAt(hashHi, hashLo, depth) {
  return ((depth < 8 ? hashHi : hashLo) >>> (28 - (depth & 7) * DIGIT_BITS)) & ((1 << DIGIT_BITS) - 1);
}

class OneMap {
  walk = undefined;
  #map = new Map();
  #values;

  constructor(values) {
    this.#values = values;
  }

  get({ key }) {
    const kept = this.#map.get(key);
    return kept === undefined ? undefined : this.#values.show(kept);
  }

  set({ key }, entry) {
    this.#map.set(key, this.#values.keep(entry));
  }

  remove({ key }) {
    this.#map.delete(key);
  }
}

class Shipped {
  #store;
  /** By the interval of hash space: a key belongs to the partition after its hash. */
  #places = Array.from({ length: PARTITIONS }, (_, interval) => {
    return { ringBits: RING_BITS, partition: (interval + 1) % PARTITIONS };
  });

  constructor(store) {
    this.#store = store;
  }

  get(at) {
    return this.#store.get(SPACE_ENTRY, this.#placeOf(at), at);
  }

  set(at, value) {
    this.#submit(at, value);
  }

  remove(at) {
    this.#submit(at, undefined);
  }

  walk(visit) {
    const show = (_hashHi, _hashLo, key, bytes) => {
      visit(key, bytes);
      return true;
    };
    for (const place of this.#places) {
      this.#store.walk(SPACE_ENTRY, place, undefined, Number.POSITIVE_INFINITY, show);
    }
  }

  #submit(at, value) {
    const { hashHi, hashLo, key } = at;
    this.#store.submit([{ space: SPACE_ENTRY, place: this.#placeOf(at), hashHi, hashLo, key, value }]);
  }

  #placeOf({ hashHi }) {
    return this.#places[hashHi >>> (32 - RING_BITS)];
  }
}
