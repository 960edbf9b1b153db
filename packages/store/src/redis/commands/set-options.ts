/**
 * The options of SET, read as Redis reads them, to tell a mistake of the client from what we cannot do yet.
 *
 * Source: redis-server 7.0; which options exclude each other was tried on it.
 */
import type { Request } from './command.ts';
import { parseInt64 } from './decimal.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './errors.ts';

const INVALID_EXPIRE = "ERR invalid expire time in 'set' command";
const NOT_SUPPORTED = 'ERR SET options are not supported yet by rkv';
const INT64_MAX = 2n ** 63n - 1n;

/** The options with a time behind them, and how many milliseconds its unit has. */
const EXPIRES: ReadonlyMap<string, bigint> = new Map([
  ['EX', 1000n],
  ['PX', 1n],
  ['EXAT', 1000n],
  ['PXAT', 1n],
]);

interface SetOptions {
  condition?: 'NX' | 'XX';
  /** KEEPTTL or the name of the option with a time. */
  expiry?: string;
  time?: string;
}

/** Why a SET with more than a key and a value is refused. */
export function refuseSetOptions(request: Request, nowMs: number): string {
  const options = readSetOptions(request);
  if (options === undefined) return SYNTAX_ERROR;
  const unit = EXPIRES.get(options.expiry ?? '');
  if (unit === undefined) return NOT_SUPPORTED;
  return refuseExpiry(options.time ?? '', unit, options.expiry?.endsWith('AT') === true, nowMs);
}

function readSetOptions(request: Request): SetOptions | undefined {
  const options: SetOptions = {};
  for (let i = 3; i < request.argc; i++) {
    const word = request.text(i).toUpperCase();
    if (word === 'GET') continue;
    if (word === 'NX' || word === 'XX') {
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

function refuseExpiry(text: string, unit: bigint, absolute: boolean, nowMs: number): string {
  const time = parseInt64(text);
  if (time === undefined) return NOT_AN_INTEGER;
  const room = INT64_MAX - (absolute ? 0n : BigInt(nowMs));
  if (time <= 0n || time * unit > room) return INVALID_EXPIRE;
  return NOT_SUPPORTED;
}
