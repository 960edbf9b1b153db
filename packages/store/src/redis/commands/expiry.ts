/**
 * TTL, PTTL, EXPIRETIME, PEXPIRETIME: when a key expires; and how a time to expire is read, in options too.
 *
 * Times go by the cluster's clock, whichever node is asked. Source: redis-server 7.0, rounding included.
 */
import { EXPIRY_MS_MAX } from '../../entry/expiry.ts';
import type { ReadCommand, Request } from './command.ts';
import { parseInt64 } from './decimal.ts';
import { NOT_AN_INTEGER } from './errors.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Milliseconds. */
export const SECOND = 1000n;
export const MILLISECOND = 1n;

const NO_KEY = -2;
const NO_EXPIRY = -1;

/** In a unit of so many milliseconds, and from now on or since 1970. */
export interface ExpiryForm {
  readonly unit: bigint;
  readonly absolute: boolean;
}

/** The options with a time behind them. */
const TIMED: ReadonlyMap<string, ExpiryForm> = new Map([
  ['EX', { unit: SECOND, absolute: false }],
  ['PX', { unit: MILLISECOND, absolute: false }],
  ['EXAT', { unit: SECOND, absolute: true }],
  ['PXAT', { unit: MILLISECOND, absolute: true }],
]);

/** What a client says of an expiry among its options: nothing, a word, or a word with a time. */
export interface ExpiryOption {
  word?: string;
  time?: string;
}

/**
 * Takes the argument at `at` for such an option, `untimed` being the one word of the command that needs no time. The place of the
 * next argument, or undefined when it is another option, or one too many.
 */
export function takeExpiryOption(
  option: ExpiryOption,
  request: Request,
  at: number,
  untimed: 'KEEPTTL' | 'PERSIST',
): number | undefined {
  const word = request.text(at).toUpperCase();
  const isTimed = TIMED.has(word);
  const next = isTimed ? at + 2 : at + 1;
  if ((!isTimed && word !== untimed) || next > request.argc) return undefined;
  if ((option.word ?? word) !== word) return undefined;
  option.word = word;
  if (isTimed) option.time = request.text(at + 1);
  return next;
}

/** The moment that the option means, 0 when it has no time; or an error's text. */
export function momentOf(
  { word = '', time = '' }: ExpiryOption,
  nowMs: number,
  command: string,
): number | string {
  const form = TIMED.get(word);
  return form === undefined ? 0 : readExpiry(time, form, nowMs, command);
}

/** The moment that a client means, in ms since 1970, or an error's text: a time that is no time to live is one. */
export function readExpiry(text: string, form: ExpiryForm, nowMs: number, command: string): number | string {
  const time = parseInt64(text);
  if (time !== undefined && time <= 0n) return invalidTime(command);
  return readMoment(text, form, nowMs, command);
}

/** The same, and it may be past. What lies beyond the year 10889 becomes its last ms, what lies before 1970 its first. */
export function readMoment(
  text: string,
  { unit, absolute }: ExpiryForm,
  nowMs: number,
  command: string,
): number | string {
  const time = parseInt64(text);
  if (time === undefined) return NOT_AN_INTEGER;
  const now = absolute ? 0n : BigInt(nowMs);
  const given = time * unit;
  const moment = given + now;
  if (moment > INT64_MAX || given < INT64_MIN) return invalidTime(command);
  if (moment <= 0n) return 1;
  return moment > BigInt(EXPIRY_MS_MAX) ? EXPIRY_MS_MAX : Number(moment);
}

function invalidTime(command: string): string {
  return `ERR invalid expire time in '${command}' command`;
}

function tells(
  name: string,
  since: string,
  summary: string,
  tell: (untilMs: number, nowMs: number) => number,
): ReadCommand {
  return {
    name,
    kind: 'read',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    since,
    summary,
    onValue: (out, _bytes, _start, _end, untilMs, nowMs) =>
      out.integer(untilMs === 0 ? NO_EXPIRY : tell(untilMs, nowMs)),
    onMissing: (out) => out.integer(NO_KEY),
  };
}

export const ttl: ReadCommand = tells(
  'ttl',
  '1.0.0',
  'Get the time to live for a key in seconds',
  (untilMs, nowMs) => Math.round((untilMs - nowMs) / 1000),
);

export const pttl: ReadCommand = tells(
  'pttl',
  '2.6.0',
  'Get the time to live for a key in milliseconds',
  (untilMs, nowMs) => untilMs - nowMs,
);

export const expiretime: ReadCommand = tells(
  'expiretime',
  '7.0.0',
  'Get the expiration Unix timestamp for a key',
  (untilMs) => Math.round(untilMs / 1000),
);

export const pexpiretime: ReadCommand = tells(
  'pexpiretime',
  '7.0.0',
  'Get the expiration Unix timestamp for a key in milliseconds',
  (untilMs) => untilMs,
);
