import fc from 'fast-check';
import { murmur32Latin1, type RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { HashDirectory } from './hash-directory.ts';
import { NO_SEGMENT, Segments, type Segment } from './segments.ts';
import { Slab } from './slab.ts';

/** Few hashes that differ in their first bits, in their last bits or not at all, so that leaves split at every depth. */
const word = fc.constantFrom(0, 1, 2, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff);
const anyKey: fc.Arbitrary<RecordKey> = fc.record({
  hashHi: word,
  hashLo: word,
  key: fc.nat(40).map((i) => String.fromCharCode(i * 6)),
});
const anySteps = fc.array(fc.record({ at: anyKey, value: fc.option(fc.nat(255)) }), {
  minLength: 500,
  maxLength: 1000,
  size: 'max',
});

/** The dumb twin: everything in one list. */
class SortedList {
  records: { at: RecordKey; value: number }[] = [];

  set(at: RecordKey, value: number | null): void {
    const index = this.records.findIndex((record) => compare(record.at, at) === 0);
    if (index >= 0) this.records.splice(index, 1);
    if (value !== null) this.records.push({ at, value });
  }

  after(at: RecordKey | undefined): { at: RecordKey; value: number }[] {
    return this.records
      .filter((record) => at === undefined || compare(record.at, at) > 0)
      .toSorted((a, b) => compare(a.at, b.at));
  }
}

/** Counts the steps from a segment to where it goes on. */
class CountedSegments extends Segments {
  steps = 0;

  override nextOf(segment: Segment): Segment {
    const next = super.nextOf(segment);
    if (next !== NO_SEGMENT) this.steps++;
    return next;
  }
}

function emptyDirectory(sharedBits: number): HashDirectory {
  return new HashDirectory({ slab: new Slab(), segments: new Segments() }, sharedBits);
}

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

/** Hashes as keys have them, and all of them in one sixteenth of hash space. */
const spread = fc.record({ seed: fc.nat(0xffffffff), count: fc.integer({ min: 1, max: 5_000 }) });

function hashesOf({ seed, count }: { seed: number; count: number }): RecordKey[] {
  return Array.from({ length: count }, (_, i) => ({
    hashHi: ((0xa << 28) | (murmur32Latin1(seed, `${i}`) >>> 4)) >>> 0,
    hashLo: murmur32Latin1(seed + 1, `${i}`),
    key: `${i}`,
  }));
}

describe('a hash directory', () => {
  it('grows and shrinks with evenly spread hashes, and walks them in order', () => {
    fc.assert(
      fc.property(spread, fc.integer({ min: 1, max: 9 }), (drawn, keptOfTen) => {
        const directory = emptyDirectory(4);
        const records = hashesOf(drawn);
        for (const [i, at] of records.entries())
          directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(i & 255));
        const expected = (kept: readonly RecordKey[]): { at: RecordKey; value: number }[] =>
          kept.toSorted(compare).map((at) => ({ at, value: Number(at.key) & 255 }));
        expect(walk(directory, undefined)).toEqual(expected(records));
        const kept = records.filter((_, i) => i % 10 < keptOfTen);
        for (const [i, at] of records.entries())
          if (i % 10 >= keptOfTen) directory.remove(at.hashHi, at.hashLo, at.key);
        expect(directory.size).toBe(kept.length);
        expect(walk(directory, undefined)).toEqual(expected(kept));
        for (const [i, at] of records.entries())
          expect(directory.get(at.hashHi, at.hashLo, at.key)?.[0]).toBe(
            i % 10 < keptOfTen ? i & 255 : undefined,
          );
        const middle = records[drawn.count >> 1] as RecordKey;
        expect(walk(directory, middle)).toEqual(expected(kept).filter(({ at }) => compare(at, middle) > 0));
      }),
      { numRuns: 15 },
    );
  });

  it('that was filled in hash order, as by a handoff, is found in as one that was not', () => {
    const segments = new CountedSegments();
    const records = hashesOf({ seed: 3, count: 50_000 }).toSorted(compare);
    const directory = new HashDirectory({ slab: new Slab(), segments }, 4);
    for (const at of records) directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(at.hashLo & 255));
    const getAll = (): number => {
      segments.steps = 0;
      for (const at of records)
        expect(directory.get(at.hashHi, at.hashLo, at.key)?.[0] === (at.hashLo & 255)).toBe(true);
      return segments.steps / records.length;
    };
    getAll(); // Whoever meets a chain that can be split now splits it.
    expect(getAll()).toBeLessThan(0.02);
    expect(walk(directory, undefined).map(({ at }) => at.key)).toEqual(records.map(({ key }) => key));
  });

  it('is walked to the end while the visitor makes it grow', () => {
    const directory = emptyDirectory(4);
    const records = hashesOf({ seed: 7, count: 4_000 });
    const late = records.splice(1_000);
    for (const at of records) directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(1));
    const seen = new Set<string>();
    directory.walk(undefined, Infinity, (_hi, _lo, key) => {
      expect(seen.has(key)).toBe(false);
      seen.add(key);
      for (const at of late.splice(0, 7)) directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(2));
      return true;
    });
    for (const { key } of records) expect(seen.has(key)).toBe(true);
  });

  it('holds what a sorted list holds, from wherever it is walked', () => {
    fc.assert(
      fc.property(anySteps, anyKey, (steps, start) => {
        const directory = emptyDirectory(0);
        const twin = new SortedList();
        for (const { at, value } of steps) {
          if (value === null) directory.remove(at.hashHi, at.hashLo, at.key);
          else directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(value));
          twin.set(at, value);
        }
        expect(directory.size).toBe(twin.records.length);
        expect(walk(directory, undefined)).toEqual(twin.after(undefined));
        expect(walk(directory, start)).toEqual(twin.after(start));
        for (const { at } of steps) {
          expect(directory.get(at.hashHi, at.hashLo, at.key)?.[0]).toBe(
            twin.records.find((record) => compare(record.at, at) === 0)?.value,
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('does not show a record that the visitor has removed', () => {
    const directory = emptyDirectory(0);
    const keys = ['a', 'b', 'c'].map((key) => ({ hashHi: 1, hashLo: 1, key }));
    for (const at of keys) directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(1));
    const seen: string[] = [];
    directory.walk(undefined, Infinity, (_hi, _lo, key) => {
      directory.remove(1, 1, 'b');
      return seen.push(key) > 0;
    });
    expect(seen).toEqual(['a', 'c']);
  });
});

function walk(directory: HashDirectory, after: RecordKey | undefined): { at: RecordKey; value: number }[] {
  const seen: { at: RecordKey; value: number }[] = [];
  directory.walk(after, Infinity, (hashHi, hashLo, key, value) => {
    return seen.push({ at: { hashHi, hashLo, key }, value: value[0] as number }) > 0;
  });
  return seen;
}
