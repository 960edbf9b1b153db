/**
 * The laws of merge, over all shapes of entries, and a dumb twin: a merge over plain objects that looks at all
 * entries at once instead of two by two.
 */
import { compareBytes, latin1Encode } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemOf } from './check.ts';
import { encodeEntry, encodeString, encodeSwept, fieldsOf } from './codec.ts';
import { STRING, sumHi, sumLo, TOMBSTONE } from './layout.ts';
import { counted, merge } from './merge.ts';

const KEY = 'key';

/** Stamps in rising order, told apart by different bytes. A model names them by their place here. */
const STAMPS = [[], [15, 1], [8, 1], [7, 1], [6, 1], [5, 1], [4, 1], [0, 1], [0, 0x80]].map(
  ([at = 0, byte = 0]) => {
    const stamp = new Uint8Array(16);
    stamp[at] = byte;
    return stamp;
  },
);
const stampOf = (place: number): Uint8Array => STAMPS[place] as Uint8Array;

interface Model {
  type: 'string' | 'tombstone';
  version: number;
  base: number;
  /** A tombstone's: what it was swept from, or undefined. */
  payload: string | undefined;
  expiry: { stamp: number; ms: number } | undefined;
  promised: number;
  section: number;
}

const model: fc.Arbitrary<Model> = fc
  .record({
    type: fc.constantFrom<Model['type']>('string', 'string', 'tombstone'),
    version: fc.nat(STAMPS.length - 1),
    below: fc.nat(4),
    payload: fc.constantFrom('', 'a', 'ab', 'b', 'x'.repeat(70)),
    swept: fc.boolean(),
    expiry: fc.option(fc.record({ below: fc.nat(3), ms: fc.constantFrom(0, 1, 2, 2 ** 40) })),
    promised: fc.nat(2),
    section: fc.constantFrom(0, 0, 1, 2),
  })
  .map(({ type, version, below, payload, swept, expiry, ...rest }) => {
    const base = Math.max(0, version - below);
    const stamp = expiry === null ? -1 : version - expiry.below;
    return {
      ...rest,
      type,
      version,
      base,
      payload: type === 'string' || swept ? payload : undefined,
      expiry: expiry === null || stamp < base ? undefined : { stamp, ms: expiry.ms },
    };
  });

function encode(m: Model): Uint8Array {
  const text = m.payload === undefined ? undefined : latin1Encode(m.payload);
  return encodeEntry(KEY, {
    type: m.type === 'string' ? STRING : TOMBSTONE,
    version: stampOf(m.version),
    base: stampOf(m.base),
    sum: text && fieldsOf(encodeString(KEY, stampOf(0), text)).sum,
    expiry: m.expiry && { stamp: stampOf(m.expiry.stamp), ms: m.expiry.ms },
    promised: m.promised === 0 ? undefined : new Uint8Array(24).fill(m.promised),
    sections: m.section === 0 ? undefined : Uint8Array.of(0, m.section, 0, 0, 0, 0),
    payload: m.type === 'string' ? text : undefined,
  });
}

/** Which of two contents stands, as words: the twin's order is the order of these lists. */
function contentRank(m: Model): (string | number)[] {
  const e = encode(m);
  const payload = m.type === 'string' ? (m.payload as string) : '';
  return [m.version, m.type === 'tombstone' ? 1 : 0, payload, sumHi(e), sumLo(e), m.section];
}

function byRank(a: Model, b: Model): number {
  const ranks = contentRank(b);
  for (const [at, rank] of contentRank(a).entries()) {
    const other = ranks[at] as typeof rank;
    if (rank !== other) return rank < other ? -1 : 1;
  }
  return 0;
}

function twin(all: Model[]): Model {
  const winner = all.toSorted(byRank).at(-1) as Model;
  const base = Math.max(...all.map((m) => (m.type === winner.type ? m.base : m.version)), winner.base);
  const expiry = all
    .flatMap((m) => m.expiry ?? [])
    .filter(({ stamp }) => stamp >= base)
    .toSorted((a, b) => a.stamp - b.stamp || a.ms - b.ms)
    .at(-1);
  return { ...winner, base, expiry, promised: Math.max(...all.map((m) => m.promised)) };
}

const entry = model.map(encode);
const RUNS = { numRuns: 3000 };
const same = (a: Uint8Array, b: Uint8Array): boolean => compareBytes(a, b) === 0;

describe('merge', () => {
  it('is commutative', () => {
    fc.assert(
      fc.property(entry, entry, (a, b) => same(merge(KEY, a, b), merge(KEY, b, a))),
      RUNS,
    );
  });

  it('is associative', () => {
    fc.assert(
      fc.property(entry, entry, entry, (a, b, c) =>
        same(merge(KEY, merge(KEY, a, b), c), merge(KEY, a, merge(KEY, b, c))),
      ),
      RUNS,
    );
  });

  it('is idempotent, and what was merged once changes nothing any more', () => {
    fc.assert(
      fc.property(entry, entry, (a, b) => {
        const both = merge(KEY, a, b);
        return merge(KEY, a, a.slice()) === a && merge(KEY, both, a) === both && merge(KEY, both, b) === both;
      }),
      RUNS,
    );
  });

  it('gives a side itself when the outcome is that side, held before incoming', () => {
    fc.assert(
      fc.property(entry, entry, (held, incoming) => {
        const both = merge(KEY, held, incoming);
        if (same(both, held)) expect(both).toBe(held);
        else if (same(both, incoming)) expect(both).toBe(incoming);
      }),
      RUNS,
    );
  });

  it('agrees with its dumb twin, and gives sound entries', () => {
    fc.assert(
      fc.property(fc.array(model, { minLength: 1, maxLength: 5 }), (models) => {
        const merged = models.map(encode).reduce((a, b) => merge(KEY, a, b));
        expect(merged).toEqual(encode(twin(models)));
        expect(problemOf(KEY, merged)).toBeUndefined();
      }),
      RUNS,
    );
  });

  it('absorbs what was swept into what it was swept from', () => {
    fc.assert(
      fc.property(entry, (e) => {
        const swept = encodeSwept(KEY, e);
        return same(merge(KEY, e, swept), swept) && merge(KEY, swept, e) === swept;
      }),
      RUNS,
    );
  });

  it('says that an entry counted exactly when every register of it is in the outcome', () => {
    fc.assert(
      fc.property(entry, entry, (held, incoming) => {
        const result = merge(KEY, held, incoming);
        const [mine, theirs] = [fieldsOf(incoming), fieldsOf(result)];
        const stands =
          same(mine.version, theirs.version) &&
          same(mine.sum, theirs.sum) &&
          (mine.promised === undefined || same(mine.promised, theirs.promised as Uint8Array)) &&
          (mine.expiry === undefined || JSON.stringify(mine.expiry) === JSON.stringify(theirs.expiry));
        const sweptAway = theirs.type === TOMBSTONE && mine.type === STRING && same(mine.sum, theirs.sum);
        if (!sweptAway) expect(counted(result, incoming)).toBe(stands);
      }),
      RUNS,
    );
  });
});
