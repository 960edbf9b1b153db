/** The bytes of what is handed over, once and for all. */
import { describe, expect, it } from 'vitest';
import { valueAt } from '../../test/kv/entries.ts';
import { decodeCursor, decodeItem, encodeCursor, encodeItem } from './items.ts';

const at = { hashHi: 0xf1020304, hashLo: 0x05060708, key: 'k\xff' };
const entry = valueAt(at.key, 7, 'v');
const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

describe('an item', () => {
  it('is written as drawn, and read back', () => {
    const item = encodeItem(at, entry);
    expect(hexOf(item)).toBe(`f10203040506070800000002${'6bff'}${hexOf(entry)}`);
    expect(decodeItem(item)).toEqual({ at, entry });
  });

  it('is a copy: the next does not touch it', () => {
    const [one, two] = [encodeItem(at, entry), encodeItem({ ...at, key: 'other' }, entry)];
    expect(decodeItem(one).at.key).toBe(at.key);
    expect(decodeItem(two).at.key).not.toBe(at.key);
    expect(decodeItem(one).entry).toEqual(entry);
  });

  it('may have the empty key', () => {
    expect(decodeItem(encodeItem({ ...at, key: '' }, entry)).at.key).toBe('');
  });
});

describe('a cursor', () => {
  it('is written as drawn, and read back', () => {
    expect(hexOf(encodeCursor(at))).toBe('f1020304050607086bff');
    expect(decodeCursor(encodeCursor(at))).toEqual(at);
    expect(decodeCursor(encodeCursor({ ...at, key: '' })).key).toBe('');
  });
});
