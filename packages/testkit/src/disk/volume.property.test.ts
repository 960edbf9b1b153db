import type { PartitionId, StoreRecord } from '@rkv/core';
import { Prng } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Volume } from './volume.ts';

const HERE = { ringBits: 4, partition: 3 as PartitionId };

/** A few keys, so that batches overwrite and remove each other's records. */
const someRecord: fc.Arbitrary<StoreRecord> = fc
  .record({ number: fc.nat(4), value: fc.option(fc.nat(255), { nil: undefined }) })
  .map(({ number, value }) => ({
    space: 0,
    place: HERE,
    hashHi: number,
    hashLo: 0,
    key: 'k',
    value: value === undefined ? undefined : Uint8Array.of(value),
  }));

const somePlay = fc.record({
  batches: fc.array(fc.array(someRecord, { maxLength: 4 }), { maxLength: 20 }),
  committed: fc.nat(20),
  flushed: fc.nat(20),
  how: fc.constantFrom('crash', 'powerCut'),
  seed: fc.integer(),
});

/** The dumb twin: what a prefix of the batches leaves. */
function leftBy(batches: readonly (readonly StoreRecord[])[]): Map<number, number> {
  const left = new Map<number, number>();
  for (const { hashHi, value } of batches.flat()) {
    if (value === undefined) left.delete(hashHi);
    else left.set(hashHi, value[0] as number);
  }
  return left;
}

function contentOf(volume: Volume): Map<number, number> {
  const records = [...(volume.get(0, HERE)?.after(undefined) ?? [])];
  return new Map(records.map(({ hashHi, value }) => [hashHi, value[0] as number]));
}

describe('a volume', () => {
  it('holds, after a crash, exactly a prefix of the batches, no shorter than promised', () => {
    fc.assert(
      fc.property(somePlay, ({ batches, how, seed, ...wish }) => {
        const committed = Math.min(wish.committed, batches.length);
        const flushed = Math.min(wish.flushed, committed);
        const volume = new Volume();
        for (const batch of batches) volume.submit(batch);
        volume.commitThrough(committed);
        volume.flushThrough(flushed);
        expect(contentOf(volume)).toEqual(leftBy(batches.slice(0, committed)));

        volume.crash(how, new Prng(seed));
        const kept = volume.committedSeq;
        expect(kept).toBeGreaterThanOrEqual(how === 'powerCut' ? flushed : committed);
        expect(kept).toBeLessThanOrEqual(batches.length);
        expect(contentOf(volume)).toEqual(leftBy(batches.slice(0, kept)));
        expect(volume.submit([])).toBe(batches.length + 1);
      }),
    );
  });
});
