/** The bytes of a header, once and for all: what is on the wire of an older node reads the same. */
import { describe, expect, it } from 'vitest';
import { Reader, WireError, Writer } from '../base/bytes.ts';
import type { Epoch, PartitionId } from '../contracts/ids.ts';
import {
  FLAG_SECTIONS,
  HEADER_BYTES,
  MESSAGE,
  newHeader,
  readHeader,
  REFUSALS,
  serviceNumber,
  writeHeader,
} from './message.ts';

const header = {
  type: MESSAGE.command,
  flags: 0x11,
  ringBits: 6,
  requestId: 0xfedcba98,
  epoch: 7 as Epoch,
  partition: 0x0123 as PartitionId,
  service: 0xbeef,
  remainingMs: 1_000,
};
const bytes = '01 01 11 06 fedcba98 00000007 0123 beef 000003e8';

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (byte) => parseInt(byte, 16));

describe('the header of a frame', () => {
  it('is written as drawn', () => {
    const out = new Writer();
    writeHeader(out, header);
    expect(out.copy()).toEqual(fromHex(bytes));
    expect(out.length).toBe(HEADER_BYTES);
  });

  it('is read back, and leaves the reader at the body', () => {
    const input = new Reader(fromHex(`${bytes} aa`));
    const read = newHeader();
    readHeader(input, read);
    expect(read).toEqual(header);
    expect(input.u8()).toBe(0xaa);
  });

  it.each([
    [60_000, '0000ea60'],
    [60_000, '0000ea61'],
    [60_000, 'ffffffff'],
  ])('whose asker waits a minute at most (%s ms for %s), whatever it says', (remainingMs, word) => {
    const read = newHeader();
    readHeader(new Reader(fromHex(`${bytes.slice(0, -8)}${word}`)), read);
    expect(read.remainingMs).toBe(remainingMs);
  });

  it('may carry sections, which who does not know them skips', () => {
    const flags = (header.flags | FLAG_SECTIONS).toString(16);
    const input = new Reader(fromHex(`01 01 ${flags} ${bytes.slice(9)} 0005 01 0002 cafe aa`));
    readHeader(input, newHeader());
    expect(input.u8()).toBe(0xaa);
  });

  it('carries a trace id where there is one', () => {
    const out = new Writer();
    writeHeader(out, { ...header, trace: 'ab-1' });
    out.u8(0xaa);
    const flags = (header.flags | FLAG_SECTIONS).toString(16).padStart(2, '0');
    expect(out.copy()).toEqual(fromHex(`01 01 ${flags} ${bytes.slice(9)} 0007 01 0004 61622d31 aa`));
    const input = new Reader(out.copy());
    const read = newHeader();
    readHeader(input, read);
    expect(read.trace).toBe('ab-1');
    expect(input.u8()).toBe(0xaa);
    readHeader(new Reader(fromHex(bytes)), read);
    expect(read.trace).toBeUndefined();
  });

  it.each([
    ['stands behind others', '000b 07 0002 cafe 01 0003 616263', 'abc'],
    ['would forge a line of a log', '0006 01 0003 610a62', undefined],
    ['is empty', '0003 01 0000', undefined],
    ['is longer than its section', '0005 01 0009 6162', undefined],
    ['is longer than one may be', `0024 01 0021 ${'61'.repeat(33)}`, undefined],
  ])('whose trace id %s', (_, sections, trace) => {
    const flags = (header.flags | FLAG_SECTIONS).toString(16);
    const input = new Reader(fromHex(`01 01 ${flags} ${bytes.slice(9)} ${sections} aa`));
    const read = newHeader();
    readHeader(input, read);
    expect(read.trace).toBe(trace);
    expect(input.u8()).toBe(0xaa);
  });

  it.each([
    ['of another version', `02 ${bytes.slice(3)}`],
    ['cut short', bytes.slice(0, -2)],
    ['whose sections run over its end', `01 01 04 ${bytes.slice(9)} 0005 01`],
  ])('%s is refused', (_, hex) => {
    expect(() => readHeader(new Reader(fromHex(hex)), newHeader())).toThrow(WireError);
  });
});

describe('numbers that are part of the wire', () => {
  it('do not change', () => {
    expect(MESSAGE).toEqual({
      command: 1,
      reply: 2,
      membership: 3,
      question: 4,
      answer: 5,
      handoffOffer: 6,
      handoffAnswer: 7,
      handoffItems: 8,
      handoffAck: 9,
      handoffCompare: 10,
      handoffHeld: 11,
      handoffEnd: 12,
      coverage: 13,
      coveragePage: 14,
      exchangeAsk: 15,
      exchangeTell: 16,
    });
    expect(REFUSALS).toEqual([
      'moved',
      'overload',
      'read_only',
      'bad_request',
      'stopping',
      'no_service',
      'busy',
    ]);
    expect(serviceNumber('rkv')).toBe(0x6189);
  });
});
