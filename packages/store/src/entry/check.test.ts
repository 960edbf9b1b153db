import { latin1Encode, putStampMs } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkOf, problemOf } from './check.ts';
import { encodeEntry, encodeString, encodeTombstone } from './codec.ts';
import { CHECK_AT, HEADER_BYTES, payloadStart, putU32, STRING, u32At } from './layout.ts';

const KEY = 'key';

function stamp(ms: number): Uint8Array {
  const out = new Uint8Array(16);
  putStampMs(out, 0, ms);
  return out;
}

const full = encodeEntry(KEY, {
  type: STRING,
  version: stamp(7),
  base: stamp(5),
  expiry: { ms: 1000, stamp: stamp(6) },
  promised: new Uint8Array(24),
  sections: Uint8Array.of(0, 9, 0, 0, 0, 2, 1, 2, 0, 10, 0, 0, 0, 0),
  payload: latin1Encode('value'),
});
const samples = {
  full,
  string: encodeString(KEY, stamp(7), latin1Encode('value')),
  tombstone: encodeTombstone(KEY, stamp(7)),
};

/** The problem of `e` after a change that its writer signed. */
function problemAfter(e: Uint8Array, change: (copy: Uint8Array) => void): string | undefined {
  const copy = e.slice();
  change(copy);
  putU32(copy, CHECK_AT, checkOf(KEY, copy, payloadStart(copy)));
  return problemOf(KEY, copy);
}

describe.each(Object.entries(samples))('problemOf: %s', (_, entry) => {
  it('finds nothing in what we wrote', () => {
    expect(problemOf(KEY, entry)).toBeUndefined();
  });

  it('sees every flipped bit', () => {
    for (let bit = 0; bit < entry.length * 8; bit++) {
      const flipped = entry.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(problemOf(KEY, flipped), `bit ${bit}`).toBeTypeOf('string');
    }
  });

  it('sees every torn tail and every byte too many', () => {
    for (let length = 0; length < entry.length; length++)
      expect(problemOf(KEY, entry.subarray(0, length))).toBeTypeOf('string');
    const longer = new Uint8Array(entry.length + 1);
    longer.set(entry);
    expect(problemOf(KEY, longer)).toBeTypeOf('string');
  });

  it('sees an entry under a wrong key', () => {
    for (const other of ['', 'ke', 'kez', 'key\0']) expect(problemOf(other, entry)).toContain('checksum');
  });
});

describe('problemOf: undamaged, and still refused', () => {
  const at = { base: 32, expiryStamp: 54, sections: 94 };
  it.each<[string, Uint8Array, (copy: Uint8Array) => void]>([
    ['format 2 is unknown', samples.string, (e) => e.fill(2, 0, 1)],
    ['flags 16, 0 are unknown', samples.string, (e) => e.fill(16, 1, 2)],
    ['flags 0, 1 are unknown', samples.string, (e) => e.fill(1, 3, 4)],
    ['type 2 is unknown', samples.string, (e) => e.fill(2, 2, 3)],
    ['payload does not fit its sum', samples.string, (e) => e.fill(0, 31, 32)],
    ['end of time', samples.tombstone, (e) => e.fill(0xff, 8, 9)],
    ['base is not below', full, (e) => e.set(stamp(7), at.base)],
    ['stamped below its base', full, (e) => e.set(stamp(4), at.expiryStamp)],
    ['stamped above its version', full, (e) => e.set(stamp(8), at.expiryStamp)],
    ['ends within its header', full, (e) => putU32(e, at.sections, 1000)],
    ['ends within a section', full, (e) => putU32(e, at.sections + 6, 5)],
    ['section 9 does not come after section 9', full, (e) => e.fill(9, at.sections + 13, at.sections + 14)],
  ])('%s', (sentence, entry, change) => {
    expect(problemAfter(entry, change)).toContain(sentence);
  });

  it('an empty list of sections', () => {
    const empty = new Uint8Array(HEADER_BYTES + 4);
    empty.set(samples.tombstone);
    empty[1] = 8;
    expect(problemAfter(empty, () => {})).toContain('list of sections is empty');
  });

  it('a tombstone with a payload', () => {
    expect(problemAfter(samples.string, (e) => e.fill(0, 2, 3))).toContain('tombstone has a payload');
  });
});

describe('problemOf: any bytes', () => {
  it('answers and never throws', () => {
    const head = fc.tuple(fc.constant(1), fc.nat(15), fc.nat(1), fc.constant(0));
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 200 }), (fixed, rest) => {
        const bytes = Uint8Array.from([...fixed, ...rest]);
        expect(problemOf(KEY, bytes)).toBeTypeOf('string');
        if (bytes.length < HEADER_BYTES || payloadStart(bytes) > bytes.length) return;
        putU32(bytes, CHECK_AT, checkOf(KEY, bytes, payloadStart(bytes)));
        expect(u32At(bytes, CHECK_AT)).toBe(checkOf(KEY, bytes, payloadStart(bytes)));
        problemOf(KEY, bytes);
      }),
    );
  });
});
