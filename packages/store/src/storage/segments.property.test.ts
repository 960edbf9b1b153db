import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_SEGMENT, SEGMENT_RECORDS, Segments, type Segment } from './segments.ts';

/** The hashes of a segment begin alike: `shared` leading bits are those of `prefix`. */
interface Drawn {
  readonly shared: number;
  readonly prefix: number;
  readonly tails: readonly number[];
  readonly sought: number;
}

const anyWord = fc.oneof(
  fc.nat(0xffffffff),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff),
);
const anySegment: fc.Arbitrary<Drawn> = fc.record({
  shared: fc.integer({ min: 0, max: 32 }),
  prefix: anyWord,
  tails: fc.oneof(
    fc.array(anyWord, { maxLength: SEGMENT_RECORDS, size: 'max' }),
    // Crowds of equal hashes, where a guess is of no use.
    fc.array(fc.constantFrom(0, 5, 0x80000000, 0xffffffff), { maxLength: SEGMENT_RECORDS, size: 'max' }),
    fc.tuple(anyWord, fc.nat(SEGMENT_RECORDS)).map(([word, count]) => Array<number>(count).fill(word)),
  ),
  sought: anyWord,
});

function behind(shared: number, prefix: number, tail: number): number {
  const mask = shared === 32 ? 0 : 0xffffffff >>> shared;
  return ((prefix & ~mask) | (tail & mask)) >>> 0;
}

function filled(segments: Segments, hashes: readonly number[]): Segment {
  const segment = segments.take(0);
  hashes.forEach((hash, i) => segments.insert(segment, i, hash, i));
  return segment;
}

function slotsOf(segments: Segments, segment: Segment): [hash: number, cell: number][] {
  return Array.from({ length: segments.countOf(segment) }, (_, i) => [
    segments.hashAt(segment, i),
    segments.cellAt(segment, i),
  ]);
}

describe('segments', () => {
  it('find a record where halving would, and counting from the first', () => {
    fc.assert(
      fc.property(anySegment, ({ shared, prefix, tails, sought }) => {
        const segments = new Segments();
        const hashes = tails.map((tail) => behind(shared, prefix, tail)).toSorted((a, b) => a - b);
        const segment = filled(segments, hashes);
        // What is there, what lies beside it, both ends of what may be there, and any other.
        const near = hashes.flatMap((hash) => [hash - 1, hash, hash + 1]);
        const ends = [0, 0xffffffff].map((tail) => behind(shared, prefix, tail));
        for (const hash of [...near, ...ends, behind(shared, prefix, sought)].map((word) => word >>> 0)) {
          const first = hashes.findIndex((other) => other >= hash);
          const expected = first < 0 ? hashes.length : first;
          const spread = (hash << shared) >>> 16;
          if (segments.firstWith(segment, hash, spread) !== expected)
            expect.fail(`${hash} in [${hashes.join()}], ${shared} bits shared: not at ${expected}`);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('find it however wrong the guess is', () => {
    const segments = new Segments();
    const hashes = Array.from({ length: SEGMENT_RECORDS }, (_, i) => (i >> 1) * 0x4000000);
    const segment = filled(segments, hashes);
    for (const spread of [0, 1, 0x7fff, 0x8000, 0xffff])
      for (const hash of [...hashes, 0xffffffff]) {
        const first = hashes.findIndex((other) => other >= hash);
        expect(segments.firstWith(segment, hash, spread)).toBe(first < 0 ? hashes.length : first);
      }
  });

  it('take in and let go as a list does, and leave their neighbours alone', () => {
    const anyStep = fc.record({ index: fc.nat(SEGMENT_RECORDS), word: anyWord, remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 150, maxLength: 400, size: 'max' }), (steps) => {
        const segments = new Segments();
        const full = Array.from({ length: SEGMENT_RECORDS }, (_, i) => i);
        const before = filled(segments, full);
        const segment = segments.take(3);
        const after = filled(segments, full);
        const twin: [number, number][] = [];
        steps.forEach(({ index, word, remove }, cell) => {
          const at = index % (twin.length + 1);
          if (remove && at < twin.length) {
            segments.remove(segment, at);
            twin.splice(at, 1);
          } else if (twin.length < SEGMENT_RECORDS) {
            segments.insert(segment, at, word, cell);
            twin.splice(at, 0, [word, cell]);
          }
        });
        expect(slotsOf(segments, segment)).toEqual(twin);
        for (const neighbour of [before, after])
          expect(slotsOf(segments, neighbour)).toEqual(full.map((i) => [i, i]));
      }),
      { numRuns: 20 },
    );
  });

  it('are empty and on their own when taken, whatever they held before, in one region and the next', () => {
    const segments = new Segments();
    const taken = Array.from({ length: 600 }, () => filled(segments, [1, 2, 3]));
    expect(new Set(taken).size).toBe(600);
    for (const segment of taken) segments.give(segment);
    const again = taken.map(() => segments.take(9));
    expect(again.toSorted((a, b) => a - b)).toEqual(taken);
    for (const segment of again) {
      expect([segments.countOf(segment), segments.depthOf(segment)]).toEqual([0, 9]);
      expect(segments.nextOf(segment)).toBe(NO_SEGMENT);
    }
  });
});
