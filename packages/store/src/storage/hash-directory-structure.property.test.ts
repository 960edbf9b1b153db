/**
 * How a hash directory lies in memory, seen from below: the segments and the slab it is given keep account of what it
 * takes, gives back, moves and looks at. Where its table points is seen by asking for a hash of each place.
 */
import fc from 'fast-check';
import { murmur32Latin1, type RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { HashDirectory } from './hash-directory.ts';
import { NO_SEGMENT, SEGMENT_RECORDS, Segments, type Segment } from './segments.ts';
import { Slab, type Cell } from './slab.ts';

const CHUNK_BYTES = 256 * 1024;
const CELL_BYTES_MAX = CHUNK_BYTES / 8;

class WatchedSegments extends Segments {
  readonly live = new Set<Segment>();
  /** The one that was looked through last but for those it goes on in. */
  sought: Segment[] = [];
  /** Words of slots that were moved. */
  moved = 0;

  override take(depth: number): Segment {
    const segment = super.take(depth);
    if (this.live.has(segment)) throw new Error(`segment ${segment} is taken twice`);
    this.live.add(segment);
    return segment;
  }

  override give(segment: Segment): void {
    if (!this.live.delete(segment)) throw new Error(`segment ${segment} is given back, and nobody has it`);
    super.give(segment);
  }

  override firstWith(segment: Segment, hashHi: number, spread: number): number {
    this.sought.push(segment);
    return super.firstWith(segment, hashHi, spread);
  }

  override slotsFrom(segment: Segment, index: number): Int32Array {
    const slots = super.slotsFrom(segment, index);
    this.moved += slots.length;
    return slots;
  }

  override insert(segment: Segment, index: number, hashHi: number, cell: Cell): void {
    this.moved += 2 * (this.countOf(segment) - index);
    super.insert(segment, index, hashHi, cell);
  }
}

interface Held {
  hashLo: number;
  key: string;
  value: Uint8Array;
}

class WatchedSlab extends Slab {
  readonly live = new Map<Cell, Held>();
  /** By size of cell: how many there are, and how many there were at most. */
  readonly #counts = new Map<number, { now: number; most: number }>();

  override add(hashLo: number, key: string, value: Uint8Array): Cell {
    const cell = super.add(hashLo, key, value);
    if (this.live.has(cell)) throw new Error(`cell ${cell} holds two records`);
    this.live.set(cell, { hashLo, key, value: value.slice() });
    const count = this.#countOf(key, value);
    count.most = Math.max(count.most, ++count.now);
    return cell;
  }

  override remove(cell: Cell): void {
    const held = this.live.get(cell);
    if (held === undefined) throw new Error(`cell ${cell} is freed, and nobody has it`);
    this.live.delete(cell);
    this.#countOf(held.key, held.value).now--;
    super.remove(cell);
  }

  override maybeReplace(cell: Cell, value: Uint8Array): boolean {
    if (!super.maybeReplace(cell, value)) return false;
    (this.live.get(cell) as Held).value = value.slice();
    return true;
  }

  /** Every record byte for byte, and no more memory than its cells ever needed at once. */
  check(): void {
    for (const [cell, { hashLo, key, value }] of this.live) {
      const same = this.hashLoOf(cell) === hashLo && this.keyOf(cell) === key;
      if (!same || Buffer.compare(this.valueOf(cell), value) !== 0)
        expect.fail(`the record of "${key}" has changed`);
    }
    let bytesMax = 0;
    for (const [size, { now, most }] of this.#counts) {
      if (size > CELL_BYTES_MAX) bytesMax += now * size;
      else bytesMax += Math.ceil(most / Math.floor(CHUNK_BYTES / size)) * CHUNK_BYTES;
    }
    expect(this.bytes).toBeLessThanOrEqual(bytesMax);
  }

  /** What is left when nothing is held: a chunk of each shared size. */
  checkEmpty(): void {
    expect(this.live.size).toBe(0);
    const shared = [...this.#counts.keys()].filter((size) => size <= CELL_BYTES_MAX);
    expect(this.bytes).toBe(shared.length * CHUNK_BYTES);
  }

  #countOf(key: string, value: Uint8Array): { now: number; most: number } {
    const bytes = 12 + key.length + value.length;
    let size = 16;
    while (size < bytes) size += Math.max(16, 2 ** Math.floor(Math.log2(size)) / 8);
    let count = this.#counts.get(size);
    if (count === undefined) this.#counts.set(size, (count = { now: 0, most: 0 }));
    return count;
  }
}

/** A directory with all that is known about it. */
class Watched {
  readonly segments = new WatchedSegments();
  readonly slab = new WatchedSlab();
  readonly directory: HashDirectory;
  readonly sharedBits: number;
  readonly #twin = new Map<string, { at: RecordKey; value: Uint8Array }>();
  #sizeMax = 0;
  #probes = 0;

  constructor(sharedBits: number) {
    this.sharedBits = sharedBits;
    this.directory = new HashDirectory({ slab: this.slab, segments: this.segments }, sharedBits);
  }

  get keys(): RecordKey[] {
    return [...this.#twin.values()].map(({ at }) => at);
  }

  set(at: RecordKey, value: Uint8Array): void {
    this.directory.set(at.hashHi, at.hashLo, at.key, value);
    this.#twin.set(nameOf(at), { at, value });
    this.#sizeMax = Math.max(this.#sizeMax, this.#twin.size);
  }

  remove(at: RecordKey): void {
    this.directory.remove(at.hashHi, at.hashLo, at.key);
    this.#twin.delete(nameOf(at));
  }

  /** Of the table. */
  get depth(): number {
    return Math.log2(this.directory.places);
  }

  /** How many segments have to be looked through for a record, at worst. */
  get longestChain(): number {
    return Math.max(...this.#heads().map((head) => this.#chainOf(head).length));
  }

  /** The whole structure, against what it must be. */
  check(): void {
    const { directory, segments, slab, depth, sharedBits } = this;
    expect(directory.size).toBe(this.#twin.size);
    // The table is as large as its deepest segment asks for, and bounded by the records, not by their hashes.
    expect(depth).toBe(Math.max(...[...segments.live].map((segment) => segments.depthOf(segment))));
    expect(2 ** depth).toBeLessThanOrEqual(Math.max(8, this.#sizeMax * 2));
    const heads = this.#heads();
    const seen: Segment[] = [];
    const cells: Cell[] = [];
    const records: RecordKey[] = [];
    for (let place = 0; place < heads.length;) {
      const head = heads[place] as Segment;
      const bits = segments.depthOf(head);
      const width = 2 ** (depth - bits);
      expect(place % width).toBe(0);
      expect(heads.slice(place, place + width).every((other) => other === head)).toBe(true);
      for (const segment of this.#chainOf(head)) {
        seen.push(segment);
        expect(segments.depthOf(segment)).toBe(bits);
        for (let i = 0; i < segments.countOf(segment); i++) {
          const hashHi = segments.hashAt(segment, i);
          const cell = segments.cellAt(segment, i);
          if (leadingBits(hashHi, sharedBits, bits) !== place / width)
            expect.fail(`${hashHi} stands at place ${place} of 2^${depth}, ${bits} bits deep`);
          cells.push(cell);
          records.push({ hashHi, hashLo: slab.hashLoOf(cell), key: slab.keyOf(cell) });
        }
      }
      place += width;
    }
    // Each once, and none is lost.
    expect(seen.toSorted((a, b) => a - b)).toEqual([...segments.live].toSorted((a, b) => a - b));
    expect(cells.toSorted((a, b) => a - b)).toEqual([...slab.live.keys()].toSorted((a, b) => a - b));
    expect(records).toEqual(this.keys.toSorted(compare));
    for (const { at, value } of this.#twin.values()) {
      const found = directory.get(at.hashHi, at.hashLo, at.key);
      if (found === undefined || Buffer.compare(found, value) !== 0) expect.fail(`"${at.key}" is not found`);
    }
    slab.check();
  }

  /** Remove everything: all that was taken is given back. */
  checkEnd(): void {
    for (const at of this.keys) this.remove(at);
    this.check();
    this.slab.checkEmpty();
    this.directory.dispose();
    expect(this.segments.live.size).toBe(0);
  }

  /** By place of the table. */
  #heads(): Segment[] {
    const { depth, sharedBits } = this;
    const width = 2 ** (32 - sharedBits - depth);
    // All records share the leading bits of the first, whatever these are.
    const start = sharedBits === 0 ? 0 : leadingBits(this.keys[0]?.hashHi ?? 0, 0, sharedBits);
    const key = `probe ${this.#probes++}`;
    return Array.from({ length: 2 ** depth }, (_, place) => {
      this.segments.sought = [];
      this.directory.get(start * 2 ** (32 - sharedBits) + place * width, 0, key);
      return this.segments.sought[0] as Segment;
    });
  }

  #chainOf(head: Segment): Segment[] {
    const chain: Segment[] = [];
    for (let segment = head; segment !== NO_SEGMENT; segment = this.segments.nextOf(segment))
      chain.push(segment);
    return chain;
  }
}

/** So many bits as a number, behind those that are left out. */
function leadingBits(hashHi: number, leftOut: number, bits: number): number {
  return Math.floor((hashHi % 2 ** (32 - leftOut)) / 2 ** (32 - leftOut - bits));
}

function nameOf({ hashHi, hashLo, key }: RecordKey): string {
  return `${hashHi} ${hashLo} ${key}`;
}

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

/** Keys of hashes that share so many leading bits, and behind these are as if drawn. */
function alike(count: number, bits: number, prefix: number, seed: number): RecordKey[] {
  const mask = bits === 32 ? 0 : 0xffffffff >>> bits;
  return Array.from({ length: count }, (_, i) => ({
    hashHi: ((prefix & ~mask) | (murmur32Latin1(seed, `${i}`) & mask)) >>> 0,
    hashLo: murmur32Latin1(seed + 1, `${i >> 1}`),
    key: `${seed} ${i}`,
  }));
}

const PREFIX = 0xabcdef01;

const anyCrowd = fc.record({
  count: fc.integer({ min: 1, max: 900 }),
  bits: fc.constantFrom(4, 4, 4, 7, 12, 20, 31, 32),
  prefix: fc.nat(0xfffffff).map((rest) => ((0xa << 28) | rest) >>> 0),
  seed: fc.nat(1000),
  size: fc.oneof(fc.nat(60), fc.nat(400), fc.constantFrom(0, 5_000, 40_000)),
  dropped: fc.nat(10),
});

describe('the structure of a hash directory', () => {
  it('holds after any crowds of keys came, changed their sizes and went', () => {
    fc.assert(
      fc.property(fc.array(anyCrowd, { minLength: 1, maxLength: 4 }), (crowds) => {
        const watched = new Watched(4);
        for (const { count, bits, prefix, seed, size, dropped } of crowds) {
          // A few large ones are enough.
          const keys = alike(size > 400 ? Math.min(count, 20) : count, bits, prefix, seed);
          for (const [i, at] of keys.entries()) watched.set(at, new Uint8Array(size + (i % 3)).fill(i));
          watched.check();
          for (const [i, at] of watched.keys.entries()) {
            if (i % 10 < dropped) watched.remove(at);
            else if (i % 3 === 0) watched.set(at, new Uint8Array((i * 7) % 300).fill(seed));
          }
          watched.check();
        }
        watched.checkEnd();
      }),
      { numRuns: 8 },
    );
  });

  it.each([20, 31, 32])('is bounded by thousands of hashes that share %i leading bits', (bits) => {
    const watched = new Watched(0);
    const hostile = alike(2_000, bits, PREFIX, bits);
    for (const at of hostile) watched.set(at, Uint8Array.of(1));
    watched.check();
    // From the middle of them, as from the first: what a sorted list says.
    const sorted = hostile.toSorted(compare);
    const rest: string[] = [];
    watched.directory.walk(sorted[999], Infinity, (_hi, _lo, key) => rest.push(key) > 0);
    expect(rest).toEqual(sorted.slice(1_000).map(({ key }) => key));
    for (const at of hostile.filter((_, i) => i % 3 > 0)) watched.remove(at);
    watched.check();
    watched.checkEnd();
  });

  it.each([5, 20, 32])('lets the even hashes beside those that share %i bits split as ever', (bits) => {
    const watched = new Watched(0);
    const hostile = alike(260, bits, PREFIX, 1);
    for (const at of hostile) watched.set(at, Uint8Array.of(1));
    for (const at of alike(6_000, 0, 0, 2)) watched.set(at, Uint8Array.of(2));
    watched.check();
    // The crowd by itself fills three segments, or five that are half full, and shares them with few others.
    expect(watched.longestChain).toBeLessThanOrEqual(6);
  });

  it('grows by at most one segment and one copy of the table at a time', () => {
    const watched = new Watched(4);
    let depth = 0;
    for (const at of alike(6_000, 4, PREFIX, 3)) {
      const { moved, live } = watched.segments;
      const segmentsBefore = live.size;
      watched.set(at, Uint8Array.of(1));
      const made = live.size - segmentsBefore;
      if (made > 0) {
        expect(made).toBe(1);
        expect(watched.depth - depth).toBeLessThanOrEqual(1);
        ({ depth } = watched);
      }
      // One is divided, and in one place is made.
      if (watched.segments.moved - moved > (made + 1) * 2 * SEGMENT_RECORDS) expect.fail('it moved more');
    }
    expect(watched.segments.live.size).toBeGreaterThan(50);
    watched.check();
  });

  it('grows by at most one segment for each bit where hashes were made alike', () => {
    const watched = new Watched(0);
    for (const at of alike(4_000, 0, 0, 4)) watched.set(at, Uint8Array.of(1));
    const bitsMax = Math.floor(Math.log2(4_600 * 2));
    for (const at of alike(600, 32, 0xffffffff, 5)) {
      const { moved, live } = watched.segments;
      const segmentsBefore = live.size;
      watched.set(at, Uint8Array.of(1));
      const made = live.size - segmentsBefore;
      expect(made).toBeLessThanOrEqual(bitsMax + 1);
      expect(watched.segments.moved - moved).toBeLessThanOrEqual((made + 1) * 2 * SEGMENT_RECORDS);
    }
    watched.check();
  });
});
