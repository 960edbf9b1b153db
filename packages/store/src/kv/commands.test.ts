/** The bytes of commands and replies, once and for all; and whatever a peer sends, it crashes nobody. */
import { Reader, WireError, Writer, type PartitionId } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stampOf, valueAt } from '../../test/kv/entries.ts';
import { kvCodec, STATE_AT, STATE_END, type KvCommand, type KvReply } from './commands.ts';

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const plain = (hex: string): string => hex.replaceAll(' ', '');

const at = { hashHi: 0x01020304, hashLo: 0x05060708, key: 'k\xff' };
const AT = '01020304 05060708 00000002 6bff';
const entry = valueAt(at.key, 7, 'v');
const state = entry.slice(STATE_AT, STATE_END);
const range = 0x0102 as PartitionId;

const commands: [KvCommand, string][] = [
  [{ kind: 'merge', ...at, entry }, `01 ${AT} ${hexOf(entry)}`],
  [{ kind: 'get', ...at, whole: true }, `02 ${AT} 01`],
  [{ kind: 'get', ...at, whole: false }, `02 ${AT} 00`],
  [{ kind: 'page', range, after: undefined, limit: 500, nowMs: 1 }, '09 0102 01f4 3ff0000000000000'],
  [{ kind: 'page', range, after: at, limit: 500, nowMs: 2 }, `09 0102 01f4 4000000000000000 ${AT}`],
  [{ kind: 'tally', range }, '04 0102'],
  [{ kind: 'ping', n: 3 }, '05 00000003'],
  [{ kind: 'merge', ...at, entry, flushed: true }, `0b ${AT} ${hexOf(entry)}`],
  [{ kind: 'inspect', ...at }, `0c ${AT}`],
];
const replies: [KvReply, string][] = [
  [{ kind: 'merged', existed: false, untilMs: 0, later: undefined }, '01 00'],
  [{ kind: 'merged', existed: true, untilMs: 0, later: stampOf(9) }, `01 03 ${hexOf(stampOf(9))}`],
  [{ kind: 'merged', existed: true, untilMs: 3, later: undefined }, '01 05 4008000000000000'],
  [{ kind: 'held', entry: undefined, whole: true }, '02 02'],
  [{ kind: 'held', entry, whole: true }, `02 03 ${hexOf(entry)}`],
  [{ kind: 'page', items: [], more: false }, '03 00 00000000'],
  [
    { kind: 'page', items: [{ ...at, state, live: true }], more: true },
    `03 01 00000001 ${AT} ${hexOf(state)} 01`,
  ],
  [
    { kind: 'tally', entries: 2, live: 1, expiring: 1, digestHi: 0xffffffff, digestLo: 7 },
    '04 4000000000000000 3ff0000000000000 ffffffff 00000007 3ff0000000000000',
  ],
  [{ kind: 'pong', n: 3 }, '05 00000003'],
  [
    {
      kind: 'inspected',
      role: 'primary',
      bytes: 33,
      head: entry.slice(0, 32),
      damage: undefined,
      inFlight: true,
    },
    `0c 05 00000021 ${hexOf(entry.slice(0, 32))}`,
  ],
  [
    { kind: 'inspected', role: 'fallback', bytes: 9, head: undefined, damage: 'no', inFlight: false },
    '0c 0a 00000009 0002 6e6f',
  ],
];

describe('commands', () => {
  it.each(commands)('%j', (command, hex) => {
    const out = new Writer();
    kvCodec.encodeCommand(command, out);
    expect(hexOf(out.copy())).toBe(plain(hex));
    expect(kvCodec.decodeCommand(new Reader(out.copy()))).toEqual(command);
  });

  it('an entry to be merged is a copy: the vnode keeps it when the frame is gone', () => {
    const out = new Writer();
    kvCodec.encodeCommand({ kind: 'merge', ...at, entry }, out);
    const frame = out.copy();
    const command = kvCodec.decodeCommand(new Reader(frame));
    frame.fill(0xdd);
    expect(command).toMatchObject({ entry });
  });

  it('a damaged entry does not come in', () => {
    const damaged = entry.slice();
    damaged[damaged.length - 1] = 0;
    const out = new Writer();
    kvCodec.encodeCommand({ kind: 'merge', ...at, entry: damaged }, out);
    expect(() => kvCodec.decodeCommand(new Reader(out.copy()))).toThrow(WireError);
  });
});

describe('replies', () => {
  it.each(replies)('%j', (reply, hex) => {
    const out = new Writer();
    kvCodec.encodeReply(reply, out);
    expect(hexOf(out.copy())).toBe(plain(hex));
    expect(kvCodec.decodeReply(new Reader(out.copy()))).toEqual(reply);
  });

  it('of a value that was not asked for only the state crosses the wire', () => {
    const out = new Writer();
    kvCodec.encodeReply({ kind: 'held', entry, whole: false }, out);
    expect(kvCodec.decodeReply(new Reader(out.copy()))).toEqual({
      kind: 'held',
      entry: entry.slice(0, STATE_END),
      whole: false,
    });
  });
});

describe('any bytes', () => {
  const halves = [kvCodec.decodeCommand, kvCodec.decodeReply].map(
    (decode) => (input: Reader) => decode(input),
  );

  const survives = (bytes: Uint8Array): void => {
    for (const decode of halves) {
      try {
        decode(new Reader(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
  };

  it('decode or are refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), survives), { numRuns: 2_000 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 80 }), (kind, rest) =>
        survives(Uint8Array.of(kind, ...rest)),
      ),
      { numRuns: 2_000 },
    );
  });

  it('and so does everything that was cut short or changed on the way', () => {
    const frames = [...commands, ...replies].map(([, hex]) =>
      Uint8Array.from(plain(hex).match(/../g) ?? [], (byte) => parseInt(byte, 16)),
    );
    for (const frame of frames) {
      for (let i = 0; i < frame.length; i++) {
        survives(frame.slice(0, i));
        survives(frame.map((byte, at) => (at === i ? byte ^ 0xff : byte)));
      }
    }
  });
});
