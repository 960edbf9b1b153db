import fc from 'fast-check';
import type { RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { HashDirectory } from './hash-directory.ts';

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

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

describe('a hash directory', () => {
  it('holds what a sorted list holds, from wherever it is walked', () => {
    fc.assert(
      fc.property(anySteps, anyKey, (steps, start) => {
        const directory = new HashDirectory();
        const twin = new SortedList();
        for (const { at, value } of steps) {
          if (value === null) directory.remove(at);
          else directory.set(at, Uint8Array.of(value));
          twin.set(at, value);
        }
        expect(directory.size).toBe(twin.records.length);
        expect(walk(directory, undefined)).toEqual(twin.after(undefined));
        expect(walk(directory, start)).toEqual(twin.after(start));
        for (const { at } of steps) {
          expect(directory.get(at)?.[0]).toBe(
            twin.records.find((record) => compare(record.at, at) === 0)?.value,
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('does not show a record that the visitor has removed', () => {
    const directory = new HashDirectory();
    const keys = ['a', 'b', 'c'].map((key) => ({ hashHi: 1, hashLo: 1, key }));
    for (const at of keys) directory.set(at, Uint8Array.of(1));
    const seen: string[] = [];
    directory.walk(undefined, Infinity, (_hi, _lo, key) => {
      directory.remove(keys[1] as RecordKey);
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
