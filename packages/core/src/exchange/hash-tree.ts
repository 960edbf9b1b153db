/**
 * The hash tree of one range: sums of the states of its items, so that two replicas find what differs by halves.
 *
 *     root                    all of the range
 *     group  group  group     64 leaves each: what is written down together, and marked when it changes
 *     leaf leaf leaf leaf     an equal part of the range's hashes (leaves.ts), one sum of 64 bits
 *
 * A sum, mod 2^64, and not a hash of hashes: the order of changes does not matter, one is taken back as it was made, and
 * a change is three additions with nothing to be hashed again later. The price is that a sum is for accidents and not
 * against a forger; replicas trust each other.
 *
 * Leaves of a group take memory from its first change on, half a kilobyte; a tree without items some bytes.
 *
 * Source: Dynamo (SOSP 2007) 4.7; Riak's hashtree, without its key store.
 * Not here: what is known and what has to be counted yet, and the disk: stored-trees.ts.
 */
import type { HashRange, Place } from '../contracts/store.ts';
import { GROUP_BITS, leafBits } from './leaves.ts';

const GROUP_LEAVES = 1 << GROUP_BITS;
const WORDS_PER_GROUP = 2 * GROUP_LEAVES;
/** Of the sums of a group's leaves as they are written down. */
export const GROUP_BYTES = 4 * WORDS_PER_GROUP;
const WORD = 2 ** 32;
const NO_SUMS = new Uint32Array(WORDS_PER_GROUP);

export class HashTree {
  /** How many groups there are. */
  readonly groups: number;
  /** A hash's first word, without so many of its last bits, ends in the number of its leaf. */
  readonly #leafShift: number;
  readonly #leafMask: number;
  readonly #groupSums: Uint32Array;
  /** By group: where among `#leaves` its own are, counted in groups from 1 on; 0: all are zero. */
  readonly #slots: Uint16Array;
  #slotsUsed = 0;
  #leaves = new Uint32Array(0);

  /** All ranges of a ring are cut alike. */
  constructor({ ringBits }: Pick<Place, 'ringBits'>) {
    const bits = leafBits(ringBits);
    this.#leafShift = 32 - ringBits - bits;
    this.#leafMask = (1 << bits) - 1;
    this.groups = 1 << (bits - GROUP_BITS);
    this.#groupSums = new Uint32Array(2 * this.groups);
    this.#slots = new Uint16Array(this.groups);
  }

  groupOf(hashHi: number): number {
    return ((hashHi >>> this.#leafShift) & this.#leafMask) >>> GROUP_BITS;
  }

  /** How many hashes, by their first words, one group covers. */
  get groupWidth(): number {
    return 2 ** (this.#leafShift + GROUP_BITS);
  }

  /** Add a state, or the difference of two, at a hash of this range. */
  add(hashHi: number, stateHi: number, stateLo: number): void {
    const leaf = (hashHi >>> this.#leafShift) & this.#leafMask;
    const group = leaf >>> GROUP_BITS;
    const slot = this.#slots[group] || this.#takeSlot(group);
    addAt(this.#leaves, (slot - 1) * WORDS_PER_GROUP + 2 * (leaf & (GROUP_LEAVES - 1)), stateHi, stateLo);
    addAt(this.#groupSums, 2 * group, stateHi, stateLo);
  }

  /** Take back what was added. */
  subtract(hashHi: number, stateHi: number, stateLo: number): void {
    const borrow = stateLo === 0 ? 0 : 1;
    this.add(hashHi, (WORD - borrow - stateHi) % WORD, (WORD - stateLo) % WORD);
  }

  /** As `ItemTrees.sums`, of this range or a part of it. */
  sums({ start, end }: HashRange, parts: number): Uint32Array {
    const out = new Uint32Array(2 * parts);
    const leaves = (end - start) / 2 ** this.#leafShift / parts;
    let leaf = (start >>> this.#leafShift) & this.#leafMask;
    for (let part = 0; part < parts; part++, leaf += leaves) {
      if (leaves >= GROUP_LEAVES)
        sumInto(out, part, this.#groupSums, leaf >>> GROUP_BITS, (leaf + leaves) >>> GROUP_BITS);
      else {
        const slot = this.#slots[leaf >>> GROUP_BITS] as number;
        const first = (slot - 1) * GROUP_LEAVES + (leaf & (GROUP_LEAVES - 1));
        if (slot > 0) sumInto(out, part, this.#leaves, first, first + leaves);
      }
    }
    return out;
  }

  /** The sum of the whole range: two words, high and low. */
  root(): Uint32Array {
    const out = new Uint32Array(2);
    sumInto(out, 0, this.#groupSums, 0, this.groups);
    return out;
  }

  /** Nothing of this group is counted any more. */
  clearGroup(group: number): void {
    const slot = this.#slots[group] as number;
    if (slot > 0) this.#leaves.fill(0, (slot - 1) * WORDS_PER_GROUP, slot * WORDS_PER_GROUP);
    this.#groupSums.fill(0, 2 * group, 2 * group + 2);
  }

  /** The sums of a group's leaves, a view. */
  leavesOf(group: number): Uint32Array {
    const slot = this.#slots[group] as number;
    if (slot === 0) return NO_SUMS;
    return this.#leaves.subarray((slot - 1) * WORDS_PER_GROUP, slot * WORDS_PER_GROUP);
  }

  /** They become those of a group of which nothing was counted. */
  setLeaves(group: number, leaves: Uint32Array): void {
    if (leaves.every((word) => word === 0)) return;
    const slot = this.#slots[group] || this.#takeSlot(group);
    this.#leaves.set(leaves, (slot - 1) * WORDS_PER_GROUP);
    sumInto(this.#groupSums, group, leaves, 0, GROUP_LEAVES);
  }

  #takeSlot(group: number): number {
    const slot = ++this.#slotsUsed;
    this.#slots[group] = slot;
    if (slot * WORDS_PER_GROUP > this.#leaves.length) {
      // A quarter more, so that little is left over; the copy is of a hundred kilobytes at most.
      const leaves = new Uint32Array(Math.min(this.groups, slot + (slot >> 2)) * WORDS_PER_GROUP);
      leaves.set(this.#leaves);
      this.#leaves = leaves;
    }
    return slot;
  }
}

/** The sum of two words at `at`, high and low, grows. */
function addAt(sums: Uint32Array, at: number, hi: number, lo: number): void {
  const sum = (sums[at + 1] as number) + lo;
  sums[at + 1] = sum;
  sums[at] = (sums[at] as number) + hi + (sum >= WORD ? 1 : 0);
}

/** Sum number `part` of `out` becomes that of the sums `[first, end)`: few enough for a double to hold. */
function sumInto(out: Uint32Array, part: number, sums: Uint32Array, first: number, end: number): void {
  let hi = 0;
  let lo = 0;
  for (let i = first; i < end; i++) {
    hi += sums[2 * i] as number;
    lo += sums[2 * i + 1] as number;
  }
  out[2 * part] = hi + Math.floor(lo / WORD);
  out[2 * part + 1] = lo;
}
