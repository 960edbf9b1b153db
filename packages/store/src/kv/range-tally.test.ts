/** A tally is what a recount finds, whatever happened in between and in whichever order. */
import { latin1Decode, partitionOf, rangeOf, type PartitionId } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { placeKey } from './coordinator.ts';
import { VnodeTallies } from './range-tally.ts';

const BITS = 3;
const place = { ringBits: BITS, partition: 0 as PartitionId };
const ranges = [...Array(8).keys()] as PartitionId[];
const tallies = (stored?: Uint8Array): VnodeTallies => new VnodeTallies(place, stored);

type Content = ReadonlyMap<string, Uint8Array>;

function recount(content: Content): VnodeTallies {
  const fresh = tallies();
  for (const [key, entry] of content) fresh.changed(placeKey(key), undefined, entry);
  return fresh;
}

const described = (tally: VnodeTallies): unknown[] => [
  tally.total,
  ...ranges.map((range) => ({ ...tally.of(range) })),
];

const change = fc.record({
  key: fc.constantFrom(...'abcdefghij'),
  time: fc.integer({ min: 1, max: 1_000_000 }),
  kind: fc.constantFrom('value', 'tombstone', 'expiring', 'nothing'),
});
const entryOf = ({
  key,
  time,
  kind,
}: {
  key: string;
  time: number;
  kind: string;
}): Uint8Array | undefined => {
  if (kind === 'nothing') return undefined;
  return kind === 'tombstone'
    ? tombstoneAt(key, time)
    : valueAt(key, time, `v${time}`, kind === 'expiring' ? 5 : 0);
};

/** Make the changes; what is there in the end. */
function play(
  tally: VnodeTallies,
  changes: readonly { key: string; time: number; kind: string }[],
): Map<string, Uint8Array> {
  const content = new Map<string, Uint8Array>();
  for (const made of changes) {
    const after = entryOf(made);
    tally.changed(placeKey(made.key), content.get(made.key), after);
    if (after === undefined) content.delete(made.key);
    else content.set(made.key, after);
  }
  return content;
}

describe('tallies', () => {
  it('agree with a recount', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const tally = tallies();
        const content = play(tally, changes);
        expect(described(tally)).toEqual(described(recount(content)));
        expect(tally.total).toBe(content.size);
      }),
    );
  });

  it('count a part of a range as that part of it, and as none only where there is none', () => {
    const tally = tallies();
    tally.changed(placeKey('a'), undefined, valueAt('a', 1, 'v'));
    const range = rangeOf(partitionOf(placeKey('a').hashHi, BITS), BITS);
    const tenth = (range.end - range.start) / 10;
    expect(tally.countWithin([range])).toBe(1);
    expect(tally.countWithin([{ start: range.start, end: range.start + tenth }])).toBe(1);
    expect(tally.countWithin([{ start: range.start - tenth, end: range.start }])).toBe(0);
  });

  it('of equal content are equal, in whichever order it came', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(change, { selector: ({ key }) => key }),
        fc.infiniteStream(fc.nat()),
        (changes, dice) => {
          const content = play(tallies(), changes);
          const shuffled = [...content]
            .map((pair) => [dice.next().value, pair] as const)
            .toSorted(([a], [b]) => a - b);
          expect(described(recount(new Map(shuffled.map(([, pair]) => pair))))).toEqual(
            described(recount(content)),
          );
        },
      ),
    );
  });

  it('of different content are different', () => {
    fc.assert(
      fc.property(fc.array(change), change, (changes, one) => {
        const tally = tallies();
        const content = play(tally, changes);
        const before = { ...tally.of(partitionOf(placeKey(one.key).hashHi, BITS)) };
        const after = entryOf(one);
        const held = content.get(one.key);
        const same =
          held !== undefined &&
          after !== undefined &&
          latin1Decode(held, 8, 32) === latin1Decode(after, 8, 32);
        fc.pre(held !== after && !same);
        tally.changed(placeKey(one.key), held, after);
        expect(tally.of(partitionOf(placeKey(one.key).hashHi, BITS))).not.toEqual(before);
      }),
    );
  });

  it('are stored and found again', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const tally = tallies();
        play(tally, changes);
        expect(described(tallies(tally.bytes()))).toEqual(described(tally));
      }),
    );
  });

  it('count tombstones as entries but not as alive, and expiry for nothing: replicas must count alike', () => {
    const tally = tallies();
    tally.changed(placeKey('a'), undefined, valueAt('a', 1, 'v'));
    tally.changed(placeKey('b'), undefined, tombstoneAt('b', 1));
    tally.changed(placeKey('c'), undefined, valueAt('c', 1, 'v', 1));
    const sums = ranges.map((range) => tally.of(range));
    expect(sums.reduce((sum, { entries }) => sum + entries, 0)).toBe(3);
    expect(sums.reduce((sum, { live }) => sum + live, 0)).toBe(2);
    expect(sums.reduce((sum, { expiring }) => sum + expiring, 0)).toBe(1);
  });

  it('of a range are of its keys only', () => {
    const tally = tallies();
    const at = placeKey('a');
    tally.changed(at, undefined, valueAt('a', 1, 'v'));
    const range = partitionOf(at.hashHi, BITS);
    expect(tally.of(range).entries).toBe(1);
    for (const other of ranges.filter((r) => r !== range))
      expect(tally.of(other)).toEqual({ entries: 0, live: 0, expiring: 0, digestHi: 0, digestLo: 0 });
  });

  it('are written as drawn: two bytes, then range, entries, live, expiring, digest', () => {
    const tally = tallies();
    tally.changed({ hashHi: 0, hashLo: 0, key: 'k' }, undefined, tombstoneAt('k', 1));
    const { digestHi, digestLo } = tally.of(1 as PartitionId);
    const view = new DataView(tally.bytes().buffer);
    expect([view.getUint16(0), view.getUint16(2)]).toEqual([0xffff, 1]);
    expect([4, 12, 20].map((at) => view.getFloat64(at))).toEqual([1, 0, 0]);
    expect([view.getUint32(28), view.getUint32(32), view.byteLength]).toEqual([digestHi, digestLo, 36]);
  });

  it('of a time before expiry are read', () => {
    const stored = new DataView(new ArrayBuffer(26));
    stored.setUint16(0, 1);
    stored.setFloat64(2, 5);
    stored.setFloat64(10, 4);
    stored.setUint32(18, 7);
    stored.setUint32(22, 9);
    const tally = tallies(new Uint8Array(stored.buffer));
    expect(tally.of(1 as PartitionId)).toEqual({
      entries: 5,
      live: 4,
      expiring: 0,
      digestHi: 7,
      digestLo: 9,
    });
    expect(tally.total).toBe(5);
  });
});
