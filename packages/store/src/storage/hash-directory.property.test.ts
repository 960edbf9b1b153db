import fc from 'fast-check';
import { murmur32Latin1, type RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { HashDirectory, type DirectoryParts } from './hash-directory.ts';
import { NO_SEGMENT, SEGMENT_RECORDS, Segments, type Segment } from './segments.ts';
import { Slab, type Cell } from './slab.ts';

/** Few hashes that differ in their first bits, in their last bits or not at all, so that segments split at every depth. */
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

interface Held {
  readonly at: RecordKey;
  /** Stands for that many bytes of it, and one more. */
  readonly value: number;
}

/** The dumb twin: everything in one list. */
class SortedList {
  readonly #records = new Map<string, Held>();

  get size(): number {
    return this.#records.size;
  }

  get(at: RecordKey): number | undefined {
    return this.#records.get(nameOf(at))?.value;
  }

  set(at: RecordKey, value: number | null): void {
    if (value === null) this.#records.delete(nameOf(at));
    else this.#records.set(nameOf(at), { at, value });
  }

  after(at: RecordKey | undefined): Held[] {
    return [...this.#records.values()]
      .filter((record) => at === undefined || compare(record.at, at) > 0)
      .toSorted((a, b) => compare(a.at, b.at));
  }
}

/** A directory and its twin, which are told the same and must answer the same. */
class Pair {
  readonly twin = new SortedList();
  readonly directory: HashDirectory;

  constructor(sharedBits = 0, parts: DirectoryParts = { slab: new Slab(), segments: new Segments() }) {
    this.directory = new HashDirectory(parts, sharedBits);
  }

  set(at: RecordKey, value: number | null): void {
    if (value === null) this.directory.remove(at.hashHi, at.hashLo, at.key);
    else this.directory.set(at.hashHi, at.hashLo, at.key, new Uint8Array(1 + value).fill(value));
    this.twin.set(at, value);
  }

  get(at: RecordKey): void {
    const found = this.directory.get(at.hashHi, at.hashLo, at.key);
    if (valueIn(found) !== this.twin.get(at)) expect.fail(`"${nameOf(at)}" is not what was put there`);
  }

  check(...starts: (RecordKey | undefined)[]): void {
    expect(this.directory.size).toBe(this.twin.size);
    for (const start of [undefined, ...starts]) {
      const { seen, more } = page(this.directory, start, Infinity);
      expectSame(seen, this.twin.after(start));
      expect(more).toBe(false);
    }
    for (const { at } of this.twin.after(undefined)) this.get(at);
  }
}

function valueIn(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const value = bytes.length - 1;
  return bytes.every((byte) => byte === value) ? value : -1;
}

function page(
  directory: HashDirectory,
  after: RecordKey | undefined,
  limit: number,
): { seen: Held[]; more: boolean } {
  const seen: Held[] = [];
  const more = directory.walk(after, limit, (hashHi, hashLo, key, value) => {
    return seen.push({ at: { hashHi, hashLo, key }, value: valueIn(value) ?? -1 }) > 0;
  });
  return { seen, more };
}

/** As one text each: quicker than so many objects, and what differs is shown as lines. */
function expectSame(seen: readonly Held[], expected: readonly Held[]): void {
  const lines = (records: readonly Held[]): string =>
    records.map(({ at, value }) => `${nameOf(at)} = ${value}`).join('\n');
  expect(lines(seen)).toBe(lines(expected));
}

function nameOf({ hashHi, hashLo, key }: RecordKey): string {
  return `${hashHi} ${hashLo} ${key}`;
}

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

/** Hashes as keys have them, and all of them in one sixteenth of hash space. */
const spread = fc.record({ seed: fc.nat(0xffffffff), count: fc.integer({ min: 1, max: 3_000 }) });

function hashesOf({ seed, count }: { seed: number; count: number }): RecordKey[] {
  return Array.from({ length: count }, (_, i) => ({
    hashHi: ((0xa << 28) | (murmur32Latin1(seed, `${i}`) >>> 4)) >>> 0,
    hashLo: murmur32Latin1(seed + 1, `${i}`),
    key: `${i}`,
  }));
}

/** So many keys of one hash word, before and behind this one and of its whole hash. */
function crowdAt({ hashHi, hashLo }: RecordKey, count: number): RecordKey[] {
  return Array.from({ length: count }, (_, i) => ({
    hashHi,
    hashLo: hashLo - 1 + (i % 3),
    key: `crowd ${i}`,
  }));
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

describe('a hash directory', () => {
  it('that was filled in hash order, as by a handoff, is found in as one that was not', () => {
    const segments = new CountedSegments();
    const records = hashesOf({ seed: 3, count: 50_000 }).toSorted(compare);
    const directory = new HashDirectory({ slab: new Slab(), segments }, 4);
    for (const at of records) directory.set(at.hashHi, at.hashLo, at.key, Uint8Array.of(at.hashLo & 255));
    segments.steps = 0;
    const wrong = records.filter(
      (at) => directory.get(at.hashHi, at.hashLo, at.key)?.[0] !== (at.hashLo & 255),
    );
    expect(wrong).toEqual([]);
    expect(segments.steps / records.length).toBeLessThan(0.05);
    const walked: string[] = [];
    directory.walk(undefined, Infinity, (_hi, _lo, key) => walked.push(key) > 0);
    expect(walked).toEqual(records.map(({ key }) => key));
  });

  it('grows and shrinks with evenly spread hashes, and walks them in order', () => {
    fc.assert(
      fc.property(spread, fc.integer({ min: 1, max: 9 }), (drawn, keptOfTen) => {
        const pair = new Pair(4);
        const records = hashesOf(drawn);
        for (const [i, at] of records.entries()) pair.set(at, i & 63);
        pair.check();
        for (const [i, at] of records.entries()) if (i % 10 >= keptOfTen) pair.set(at, null);
        for (const at of records) pair.get(at);
        pair.check(records[drawn.count >> 1]);
      }),
      { numRuns: 8 },
    );
  });

  it('holds what a sorted list holds, from wherever it is walked', () => {
    fc.assert(
      fc.property(anySteps, anyKey, (steps, start) => {
        const pair = new Pair();
        for (const { at, value } of steps) pair.set(at, value);
        for (const { at } of steps) pair.get(at);
        pair.check(start);
      }),
      { numRuns: 15 },
    );
  });
});

describe('a hash directory without memory for another record', () => {
  class FullSlab extends Slab {
    isOut = false;

    override add(hashLo: number, key: string, value: Uint8Array): Cell {
      if (this.isOut) throw new RangeError('Array buffer allocation failed');
      return super.add(hashLo, key, value);
    }
  }

  it('holds what it held, and goes on once there is some', () => {
    const slab = new FullSlab();
    const pair = new Pair(4, { slab, segments: new Segments() });
    const held = hashesOf({ seed: 5, count: SEGMENT_RECORDS });
    for (const at of held) pair.set(at, 1);
    slab.isOut = true;
    const known = held[7] as RecordKey;
    const unknown = { ...known, key: 'unknown' };
    for (const { hashHi, hashLo, key } of [known, unknown, known])
      expect(() => pair.directory.set(hashHi, hashLo, key, new Uint8Array(1_000))).toThrow(RangeError);
    pair.check(known);
    slab.isOut = false;
    for (const at of [known, unknown]) pair.set(at, 200);
    pair.check(known);
  });
});

describe('the last search, which a hash directory remembers', () => {
  const SOUGHT: RecordKey = { hashHi: 0xa8000000, hashLo: 0x80000000, key: 'k' };
  const EVEN = hashesOf({ seed: 3, count: 500 });
  /** With the one before it and one more than itself, the segment is full. */
  const AT_FIRST = EVEN.slice(0, SEGMENT_RECORDS - 3);
  const BEFORE: RecordKey = { ...SOUGHT, key: 'j' };

  type Change = (pair: Pair, other: Pair) => void;
  const changes: Record<string, Change> = {
    'nothing changes': () => undefined,
    'another comes before it': (pair) => pair.set({ ...SOUGHT, key: 'i' }, 2),
    'another goes from before it': (pair) => pair.set(BEFORE, null),
    'another before it is replaced by one of another size': (pair) => pair.set(BEFORE, 200),
    'its segment becomes two': (pair) =>
      EVEN.slice(SEGMENT_RECORDS - 3, SEGMENT_RECORDS + 3).forEach((at) => pair.set(at, 3)),
    'the table doubles again and again': (pair) => EVEN.forEach((at) => pair.set(at, 4)),
    'its segment goes on in others': (pair) => crowdAt(SOUGHT, 300).forEach((at) => pair.set(at, 5)),
    'it comes, or is put anew': (pair) => pair.set(SOUGHT, 6),
    'it is replaced by one of another size': (pair) => pair.set(SOUGHT, 250),
    'it goes': (pair) => pair.set(SOUGHT, null),
    'it goes and comes again': (pair) => [null, 7].forEach((value) => pair.set(SOUGHT, value)),
    'all go': (pair) => pair.twin.after(undefined).forEach(({ at }) => pair.set(at, null)),
    'another key of its hash is sought': (pair) => pair.get({ ...SOUGHT, key: 'l' }),
    'its key is sought at another hash': (pair) => {
      pair.get({ ...SOUGHT, hashLo: 1 });
      pair.get({ ...SOUGHT, hashHi: 0xa8000001 });
    },
    'another directory takes the same key': (_, other) => other.set(SOUGHT, 8),
    'another directory lets go of the same key': (_, other) =>
      [9, null].forEach((value) => other.set(SOUGHT, value)),
    'another directory grows and shrinks': (_, other) => {
      for (const at of EVEN) other.set(at, 10);
      for (const at of EVEN) other.set(at, null);
    },
    'another directory is no more': (_, other) => other.directory.dispose(),
    'a walk passes it': (pair) => pair.directory.walk(undefined, Infinity, () => true),
    'a walk whose visitor changes it passes it': (pair) =>
      pair.directory.walk(BEFORE, Infinity, (_hi, _lo, key) => {
        pair.set(SOUGHT, key.length);
        return key !== SOUGHT.key;
      }),
  };
  const uses: Record<string, (pair: Pair) => void> = {
    read: (pair) => pair.get(SOUGHT),
    written: (pair) => pair.set(SOUGHT, 11),
    'written at another size': (pair) => pair.set(SOUGHT, 123),
    removed: (pair) => pair.set(SOUGHT, null),
  };

  describe.each(['there', 'not there'])('for a key that is %s', (where) => {
    it.each(Object.keys(changes))('is good, or forgotten, when %s', (change) => {
      for (const use of Object.values(uses)) {
        const parts = { slab: new Slab(), segments: new Segments() };
        const other = new Pair(4, parts);
        const pair = new Pair(4, parts);
        for (const at of [...AT_FIRST, BEFORE]) pair.set(at, 1);
        if (where === 'there') pair.set(SOUGHT, 12);
        pair.get(SOUGHT);
        changes[change]?.(pair, other);
        use(pair);
        pair.get(SOUGHT);
        pair.check(SOUGHT);
      }
    });
  });

  it('is good, or forgotten, whatever comes in between', () => {
    // So few keys that most of them are sought twice in a row now and then, so many of two hashes that segments fill.
    const anyAt = fc.nat(399).map((i): RecordKey => ({
      hashHi: i % 4 === 0 ? (i << 23) >>> 0 : 0x80000000,
      hashLo: i % 2,
      key: `${i}`,
    }));
    const anyStep = fc.record({ at: anyAt, again: fc.boolean(), value: fc.option(fc.nat(80), { freq: 3 }) });
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1_000, maxLength: 2_000, size: 'max' }), (steps) => {
        const parts = { slab: new Slab(), segments: new Segments() };
        const pairs = [new Pair(0, parts), new Pair(0, parts)];
        let last = steps[0]?.at as RecordKey;
        steps.forEach(({ at, again, value }, i) => {
          const pair = pairs[i % 7 === 0 ? 1 : 0] as Pair;
          pair.get(last);
          pair.set(again ? last : at, value);
          pair.get(last);
          pair.get(at);
          last = at;
        });
        for (const pair of pairs) pair.check(last);
      }),
      { numRuns: 10 },
    );
  });
});

describe('a walk of a hash directory', () => {
  it.each([1, 2, SEGMENT_RECORDS - 1, SEGMENT_RECORDS, SEGMENT_RECORDS + 1])(
    'adds up from pages of %i, wherever its cursor stands',
    (limit) => {
      const pair = new Pair(4);
      const crowd = crowdAt({ hashHi: 0xa1234567, hashLo: 9, key: '' }, 260);
      for (const at of [...hashesOf({ seed: limit, count: 400 }), ...crowd]) pair.set(at, 1);
      const whole = pair.twin.after(undefined);
      const seen: Held[] = [];
      let cursor: RecordKey | undefined;
      for (let turn = 0; ; turn++) {
        const found = page(pair.directory, cursor, limit);
        seen.push(...found.seen);
        expect(found.seen.length).toBeLessThanOrEqual(limit);
        // It may stop too late, and not too early.
        expect(found.more || seen.length === whole.length).toBe(true);
        if (!found.more) break;
        const last = seen.at(-1)?.at as RecordKey;
        // The cursor is the last record, or one that has just gone, or one that never was.
        if (turn % 3 === 1) pair.set(last, null);
        cursor = turn % 3 === 2 ? { ...last, key: `${last.key}\0` } : last;
      }
      expectSame(seen, whole);
    },
  );

  it('shows nothing to a limit of none, and says whether there is more', () => {
    const pair = new Pair();
    expect(page(pair.directory, undefined, 0)).toEqual({ seen: [], more: false });
    pair.set({ hashHi: 5, hashLo: 5, key: 'k' }, 1);
    expect(page(pair.directory, undefined, 0)).toEqual({ seen: [], more: true });
    expect(page(pair.directory, { hashHi: 5, hashLo: 5, key: 'k' }, 0)).toEqual({ seen: [], more: false });
  });

  const disturbances: Record<string, (pair: Pair, at: RecordKey, turn: number) => void> = {
    'segments become two and the table doubles': (pair, _, turn) => {
      for (const at of hashesOf({ seed: 50 + turn, count: 40 })) pair.set({ ...at, key: `new ${at.key}` }, 2);
    },
    'segments go on in others': (pair, at) => crowdAt(at, 50).forEach((other) => pair.set(other, 3)),
    'a chain is divided': (pair, at, turn) => {
      const near = turn < 5 ? crowdAt(at, 300) : hashesOf({ seed: 90 + turn, count: 60 });
      for (const other of near) pair.set({ ...other, key: `new ${other.key}` }, 4);
    },
    'records move to cells of other sizes': (pair, at, turn) => {
      pair.set(at, (turn * 37) % 256);
      for (const other of pair.twin.after(at).slice(0, 3)) pair.set(other.at, (turn * 51) % 256);
    },
  };

  it.each(Object.keys(disturbances))('shows each lasting record once while %s', (disturbance) => {
    const pair = new Pair(4);
    const lasting = hashesOf({ seed: 1, count: 300 });
    const crowd = crowdAt({ hashHi: 0xa7777777, hashLo: 7, key: '' }, 150);
    for (const at of [...lasting, ...crowd]) pair.set(at, 1);
    const seen: RecordKey[] = [];
    let turn = 0;
    const more = pair.directory.walk(undefined, Infinity, (hashHi, hashLo, key, value) => {
      const at = { hashHi, hashLo, key };
      expect(valueIn(value)).toBe(pair.twin.get(at));
      seen.push(at);
      if (turn < 60) disturbances[disturbance]?.(pair, at, turn++);
      return true;
    });
    expect(more).toBe(false);
    // In order, so none twice; and none that was there throughout is missing.
    for (const [i, at] of seen.entries())
      if (i > 0 && compare(seen[i - 1] as RecordKey, at) >= 0) expect.fail(`"${nameOf(at)}" comes too late`);
    const names = new Set(seen.map(nameOf));
    for (const at of [...lasting, ...crowd])
      if (!names.has(nameOf(at))) expect.fail(`"${nameOf(at)}" is missing`);
    pair.check();
  });

  it('does not show a record that the visitor has removed', () => {
    const pair = new Pair();
    const keys = ['a', 'b', 'c'].map((key) => ({ hashHi: 1, hashLo: 1, key }));
    for (const at of keys) pair.set(at, 1);
    const seen: string[] = [];
    pair.directory.walk(undefined, Infinity, (_hi, _lo, key) => {
      pair.set(keys[1] as RecordKey, null);
      return seen.push(key) > 0;
    });
    expect(seen).toEqual(['a', 'c']);
  });
});
