import { latin1Decode, latin1Encode, putStampMs, stampMs, ZERO_STAMP } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { encodeEntry, encodeString, encodeSwept, encodeTombstone, fieldsOf } from './codec.ts';
import { baseAt, expiryMs, payloadStart, STRING, typeOf, TOMBSTONE } from './layout.ts';
import { counted, merge } from './merge.ts';

const KEY = 'key';

function stamp(ms: number): Uint8Array {
  const out = new Uint8Array(16);
  putStampMs(out, 0, ms);
  return out;
}

const ballot = (n: number): Uint8Array => new Uint8Array(24).fill(n);
const set = (at: number, value: string, untilMs = 0): Uint8Array =>
  encodeString(KEY, stamp(at), latin1Encode(value), untilMs);
const del = (at: number): Uint8Array => encodeTombstone(KEY, stamp(at));
/** A write that keeps the base it found, as an append does. */
const append = (at: number, base: number, value: string): Uint8Array =>
  encodeEntry(KEY, { type: STRING, version: stamp(at), base: stamp(base), payload: latin1Encode(value) });
const expire = (at: number, e: Uint8Array, ms: number): Uint8Array =>
  encodeEntry(KEY, { ...fieldsOf(e), version: stamp(at), expiry: { ms, stamp: stamp(at) } });
const promise = (n: number, e: Uint8Array): Uint8Array =>
  encodeEntry(KEY, { ...fieldsOf(e), promised: ballot(n) });

const valueOf = (e: Uint8Array): string => latin1Decode(e, payloadStart(e));
const baseOf = (e: Uint8Array): number => stampMs(e, baseAt(e));

const withSection = (e: Uint8Array, byte: number): Uint8Array =>
  encodeEntry(KEY, { ...fieldsOf(e), sections: Uint8Array.of(0, 9, 0, 0, 0, 1, byte) });

const countedIn = (held: Uint8Array | undefined, incoming: Uint8Array): boolean =>
  counted(merge(KEY, held, incoming), incoming);

describe('merge: what changes and what does not, by reference', () => {
  it('takes what comes when nothing is held', () => {
    const e = set(5, 'a');
    expect(merge(KEY, undefined, e)).toBe(e);
  });

  it.each([
    ['a later SET', set(5, 'a'), set(6, 'b')],
    ['a later DEL', set(5, 'a'), del(6)],
    ['a SET after a DEL', del(5), set(6, 'a')],
    ['a SET after an expiry', set(5, 'a', 1000), set(6, 'b')],
    ['a later append', append(5, 2, 'a'), append(6, 2, 'ab')],
    ['a later SET, above the same ballot', promise(1, set(5, 'a')), promise(1, set(6, 'b'))],
  ])('%s is the outcome itself, whichever way round', (_, lower, higher) => {
    expect(merge(KEY, lower, higher)).toBe(higher);
    expect(merge(KEY, higher, lower)).toBe(higher);
  });

  it('keeps the held bytes when the same comes again', () => {
    for (const e of [set(5, 'a'), del(5), set(5, 'a', 9), append(5, 2, 'a'), promise(1, set(5, 'a'))]) {
      expect(merge(KEY, e, e.slice())).toBe(e);
    }
  });
});

describe('merge: deletes', () => {
  it('lets a DEL stamped above win over an append on the same base', () => {
    const after = merge(KEY, append(6, 2, 'ab'), del(7));
    expect(typeOf(after)).toBe(TOMBSTONE);
  });

  it('lets a write on a reaped tombstone survive a replica that still has it', () => {
    const onNothing = encodeEntry(KEY, {
      type: STRING,
      version: stamp(9),
      base: ZERO_STAMP,
      payload: latin1Encode('new'),
    });
    const after = merge(KEY, del(7), onNothing);
    expect([valueOf(after), baseOf(after)]).toEqual(['new', 7]);
    expect(merge(KEY, onNothing, del(7))).toEqual(after);
  });
});

describe('merge: expiry', () => {
  it('is a register of its own: an append that knew nothing of it keeps it', () => {
    const expiring = expire(5, append(4, 2, 'a'), 1000);
    const after = merge(KEY, expiring, append(6, 2, 'ab'));
    expect([valueOf(after), expiryMs(after), baseOf(after)]).toEqual(['ab', 1000, 2]);
  });

  it('is void below a SET, whether the SET is merged first or last', () => {
    const expiring = expire(5, append(4, 2, 'a'), 1000);
    const written = append(8, 7, 'set, then appended');
    expect(merge(KEY, expiring, written)).toBe(written);
    expect(merge(KEY, written, expiring)).toBe(written);
  });

  it('is taken back by a later register that says never', () => {
    const expiring = expire(5, append(4, 2, 'a'), 1000);
    expect(expiryMs(merge(KEY, expiring, expire(6, append(4, 2, 'a'), 0)))).toBe(0);
  });

  it('makes a swept entry and its tombstone one state, silently', () => {
    const clash: string[] = [];
    for (const e of [set(5, 'a', 1000), expire(6, append(5, 2, 'a'), 1000), expire(6, set(5, 'a'), 1000)]) {
      const swept = encodeSwept(KEY, e);
      expect(merge(KEY, swept, e, (key) => clash.push(key))).toBe(swept);
      expect(merge(KEY, e, swept, (key) => clash.push(key))).toBe(swept);
      expect(counted(swept, e)).toBe(true);
    }
    expect(clash).toEqual([]);
  });
});

describe('merge: ballots', () => {
  it('keeps the higher, whoever has the value', () => {
    const after = merge(KEY, promise(2, set(5, 'a')), promise(1, set(6, 'b')));
    expect([valueOf(after), fieldsOf(after).promised]).toEqual(['b', ballot(2)]);
    expect(merge(KEY, promise(2, set(5, 'a')), set(6, 'b'))).toEqual(after);
  });

  it('gives one of the two sides when they hold one content', () => {
    const lower = promise(1, set(5, 'a'));
    const higher = promise(2, set(5, 'a'));
    expect(merge(KEY, lower, higher)).toBe(higher);
    expect(merge(KEY, higher, lower)).toBe(higher);
  });
});

describe('merge: two writes under one stamp', () => {
  it.each([
    ['the larger payload', set(5, 'a'), set(5, 'b')],
    ['the longer payload', set(5, 'a'), set(5, 'aa')],
    ['the tombstone', set(5, 'a'), del(5)],
    ['the larger sections', withSection(set(5, 'a'), 1), withSection(set(5, 'a'), 2)],
    ['the later moment', set(5, 'a', 1000), set(5, 'a', 2000)],
  ])('%s wins, and it is told', (_, lower, higher) => {
    const told: unknown[] = [];
    const onClash = (key: string, held: Uint8Array, incoming: Uint8Array): void =>
      void told.push([key, held, incoming]);
    expect(merge(KEY, lower, higher, onClash)).toBe(higher);
    expect(merge(KEY, higher, lower, onClash)).toBe(higher);
    expect(told).toEqual([
      [KEY, lower, higher],
      [KEY, higher, lower],
    ]);
  });

  it('tells nothing of writes that are in order, nor of one that comes twice', () => {
    const told: string[] = [];
    const all = [
      set(5, 'a'),
      del(6),
      expire(7, append(6, 2, 'a'), 9),
      promise(1, set(5, 'a')),
      withSection(del(8), 1),
    ];
    for (const a of all) for (const b of all) merge(KEY, a, b.slice(), (key) => told.push(key));
    expect(told).toEqual([]);
  });
});

describe('counted', () => {
  it.each([
    ['nothing held', undefined, set(5, 'a')],
    ['the same held', set(5, 'a'), set(5, 'a')],
    ['an older value held', del(4), append(5, 2, 'a')],
    ['an expiry held that it knew nothing of', expire(5, append(4, 2, 'a'), 1000), append(6, 2, 'ab')],
    ['a ballot held, and it has none', promise(2, set(5, 'a')), set(6, 'b')],
  ])('all of it: %s', (_, held, incoming) => {
    expect(countedIn(held, incoming)).toBe(true);
  });

  it.each([
    ['a newer value held', set(6, 'b'), set(5, 'a')],
    ['a newer DEL held', del(6), set(5, 'a')],
    ['a higher ballot held', promise(2, set(5, 'a')), promise(1, set(6, 'b'))],
    ['a newer SET held than its expiry', append(8, 7, 'b'), expire(6, append(4, 2, 'a'), 9)],
  ])('not all of it: %s', (_, held, incoming) => {
    expect(countedIn(held, incoming)).toBe(false);
  });
});
