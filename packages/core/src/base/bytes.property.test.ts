import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Reader,
  WireError,
  Writer,
  compareBytes,
  jsonDecode,
  jsonEncode,
  latin1Decode,
  latin1Encode,
} from './bytes.ts';

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => latin1Decode(bytes));

/** One thing to write, and how to read it back. */
const field = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant('string' as const), value: latin1 }),
);

describe('Writer and Reader', () => {
  it('read back what was written, in order, whatever room there was at first', () => {
    fc.assert(
      fc.property(fc.array(field), fc.integer({ min: 1, max: 64 }), (fields, capacity) => {
        const out = new Writer(capacity);
        for (const { kind, value } of fields)
          (out[kind] as (value: number | string) => void).call(out, value);
        const input = new Reader(out.copy());
        for (const { kind, value } of fields) expect(input[kind]()).toBe(value);
        expect(input.left).toBe(0);
      }),
    );
  });

  it('carries bytes of any length, a part of them too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat(), (bytes, a, b) => {
        const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].toSorted((x, y) => x - y) as [
          number,
          number,
        ];
        const out = new Writer(1);
        out.bytes(bytes, start, end);
        expect(out.copy()).toEqual(bytes.slice(start, end));
      }),
    );
  });

  it('patches a length that was not known before', () => {
    const out = new Writer(2);
    out.u32(0);
    out.latin1('hello');
    out.patchU32(0, out.length - 4);
    expect(new Reader(out.buffer, 0, out.length).string()).toBe('hello');
  });

  it('refuses to run past the end, and stays where it was', () => {
    const input = new Reader(Uint8Array.of(1, 2, 3), 0, 2);
    expect(() => input.u32()).toThrow(WireError);
    expect(() => input.view(3)).toThrow(WireError);
    expect(input.u16()).toBe(0x0102);
    expect(() => input.u8()).toThrow(WireError);
  });
});

describe('latin1, byte order and JSON', () => {
  it('latin1 goes there and back, beyond one chunk too', () => {
    fc.assert(
      fc.property(latin1, (text) => {
        expect(latin1Decode(latin1Encode(text))).toBe(text);
      }),
    );
    const long = 'ab\xff'.repeat(5000);
    expect(latin1Decode(latin1Encode(long))).toBe(long);
  });

  it('compareBytes orders like the strings of their chars', () => {
    fc.assert(
      fc.property(latin1, latin1, (a, b) => {
        const order = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(compareBytes(latin1Encode(a), latin1Encode(b)))).toBe(order);
      }),
    );
  });

  it('JSON travels as pure ASCII and comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const bytes = jsonEncode(value);
        expect(bytes.every((byte) => byte < 0x7f)).toBe(true);
        expect(jsonDecode(bytes)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("what is no JSON is the sender's fault", () => {
    expect(() => jsonDecode(latin1Encode('{"a":'))).toThrow(WireError);
  });
});
