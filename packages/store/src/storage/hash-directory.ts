/**
 * The records of one place in memory, in hash order: a radix tree over the bits of the hash with small sorted
 * leaves. The records themselves lie in a slab.
 *
 *     root --+-- 0000 -- leaf [ hash, cell, hash, cell, ... ]       a leaf holds up to 64 records
 *            +-- 0001 -- fork --+-- 0000 -- leaf
 *            .                  .                                  a fork looks at the next four bits
 *
 * A full leaf becomes a fork with sixteen leaves: the cost of growing is always that of sixty-four records,
 * where one big Map stalls for as long as it takes to hash all of it anew. The hash is there already, so
 * looking up hashes no string: it follows four bits a step, then halves the leaf. Walks need no sorting.
 *
 * Records whose 64 bits of hash are the same stay in one leaf, however many they are; nobody meets more than two
 * unless he tries.
 */
import type { RecordKey, Visitor } from '@rkv/core';
import { Slab, type Cell } from './slab.ts';

const DIGIT_BITS = 4;
const FORK_WIDTH = 1 << DIGIT_BITS;
/** Sixteen digits are all that a hash of 64 bits has. */
const DEPTH_MAX = 64 / DIGIT_BITS;
/** Halving 64 takes six steps, and splitting them a few microseconds. */
const LEAF_RECORDS_MAX = 64;

/**
 * A fork has children, a leaf has slots: three numbers a record, in hash order - first and second word of the hash,
 * and its cell. They stand in one array, so that halving touches little memory and of the records only the one sought.
 */
interface Branch {
  slots: number[];
  children: Branch[] | undefined;
}

const SLOT = 3;
const LO = 1;
const CELL = 2;

export class HashDirectory {
  readonly #root: Branch = newLeaf();
  readonly #slab: Slab;
  #size = 0;
  /** Counts what moves slots or frees cells: a copy of slots is good for as long as this stands still. */
  #changes = 0;

  constructor(slab = new Slab()) {
    this.#slab = slab;
  }

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  /** Borrowed: valid until the slab is changed. */
  get(at: RecordKey): Uint8Array | undefined {
    const { slots } = this.#leafOf(at.hashHi, at.hashLo);
    const found = this.#search(slots, at);
    return found < 0 ? undefined : this.#slab.valueOf(slots[found + CELL] as Cell);
  }

  /** The value is copied. */
  set(at: RecordKey, value: Uint8Array): void {
    const { slots } = this.#leafOf(at.hashHi, at.hashLo);
    const found = this.#search(slots, at);
    if (found < 0) return this.#insert(slots, ~found, at, value);
    const cell = slots[found + CELL] as Cell;
    if (this.#slab.maybeReplace(cell, value)) return;
    this.#changes++;
    this.#slab.remove(cell);
    slots[found + CELL] = this.#slab.add(at.key, value);
  }

  remove(at: RecordKey): void {
    const { slots } = this.#leafOf(at.hashHi, at.hashLo);
    const found = this.#search(slots, at);
    if (found < 0) return;
    this.#changes++;
    this.#slab.remove(slots[found + CELL] as Cell);
    slots.splice(found, SLOT);
    this.#size--;
  }

  /** As `Store.walk`. The visitor may change what it likes: the walk goes on behind the record it was at. */
  walk(after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    const finger = new Finger(after);
    let left = limit;
    while (!finger.atEnd) {
      const slots = this.#takeLeaf(finger);
      const changes = this.#changes;
      for (let i = 0; i < slots.length; i += SLOT) {
        if (left-- <= 0) return true;
        const at = this.#keyAt(slots, i);
        if (!visit(at.hashHi, at.hashLo, at.key, this.#slab.valueOf(slots[i + CELL] as Cell))) return true;
        if (this.#changes === changes) continue;
        finger.stand(at);
        break;
      }
    }
    return false;
  }

  /** A copy of what the leaf under the finger holds beyond it; the finger moves on to the next leaf. */
  #takeLeaf(finger: Finger): number[] {
    let depth = 0;
    let branch = this.#root;
    while (branch.children !== undefined) {
      branch = branch.children[digitAt(finger.hi, finger.lo, depth++)] as Branch;
    }
    const from = this.#firstBehind(finger.after, branch.slots);
    finger.leave(depth);
    return branch.slots.slice(from);
  }

  #firstBehind(after: RecordKey | undefined, slots: number[]): number {
    if (after === undefined) return 0;
    const found = this.#search(slots, after);
    return found < 0 ? ~found : found + SLOT;
  }

  #keyAt(slots: readonly number[], i: number): RecordKey {
    const hashHi = (slots[i] as number) >>> 0;
    const hashLo = (slots[i + LO] as number) >>> 0;
    return { hashHi, hashLo, key: this.#slab.keyOf(slots[i + CELL] as Cell) };
  }

  #insert(slots: number[], index: number, at: RecordKey, value: Uint8Array): void {
    this.#changes++;
    insertAt(slots, index, at.hashHi | 0, at.hashLo | 0, this.#slab.add(at.key, value));
    this.#size++;
    if (slots.length > LEAF_RECORDS_MAX * SLOT) this.#split(at.hashHi, at.hashLo);
  }

  #leafOf(hi: number, lo: number): Branch {
    let branch = this.#root;
    for (let depth = 0; branch.children !== undefined; depth++) {
      branch = branch.children[digitAt(hi, lo, depth)] as Branch;
    }
    return branch;
  }

  #split(hi: number, lo: number): void {
    let depth = 0;
    let leaf = this.#root;
    while (leaf.children !== undefined) leaf = leaf.children[digitAt(hi, lo, depth++)] as Branch;
    for (; leaf.slots.length > LEAF_RECORDS_MAX * SLOT && depth < DEPTH_MAX; depth++) {
      leaf = becomeFork(leaf, depth)[digitAt(hi, lo, depth)] as Branch;
    }
  }

  /** Where this record's slot begins, or the complement (~) of where it would. */
  #search(slots: readonly number[], at: RecordKey): number {
    const hi = at.hashHi | 0;
    const lo = at.hashLo | 0;
    let low = 0;
    let high = slots.length / SLOT;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const i = middle * SLOT;
      const order = this.#compare(slots, i, hi, lo, at.key);
      if (order === 0) return i;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return ~(low * SLOT);
  }

  #compare(slots: readonly number[], i: number, hi: number, lo: number, key: string): number {
    const otherHi = slots[i] as number;
    if (otherHi !== hi) return (otherHi ^ SIGN) < (hi ^ SIGN) ? -1 : 1;
    const otherLo = slots[i + LO] as number;
    if (otherLo !== lo) return (otherLo ^ SIGN) < (lo ^ SIGN) ? -1 : 1;
    return this.#slab.compareKey(slots[i + CELL] as Cell, key);
  }
}

/** Hash words are kept signed, which V8 keeps small; flipping the sign bit makes them compare as unsigned. */
const SIGN = 0x8000_0000 | 0;

/** Where a walk is: before the first record of some hash, or behind one record. */
class Finger {
  hi = 0;
  lo = 0;
  atEnd = false;
  after: RecordKey | undefined;

  constructor(after: RecordKey | undefined) {
    if (after !== undefined) this.stand(after);
  }

  /** Behind this record. */
  stand(after: RecordKey): void {
    this.after = after;
    this.hi = after.hashHi | 0;
    this.lo = after.hashLo | 0;
    this.atEnd = false;
  }

  /** To the first hash beyond the leaf at this depth, which holds the hashes that share `depth` digits. */
  leave(depth: number): void {
    this.after = undefined;
    const bits = depth * DIGIT_BITS;
    if (bits > 32) {
      const next = (((this.lo >>> (64 - bits)) + 1) * 2 ** (64 - bits)) % 2 ** 32;
      this.lo = next | 0;
      if (next !== 0) return;
      this.#nextHi(32);
    } else {
      this.lo = 0;
      this.#nextHi(bits);
    }
  }

  #nextHi(bits: number): void {
    const next = bits === 0 ? 2 ** 32 : ((this.hi >>> (32 - bits)) + 1) * 2 ** (32 - bits);
    this.atEnd = next >= 2 ** 32;
    this.hi = next | 0;
  }
}

function newLeaf(): Branch {
  return { slots: [], children: undefined };
}

/** Deal the records of a full leaf to sixteen new ones; in order they were, in order they stay. */
function becomeFork(leaf: Branch, depth: number): Branch[] {
  const children = Array.from({ length: FORK_WIDTH }, newLeaf);
  const { slots } = leaf;
  for (let i = 0; i < slots.length; i += SLOT) {
    const [hi, lo, cell] = [slots[i] as number, slots[i + LO] as number, slots[i + CELL] as Cell];
    (children[digitAt(hi, lo, depth)] as Branch).slots.push(hi, lo, cell);
  }
  leaf.slots = [];
  leaf.children = children;
  return children;
}

/** The four bits of the hash that a fork at this depth looks at. */
function digitAt(hi: number, lo: number, depth: number): number {
  const shift = 28 - ((depth & 7) << 2);
  return ((depth < 8 ? hi : lo) >>> shift) & (FORK_WIDTH - 1);
}

/** What `splice` does, without the array that it returns. */
function insertAt(slots: number[], index: number, hi: number, lo: number, cell: Cell): void {
  slots.push(0, 0, 0);
  slots.copyWithin(index + SLOT, index);
  slots[index] = hi;
  slots[index + LO] = lo;
  slots[index + CELL] = cell;
}
