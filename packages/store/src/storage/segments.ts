/**
 * The segments of all hash directories of a store: blocks of one size, many to a region, and none of them an object.
 *
 *     region    | segment | segment | ... |             256 segments of 256 words
 *     segment   slot, slot, ...                         first word of the hash, cell
 *     head      count, depth; next                      two words for each segment, all of them together
 *
 * A segment is named by a number. An array of its own for each would put two more places in memory, which no cache
 * holds when there are thousands of them, between a key and its record; and so would a head before its slots, where
 * the heads of ten thousand keys fit into the smallest cache.
 */

/** Names a segment until it is given back. */
export type Segment = number;

export const NO_SEGMENT = -1;
/** Records that fit into one. More: fewer segments to find, more to move at each insert. */
export const SEGMENT_RECORDS = 128;

const WORDS = 256;
const REGION_SEGMENTS = 256;
const SEGMENT_SHIFT = 8;
const SEGMENT_MASK = REGION_SEGMENTS - 1;

const SLOT = 2;
const CELL = 1;

/** The words of a head. */
const HEAD_WORDS = 2;
const STATE = 0;
const NEXT = 1;

// A head's state: count below, then depth.
const DEPTH_SHIFT = 8;
const COUNT_MASK = 0xff;
const DEPTH_MASK = 0x3f;

const FIRST_HEADS = 64;

export class Segments {
  readonly #regions: Int32Array[] = [];
  readonly #free: Segment[] = [];
  #heads: Int32Array = new Int32Array(FIRST_HEADS * HEAD_WORDS);
  #made = 0;

  /** An empty one. */
  take(depth: number): Segment {
    const segment = this.#free.pop() ?? this.#make();
    this.#heads[segment * HEAD_WORDS + STATE] = depth << DEPTH_SHIFT;
    this.#heads[segment * HEAD_WORDS + NEXT] = NO_SEGMENT;
    return segment;
  }

  give(segment: Segment): void {
    this.#free.push(segment);
  }

  countOf(segment: Segment): number {
    return this.#stateOf(segment) & COUNT_MASK;
  }

  /** How many leading bits its records share, beyond those that all of the directory do. */
  depthOf(segment: Segment): number {
    return (this.#stateOf(segment) >>> DEPTH_SHIFT) & DEPTH_MASK;
  }

  /** Where it goes on, or NO_SEGMENT. */
  nextOf(segment: Segment): Segment {
    return this.#heads[segment * HEAD_WORDS + NEXT] as number;
  }

  /** First word of the hash, unsigned. */
  hashAt(segment: Segment, index: number): number {
    return (this.#wordsOf(segment)[slotAt(segment, index)] as number) >>> 0;
  }

  cellAt(segment: Segment, index: number): number {
    return this.#wordsOf(segment)[slotAt(segment, index) + CELL] as number;
  }

  setCell(segment: Segment, index: number, cell: number): void {
    this.#wordsOf(segment)[slotAt(segment, index) + CELL] = cell;
  }

  /**
   * The first record whose hash does not begin with less than this word; the count, if there is none. `spread`: the
   * sixteen bits of the word behind those that all records here share, which tell about where it must stand.
   */
  firstWith(segment: Segment, hashHi: number, spread: number): number {
    const words = this.#wordsOf(segment);
    const count = this.countOf(segment);
    const first = slotAt(segment, 0);
    let index = (spread * count) >>> 16;
    while (index < count && (words[first + index * SLOT] as number) >>> 0 < hashHi) index++;
    while (index > 0 && (words[first + (index - 1) * SLOT] as number) >>> 0 >= hashHi) index--;
    return index;
  }

  /** There must be room. */
  insert(segment: Segment, index: number, hashHi: number, cell: number): void {
    const words = this.#wordsOf(segment);
    const at = slotAt(segment, index);
    words.copyWithin(at + SLOT, at, slotAt(segment, this.countOf(segment)));
    words[at] = hashHi;
    words[at + CELL] = cell;
    this.#count(segment, 1);
  }

  remove(segment: Segment, index: number): void {
    const words = this.#wordsOf(segment);
    const end = slotAt(segment, this.countOf(segment));
    words.copyWithin(slotAt(segment, index), slotAt(segment, index + 1), end);
    this.#count(segment, -1);
  }

  /** Its records from `index` on, and what it goes on in, go to a new one. It ends here. */
  split(segment: Segment, index: number): Segment {
    const upper = this.take(this.depthOf(segment));
    this.#moveUpper(segment, index, upper);
    this.#heads[upper * HEAD_WORDS + NEXT] = this.cut(segment);
    return upper;
  }

  /** It ends here. What it went on in. */
  cut(segment: Segment): Segment {
    const next = this.nextOf(segment);
    this.#heads[segment * HEAD_WORDS + NEXT] = NO_SEGMENT;
    return next;
  }

  /** Its upper half goes to a new one that it goes on in. */
  chain(segment: Segment): void {
    const link = this.split(segment, this.countOf(segment) >>> 1);
    this.#heads[segment * HEAD_WORDS + NEXT] = link;
  }

  /** Its records, and those of what it goes on in, share one more bit than before. */
  deepen(segment: Segment): void {
    for (let each = segment; each !== NO_SEGMENT; each = this.nextOf(each))
      this.#setState(each, this.#stateOf(each) + (1 << DEPTH_SHIFT));
  }

  /** A copy of the slots from `index` on: hash word (signed), cell, hash word, cell, ... */
  slotsFrom(segment: Segment, index: number): Int32Array {
    return this.#wordsOf(segment).slice(slotAt(segment, index), slotAt(segment, this.countOf(segment)));
  }

  #moveUpper(from: Segment, index: number, to: Segment): void {
    const moved = this.slotsFrom(from, index);
    this.#wordsOf(to).set(moved, slotAt(to, 0));
    this.#count(to, moved.length / SLOT);
    this.#count(from, -moved.length / SLOT);
  }

  #make(): Segment {
    if ((this.#made & SEGMENT_MASK) === 0) this.#regions.push(new Int32Array(REGION_SEGMENTS * WORDS));
    if ((this.#made + 1) * HEAD_WORDS > this.#heads.length) {
      const heads = new Int32Array(this.#heads.length * 2);
      heads.set(this.#heads);
      this.#heads = heads;
    }
    return this.#made++;
  }

  #stateOf(segment: Segment): number {
    return this.#heads[segment * HEAD_WORDS + STATE] as number;
  }

  #setState(segment: Segment, state: number): void {
    this.#heads[segment * HEAD_WORDS + STATE] = state;
  }

  #count(segment: Segment, by: number): void {
    this.#setState(segment, this.#stateOf(segment) + by);
  }

  #wordsOf(segment: Segment): Int32Array {
    return this.#regions[segment >>> SEGMENT_SHIFT] as Int32Array;
  }
}

function slotAt(segment: Segment, index: number): number {
  return (segment & SEGMENT_MASK) * WORDS + index * SLOT;
}
