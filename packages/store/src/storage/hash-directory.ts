/**
 * The records of one interval of hash space in memory, in hash order: a table over the leading bits of the hash, and
 * under it sorted segments. The records themselves lie in a slab.
 *
 *     table   [ 00 | 01 | 10 | 11 ]         as many leading bits as the deepest segment looks at
 *               |    |     \   /
 *             seg  seg      seg             one that looks at fewer stands in several places
 *     segment   hash word, cell, hash word, cell, ...     by first word of the hash; up to 128 records
 *
 * A full segment becomes two, one bit deeper, and now and then the table doubles: the cost of growing is always that
 * of 128 records and a short copy, where one big Map stalls for as long as it takes to hash all of it anew. Walks need
 * no sorting.
 *
 * The hash is there already and spread evenly, so nothing is hashed or halved to look up: the leading bits find the
 * segment, the next ones tell about where in it a record must stand, and it is a few places from there. So one
 * look-up touches three or four places in memory: table, segment, one line of its slots, the record. That is what it costs;
 * a tree over the same records, halving its leaves, took more than three times as long.
 *
 * Hashes that share more leading bits than chance gives (they were made to) do not blow the table up: their segment
 * grows instead, and is halved. Records that share their whole first word stand in order of the rest.
 *
 * Source: Fagin et al., "Extendible Hashing" (1979); interpolation search.
 */
import type { RecordKey, Visitor } from '@rkv/core';
import { Slab, type Cell } from './slab.ts';

/** More: fewer segments to find, more to move at each insert. */
const SEGMENT_RECORDS_MAX = 128;
/** A segment grows by so many: a sixteenth of a full one stays unused on average. */
const GROWTH_RECORDS = 16;
/** The table has at most one place for so many records (or a few): eight times what evenly spread hashes need. */
const RECORDS_PER_PLACE_MIN = 16;
const WORD_BITS = 32;

/** Two numbers a record. */
const SLOT = 2;
const CELL = 1;

class Segment {
  /** How many leading bits its records share, beyond those that all of the directory do. */
  readonly depth: number;
  /** First word of the hash, signed, and cell: of each record, by hash. */
  slots: Int32Array;
  count: number;

  constructor(depth: number, slots: Int32Array = new Int32Array(GROWTH_RECORDS * SLOT), count = 0) {
    this.depth = depth;
    this.slots = slots;
    this.count = count;
  }

  insert(index: number, hashHi: number, cell: Cell): void {
    const end = this.count * SLOT;
    if (end === this.slots.length) {
      const grown = new Int32Array(end + GROWTH_RECORDS * SLOT);
      grown.set(this.slots);
      this.slots = grown;
    }
    this.slots.copyWithin((index + 1) * SLOT, index * SLOT, end);
    this.slots[index * SLOT] = hashHi;
    this.slots[index * SLOT + CELL] = cell;
    this.count++;
  }

  remove(index: number): void {
    this.slots.copyWithin(index * SLOT, (index + 1) * SLOT, this.count * SLOT);
    this.count--;
    const unused = this.slots.length / SLOT - this.count;
    if (unused >= 2 * GROWTH_RECORDS && unused > this.count) this.slots = this.#cut(0, this.count);
  }

  /** The two that take its place: before `index`, and from there on. */
  split(index: number): readonly [Segment, Segment] {
    const { count, depth } = this;
    const lower = new Segment(depth + 1, this.#cut(0, index), index);
    return [lower, new Segment(depth + 1, this.#cut(index, count), count - index)];
  }

  /** A copy of these slots, with room for a few more. */
  #cut(from: number, to: number): Int32Array {
    const records = (Math.floor((to - from) / GROWTH_RECORDS) + 1) * GROWTH_RECORDS;
    const slots = new Int32Array(records * SLOT);
    slots.set(this.slots.subarray(from * SLOT, to * SLOT));
    return slots;
  }
}

export class HashDirectory {
  readonly #slab: Slab;
  /** Leading bits that the hashes of all records here share. */
  readonly #sharedBits: number;
  #table: Segment[] = [new Segment(0)];
  /** The table has 2^depth places. */
  #depth = 0;
  #size = 0;
  /** Counts what moves slots or frees cells: a copy of slots is good for as long as this stands still. */
  #changes = 0;

  // What was searched last, and where it was found as long as nothing has changed.
  #foundAfter = -1;
  #foundKey = '';
  #foundHi = 0;
  #foundLo = 0;
  #found = 0;

  constructor(slab = new Slab(), sharedBits = 0) {
    this.#slab = slab;
    this.#sharedBits = sharedBits;
  }

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  /** Borrowed: valid until the slab is changed. */
  get(hashHi: number, hashLo: number, key: string): Uint8Array | undefined {
    const segment = this.#segmentOf(hashHi);
    const found = this.#search(segment, hashHi, hashLo, key);
    return found < 0 ? undefined : this.#slab.valueOf(segment.slots[found * SLOT + CELL] as Cell);
  }

  /** The value is copied. */
  set(hashHi: number, hashLo: number, key: string, value: Uint8Array): void {
    const segment = this.#segmentOf(hashHi);
    const found = this.#search(segment, hashHi, hashLo, key);
    if (found < 0) {
      this.#insert(segment, ~found, hashHi, this.#slab.add(hashLo, key, value));
      return;
    }
    const cell = segment.slots[found * SLOT + CELL] as Cell;
    if (this.#slab.maybeReplace(cell, value)) return;
    this.#changes++;
    this.#slab.remove(cell);
    segment.slots[found * SLOT + CELL] = this.#slab.add(hashLo, key, value);
  }

  remove(hashHi: number, hashLo: number, key: string): void {
    const segment = this.#segmentOf(hashHi);
    const found = this.#search(segment, hashHi, hashLo, key);
    if (found < 0) return;
    this.#changes++;
    this.#slab.remove(segment.slots[found * SLOT + CELL] as Cell);
    segment.remove(found);
    this.#size--;
  }

  /** As `Store.walk`. The visitor may change what it likes: the walk goes on behind the record it was at. */
  walk(after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    let left = limit;
    let place = after === undefined ? 0 : this.#placeOf(after.hashHi);
    let behind = after;
    while (place < this.#table.length) {
      const segment = this.#table[place] as Segment;
      const slots = segment.slots.slice(this.#firstBehind(segment, behind) * SLOT, segment.count * SLOT);
      const changes = this.#changes;
      behind = undefined;
      for (let i = 0; i < slots.length && behind === undefined; i += SLOT) {
        if (left-- <= 0) return true;
        const cell = slots[i + CELL] as Cell;
        const at = {
          hashHi: (slots[i] as number) >>> 0,
          hashLo: this.#slab.hashLoOf(cell),
          key: this.#slab.keyOf(cell),
        };
        if (!visit(at.hashHi, at.hashLo, at.key, this.#slab.valueOf(cell))) return true;
        if (this.#changes !== changes) behind = at;
      }
      // The table may have grown: where the walk is now is found anew.
      place = behind === undefined ? this.#placeBehind(place, segment) : this.#placeOf(behind.hashHi);
    }
    return false;
  }

  #firstBehind(segment: Segment, at: RecordKey | undefined): number {
    if (at === undefined) return 0;
    const found = this.#search(segment, at.hashHi, at.hashLo, at.key);
    return found < 0 ? ~found : found + 1;
  }

  #placeOf(hashHi: number): number {
    return this.#depth === 0 ? 0 : (hashHi << this.#sharedBits) >>> (WORD_BITS - this.#depth);
  }

  #segmentOf(hashHi: number): Segment {
    return this.#table[this.#placeOf(hashHi)] as Segment;
  }

  /** The first place of the next segment. */
  #placeBehind(place: number, { depth }: Segment): number {
    const width = 1 << (this.#depth - depth);
    return (place & -width) + width;
  }

  /** Which record of the segment this is, or the complement (~) of which it would be. */
  #search(segment: Segment, hashHi: number, hashLo: number, key: string): number {
    // Whoever writes has just looked what is there.
    const sameHash = this.#foundLo === hashLo && this.#foundHi === hashHi;
    if (sameHash && this.#foundAfter === this.#changes && this.#foundKey === key) return this.#found;
    const { slots, count } = segment;
    let index = this.#firstWith(segment, hashHi);
    let found = -1;
    for (; index < count && (slots[index * SLOT] as number) >>> 0 === hashHi; index++) {
      const order = this.#slab.compare(slots[index * SLOT + CELL] as Cell, hashLo, key);
      if (order === 0) found = index;
      if (order >= 0) break;
    }
    this.#foundAfter = this.#changes;
    this.#foundKey = key;
    this.#foundHi = hashHi;
    this.#foundLo = hashLo;
    this.#found = found < 0 ? ~index : found;
    return this.#found;
  }

  /** The first record whose hash does not begin with less than this word. */
  #firstWith({ slots, count, depth }: Segment, hashHi: number): number {
    if (count > SEGMENT_RECORDS_MAX) return halve(slots, count, hashHi);
    const spread = (hashHi << (this.#sharedBits + depth)) >>> 16;
    let index = (spread * count) >>> 16;
    while (index < count && (slots[index * SLOT] as number) >>> 0 < hashHi) index++;
    while (index > 0 && (slots[(index - 1) * SLOT] as number) >>> 0 >= hashHi) index--;
    return index;
  }

  #insert(segment: Segment, index: number, hashHi: number, cell: Cell): void {
    this.#changes++;
    this.#size++;
    segment.insert(index, hashHi, cell);
    let full = segment;
    while (full.count > SEGMENT_RECORDS_MAX && this.#maySplit(full)) {
      this.#split(full, hashHi);
      full = this.#segmentOf(hashHi);
    }
  }

  #maySplit({ depth }: Segment): boolean {
    if (depth < this.#depth) return true;
    const places = 2 ** (depth + 1);
    return this.#sharedBits + depth < WORD_BITS && places <= Math.max(8, this.#size / RECORDS_PER_PLACE_MIN);
  }

  #split(segment: Segment, hashHi: number): void {
    if (segment.depth === this.#depth) {
      this.#table = this.#table.flatMap((held) => [held, held]);
      this.#depth++;
    }
    const bit = 1 << (WORD_BITS - 1 - this.#sharedBits - segment.depth);
    let middle = 0;
    while (middle < segment.count && ((segment.slots[middle * SLOT] as number) & bit) === 0) middle++;
    const [lower, upper] = segment.split(middle);
    const width = 1 << (this.#depth - segment.depth);
    const first = this.#placeOf(hashHi) & -width;
    this.#table.fill(lower, first, first + width / 2);
    this.#table.fill(upper, first + width / 2, first + width);
  }
}

/** The first of these slots whose hash does not begin with less than this word. */
function halve(slots: Int32Array, count: number, hashHi: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((slots[middle * SLOT] as number) >>> 0 < hashHi) low = middle + 1;
    else high = middle;
  }
  return low;
}
