import { latin1Decode, latin1Encode, putStampMs, ZERO_STAMP } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { problemOf } from './check.ts';
import { encodeEntry, encodeString, encodeSwept, encodeTombstone, fieldsOf, writeString } from './codec.ts';
import {
  compareVersion,
  expiryMs,
  HEADER_BYTES,
  isLive,
  payloadStart,
  sameState,
  STRING,
  sumHi,
  sumLo,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from './layout.ts';

const KEY = 'key\xff';
const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function stamp(ms: number): Uint8Array {
  const out = new Uint8Array(16).fill(0xaa, 8);
  putStampMs(out, 0, ms);
  return out;
}

/** Hex as on disk, from its fields in order. */
const golden = (...fields: string[]): string => fields.join('').replaceAll(' ', '');

const section = Uint8Array.of(0, 9, 0, 0, 0, 2, 0x73, 0x74);
const full = encodeEntry(KEY, {
  type: STRING,
  version: stamp(7),
  base: stamp(5),
  expiry: { ms: 1000, stamp: stamp(6) },
  promised: new Uint8Array(24).fill(0xbb),
  sections: section,
  payload: latin1Encode('value'),
});

describe('the bytes of format 1', () => {
  it('are these for a string', () => {
    expect(hex(encodeString(KEY, stamp(7), latin1Encode('value')))).toBe(
      golden('01 00 01 00', '54779dbf', '0000000000070000aaaaaaaaaaaaaaaa', 'd9093f6e71d19c40', '76616c7565'),
    );
  });

  it('are these for a string that expires', () => {
    expect(hex(encodeString(KEY, stamp(7), latin1Encode('value'), 1000))).toBe(
      golden(
        '01 02 01 00',
        '4e0b1c35',
        '0000000000070000aaaaaaaaaaaaaaaa',
        'd9093f6e71d19c40',
        '0000000003e8 0000000000070000aaaaaaaaaaaaaaaa',
        '76616c7565',
      ),
    );
  });

  it('are these for a tombstone', () => {
    expect(hex(encodeTombstone(KEY, stamp(7)))).toBe(
      golden('01 00 00 00', '63ff0aad', '0000000000070000aaaaaaaaaaaaaaaa', '0000000000000000'),
    );
  });

  it('are these with every optional field', () => {
    expect(hex(full)).toBe(
      golden(
        '01 0f 01 00',
        '2bd6e057',
        '0000000000070000aaaaaaaaaaaaaaaa',
        'd9093f6e71d19c40',
        '0000000000050000aaaaaaaaaaaaaaaa',
        '0000000003e8 0000000000060000aaaaaaaaaaaaaaaa',
        'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
        '00000008 0009 00000002 7374',
        '76616c7565',
      ),
    );
  });
});

describe('writeString', () => {
  it('takes part of a source and a stamp that stands in its place already', () => {
    const out = new Uint8Array(37).fill(0xee);
    out.set(stamp(7), VERSION_AT);
    writeString(out, KEY, out, VERSION_AT, latin1Encode('..value.'), 2, 7, 0);
    expect(hex(out)).toBe(hex(encodeString(KEY, stamp(7), latin1Encode('value'))));
  });

  it('refuses bytes of another length', () => {
    expect(() => writeString(new Uint8Array(38), KEY, stamp(7), 0, new Uint8Array(5), 0, 5, 0)).toThrow(
      'exactly',
    );
  });

  it.each([0, 1, 64, 65, 300])('writes what the general way writes, %i bytes', (size) => {
    const payload = Uint8Array.from({ length: size }, (_, i) => i * 7);
    const version = stamp(7);
    const plain = encodeEntry(KEY, { type: STRING, version, payload });
    const expiring = encodeEntry(KEY, { type: STRING, version, payload, expiry: { ms: 9, stamp: version } });
    expect(hex(encodeString(KEY, version, payload))).toBe(hex(plain));
    expect(hex(encodeString(KEY, version, payload, 9))).toBe(hex(expiring));
  });
});

describe('encodeEntry', () => {
  it('is undone by fieldsOf', () => {
    expect(hex(encodeEntry(KEY, fieldsOf(full)))).toBe(hex(full));
    expect(fieldsOf(full)).toMatchObject({
      type: STRING,
      base: stamp(5),
      expiry: { ms: 1000, stamp: stamp(6) },
      sections: section,
    });
    expect(latin1Decode(full, payloadStart(full))).toBe('value');
  });

  it('writes a state in one form only', () => {
    const plain = encodeString(KEY, stamp(7), latin1Encode('v'));
    const roundabout = encodeEntry(KEY, {
      ...fieldsOf(plain),
      base: stamp(7),
      expiry: { ms: 1000, stamp: stamp(6) },
      sections: new Uint8Array(0),
    });
    expect(hex(roundabout)).toBe(hex(plain));
  });

  it('refuses fields that contradict each other', () => {
    const version = stamp(7);
    expect(() => encodeEntry(KEY, { type: STRING, version, base: stamp(8) })).toThrow('base');
    expect(() => encodeEntry(KEY, { type: STRING, version, expiry: { ms: 1, stamp: stamp(8) } })).toThrow(
      'expiry',
    );
    expect(() => encodeEntry(KEY, { type: TOMBSTONE, version, payload: new Uint8Array(1) })).toThrow(
      'tombstone',
    );
    expect(() => encodeEntry(KEY, { type: STRING, version, sections: Uint8Array.of(1) })).toThrow('sections');
  });
});

describe('reading an entry in place', () => {
  it('lives until its moment', () => {
    const expiring = encodeString(KEY, stamp(7), ZERO_STAMP, 1000);
    expect([999, 1000, 1001].map((now) => isLive(expiring, now))).toEqual([true, false, false]);
    expect(expiryMs(expiring)).toBe(1000);
    expect(isLive(encodeString(KEY, stamp(7), ZERO_STAMP), Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(isLive(encodeTombstone(KEY, stamp(7)), 0)).toBe(false);
  });

  it('lives for ever again once its expiry is taken back', () => {
    const kept = encodeEntry(KEY, {
      ...fieldsOf(full),
      version: stamp(8),
      expiry: { ms: 0, stamp: stamp(8) },
    });
    expect(isLive(kept, Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('is the same state when version and sum agree', () => {
    const a = encodeString(KEY, stamp(7), latin1Encode('a'));
    expect(sameState(a, encodeString(KEY, stamp(7), latin1Encode('a'), 50))).toBe(true);
    expect(sameState(a, encodeString(KEY, stamp(7), latin1Encode('b')))).toBe(false);
    expect(sameState(a, encodeString(KEY, stamp(8), latin1Encode('a')))).toBe(false);
    expect(compareVersion(a, encodeString(KEY, stamp(8), latin1Encode('a')))).toBeLessThan(0);
  });

  it('sees a tombstone as holding nothing', () => {
    const tombstone = encodeTombstone(KEY, stamp(7));
    expect([typeOf(tombstone), sumHi(tombstone), sumLo(tombstone), payloadStart(tombstone)]).toEqual([
      TOMBSTONE,
      0,
      0,
      HEADER_BYTES,
    ]);
  });
});

describe('encodeSwept', () => {
  it('gives a sound tombstone of the same state', () => {
    const swept = encodeSwept(KEY, full);
    expect(problemOf(KEY, swept)).toBeUndefined();
    expect(typeOf(swept)).toBe(TOMBSTONE);
    expect(sameState(swept, full)).toBe(true);
    expect(fieldsOf(swept)).toMatchObject({ base: stamp(7), expiry: undefined, sections: section });
  });
});
