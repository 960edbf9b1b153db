import fc from 'fast-check';
import { murmur32Latin1, type PartitionId, type Place, type RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { PlaceDirectory } from './place-directory.ts';
import { Segments } from './segments.ts';
import { Slab } from './slab.ts';

interface Drawn extends Place {
  readonly seed: number;
  readonly count: number;
  /** The intervals that keys are of, counted back from the partition; far ones are not its own. */
  readonly distances: readonly number[];
}

const anyPlace: fc.Arbitrary<Drawn> = fc
  .record({
    ringBits: fc.integer({ min: 3, max: 10 }),
    // Partition 0 holds the last interval of the ring, and its neighbours those on both sides of the wrap.
    partition: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(1023)),
    distances: fc.oneof(fc.constant([0, 1, 2]), fc.array(fc.nat(1023), { minLength: 1, maxLength: 6 })),
    seed: fc.nat(0xffffffff),
    count: fc.integer({ min: 1, max: 600 }),
  })
  .map((drawn) => ({ ...drawn, partition: (drawn.partition % (1 << drawn.ringBits)) as PartitionId }));

function keysOf({ ringBits, partition, distances, seed, count }: Drawn): RecordKey[] {
  return Array.from({ length: count }, (_, i) => {
    const distance = distances[i % distances.length] as number;
    const interval = (partition - 1 - distance) & ((1 << ringBits) - 1);
    // Some hashes stand at the very ends of their interval.
    const word = i % 50 === 0 ? 0 : i % 50 === 1 ? 0xffffffff : murmur32Latin1(seed, `${i}`);
    const hashHi = ((interval << (32 - ringBits)) | (word >>> ringBits)) >>> 0;
    return { hashHi, hashLo: murmur32Latin1(seed + 1, `${i}`), key: `${i}` };
  });
}

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

function put(directory: PlaceDirectory, { hashHi, hashLo, key }: RecordKey): void {
  directory.set(hashHi, hashLo, key, new TextEncoder().encode(key));
}

function drop(directory: PlaceDirectory, { hashHi, hashLo, key }: RecordKey): void {
  directory.remove(hashHi, hashLo, key);
}

function page(
  directory: PlaceDirectory,
  after: RecordKey | undefined,
  limit: number,
): { seen: RecordKey[]; more: boolean } {
  const seen: RecordKey[] = [];
  const more = directory.walk(after, limit, (hashHi, hashLo, key, value) => {
    expect(new TextDecoder().decode(value)).toBe(key);
    return seen.push({ hashHi, hashLo, key }) > 0;
  });
  return { seen, more };
}

const HERE: Place = { ringBits: 4, partition: 1 as PartitionId };

/** A key in this interval of a ring of sixteen. */
function keyIn(interval: number, key: string): RecordKey {
  return { hashHi: ((interval << 28) | key.charCodeAt(0)) >>> 0, hashLo: 1, key };
}

describe('the directory of a place', () => {
  it('is walked in hash order over all intervals, in pages that share one limit', () => {
    fc.assert(
      fc.property(anyPlace, fc.integer({ min: 1, max: 200 }), (drawn, limit) => {
        const directory = new PlaceDirectory({ slab: new Slab(), segments: new Segments() }, drawn);
        const keys = keysOf(drawn);
        for (const at of keys) put(directory, at);
        const sorted = keys.toSorted(compare);
        expect(page(directory, undefined, Infinity)).toEqual({ seen: sorted, more: false });
        for (let from = 0; from <= sorted.length; from += limit)
          expect(page(directory, sorted[from - 1], limit)).toEqual({
            seen: sorted.slice(from, from + limit),
            more: from + limit < sorted.length,
          });
        for (const at of keys) drop(directory, at);
        expect(directory.isEmpty).toBe(true);
        expect(page(directory, undefined, Infinity)).toEqual({ seen: [], more: false });
      }),
      { numRuns: 25 },
    );
  });

  it('goes on behind a cursor in an interval that it has no keys of', () => {
    const directory = new PlaceDirectory({ slab: new Slab(), segments: new Segments() }, HERE);
    const [first, last] = [keyIn(2, 'a'), keyIn(9, 'b')];
    for (const at of [first, last]) put(directory, at);
    expect(page(directory, keyIn(0, 'z'), 9)).toEqual({ seen: [first, last], more: false });
    expect(page(directory, keyIn(5, 'z'), 1)).toEqual({ seen: [last], more: false });
    expect(page(directory, keyIn(15, 'z'), 1)).toEqual({ seen: [], more: false });
    expect(page(directory, keyIn(2, 'a'), 0)).toEqual({ seen: [], more: true });
  });

  it('gives an emptied interval back, and shows nobody else’s records when a visitor empties it', () => {
    const parts = { slab: new Slab(), segments: new Segments() };
    const other = new PlaceDirectory(parts, HERE);
    for (const key of ['o', 'p', 'q']) put(other, keyIn(9, key));
    const directory = new PlaceDirectory(parts, HERE);
    const [only, next] = [keyIn(3, 'a'), keyIn(5, 'b')];
    for (const at of [only, next]) put(directory, at);
    const seen: string[] = [];
    const more = directory.walk(undefined, Infinity, (hashHi, hashLo, key) => {
      directory.remove(hashHi, hashLo, key);
      return seen.push(key) > 0;
    });
    expect({ seen, more }).toEqual({ seen: ['a', 'b'], more: false });
    expect(directory.isEmpty).toBe(true);
    expect(page(other, undefined, 9).seen).toHaveLength(3);
  });

  it('may be refilled by the visitor that emptied it, and shows who was there throughout once', () => {
    const parts = { slab: new Slab(), segments: new Segments() };
    const directory = new PlaceDirectory(parts, HERE);
    const other = new PlaceDirectory(parts, HERE);
    const early = ['a', 'b', 'c'].map((key) => keyIn(3, key));
    const stays = ['s', 't'].flatMap((key) => [keyIn(1, key), keyIn(5, key)]);
    for (const at of [...early, ...stays]) put(directory, at);
    const seen: string[] = [];
    directory.walk(undefined, Infinity, (hashHi, _lo, key) => {
      if (hashHi >>> 28 === 3) {
        for (const at of early) drop(directory, at);
        // Others take the segments that were given back.
        for (let i = 0; i < 3; i++) put(other, keyIn(i + 3, 'x'));
        put(directory, keyIn(3, 'z'));
      }
      return seen.push(key) < 20;
    });
    expect(seen.filter((key) => key !== 'z')).toEqual(['s', 't', 'a', 's', 't']);
    expect(page(directory, undefined, 9).seen).toEqual([...stays, keyIn(3, 'z')].toSorted(compare));
  });
});
