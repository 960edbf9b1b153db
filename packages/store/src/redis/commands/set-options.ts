/**
 * The options of SET, read as Redis reads them: an expiry, a mistake of the client, or what we cannot do yet.
 *
 * Source: redis-server 7.0; which options exclude each other was tried on it.
 */
import type { Request } from './command.ts';
import { SYNTAX_ERROR } from './errors.ts';
import { MILLISECOND, readExpiry, SECOND, type ExpiryForm } from './expiry.ts';

const NOT_SUPPORTED = 'ERR SET options are not supported yet by rkv';

/** The options with a time behind them. */
const EXPIRES: ReadonlyMap<string, ExpiryForm> = new Map([
  ['EX', { unit: SECOND, absolute: false }],
  ['PX', { unit: MILLISECOND, absolute: false }],
  ['EXAT', { unit: SECOND, absolute: true }],
  ['PXAT', { unit: MILLISECOND, absolute: true }],
]);

interface SetOptions {
  condition?: 'NX' | 'XX';
  /** KEEPTTL or the name of the option with a time. */
  expiry?: string;
  time?: string;
  /** The old value is to be told. */
  get?: boolean;
}

/** When the value of a SET with more than a key and a value expires, or why it is refused. */
export function readSetExpiry(request: Request, nowMs: number): number | string {
  const options = readSetOptions(request);
  if (options === undefined) return SYNTAX_ERROR;
  const form = EXPIRES.get(options.expiry ?? '');
  const untilMs = form === undefined ? undefined : readExpiry(options.time ?? '', form, nowMs, 'set');
  if (typeof untilMs === 'string') return untilMs;
  const isMore = options.condition !== undefined || options.get === true;
  return untilMs === undefined || isMore ? NOT_SUPPORTED : untilMs;
}

function readSetOptions(request: Request): SetOptions | undefined {
  const options: SetOptions = {};
  for (let i = 3; i < request.argc; i++) {
    const word = request.text(i).toUpperCase();
    if (word === 'GET') options.get = true;
    else if (word === 'NX' || word === 'XX') {
      if ((options.condition ?? word) !== word) return undefined;
      options.condition = word;
    } else if (word === 'KEEPTTL' || (EXPIRES.has(word) && i + 1 < request.argc)) {
      if ((options.expiry ?? word) !== word) return undefined;
      options.expiry = word;
      if (word !== 'KEEPTTL') options.time = request.text(++i);
    } else {
      return undefined;
    }
  }
  return options;
}
