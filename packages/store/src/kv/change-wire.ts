/**
 * How changes and their answers look on the wire; commands.ts has the frames around them.
 *
 * ```
 * change   u8 kind, then  read:      nothing
 *                         set:       u8 flags {returns, keeps}, f64 until, condition, u32 length, value
 *                         delete:    u8 flags {returns}, condition
 *                         increment: 8 bytes, two's complement
 *                         append:    u32 length, value
 *                         expire:    u8 flags {returns}, f64 until, u8 {always, none, some, later, earlier, some_earlier}
 * condition u8 kind {always, absent, present, equals}, equals: u32 length, value
 * answer   u8 flags {applied, existed, value}, u8 problem, u32 length, f64 until, version 16, [value]
 * failure  JSON
 * ```
 */
import { jsonDecode, jsonEncode, WireError, type ByteReader, type ByteWriter } from '@rkv/core';
import {
  ALWAYS,
  type Change,
  type ChangeAnswer,
  type ChangeProblem,
  type Condition,
  type ExpiryCondition,
} from '../entry/change.ts';
import { EXPIRY_MS_MAX } from '../entry/expiry.ts';
import type { Failure } from './api.ts';

const CHANGES: readonly Change['kind'][] = ['read', 'set', 'delete', 'increment', 'append', 'expire'];
const CONDITIONS: readonly Condition['kind'][] = ['always', 'absent', 'present', 'equals'];
const EXPIRY_CONDITIONS: readonly ExpiryCondition[] = [
  'always',
  'none',
  'some',
  'later',
  'earlier',
  'some_earlier',
];
const PROBLEMS: readonly (ChangeProblem | undefined)[] = [
  undefined,
  'not_an_integer',
  'out_of_range',
  'too_large',
];

const RETURNS = 1;
const KEEPS = 2;
const APPLIED = 1;
const EXISTED = 2;
const VALUE = 4;

export function writeChange(change: Change, out: ByteWriter): void {
  out.u8(CHANGES.indexOf(change.kind));
  switch (change.kind) {
    case 'read':
      return;
    case 'set':
      out.u8((change.returns ? RETURNS : 0) | (change.until === 'keep' ? KEEPS : 0));
      out.f64(change.until === 'keep' ? 0 : change.until);
      writeCondition(change.when, out);
      return writeValue(change.value, out);
    case 'delete':
      out.u8(change.returns ? RETURNS : 0);
      return writeCondition(change.when, out);
    case 'append':
      return writeValue(change.value, out);
    case 'expire':
      out.u8(change.returns ? RETURNS : 0);
      out.f64(change.until);
      return out.u8(EXPIRY_CONDITIONS.indexOf(change.when));
    case 'increment': {
      const by = BigInt.asUintN(64, change.by);
      out.u32(Number(by >> 32n));
      out.u32(Number(by & 0xffffffffn));
    }
  }
}

/** Its bytes are copies. */
export function readChange(input: ByteReader): Change {
  const kind = CHANGES[input.u8()];
  switch (kind) {
    case 'read':
      return { kind };
    case 'set': {
      const flags = input.u8();
      const until = readMoment(input);
      const when = readCondition(input);
      const returns = (flags & RETURNS) !== 0;
      return { kind, returns, until: (flags & KEEPS) === 0 ? until : 'keep', when, value: readValue(input) };
    }
    case 'delete': {
      const returns = (input.u8() & RETURNS) !== 0;
      return { kind, returns, when: readCondition(input) };
    }
    case 'increment': {
      const high = BigInt(input.u32());
      return { kind, by: BigInt.asIntN(64, (high << 32n) | BigInt(input.u32())) };
    }
    case 'append':
      return { kind, value: readValue(input) };
    case 'expire': {
      const returns = (input.u8() & RETURNS) !== 0;
      const until = readMoment(input);
      const when = EXPIRY_CONDITIONS[input.u8()];
      if (when === undefined) throw new WireError('a condition that the store does not know');
      return { kind, returns, until, when };
    }
    default:
      throw new WireError('a change that the store does not know');
  }
}

/** An answer, with the version that the key has by it. */
export interface VersionedAnswer extends ChangeAnswer {
  readonly version: Uint8Array;
}

export function writeAnswer(answer: VersionedAnswer, out: ByteWriter): void {
  const { applied, existed, value, problem, untilMs, length, version } = answer;
  out.u8((applied ? APPLIED : 0) | (existed ? EXISTED : 0) | (value === undefined ? 0 : VALUE));
  out.u8(PROBLEMS.indexOf(problem));
  out.u32(length);
  out.f64(untilMs);
  out.bytes(version, 0, 16);
  if (value !== undefined) out.bytes(value);
}

/** Borrows the frame's bytes. */
export function readAnswer(input: ByteReader): VersionedAnswer {
  const flags = input.u8();
  const number = input.u8();
  // A later node's: no answer is better than a wrong one.
  if (number >= PROBLEMS.length) throw new WireError('a problem that the store does not know');
  const problem = PROBLEMS[number];
  const length = input.u32();
  const untilMs = input.f64();
  const version = input.view(16).slice();
  const value = (flags & VALUE) === 0 ? undefined : input.view(input.left);
  return {
    applied: (flags & APPLIED) !== 0,
    existed: (flags & EXISTED) !== 0,
    problem,
    untilMs,
    length,
    version,
    value,
  };
}

export function writeFailure(failure: Failure, out: ByteWriter): void {
  out.bytes(jsonEncode(failure));
}

export function readFailure(input: ByteReader): Failure {
  const failure = jsonDecode(input.view(input.left)) as Failure;
  if (
    typeof failure?.code !== 'string' ||
    typeof failure.message !== 'string' ||
    !Array.isArray(failure.from)
  )
    throw new WireError('a failure that makes no sense');
  // What cannot be read for sure is not sure.
  return { ...failure, definite: failure.definite === true };
}

function readMoment(input: ByteReader): number {
  const until = input.f64();
  if (!(Number.isInteger(until) && until >= 0 && until <= EXPIRY_MS_MAX))
    throw new WireError('an expiry out of range');
  return until;
}

function writeCondition(when: Condition, out: ByteWriter): void {
  out.u8(CONDITIONS.indexOf(when.kind));
  if (when.kind === 'equals') writeValue(when.value, out);
}

function readCondition(input: ByteReader): Condition {
  const kind = CONDITIONS[input.u8()];
  if (kind === undefined) throw new WireError('a condition that the store does not know');
  if (kind === 'always') return ALWAYS;
  return kind === 'equals' ? { kind, value: readValue(input) } : { kind };
}

function writeValue(value: Uint8Array, out: ByteWriter): void {
  out.u32(value.length);
  out.bytes(value);
}

function readValue(input: ByteReader): Uint8Array {
  return input.view(input.u32()).slice();
}
