/** The bytes of a transfer, once and for all. */
import { describe, expect, it } from 'vitest';
import { Reader, WireError, Writer } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import {
  readAck,
  readAnswer,
  readItems,
  readOffer,
  writeAck,
  writeAnswer,
  writeItems,
  writeOffer,
} from './handoff-wire.ts';

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const id = 0x01020304;
const source = { ringBits: 4, partition: 0x0102 as PartitionId };

function cases() {
  const items = [Uint8Array.of(0xaa), Uint8Array.of(), Uint8Array.of(0xbb, 0xcc)];
  return [
    ['offer of ownership', writeOffer, readOffer, { id, kind: 'ownership', source }, '01020304 00 04 0102'],
    ['offer of hints', writeOffer, readOffer, { id, kind: 'hinted', source }, '01020304 01 04 0102'],
    ['go ahead', writeAnswer, readAnswer, { id, refusal: undefined }, '01020304 01 0000'],
    ['not now', writeAnswer, readAnswer, { id, refusal: 'full' }, '01020304 00 0004 66756c6c'],
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
    ['not stored', writeAck, readAck, { id, seq: 7, stored: false }, '01020304 00000007 00'],
  ] as readonly (readonly [
    string,
    (out: Writer, frame: never) => void,
    (input: Reader) => unknown,
    object,
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

it('items are copies: a vnode may keep them when the frame is long gone', () => {
  const out = new Writer();
  writeItems(out, { id, seq: 0, last: false, partial: false, items: [Uint8Array.of(1)] });
  const frame = out.copy();
  const { items } = readItems(new Reader(frame));
  frame.fill(0xff);
  expect(items).toEqual([Uint8Array.of(1)]);
});
