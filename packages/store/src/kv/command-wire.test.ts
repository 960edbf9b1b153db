/** The bytes of commands and replies, once and for all; and whatever a peer sends, it crashes nobody. */
import { Reader, WireError, Writer, type PartitionId } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stampOf, valueAt } from '../../test/kv/entries.ts';
import { promise } from '../entry/ballot.ts';
import { ALWAYS, type Change, type ChangeProblem, type Condition } from '../entry/change.ts';
import { EXPIRY_MS_MAX } from '../entry/expiry.ts';
import type { Failure } from './api.ts';
import type { VersionedAnswer } from './change-wire.ts';
import { kvCodec } from './command-wire.ts';
import { STATE_AT, STATE_END, type KvCommand, type KvReply } from './commands.ts';

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const plain = (hex: string): string => hex.replaceAll(' ', '');
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(plain(hex).match(/../g) ?? [], (byte) => parseInt(byte, 16));

const at = { hashHi: 0x01020304, hashLo: 0x05060708, key: 'k\xff' };
const AT = '01020304 05060708 00000002 6bff';
const entry = valueAt(at.key, 7, 'v');
const state = entry.slice(STATE_AT, STATE_END);
const range = 0x0102 as PartitionId;
const ballot = stampOf(9);
const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);

/** Changes that are run elsewhere, and how they look. */
const changes: [Change, string][] = [
  [{ kind: 'read' }, '00'],
  [
    { kind: 'set', value: bytes(0x76), when: ALWAYS, until: 3, returns: true },
    '01 01 4008000000000000 00 00000001 76',
  ],
  [
    {
      kind: 'set',
      value: bytes(),
      when: { kind: 'equals', value: bytes(0x77) },
      until: 'keep',
      returns: false,
    },
    '01 02 0000000000000000 03 00000001 77 00000000',
  ],
  [{ kind: 'delete', when: { kind: 'present' }, returns: true }, '02 01 02'],
  [{ kind: 'delete', when: { kind: 'absent' }, returns: false }, '02 00 01'],
  [{ kind: 'increment', by: -2n }, '03 fffffffffffffffe'],
  [{ kind: 'append', value: bytes(0x76, 0xff) }, '04 00000002 76ff'],
  [{ kind: 'expire', until: 3, when: 'later', returns: false }, '05 00 4008000000000000 03'],
  [{ kind: 'expire', until: 3, when: 'some_earlier', returns: true }, '05 01 4008000000000000 05'],
];
const answer: VersionedAnswer = {
  applied: true,
  problem: undefined,
  existed: false,
  value: undefined,
  untilMs: 3,
  length: 5,
  version: stampOf(9),
};
const failure: Failure = { code: 'timeout', message: 'm', needed: 2, got: 1, from: ['b'], definite: false };
const FAILURE = JSON.stringify(failure);

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
  [{ kind: 'flush', phase: 'clock', stamp: stampOf(0) }, `0d 00 ${hexOf(stampOf(0))}`],
  [{ kind: 'flush', phase: 'run', stamp: stampOf(9) }, `0d 01 ${hexOf(stampOf(9))}`],
  [{ kind: 'get', ...at, whole: true, strict: true }, `02 ${AT} 03`],
  [{ kind: 'get', ...at, whole: false, strict: true }, `02 ${AT} 02`],
  [{ kind: 'prepare', ...at, ballot, known: undefined }, `06 ${AT} ${hexOf(ballot)}`],
  [{ kind: 'prepare', ...at, ballot, known: state }, `06 ${AT} ${hexOf(ballot)} ${hexOf(state)}`],
  [{ kind: 'accept', ...at, entry }, `07 ${AT} ${hexOf(entry)}`],
  [
    { kind: 'change', ...at, strict: true, timeoutMs: 0x1234, change: { kind: 'read' } },
    `08 ${AT} 01 00001234 00`,
  ],
  [
    {
      kind: 'change',
      ...at,
      strict: false,
      timeoutMs: 500,
      change: { kind: 'read' },
      levels: { w: 3, pw: 2 },
    },
    `0e ${AT} 00 000001f4 0003000200 00`,
  ],
  ...changes.map(([change, hex]): [KvCommand, string] => [
    { kind: 'change', ...at, strict: false, timeoutMs: 500, change },
    `08 ${AT} 00 000001f4 ${hex}`,
  ]),
];
const replies: [KvReply, string][] = [
  [{ kind: 'merged', existed: false, untilMs: 0, later: undefined }, '01 00'],
  [{ kind: 'merged', existed: true, untilMs: 0, later: stampOf(9) }, `01 03 ${hexOf(stampOf(9))}`],
  [{ kind: 'merged', existed: true, untilMs: 3, later: undefined }, '01 05 4008000000000000'],
  [
    { kind: 'merged', existed: false, untilMs: 0, later: stampOf(9), tooLate: true },
    `01 0a ${hexOf(stampOf(9))}`,
  ],
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
    { kind: 'flushed', state: 'done', clock: stampOf(9), records: 3 },
    `0d 02 ${hexOf(stampOf(9))} 4008000000000000`,
  ],
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
  [{ kind: 'promised', granted: true, ballot, entry: undefined, whole: true }, `06 06 ${hexOf(ballot)}`],
  [{ kind: 'promised', granted: true, ballot, entry, whole: true }, `06 07 ${hexOf(ballot)} ${hexOf(entry)}`],
  [{ kind: 'promised', granted: false, ballot, entry: undefined, whole: true }, `06 02 ${hexOf(ballot)}`],
  [{ kind: 'accepted', accepted: true, ballot }, `07 01 ${hexOf(ballot)}`],
  [{ kind: 'accepted', accepted: false, ballot }, `07 00 ${hexOf(ballot)}`],
  [
    { kind: 'changed', result: { kind: 'answer', answer } },
    `08 00 01 00 00000005 4008000000000000 ${hexOf(stampOf(9))}`,
  ],
  [
    {
      kind: 'changed',
      result: { kind: 'answer', answer: { ...answer, applied: false, problem: 'too_large' } },
    },
    `08 00 00 03 00000005 4008000000000000 ${hexOf(stampOf(9))}`,
  ],
  [
    { kind: 'changed', result: { kind: 'answer', answer: { ...answer, existed: true, value: bytes(0x76) } } },
    `08 00 07 00 00000005 4008000000000000 ${hexOf(stampOf(9))} 76`,
  ],
  [
    { kind: 'changed', result: { kind: 'failure', failure } },
    `08 01 ${hexOf(new TextEncoder().encode(FAILURE))}`,
  ],
];

describe('commands', () => {
  it.each(commands)('$0.kind: $1', (command, hex) => {
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

describe('whatever is asked and answered', () => {
  const value = fc.uint8Array({ maxLength: 5 });
  const stamp = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const returns = fc.boolean();
  const until = fc.integer({ min: 0, max: EXPIRY_MS_MAX });
  const place = fc.record({
    hashHi: fc.nat(0xffff_ffff),
    hashLo: fc.nat(0xffff_ffff),
    key: value.map((key) => String.fromCharCode(...key)),
  });
  const when: fc.Arbitrary<Condition> = fc.oneof(
    fc.constantFrom<Condition>({ kind: 'always' }, { kind: 'absent' }, { kind: 'present' }),
    fc.record({ kind: fc.constant('equals' as const), value }),
  );
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.constant<Change>({ kind: 'read' }),
    fc.record({
      kind: fc.constant('set' as const),
      value,
      when,
      until: fc.oneof(until, fc.constant('keep' as const)),
      returns,
    }),
    fc.record({ kind: fc.constant('delete' as const), when, returns }),
    fc.record({ kind: fc.constant('increment' as const), by: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
    fc.record({ kind: fc.constant('append' as const), value }),
    fc.record({
      kind: fc.constant('expire' as const),
      until,
      when: fc.constantFrom(
        'always' as const,
        'none' as const,
        'some' as const,
        'later' as const,
        'earlier' as const,
        'some_earlier' as const,
      ),
      returns,
    }),
  );
  const level = fc.integer({ min: 1, max: 255 });
  const levels = fc.record({ r: level, w: level, pr: level, pw: level, dw: level }, { requiredKeys: [] });
  const command: fc.Arbitrary<KvCommand> = fc.oneof(
    fc
      .tuple(place, stamp, fc.option(fc.uint8Array({ minLength: 24, maxLength: 24 }), { nil: undefined }))
      .map(([where, ballot, known]) => ({ kind: 'prepare', ...where, ballot, known }) as const),
    fc
      .tuple(place, fc.nat(1e6))
      .map(([where, time]) => ({ kind: 'accept', ...where, entry: valueAt(where.key, time, 'v') }) as const),
    fc.tuple(place, fc.boolean(), fc.nat(0xffff_ffff), change, levels).map(
      ([where, strict, timeoutMs, change, asked]) =>
        ({
          kind: 'change',
          ...where,
          strict,
          timeoutMs,
          change,
          ...(Object.keys(asked).length > 0 && { levels: asked }),
        }) as const,
    ),
  );
  const reply: fc.Arbitrary<KvReply> = fc.oneof(
    fc.record({
      kind: fc.constant('promised' as const),
      granted: fc.boolean(),
      ballot: stamp,
      entry: fc.constantFrom(undefined, entry, promise(at.key, entry, stampOf(99))),
      whole: fc.constant(true),
    }),
    fc.record({ kind: fc.constant('accepted' as const), accepted: fc.boolean(), ballot: stamp }),
    fc
      .record({
        applied: fc.boolean(),
        existed: fc.boolean(),
        problem: fc.constantFrom<ChangeProblem | undefined>(
          undefined,
          'not_an_integer',
          'out_of_range',
          'too_large',
        ),
        value: fc.option(value, { nil: undefined }),
        untilMs: until,
        length: fc.nat(0xffff_ffff),
        version: stamp,
      })
      .map((answer) => ({ kind: 'changed', result: { kind: 'answer', answer } }) as const),
  );

  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(command, (sent) => {
        const out = new Writer();
        kvCodec.encodeCommand(sent, out);
        expect(kvCodec.decodeCommand(new Reader(out.copy()))).toEqual(sent);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(reply, (sent) => {
        const out = new Writer();
        kvCodec.encodeReply(sent, out);
        expect(kvCodec.decodeReply(new Reader(out.copy()))).toEqual(sent);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is a copy where it is kept: the ballot, the state that is known, what is changed', () => {
    fc.assert(
      fc.property(command, (sent) => {
        const out = new Writer();
        kvCodec.encodeCommand(sent, out);
        const frame = out.copy();
        const received = kvCodec.decodeCommand(new Reader(frame));
        frame.fill(0xdd);
        expect(received).toEqual(sent);
      }),
    );
  });

  it('who promises and knows that the asker has the value sends its header only', () => {
    const held = promise(at.key, entry, ballot) as Uint8Array;
    const out = new Writer();
    kvCodec.encodeReply({ kind: 'promised', granted: true, ballot, entry: held, whole: false }, out);
    expect(kvCodec.decodeReply(new Reader(out.copy()))).toMatchObject({
      entry: held.slice(0, held.length - 1),
      whole: false,
    });
  });

  it.each([
    ['a change of a kind that is not known', '06'],
    ['a condition that is not known', '02 00 04'],
    ['a condition of an expiry that is not known', '05 00 4008000000000000 06'],
    ['a moment that is none', '05 00 7ff8000000000000 00'],
    ['a moment before 1970', '05 00 bff0000000000000 00'],
    ['half a millisecond', '05 00 3fe0000000000000 00'],
    ['a moment beyond what an entry can hold', '05 00 42f0000000000000 00'],
    ['a value shorter than it says', '04 00000003 76'],
  ])('%s is refused', (_, hex) => {
    expect(() => kvCodec.decodeCommand(new Reader(bytesOf(`08 ${AT} 00 00000001 ${hex}`)))).toThrow(
      WireError,
    );
  });

  it.each([
    '{}',
    '[]',
    'null',
    '{"code":1,"message":"m","from":[]}',
    '{"code":"timeout","message":"m"}',
    '{',
  ])('a failure that makes no sense is refused: %s', (text) => {
    const frame = Uint8Array.of(8, 1, ...new TextEncoder().encode(text));
    expect(() => kvCodec.decodeReply(new Reader(frame))).toThrow(WireError);
  });

  it('a failure that does not say that it did nothing may have done something', () => {
    const { definite: _, ...unsure } = failure;
    const frame = Uint8Array.of(8, 1, ...new TextEncoder().encode(JSON.stringify(unsure)));
    expect(kvCodec.decodeReply(new Reader(frame))).toMatchObject({
      result: { failure: { definite: false } },
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
      fc.property(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 80 }), (kind, rest) =>
        survives(Uint8Array.of(kind, ...rest)),
      ),
      { numRuns: 2_000 },
    );
  });

  it('and so does everything that was cut short or changed on the way', () => {
    const frames = [...commands, ...replies].map(([, hex]) => bytesOf(hex));
    for (const frame of frames) {
      for (let i = 0; i < frame.length; i++) {
        survives(frame.slice(0, i));
        survives(frame.map((byte, at) => (at === i ? byte ^ 0xff : byte)));
      }
    }
  });
});
