/**
 * Read-modify-write as a pure function: what a key holds, and a change, give an answer and what it holds next.
 *
 * A change says what it wants of what it finds - a value that must be there, or must not, or must be just this one - so
 * that whoever runs it needs no lock and no second message. It is run at one place, on the latest state of the key, and
 * may be run again on a later one as long as nothing of it has counted.
 *
 * Numbers are decimal text, as Redis has them: 64 bits with a sign, no spaces, no leading zeros.
 */
import { latin1Decode, latin1Encode } from '@rkv/core';
import { encodeEntry, fieldsOf, type Expiry } from './codec.ts';
import { expiryMs, FLAG_EXPIRY, hasFlag, isLive, payloadStart, STRING, TOMBSTONE } from './layout.ts';

/** What must be there for the change to be made. */
export type Condition =
  | { readonly kind: 'always' | 'absent' | 'present' }
  /** A live value of just these bytes. */
  | { readonly kind: 'equals'; readonly value: Uint8Array };

export type Change =
  | { readonly kind: 'read' }
  | {
      readonly kind: 'set';
      readonly value: Uint8Array;
      readonly when: Condition;
      /** Moment in ms since 1970; 0: never; 'keep': that of the value before. */
      readonly until: number | 'keep';
      /** Answer with the value before. */
      readonly returns: boolean;
    }
  | { readonly kind: 'delete'; readonly when: Condition; readonly returns: boolean }
  /** Of a number, which is 0 when nothing is there. */
  | { readonly kind: 'increment'; readonly by: bigint }
  | { readonly kind: 'append'; readonly value: Uint8Array }
  /** Another moment for the value that is there; one that is past deletes it. */
  | {
      readonly kind: 'expire';
      /** As of a set. */
      readonly until: number;
      readonly when: ExpiryCondition;
      readonly returns: boolean;
    };

/** Of values in a change: what it writes, and what it compares with. */
export function changeBytes(change: Change): number {
  const written = 'value' in change ? change.value.length : 0;
  const isCompared = 'when' in change && typeof change.when === 'object' && change.when.kind === 'equals';
  return isCompared ? written + change.when.value.length : written;
}

/**
 * What must be of the expiry that is there: none, some, or that the new one is later or earlier; never is later than all.
 * some_earlier: some, and the new one is earlier.
 */
export type ExpiryCondition = 'always' | 'none' | 'some' | 'later' | 'earlier' | 'some_earlier';

/** Why a change makes no sense for what it found. Nothing was changed. */
export type ChangeProblem = 'not_an_integer' | 'out_of_range' | 'too_large';

/** What came of a change. */
export interface ChangeAnswer {
  /** The condition held. Of a read: a value is there. */
  readonly applied: boolean;
  readonly problem: ChangeProblem | undefined;
  /** A live value was there before. */
  readonly existed: boolean;
  /** read, and others that return it: the value before. increment: the number after. */
  readonly value: Uint8Array | undefined;
  /** When the value before expires, ms since 1970; 0: never. */
  readonly untilMs: number;
  /** append: how long the value is after it. */
  readonly length: number;
}

/** What a key holds next; undefined of `value`: nothing. */
export interface NextState {
  readonly value: Uint8Array | undefined;
  readonly until: number | 'keep';
}

export interface ChangeOutcome {
  readonly answer: ChangeAnswer;
  /** Undefined: it stays as it is. */
  readonly next: NextState | undefined;
}

export const ALWAYS: Condition = { kind: 'always' };

const INTEGER_MAX = 2n ** 63n - 1n;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER = /^(0|-?[1-9][0-9]{0,18})$/;

/** `held` as it is, whether or not it still lives at `nowMs`; borrowed, like the values of the answer. */
export function applyChange(
  held: Uint8Array | undefined,
  change: Change,
  nowMs: number,
  valueBytesMax: number,
): ChangeOutcome {
  const live = held !== undefined && isLive(held, nowMs);
  const before = live ? held.subarray(payloadStart(held)) : undefined;
  const answer = {
    applied: true,
    problem: undefined,
    existed: live,
    value: undefined,
    untilMs: live ? expiryMs(held) : 0,
    length: 0,
  };
  switch (change.kind) {
    case 'read':
      return { answer: { ...answer, applied: live, value: before }, next: undefined };
    case 'set': {
      const value = change.returns ? before : undefined;
      if (!holds(change.when, before))
        return { answer: { ...answer, applied: false, value }, next: undefined };
      return {
        answer: { ...answer, value },
        next: { value: change.value, until: live || change.until !== 'keep' ? change.until : 0 },
      };
    }
    case 'delete': {
      const value = change.returns ? before : undefined;
      if (!live || !holds(change.when, before))
        return { answer: { ...answer, applied: false, value }, next: undefined };
      return { answer: { ...answer, value }, next: { value: undefined, until: 0 } };
    }
    case 'increment':
      return incremented(before, change.by, answer);
    case 'expire': {
      const value = change.returns ? before : undefined;
      if (before === undefined || !mayExpire(change.when, answer.untilMs, change.until))
        return { answer: { ...answer, applied: false, value }, next: undefined };
      const isOver = change.until !== 0 && change.until <= nowMs;
      return {
        answer: { ...answer, value },
        next: { value: isOver ? undefined : before, until: change.until },
      };
    }
    case 'append': {
      const joined = new Uint8Array((before?.length ?? 0) + change.value.length);
      if (joined.length > valueBytesMax) return refused(answer, 'too_large');
      if (before !== undefined) joined.set(before);
      joined.set(change.value, before?.length ?? 0);
      return {
        answer: { ...answer, length: joined.length },
        next: { value: joined, until: live ? 'keep' : 0 },
      };
    }
  }
}

/** The entry that a key holds next, under this version. `promised`: of a strict key. */
export function entryAfter(
  key: string,
  held: Uint8Array | undefined,
  { value, until }: NextState,
  version: Uint8Array,
  promised?: Uint8Array,
): Uint8Array {
  const expiry: Expiry | undefined =
    until === 'keep' ? keptExpiry(held, version) : until === 0 ? undefined : { ms: until, stamp: version };
  if (value === undefined) return encodeEntry(key, { type: TOMBSTONE, version, promised });
  return encodeEntry(key, { type: STRING, version, expiry, promised, payload: value });
}

/** The same content under another version: what a proposer has accepted that found it, and changes nothing. */
export function entryAgain(
  key: string,
  held: Uint8Array,
  version: Uint8Array,
  promised?: Uint8Array,
): Uint8Array {
  return encodeEntry(key, {
    ...fieldsOf(held),
    base: undefined,
    expiry: keptExpiry(held, version),
    version,
    promised,
  });
}

/** Stamped anew: the base of the new version would void the old stamp. */
function keptExpiry(held: Uint8Array | undefined, version: Uint8Array): Expiry | undefined {
  if (held === undefined || !hasFlag(held, FLAG_EXPIRY)) return undefined;
  return { ms: expiryMs(held), stamp: version };
}

function holds(when: Condition, before: Uint8Array | undefined): boolean {
  switch (when.kind) {
    case 'always':
      return true;
    case 'absent':
      return before === undefined;
    case 'present':
      return before !== undefined;
    case 'equals':
      return before !== undefined && areEqual(before, when.value);
  }
}

function mayExpire(when: ExpiryCondition, now: number, next: number): boolean {
  switch (when) {
    case 'always':
      return true;
    case 'none':
      return now === 0;
    case 'some':
      return now !== 0;
    case 'later':
      return now !== 0 && (next === 0 || next > now);
    case 'earlier':
      return next !== 0 && (now === 0 || next < now);
    case 'some_earlier':
      return next !== 0 && next < now;
  }
}

function incremented(before: Uint8Array | undefined, by: bigint, answer: ChangeAnswer): ChangeOutcome {
  const text = before === undefined ? '0' : before.length > 20 ? '' : latin1Decode(before);
  if (!INTEGER.test(text) || !isInteger64(BigInt(text))) return refused(answer, 'not_an_integer');
  const sum = BigInt(text) + by;
  if (!isInteger64(sum)) return refused(answer, 'out_of_range');
  const value = latin1Encode(sum.toString());
  return { answer: { ...answer, value }, next: { value, until: before === undefined ? 0 : 'keep' } };
}

function isInteger64(number: bigint): boolean {
  return number >= INTEGER_MIN && number <= INTEGER_MAX;
}

function refused(answer: ChangeAnswer, problem: ChangeProblem): ChangeOutcome {
  return { answer: { ...answer, applied: false, problem }, next: undefined };
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
