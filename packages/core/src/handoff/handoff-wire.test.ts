/** The bytes of a transfer, once and for all. */
import { describe, expect, it } from 'vitest';
import { Reader, WireError, Writer } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import {
  readAck,
  readAnswer,
  readCompare,
  readEnd,
  readHeld,
  readItems,
  readOffer,
  writeAck,
  writeAnswer,
  writeCompare,
  writeEnd,
  writeHeld,
  writeItems,
  writeOffer,
} from './handoff-wire.ts';

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const id = 0x01020304;
const within = { start: 0x10, end: 2 ** 32 };
const sum = { count: 2, hi: 10, lo: 11 };
const source = { ringBits: 4, partition: 0x0102 as PartitionId };

function cases() {
  const items = [Uint8Array.of(0xaa), Uint8Array.of(), Uint8Array.of(0xbb, 0xcc)];
  return [
    [
      'offer of ownership',
      writeOffer,
      readOffer,
      { id, kind: 'ownership', source },
      '01020304 01 00 04 0102',
    ],
    ['offer of hints', writeOffer, readOffer, { id, kind: 'hinted', source }, '01020304 01 01 04 0102'],
    ['offer to repair', writeOffer, readOffer, { id, kind: 'repair', source }, '01020304 01 02 04 0102'],
    ['go ahead', writeAnswer, readAnswer, { id, refusal: undefined, compare: false }, '01020304 01 0000'],
    ['ask first', writeAnswer, readAnswer, { id, refusal: undefined, compare: true }, '01020304 03 0000'],
    [
      'not now',
      writeAnswer,
      readAnswer,
      { id, refusal: 'full', compare: false },
      '01020304 00 0004 66756c6c',
    ],
    [
      'items',
      writeItems,
      readItems,
      { id, seq: 7, last: false, partial: false, items },
      '01020304 00000007 00 00000003 00000001 aa 00000000 00000002 bbcc',
    ],
    [
      'last',
      writeItems,
      readItems,
      { id, seq: 8, last: true, partial: false, items: [] },
      '01020304 00000008 01 00000000',
    ],
    [
      'last of a partial vnode',
      writeItems,
      readItems,
      { id, seq: 8, last: true, partial: true, items: [] },
      '01020304 00000008 03 00000000',
    ],
    ['stored', writeAck, readAck, { id, seq: 7, stored: true }, '01020304 00000007 01'],
    [
      'compare',
      writeCompare,
      readCompare,
      { id, seq: 9, stretch: { within, after: undefined, upTo: Uint8Array.of(0xcc, 0xdd), sum } },
      '01020304 00000009 00000010 ffffffff 00 01 00000002 ccdd 00000002 0000000a 0000000b',
    ],
    [
      'held',
      writeHeld,
      readHeld,
      { id, seq: 9, digests: Uint32Array.of(1, 2, 3, 4) },
      '01020304 00000009 00000002 00000001 00000002 00000003 00000004',
    ],
    ['end', writeEnd, (input: Reader) => readEnd(input), id, '01020304'],
    ['not stored', writeAck, readAck, { id, seq: 7, stored: false }, '01020304 00000007 00'],
  ] as readonly (readonly [
    string,
    (out: Writer, frame: never) => void,
    (input: Reader) => unknown,
    object | number,
    string,
  ])[];
}

describe.each(cases())('%s', (_, write, read, frame, hex) => {
  const bytes = hex.replaceAll(' ', '');

  it('is written as drawn, and read back', () => {
    const out = new Writer();
    write(out, frame as never);
    expect(hexOf(out.copy())).toBe(bytes);
    expect(read(new Reader(out.copy()))).toEqual(frame);
  });

  it('cut short anywhere is the fault of the sender', () => {
    const out = new Writer();
    write(out, frame as never);
    for (let end = 0; end < out.length; end++) {
      expect(() => read(new Reader(out.buffer, 0, end)), `${end} bytes`).toThrow(WireError);
    }
  });
});

it('items are still there when the frame is long gone', () => {
  const out = new Writer();
  writeItems(out, { id, seq: 0, last: false, partial: false, items: [Uint8Array.of(1)] });
  const frame = out.copy();
  const { items } = readItems(new Reader(frame));
  frame.fill(0xff);
  expect(items).toEqual([Uint8Array.of(1)]);
});

describe('an offer that is not understood is read as one, with the reason:', () => {
  const read = (hex: string) =>
    readOffer(new Reader(Uint8Array.from(hex.split(' '), (digits) => Number.parseInt(digits, 16))));

  it('a later version, whatever it says', () => {
    expect(read('01 02 03 04 02 ff')).toEqual({
      id,
      kind: undefined,
      strange: 'speaks version 1 of handoff, not 2',
    });
  });

  it('a kind of which nothing is known here', () => {
    expect(read('01 02 03 04 01 63 04 01 02')).toEqual({
      id,
      kind: undefined,
      strange: 'knows no transfer of kind 99; it speaks version 1 of handoff',
    });
  });
});
