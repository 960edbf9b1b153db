/**
 * The options of SET, read as Redis reads them: an expiry, a change that reads before it writes, or a mistake of the client.
 *
 * Source: redis-server 7.0; which options exclude each other was tried on it. IFEQ, to set a value in the place of just this
 * one, is Valkey's (8.1).
 */
import { ALWAYS, type Change, type Condition } from '../../entry/change.ts';
import type { Request } from './command.ts';
import { SYNTAX_ERROR } from './errors.ts';
import { momentOf, takeExpiryOption, type ExpiryOption } from './expiry.ts';

interface SetOptions {
  condition?: 'NX' | 'XX' | 'IFEQ';
  /** Of IFEQ: where the value stands. */
  comparedAt?: number;
  readonly expiry: ExpiryOption;
  /** The old value is to be told. */
  get?: boolean;
}

/** What a SET with more than a key and a value asks for: a plain write that expires, a change, or why it is refused. */
export function readSet(
  request: Request,
  nowMs: number,
): { readonly untilMs: number } | Extract<Change, { kind: 'set' }> | string {
  const options = readSetOptions(request);
  if (options === undefined) return SYNTAX_ERROR;
  const untilMs = momentOf(options.expiry, nowMs, 'set');
  if (typeof untilMs === 'string') return untilMs;
  const { condition, get = false } = options;
  const keeps = options.expiry.word === 'KEEPTTL';
  if (condition === undefined && !get && !keeps) return { untilMs };
  return {
    kind: 'set',
    value: Uint8Array.from(request.view(2)),
    when: conditionOf(request, options),
    until: keeps ? 'keep' : untilMs,
    returns: get,
  };
}

function conditionOf(request: Request, { condition, comparedAt }: SetOptions): Condition {
  switch (condition) {
    case 'NX':
      return { kind: 'absent' };
    case 'XX':
      return { kind: 'present' };
    case 'IFEQ':
      return { kind: 'equals', value: Uint8Array.from(request.view(comparedAt as number)) };
    default:
      return ALWAYS;
  }
}

function readSetOptions(request: Request): SetOptions | undefined {
  const options: SetOptions = { expiry: {} };
  for (let i = 3; i < request.argc; i++) {
    const word = request.text(i).toUpperCase();
    if (word === 'GET') options.get = true;
    else if (word === 'NX' || word === 'XX') {
      if ((options.condition ?? word) !== word) return undefined;
      options.condition = word;
    } else if (word === 'IFEQ' && i + 1 < request.argc) {
      if (options.condition !== undefined) return undefined;
      options.condition = word;
      options.comparedAt = ++i;
    } else {
      const next = takeExpiryOption(options.expiry, request, i, 'KEEPTTL');
      if (next === undefined) return undefined;
      i = next - 1;
    }
  }
  return options;
}
