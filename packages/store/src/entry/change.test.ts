/** What a change makes of what it finds: `v` is held at 5 ms, and the clock shows 100 ms. */
import { latin1Decode, latin1Encode, putStampMs } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promise, promisedOf } from './ballot.ts';
import {
  ALWAYS,
  applyChange,
  entryAfter,
  entryAgain,
  type Change,
  type ChangeOutcome,
  type Condition,
  type ExpiryCondition,
} from './change.ts';
import { problemOf } from './check.ts';
import { encodeString, encodeSwept, encodeTombstone, fieldsOf } from './codec.ts';
import { expiryMs, isLive, payloadStart, TOMBSTONE } from './layout.ts';

const KEY = 'k';
const NOW = 100;
const VALUE_BYTES_MAX = 30;
const INT64_MAX = '9223372036854775807';
const INT64_MIN = '-9223372036854775808';

const stamp = (ms: number): Uint8Array => {
  const out = new Uint8Array(16);
  putStampMs(out, 0, ms);
  return out;
};
const held = (text: string, untilMs = 0): Uint8Array =>
  encodeString(KEY, stamp(5), latin1Encode(text), untilMs);
const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && latin1Decode(bytes);

const nothing = undefined;
const dead = encodeTombstone(KEY, stamp(5));
const expired = held('v', NOW);
/** Of a strict key that never had a value. */
const promised = promise(KEY, undefined, stamp(5)) as Uint8Array;
/** Whatever of this is held, there is no value. */
const ABSENT = { nothing, dead, expired, swept: encodeSwept(KEY, expired), promised };

const apply = (before: Uint8Array | undefined, change: Change): ChangeOutcome =>
  applyChange(before, change, NOW, VALUE_BYTES_MAX);

/** `v -> w`, `v -> w keep`, `v -> -` for a deletion, `v stays`. */
function told({ answer, next }: ChangeOutcome): string {
  const became = next === undefined ? 'stays' : `-> ${textOf(next.value) ?? '-'}`;
  const until = next?.value === undefined || next.until === 0 ? '' : ` until ${next.until}`;
  const said = answer.problem ?? (answer.applied ? 'applied' : 'not applied');
  const value = answer.value === undefined ? '' : `, ${textOf(answer.value)}`;
  return `${said}${value}: ${became}${until}`;
}

const setting = (more: Partial<Extract<Change, { kind: 'set' }>> = {}): Change => ({
  kind: 'set',
  value: latin1Encode('w'),
  when: ALWAYS,
  until: 0,
  returns: false,
  ...more,
});
const equals = (text: string): Condition => ({ kind: 'equals', value: latin1Encode(text) });

describe('read', () => {
  it.each(Object.entries(ABSENT))('finds nothing: %s', (_, before) => {
    const { answer, next } = apply(before, { kind: 'read' });
    expect(answer).toMatchObject({ applied: false, existed: false, value: undefined, untilMs: 0 });
    expect(next).toBeUndefined();
  });

  it('finds the value, and when it expires', () => {
    const { answer, next } = apply(held('v', 101), { kind: 'read' });
    expect(answer).toMatchObject({ applied: true, existed: true, untilMs: 101 });
    expect([textOf(answer.value), next]).toEqual(['v', undefined]);
  });
});

describe('set', () => {
  it.each<[Condition, string, string]>([
    [{ kind: 'always' }, 'applied: -> w', 'applied: -> w'],
    [{ kind: 'absent' }, 'not applied: stays', 'applied: -> w'],
    [{ kind: 'present' }, 'applied: -> w', 'not applied: stays'],
    [equals('v'), 'applied: -> w', 'not applied: stays'],
    [equals('x'), 'not applied: stays', 'not applied: stays'],
    [equals('vv'), 'not applied: stays', 'not applied: stays'],
    [equals(''), 'not applied: stays', 'not applied: stays'],
  ])('when %j: a value is there, or is not', (when, there, absent) => {
    expect(told(apply(held('v'), setting({ when })))).toBe(there);
    for (const before of Object.values(ABSENT)) expect(told(apply(before, setting({ when })))).toBe(absent);
  });

  it.each<[string, Uint8Array | undefined, Change, string]>([
    ['a moment', held('v', 500), setting({ until: 300 }), 'applied: -> w until 300'],
    ['never', held('v', 500), setting({ until: 0 }), 'applied: -> w'],
    ['that of the value before', held('v', 500), setting({ until: 'keep' }), 'applied: -> w until keep'],
    ['that of a value that is gone', expired, setting({ until: 'keep' }), 'applied: -> w'],
    ['that of no value', nothing, setting({ until: 'keep' }), 'applied: -> w'],
  ])('expires as said: %s', (_, before, change, outcome) => {
    expect(told(apply(before, change))).toBe(outcome);
  });

  it('tells the value before, whether or not it is set', () => {
    expect(told(apply(held('v'), setting({ returns: true })))).toBe('applied, v: -> w');
    expect(told(apply(held('v'), setting({ returns: true, when: { kind: 'absent' } })))).toBe(
      'not applied, v: stays',
    );
    expect(told(apply(expired, setting({ returns: true })))).toBe('applied: -> w');
  });
});

describe('delete', () => {
  it.each<[Condition, boolean, string]>([
    [ALWAYS, false, 'applied: -> -'],
    [ALWAYS, true, 'applied, v: -> -'],
    [{ kind: 'present' }, false, 'applied: -> -'],
    [{ kind: 'absent' }, false, 'not applied: stays'],
    [equals('v'), true, 'applied, v: -> -'],
    [equals('x'), true, 'not applied, v: stays'],
  ])('when %j, returns %j', (when, returns, outcome) => {
    expect(told(apply(held('v'), { kind: 'delete', when, returns }))).toBe(outcome);
    for (const before of Object.values(ABSENT))
      expect(told(apply(before, { kind: 'delete', when, returns }))).toBe('not applied: stays');
  });
});

describe('increment', () => {
  it.each<[string, string, string]>([
    ['0', '1', 'applied, 1: -> 1 until keep'],
    ['-1', '1', 'applied, 0: -> 0 until keep'],
    ['10', '-11', 'applied, -1: -> -1 until keep'],
    ['9223372036854775806', '1', `applied, ${INT64_MAX}: -> ${INT64_MAX} until keep`],
    [INT64_MAX, '1', 'out_of_range: stays'],
    [INT64_MAX, INT64_MIN, 'applied, -1: -> -1 until keep'],
    ['-9223372036854775807', '-1', `applied, ${INT64_MIN}: -> ${INT64_MIN} until keep`],
    [INT64_MIN, '-1', 'out_of_range: stays'],
    [INT64_MIN, '0', `applied, ${INT64_MIN}: -> ${INT64_MIN} until keep`],
    ['9223372036854775808', '-1', 'not_an_integer: stays'],
    ['-9223372036854775809', '1', 'not_an_integer: stays'],
    ['123456789012345678901234567890', '1', 'not_an_integer: stays'],
    ['', '1', 'not_an_integer: stays'],
    [' 1', '1', 'not_an_integer: stays'],
    ['1 ', '1', 'not_an_integer: stays'],
    ['1\n', '1', 'not_an_integer: stays'],
    ['+1', '1', 'not_an_integer: stays'],
    ['-0', '1', 'not_an_integer: stays'],
    ['01', '1', 'not_an_integer: stays'],
    ['1.0', '1', 'not_an_integer: stays'],
    ['1e3', '1', 'not_an_integer: stays'],
  ])('of %j by %s', (text, by, outcome) => {
    expect(told(apply(held(text), { kind: 'increment', by: BigInt(by) }))).toBe(outcome);
  });

  it.each(Object.entries(ABSENT))('begins at 0, without expiry: %s', (_, before) => {
    expect(told(apply(before, { kind: 'increment', by: -2n }))).toBe('applied, -2: -> -2');
  });
});

describe('append', () => {
  const appending = (text: string): Change => ({ kind: 'append', value: latin1Encode(text) });

  it.each<[string, Uint8Array | undefined, string, string, number]>([
    ['to a value', held('v', 500), 'w', 'applied: -> vw until keep', 2],
    ['nothing to a value', held('v'), '', 'applied: -> v until keep', 1],
    ['to nothing', nothing, 'w', 'applied: -> w', 1],
    ['to what has expired', expired, 'w', 'applied: -> w', 1],
    ['up to the limit', held('v'), 'w'.repeat(29), `applied: -> v${'w'.repeat(29)} until keep`, 30],
    ['beyond the limit', held('v'), 'w'.repeat(30), 'too_large: stays', 0],
  ])('%s', (_, before, text, outcome, length) => {
    const applied = apply(before, appending(text));
    expect([told(applied), applied.answer.length]).toEqual([outcome, length]);
  });
});

describe('expire', () => {
  const expiring = (until: number, when: ExpiryCondition = 'always', returns = false): Change => ({
    kind: 'expire',
    until,
    when,
    returns,
  });

  it.each<[ExpiryCondition, never: string, at300: string, at500: string, at700: string]>([
    ['always', 'set', 'set', 'set', 'set'],
    ['none', 'set', '-', '-', '-'],
    ['some', '-', 'set', 'set', 'set'],
    // The new moment is 500; never is later than all.
    ['later', '-', 'set', '-', '-'],
    ['earlier', 'set', '-', '-', 'set'],
    ['some_earlier', '-', '-', '-', 'set'],
  ])('when %s: to 500, of a value that expires never, at 300, 500, 700', (when, ...expected) => {
    const outcomes = [0, 300, 500, 700].map((untilMs) =>
      told(apply(held('v', untilMs), expiring(500, when))),
    );
    expect(outcomes).toEqual(
      expected.map((word) => (word === 'set' ? 'applied: -> v until 500' : 'not applied: stays')),
    );
  });

  it.each<[ExpiryCondition, never: string, at300: string]>([
    ['always', 'set', 'set'],
    ['none', 'set', '-'],
    ['some', '-', 'set'],
    ['later', '-', 'set'],
    ['earlier', '-', '-'],
    ['some_earlier', '-', '-'],
  ])('when %s: to never, of a value that expires never, at 300', (when, ...expected) => {
    const outcomes = [0, 300].map((untilMs) => told(apply(held('v', untilMs), expiring(0, when))));
    expect(outcomes).toEqual(
      expected.map((word) => (word === 'set' ? 'applied: -> v' : 'not applied: stays')),
    );
  });

  it('to a moment that is past, or just now, deletes', () => {
    expect(told(apply(held('v'), expiring(NOW, 'always', true)))).toBe('applied, v: -> -');
    expect(told(apply(held('v'), expiring(1)))).toBe('applied: -> -');
    expect(told(apply(held('v'), expiring(NOW + 1)))).toBe('applied: -> v until 101');
  });

  it.each(Object.entries(ABSENT))('does nothing where no value is: %s', (_, before) => {
    expect(told(apply(before, expiring(500, 'always', true)))).toBe('not applied: stays');
  });
});

describe('the entry that follows', () => {
  const version = stamp(9);
  const ballot = promisedOf(stamp(10));

  it('is of the new version, and keeps nothing of the old one but the moment that is to be kept', () => {
    const e = entryAfter(KEY, held('v', 500), { value: latin1Encode('w'), until: 'keep' }, version);
    expect(problemOf(KEY, e)).toBeUndefined();
    expect(fieldsOf(e)).toMatchObject({ version, base: version, expiry: { ms: 500, stamp: version } });
    expect(textOf(fieldsOf(e).payload)).toBe('w');
  });

  it.each<[string, number | 'keep', number]>([
    ['a moment', 300, 300],
    ['never', 0, 0],
    ['none to keep', 'keep', 0],
  ])('expires: %s', (_, until, untilMs) => {
    expect(expiryMs(entryAfter(KEY, held('v'), { value: latin1Encode('w'), until }, version))).toBe(untilMs);
  });

  it('is a tombstone when nothing is held next, and has the promise of a strict key', () => {
    const e = entryAfter(KEY, held('v', 500), { value: undefined, until: 'keep' }, version, ballot);
    expect(problemOf(KEY, e)).toBeUndefined();
    expect(fieldsOf(e)).toMatchObject({ type: TOMBSTONE, version, expiry: undefined, promised: ballot });
  });

  it.each<[string, Uint8Array]>([
    ['a value', held('v')],
    ['a value that expires', held('v', 500)],
    ['one that has expired', expired],
    ['what it was swept into', ABSENT.swept],
    ['a tombstone', dead],
    ['a promise and nothing else', promised],
  ])('again: %s under another version, the rest as it was', (_, before) => {
    const e = entryAgain(KEY, before, version, ballot);
    expect(problemOf(KEY, e)).toBeUndefined();
    const { type, sum, payload } = fieldsOf(before);
    expect(fieldsOf(e)).toMatchObject({ type, sum, payload, version, base: version, promised: ballot });
    expect([expiryMs(e), isLive(e, NOW)]).toEqual([expiryMs(before), isLive(before, NOW)]);
  });
});

/** A key in a few lines: its text, and when it expires. */
interface Twin {
  text: string;
  untilMs: number;
}

/** What is there next: itself when nothing changes. */
function next(twin: Twin | undefined, change: Change, now: number): Twin | undefined {
  const is = twin !== undefined && (twin.untilMs === 0 || twin.untilMs > now) ? twin : undefined;
  const meets = (when: Condition): boolean =>
    when.kind === 'equals'
      ? is?.text === textOf(when.value)
      : when.kind === 'always' || (when.kind === 'absent') === !is;
  switch (change.kind) {
    case 'read':
      return is;
    case 'set': {
      const { value, until, when } = change;
      if (!meets(when)) return is;
      return { text: textOf(value) as string, untilMs: until === 'keep' ? (is?.untilMs ?? 0) : until };
    }
    case 'delete':
      return meets(change.when) ? undefined : is;
    case 'increment': {
      const text = is?.text ?? '0';
      const sum = BigInt(text) + change.by;
      if (String(BigInt(text)) !== text || BigInt.asIntN(64, sum) !== sum) return is;
      return { text: String(sum), untilMs: is?.untilMs ?? 0 };
    }
    case 'append': {
      const text = (is?.text ?? '') + textOf(change.value);
      return text.length > VALUE_BYTES_MAX ? is : { text, untilMs: is?.untilMs ?? 0 };
    }
    case 'expire': {
      // Never is later than all.
      const [was, becomes] = [is?.untilMs, change.until].map((ms) => (ms === 0 ? Infinity : (ms as number)));
      const holds = {
        always: true,
        none: was === Infinity,
        some: was !== Infinity,
        later: (becomes as number) > (was as number),
        earlier: (becomes as number) < (was as number),
        some_earlier: was !== Infinity && (becomes as number) < (was as number),
      };
      if (is === undefined || !holds[change.when]) return is;
      return { ...is, untilMs: change.until };
    }
  }
}

describe('any changes, one after the other', () => {
  const digits = fc.constantFrom('1', '22', '-3', INT64_MAX, INT64_MIN).map(latin1Encode);
  const until = fc.constantFrom(0, 101, 103, 105, 1_000);
  const returns = fc.boolean();
  const when: fc.Arbitrary<Condition> = fc.oneof(
    fc.constantFrom<Condition>(ALWAYS, { kind: 'absent' }, { kind: 'present' }),
    fc.record({ kind: fc.constant('equals' as const), value: digits }),
  );
  const changes: fc.Arbitrary<Change> = fc.oneof(
    fc.constant<Change>({ kind: 'read' }),
    fc.record({
      kind: fc.constant('set' as const),
      value: digits,
      when,
      until: fc.oneof(until, fc.constant('keep' as const)),
      returns,
    }),
    fc.record({ kind: fc.constant('delete' as const), when, returns }),
    fc.record({
      kind: fc.constant('increment' as const),
      by: fc.constantFrom(1n, -1n, 2n ** 62n, -(2n ** 63n)),
    }),
    fc.constant<Change>({ kind: 'append', value: latin1Encode('1') }),
    fc.record({
      kind: fc.constant('expire' as const),
      until,
      when: fc.constantFrom<ExpiryCondition>('always', 'none', 'some', 'later', 'earlier', 'some_earlier'),
      returns,
    }),
  );

  it('leave what a dumb twin holds', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 12 }), (sequence) => {
        let before: Uint8Array | undefined;
        let twin: Twin | undefined;
        for (const [i, change] of sequence.entries()) {
          const now = NOW + i;
          const { answer, next: state } = applyChange(before, change, now, VALUE_BYTES_MAX);
          const was = next(twin, { kind: 'read' }, now);
          expect([answer.existed, answer.untilMs]).toEqual([was !== undefined, was?.untilMs ?? 0]);
          if (state !== undefined) before = entryAfter(KEY, before, state, stamp(10 + i));
          twin = next(twin, change, now);
          if (change.kind === 'increment' && answer.applied) expect(textOf(answer.value)).toBe(twin?.text);
          expect(seenIn(before, now)).toEqual(next(twin, { kind: 'read' }, now));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('that are not applied change nothing, nor do they touch what they found', () => {
    fc.assert(
      fc.property(changes, fc.constantFrom(held('22', 103), held('v'), dead), (change, before) => {
        const copy = before.slice();
        const { answer, next: state } = apply(before, change);
        expect(before).toEqual(copy);
        if (!answer.applied) expect(state).toBeUndefined();
      }),
    );
  });
});

function seenIn(entry: Uint8Array | undefined, now: number): Twin | undefined {
  if (entry === undefined || !isLive(entry, now)) return undefined;
  return { text: latin1Decode(entry, payloadStart(entry)), untilMs: expiryMs(entry) };
}
