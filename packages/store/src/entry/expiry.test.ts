import { latin1Decode, latin1Encode, putStampMs, stampMs } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { problemOf } from './check.ts';
import { encodeEntry, encodeString, encodeSwept, encodeTombstone, fieldsOf } from './codec.ts';
import { endOf, stampOfMoment } from './expiry.ts';
import { baseAt, expiryMs, isLive, payloadStart, STRING, VERSION_AT } from './layout.ts';
import { counted, merge } from './merge.ts';

const KEY = 'k';
const stamp = (ms: number): Uint8Array => {
  const out = new Uint8Array(16).fill(0xaa, 8);
  putStampMs(out, 0, ms);
  return out;
};
const set = (at: number, value: string, untilMs = 0): Uint8Array =>
  encodeString(KEY, stamp(at), latin1Encode(value), untilMs);
/** An append that found `held`, by the rule for such as keep the base they find. */
const append = (at: number, held: Uint8Array, value: string, nowMs: number): Uint8Array => {
  const isOver = !isLive(held, nowMs);
  return encodeEntry(KEY, {
    ...fieldsOf(held),
    version: stamp(at),
    ...(isOver && { type: STRING, base: endOf(held, nowMs), expiry: undefined }),
    sum: undefined,
    payload: latin1Encode(isOver ? value : latin1Decode(held, payloadStart(held)) + value),
  });
};
/** What EXPIRE makes of an entry: its base stays. */
const withExpiry = (key: string, held: Uint8Array, by: Uint8Array, ms: number): Uint8Array =>
  encodeEntry(key, { ...fieldsOf(held), version: by, expiry: { ms, stamp: by } });
const valueOf = (e: Uint8Array): string => latin1Decode(e, payloadStart(e));
const versionOf = (e: Uint8Array): number => stampMs(e, VERSION_AT);

describe('an entry with another expiry', () => {
  it('says it under the new stamp, and keeps value and base', () => {
    const expiring = withExpiry(KEY, set(5, 'a'), stamp(7), 1_000);
    expect(problemOf(KEY, expiring)).toBeUndefined();
    expect([valueOf(expiring), versionOf(expiring), stampMs(expiring, baseAt(expiring))]).toEqual([
      'a',
      7,
      5,
    ]);
    expect(expiryMs(expiring)).toBe(1_000);
    expect([isLive(expiring, 999), isLive(expiring, 1_000)]).toEqual([true, false]);
  });

  it('lives for ever again, also where the earlier moment is merged in later', () => {
    const expiring = set(5, 'a', 1_000);
    const kept = withExpiry(KEY, expiring, stamp(7), 0);
    expect(merge(KEY, kept, expiring)).toBe(kept);
    expect(merge(KEY, expiring, kept)).toBe(kept);
    expect(isLive(kept, 1e12)).toBe(true);
  });

  it('is replaced by a SET that knew nothing of it, and by one that kept it and wrote it anew', () => {
    const expiring = withExpiry(KEY, set(5, 'a'), stamp(7), 1_000);
    expect(expiryMs(merge(KEY, expiring, set(8, 'b')))).toBe(0);
    const kept = set(8, 'b', expiryMs(expiring));
    expect(expiryMs(merge(KEY, expiring, kept))).toBe(1_000);
    expect(counted(merge(KEY, expiring, kept), kept)).toBe(true);
  });
});

describe('the end of an entry', () => {
  it.each<[string, Uint8Array, number, number]>([
    ['a value that does not expire', set(5, 'a'), 1e9, 5],
    ['one that has not yet', set(5, 'a', 1_000), 999, 5],
    ['one that has', set(5, 'a', 1_000), 1_000, 1_000],
    ['one that was stamped later than it ended', set(2_000, 'a', 1_000), 3_000, 2_000],
    ['one that was swept', encodeSwept(KEY, set(5, 'a', 1_000)), 1_000, 1_000],
    ['a delete', encodeTombstone(KEY, stamp(5)), 1e9, 5],
  ])('%s', (_, held, nowMs, end) => {
    expect(stampMs(endOf(held, nowMs))).toBe(end);
  });

  it('is at its moment, no later than any write of that moment', () => {
    expect([...stampOfMoment(1)]).toEqual([0, 0, 0, 0, 0, 1, ...Array(10).fill(0)]);
  });
});

describe('a write on an expired key', () => {
  const expired = set(500, 'old', 1_000);
  /** Somebody gave the old value more time before its moment, and only a replica that was away has heard of it. */
  const prolonged = withExpiry(KEY, expired, stamp(900), 1_100);

  it('stamped above the end is not undone by what became of the old value elsewhere', () => {
    for (const write of [set(1_001, 'new'), append(1_200, expired, 'new', 1_150)]) {
      const after = merge(KEY, prolonged, write);
      expect([valueOf(after), expiryMs(after), isLive(after, 1_150)]).toEqual(['new', 0, true]);
      expect(merge(KEY, write, prolonged)).toEqual(after);
    }
  });

  it('stamped by a slow clock between the version and the moment would be', () => {
    const after = merge(KEY, set(700, 'new'), prolonged);
    expect([valueOf(after), isLive(after, 1_150)]).toEqual(['old', false]);
  });

  it('that keeps the base it finds begins at the end, swept or not', () => {
    for (const held of [expired, encodeSwept(KEY, expired)]) {
      const live = append(1_200, held, 'new', 1_150);
      expect(stampMs(live, baseAt(live))).toBe(1_000);
    }
  });
});
