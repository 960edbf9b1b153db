/**
 * The segments of all hash directories of a store: blocks of one size, many to a region, and none of them an object.
 *
 *     region    | segment | segment | ... |             256 segments of 256 words
 *     segment   count, depth, next, unused, then slots   a slot: first word of the hash, cell
 *
 * A segment is named by a number. An array of its own for each would put two more places in memory, which no cache
 * holds when there are thousands of them, between a key and its record.
 */

/** Names a segment until it is given back. */
export type Segment = number;

export const NO_SEGMENT = -1;
/** Records that fit into one. More: fewer segments to find, more to move at each insert. */
export const SEGMENT_RECORDS = 126;

const WORDS = 256;
const REGION_SEGMENTS = 256;
const SEGMENT_SHIFT = 8;
const SEGMENT_MASK = REGION_SEGMENTS - 1;

// The words of its header.
const COUNT = 0;
const DEPTH = 1;
const NEXT = 2;

const SLOTS = 4;
const SLOT = 2;
const CELL = 1;

export class Segments {
  readonly #regions: Int32Array[] = [];
  readonly #free: Segment[] = [];
  #made = 0;

  /** An empty one. */
  take(depth: number): Segment {
    const segment = this.#free.pop() ?? this.#make();
    const words = this.#wordsOf(segment);
    const at = offsetOf(segment);
    words[at + COUNT] = 0;
    words[at + DEPTH] = depth;
    words[at + NEXT] = NO_SEGMENT;
    return segment;
  }

  give(segment: Segment): void {
    this.#free.push(segment);
  }

  countOf(segment: Segment): number {
    return this.#wordsOf(segment)[offsetOf(segment) + COUNT] as number;
  }

  /** How many leading bits its records share, beyond those that all of the directory do. */
  depthOf(segment: Segment): number {
    return this.#wordsOf(segment)[offsetOf(segment) + DEPTH] as number;
  }

  /** Where it goes on, or NO_SEGMENT. */
  nextOf(segment: Segment): Segment {
    return this.#wordsOf(segment)[offsetOf(segment) + NEXT] as number;
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
    const count = words[offsetOf(segment) + COUNT] as number;
    const first = slotAt(segment, 0);
    let index = (spread * count) >>> 16;
    while (index < count && (words[first + index * SLOT] as number) >>> 0 < hashHi) index++;
    while (index > 0 && (words[first + (index - 1) * SLOT] as number) >>> 0 >= hashHi) index--;
    return index;
  }

  /** There must be room. */
  insert(segment: Segment, index: number, hashHi: number, cell: number): void {
    const words = this.#wordsOf(segment);
    const count = words[offsetOf(segment) + COUNT] as number;
    const at = slotAt(segment, index);
    words.copyWithin(at + SLOT, at, slotAt(segment, count));
    words[at] = hashHi;
    words[at + CELL] = cell;
    words[offsetOf(segment) + COUNT] = count + 1;
  }

  remove(segment: Segment, index: number): void {
    const words = this.#wordsOf(segment);
    const count = words[offsetOf(segment) + COUNT] as number;
    words.copyWithin(slotAt(segment, index), slotAt(segment, index + 1), slotAt(segment, count));
    words[offsetOf(segment) + COUNT] = count - 1;
  }

  /** Its records from `index` on, and what it goes on in, go to a new one. It ends here. */
  split(segment: Segment, index: number): Segment {
    const upper = this.take(this.depthOf(segment));
    this.#moveUpper(segment, index, upper);
    this.#wordsOf(upper)[offsetOf(upper) + NEXT] = this.cut(segment);
    return upper;
  }

  /** It ends here. What it went on in. */
  cut(segment: Segment): Segment {
    const next = this.nextOf(segment);
    this.#wordsOf(segment)[offsetOf(segment) + NEXT] = NO_SEGMENT;
    return next;
  }

  /** Its upper half goes to a new one that it goes on in. */
  chain(segment: Segment): void {
    const link = this.split(segment, this.countOf(segment) >>> 1);
    this.#wordsOf(segment)[offsetOf(segment) + NEXT] = link;
  }

  /** Its records, and those of what it goes on in, share one more bit than before. */
  deepen(segment: Segment): void {
    const depth = this.depthOf(segment) + 1;
    for (let each = segment; each !== NO_SEGMENT; each = this.nextOf(each))
      this.#wordsOf(each)[offsetOf(each) + DEPTH] = depth;
  }

  /** A copy of the slots from `index` on: hash word (signed), cell, hash word, cell, ... */
  slotsFrom(segment: Segment, index: number): Int32Array {
    return this.#wordsOf(segment).slice(slotAt(segment, index), slotAt(segment, this.countOf(segment)));
  }

  #moveUpper(from: Segment, index: number, to: Segment): void {
    const moved = this.slotsFrom(from, index);
    this.#wordsOf(to).set(moved, slotAt(to, 0));
    this.#wordsOf(to)[offsetOf(to) + COUNT] = moved.length / SLOT;
    this.#wordsOf(from)[offsetOf(from) + COUNT] = index;
  }

  #make(): Segment {
    if ((this.#made & SEGMENT_MASK) === 0) this.#regions.push(new Int32Array(REGION_SEGMENTS * WORDS));
    return this.#made++;
  }

  #wordsOf(segment: Segment): Int32Array {
    return this.#regions[segment >>> SEGMENT_SHIFT] as Int32Array;
  }
}

/** Where it begins in its region, words. */
function offsetOf(segment: Segment): number {
  return (segment & SEGMENT_MASK) * WORDS;
}

function slotAt(segment: Segment, index: number): number {
  return (segment & SEGMENT_MASK) * WORDS + SLOTS + index * SLOT;
}
