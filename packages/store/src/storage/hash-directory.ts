/**
 * The records of one interval of hash space in memory, in hash order: a table over the leading bits of the hash, and
 * under it sorted segments. The records themselves lie in a slab.
 *
 *     table   [ 00 | 01 | 10 | 11 ]         as many leading bits as the deepest segment looks at
 *               |    |     \   /
 *             seg  seg      seg             one that looks at fewer stands in several places
 *     segment   hash word, cell, hash word, cell, ...       by first word of the hash; up to 128 records
 *
 * A full segment becomes two, one bit deeper, and now and then the table doubles: the cost of growing is that of a
 * segment and a short copy, where one big Map stalls for as long as it takes to hash all of it anew. Walks need no
 * sorting.
 *
 * The hash is there already and spread evenly, so nothing is hashed or halved to look up: the leading bits find the
 * segment, the next ones tell about where in it a record must stand, and it is a few places from there. Looking up is
 * waiting for memory, and this waits twice: for the slot and for the record.
 *
 * Hashes that share more leading bits than chance gives do not blow the table up: their segment goes on in another one
 * instead. Either they were made to, or they are the first of many that come in hash order, as in a handoff. Such a chain
 * is divided by the next that needs room in it once the table may be larger, so that even hashes beside them do not stay
 * in it; an insert then makes a segment for each bit. Records that share their whole first word stand in order of the rest.
 *
 * Source: Fagin et al., "Extendible Hashing" (1979); interpolation search.
 * Not here: making segments of few records one again. A directory that has become empty gives all of them back.
 */
import type { RecordKey, Visitor } from '@rkv/core';
import { NO_SEGMENT, SEGMENT_RECORDS, type Segment, type Segments } from './segments.ts';
import type { Cell, Slab } from './slab.ts';

/**
 * The table has at most so many places a record. A hundred times fewer would do for evenly spread hashes; but those that
 * come in hash order, as in a handoff, need the table of all of them from the first per cent on.
 */
const PLACES_PER_RECORD_MAX = 2;
const PLACES_ALWAYS = 8;
const WORD_BITS = 32;
const NOT_FOUND = -1;
/** Stands for the middle of a segment. */
const SPREAD_MIDDLE = 0x8000;

/** What the directories of a store share. */
export interface DirectoryParts {
  readonly slab: Slab;
  readonly segments: Segments;
}

export class HashDirectory {
  readonly #slab: Slab;
  readonly #segments: Segments;
  /** Leading bits that the hashes of all records here share. */
  readonly #sharedBits: number;
  #table: Int32Array;
  /** The table has 2^depth places. */
  #depth = 0;
  #size = 0;
  /** Counts what moves slots or frees cells: a copy of slots is good for as long as this stands still. */
  #changes = 0;

  // What was sought last, and where it stands or would stand, as long as nothing has changed.
  #soughtKey = '';
  #soughtHi = 0;
  #soughtLo = 0;
  #soughtAfter = NOT_FOUND;
  #segment: Segment = NO_SEGMENT;
  #index = 0;
  #cell: Cell = NOT_FOUND;

  constructor({ slab, segments }: DirectoryParts, sharedBits = 0) {
    this.#slab = slab;
    this.#segments = segments;
    this.#sharedBits = sharedBits;
    this.#table = Int32Array.of(segments.take(0));
  }

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  /** Of the table: what is copied when it doubles. */
  get places(): number {
    return this.#table.length;
  }

  /** Borrowed: valid until the slab is changed. */
  get(hashHi: number, hashLo: number, key: string): Uint8Array | undefined {
    const cell = this.#seek(hashHi, hashLo, key);
    return cell === NOT_FOUND ? undefined : this.#slab.valueOf(cell);
  }

  /** The value is copied. */
  set(hashHi: number, hashLo: number, key: string, value: Uint8Array): void {
    const cell = this.#seek(hashHi, hashLo, key);
    if (cell === NOT_FOUND) return this.#insert(hashHi, hashLo, key, value);
    if (this.#slab.maybeReplace(cell, value)) return;
    // There may be no memory for it: then all is as it was.
    const added = this.#slab.add(hashLo, key, value);
    this.#changes++;
    this.#slab.remove(cell);
    this.#segments.setCell(this.#segment, this.#index, added);
  }

  remove(hashHi: number, hashLo: number, key: string): void {
    const cell = this.#seek(hashHi, hashLo, key);
    if (cell === NOT_FOUND) return;
    this.#changes++;
    this.#slab.remove(cell);
    this.#segments.remove(this.#segment, this.#index);
    this.#size--;
  }

  /** Once empty: give back what it shares with others. It must not be used any more. */
  dispose(): void {
    let last = NO_SEGMENT;
    for (const head of this.#table) {
      if (head === last) continue;
      last = head;
      for (let segment = head; segment !== NO_SEGMENT; segment = this.#segments.nextOf(segment))
        this.#segments.give(segment);
    }
    this.#table = new Int32Array(0);
  }

  /** As `Store.walk`. The visitor may change what it likes: the walk goes on behind the record it was at. */
  walk(after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    let left = limit;
    let behind = after;
    let place = 0;
    let segment = this.#table[0] as Segment;
    while (segment !== NO_SEGMENT) {
      let from = 0;
      if (behind !== undefined) {
        // Nothing is left of it when the visitor has emptied it: its segments are others' now.
        if (this.#table.length === 0) return false;
        // Where the walk is has to be found, and found anew when something has moved.
        this.#seekBehind(behind);
        place = this.#placeOf(behind.hashHi);
        segment = this.#segment;
        from = this.#index;
        behind = undefined;
      }
      const slots = this.#segments.slotsFrom(segment, from);
      const changes = this.#changes;
      for (let i = 0; i < slots.length && behind === undefined; i += 2) {
        if (left-- <= 0) return true;
        const cell = slots[i + 1] as Cell;
        const hashHi = (slots[i] as number) >>> 0;
        const hashLo = this.#slab.hashLoOf(cell);
        const key = this.#slab.keyOf(cell);
        if (!visit(hashHi, hashLo, key, this.#slab.valueOf(cell))) return true;
        if (this.#changes !== changes) behind = { hashHi, hashLo, key };
      }
      if (behind !== undefined) continue;
      const next = this.#segments.nextOf(segment);
      if (next === NO_SEGMENT) place = this.#placeBehind(place, segment);
      segment = next === NO_SEGMENT ? (this.#table[place] ?? NO_SEGMENT) : next;
    }
    return false;
  }

  /** The place behind this record, whether it is here or not. */
  #seekBehind({ hashHi, hashLo, key }: RecordKey): void {
    if (this.#seek(hashHi, hashLo, key) === NOT_FOUND) return;
    this.#index++;
    this.#soughtAfter = NOT_FOUND;
  }

  /** The first place of the next segment. */
  #placeBehind(place: number, segment: Segment): number {
    const width = 1 << (this.#depth - this.#segments.depthOf(segment));
    return (place & -width) + width;
  }

  #placeOf(hashHi: number): number {
    return this.#depth === 0 ? 0 : (hashHi << this.#sharedBits) >>> (WORD_BITS - this.#depth);
  }

  /** The record's cell, or NOT_FOUND. Where it stands, or would stand, is kept. */
  #seek(hashHi: number, hashLo: number, key: string): Cell {
    // Whoever writes has just looked what is there.
    const sameHash = this.#soughtLo === hashLo && this.#soughtHi === hashHi;
    if (sameHash && this.#soughtAfter === this.#changes && this.#soughtKey === key) return this.#cell;
    this.#soughtKey = key;
    this.#soughtHi = hashHi;
    this.#soughtLo = hashLo;
    this.#soughtAfter = this.#changes;
    this.#cell = NOT_FOUND;
    let segment = this.#table[this.#placeOf(hashHi)] as Segment;
    while (!this.#seekIn(segment, hashHi, hashLo, key)) segment = this.#segments.nextOf(segment);
    return this.#cell;
  }

  /** False when it can only be where the segment goes on. */
  #seekIn(segment: Segment, hashHi: number, hashLo: number, key: string): boolean {
    const segments = this.#segments;
    const count = segments.countOf(segment);
    const spread = (hashHi << (this.#sharedBits + segments.depthOf(segment))) >>> 16;
    let index = segments.firstWith(segment, hashHi, spread);
    for (; index < count && segments.hashAt(segment, index) === hashHi; index++) {
      const cell = segments.cellAt(segment, index);
      const order = this.#slab.compare(cell, hashLo, key);
      if (order === 0) this.#cell = cell;
      if (order >= 0) break;
    }
    this.#segment = segment;
    this.#index = index;
    return index < count || segments.nextOf(segment) === NO_SEGMENT;
  }

  /** Where it was just sought and not found. */
  #insert(hashHi: number, hashLo: number, key: string, value: Uint8Array): void {
    while (this.#segments.countOf(this.#segment) === SEGMENT_RECORDS) {
      this.#changes++;
      this.#makeRoom(this.#segment, hashHi);
      this.#seek(hashHi, hashLo, key);
    }
    const cell = this.#slab.add(hashLo, key, value);
    this.#changes++;
    this.#size++;
    this.#segments.insert(this.#segment, this.#index, hashHi, cell);
  }

  #makeRoom(segment: Segment, hashHi: number): void {
    if (this.#maySplit(this.#segments.depthOf(segment))) this.#split(hashHi);
    else this.#segments.chain(segment);
  }

  #maySplit(depth: number): boolean {
    if (depth < this.#depth) return true;
    const places = 2 ** (depth + 1);
    return (
      this.#sharedBits + depth < WORD_BITS &&
      places <= Math.max(PLACES_ALWAYS, this.#size * PLACES_PER_RECORD_MAX)
    );
  }

  /** The segment of this hash, and what it goes on in, becomes two, one bit deeper. */
  #split(hashHi: number): void {
    const head = this.#table[this.#placeOf(hashHi)] as Segment;
    const depth = this.#segments.depthOf(head);
    if (depth === this.#depth) this.#doubleTable();
    const bit = 1 << (WORD_BITS - 1 - this.#sharedBits - depth);
    const upper = this.#cutBefore(head, ((hashHi | bit) & -bit) >>> 0);
    this.#segments.deepen(head);
    this.#segments.deepen(upper);
    const width = 1 << (this.#depth - depth);
    const first = this.#placeOf(hashHi) & -width;
    this.#table.fill(upper, first + width / 2, first + width);
  }

  /** The chain ends before this hash. What stands from there on begins with another segment. */
  #cutBefore(head: Segment, hashHi: number): Segment {
    const segments = this.#segments;
    let before = NO_SEGMENT;
    let segment = head;
    let index = segments.firstWith(segment, hashHi, SPREAD_MIDDLE);
    while (index === segments.countOf(segment) && segments.nextOf(segment) !== NO_SEGMENT) {
      before = segment;
      segment = segments.nextOf(segment);
      index = segments.firstWith(segment, hashHi, SPREAD_MIDDLE);
    }
    return index === 0 && before !== NO_SEGMENT ? segments.cut(before) : segments.split(segment, index);
  }

  #doubleTable(): void {
    const table = new Int32Array(this.#table.length * 2);
    for (let place = 0; place < table.length; place++) table[place] = this.#table[place >> 1] as Segment;
    this.#table = table;
    this.#depth++;
  }
}
