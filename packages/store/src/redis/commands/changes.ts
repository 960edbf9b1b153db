/**
 * Commands that read before they write: INCR and its like, APPEND, SETNX, GETSET, GETDEL, GETEX, EXPIRE and its like, PERSIST.
 *
 * Each is one change that the store runs at one place for each key (kv/change-request.ts), so that two clients at two nodes
 * count as one would. Source: redis-server 7.0, error texts and corner cases included.
 */
import type { Change, ExpiryCondition } from '../../entry/change.ts';
import type { KvStore, WriteSink } from '../../kv/api.ts';
import type { VersionedAnswer } from '../../kv/change-wire.ts';
import type { ReplyWriter } from '../writer.ts';
import type { ReplyTo, Request, WriteCommand } from './command.ts';
import { parseInt64 } from './decimal.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './errors.ts';
import {
  MILLISECOND,
  momentOf,
  readMoment,
  SECOND,
  takeExpiryOption,
  type ExpiryForm,
  type ExpiryOption,
} from './expiry.ts';

/** The change that a request asks for, or an error's text. */
type ReadChange = (request: Request, kv: KvStore) => Change | string;
export type WriteAnswer = (out: ReplyWriter, answer: VersionedAnswer) => void;

interface ChangeFacts {
  readonly name: string;
  readonly arity: number;
  readonly group: 'string' | 'generic';
  readonly since: string;
  readonly summary: string;
  /** Redis refuses those when it has no memory left; deletions and expiry go on. */
  readonly takesMemory?: boolean;
}

const OUT_OF_RANGE = 'ERR increment or decrement would overflow';
const TOO_LARGE = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';

/** Have `change` made, and answer with what came of it. */
export function begin(
  kv: KvStore,
  key: string,
  change: Change,
  reply: ReplyTo & WriteSink,
  write: WriteAnswer,
): void {
  kv.change(key, change, undefined, {
    onChanged: (answer) => {
      if (answer.problem === undefined) return reply.answer((out) => write(out, answer));
      if (answer.problem === 'not_an_integer') return reply.reject(NOT_AN_INTEGER);
      reply.reject(answer.problem === 'out_of_range' ? OUT_OF_RANGE : TOO_LARGE);
    },
    onFailure: (failure) => reply.onFailure(failure),
  });
}

function changes(
  { takesMemory = true, ...facts }: ChangeFacts,
  read: ReadChange,
  write: WriteAnswer,
): WriteCommand {
  return {
    ...facts,
    kind: 'write',
    flags: takesMemory ? ['write', 'denyoom', 'fast'] : ['write', 'fast'],
    begin(kv, key, request, reply) {
      const change = read(request, kv);
      if (typeof change === 'string') reply.reject(change);
      else begin(kv, key, change, reply, write);
    },
    onWritten: (out) => out.ok(),
  };
}

const tellNumber: WriteAnswer = (out, { value }) =>
  out.integer(BigInt(Buffer.from(value as Uint8Array).toString('latin1')));
const tellApplied: WriteAnswer = (out, { applied }) => out.integer(applied ? 1 : 0);
export const tellValue: WriteAnswer = (out, { value }) => {
  if (value === undefined) out.null();
  else out.bulk(value);
};

function adds(name: string, since: string, summary: string, by: bigint): WriteCommand {
  return changes(
    { name, arity: 2, group: 'string', since, summary },
    () => ({ kind: 'increment', by }),
    tellNumber,
  );
}

function addsGiven(name: string, since: string, summary: string, sign: bigint): WriteCommand {
  const read: ReadChange = (request) => {
    const by = parseInt64(request.text(2));
    if (by === undefined) return NOT_AN_INTEGER;
    // The one number without an opposite.
    if (sign < 0n && by === -(2n ** 63n)) return 'ERR decrement would overflow';
    return { kind: 'increment', by: by * sign };
  };
  return changes({ name, arity: 3, group: 'string', since, summary }, read, tellNumber);
}

export const incr = adds('incr', '1.0.0', 'Increment the integer value of a key by one', 1n);
export const decr = adds('decr', '1.0.0', 'Decrement the integer value of a key by one', -1n);
export const incrby = addsGiven(
  'incrby',
  '1.0.0',
  'Increment the integer value of a key by the given amount',
  1n,
);
export const decrby = addsGiven(
  'decrby',
  '1.0.0',
  'Decrement the integer value of a key by the given number',
  -1n,
);

export const append: WriteCommand = changes(
  { name: 'append', arity: 3, group: 'string', since: '2.0.0', summary: 'Append a value to a key' },
  (request) => ({ kind: 'append', value: Uint8Array.from(request.view(2)) }),
  (out, { length }) => out.integer(length),
);

export const setnx: WriteCommand = changes(
  {
    name: 'setnx',
    arity: 3,
    group: 'string',
    since: '1.0.0',
    summary: 'Set the value of a key, only if it does not exist',
  },
  (request) => ({
    kind: 'set',
    value: Uint8Array.from(request.view(2)),
    when: { kind: 'absent' },
    until: 0,
    returns: false,
  }),
  tellApplied,
);

export const getset: WriteCommand = changes(
  {
    name: 'getset',
    arity: 3,
    group: 'string',
    since: '1.0.0',
    summary: 'Set a value and return the old one',
  },
  (request) => ({
    kind: 'set',
    value: Uint8Array.from(request.view(2)),
    when: { kind: 'always' },
    until: 0,
    returns: true,
  }),
  tellValue,
);

export const getdel: WriteCommand = changes(
  {
    name: 'getdel',
    arity: 2,
    group: 'string',
    since: '6.2.0',
    summary: 'Get the value of a key and delete it',
    takesMemory: false,
  },
  () => ({ kind: 'delete', when: { kind: 'always' }, returns: true }),
  tellValue,
);

export const getex: WriteCommand = {
  name: 'getex',
  kind: 'write',
  arity: -2,
  flags: ['write', 'fast'],
  group: 'string',
  since: '6.2.0',
  summary: 'Get the value of a key and set its expiry',
  begin(kv, key, request, reply) {
    const option: ExpiryOption = {};
    for (let at: number | undefined = 2; at < request.argc;) {
      at = takeExpiryOption(option, request, at, 'PERSIST');
      if (at === undefined) return reply.reject(SYNTAX_ERROR);
    }
    const until = momentOf(option, kv.now(), 'getex');
    if (option.word === undefined) begin(kv, key, { kind: 'read' }, reply, tellValue);
    else if (typeof until === 'number')
      begin(kv, key, { kind: 'expire', until, when: 'always', returns: true }, reply, tellValue);
    // Redis looks for the key before it looks at the time.
    else
      begin(kv, key, { kind: 'read' }, reply, (out, { applied }) =>
        applied ? out.error(until) : out.null(),
      );
  },
  onWritten: (out) => out.ok(),
};

const EXPIRE_OPTIONS: readonly string[] = ['NX', 'XX', 'GT', 'LT'];
/** By the options that are given, in the order of letters. GT holds of no value that never expires. */
const CONDITIONS: ReadonlyMap<string, ExpiryCondition> = new Map([
  ['', 'always'],
  ['NX', 'none'],
  ['XX', 'some'],
  ['GT', 'later'],
  ['GT XX', 'later'],
  ['LT', 'earlier'],
  ['LT XX', 'some_earlier'],
]);

/** What the options from the third argument on ask for, or an error's text. */
function readCondition(request: Request): { readonly when: ExpiryCondition } | string {
  const given = new Set<string>();
  for (let i = 3; i < request.argc; i++) {
    const option = request.text(i).toUpperCase();
    if (!EXPIRE_OPTIONS.includes(option)) return `ERR Unsupported option ${request.text(i)}`;
    given.add(option);
  }
  const when = CONDITIONS.get([...given].toSorted().join(' '));
  if (when !== undefined) return { when };
  const which = given.has('NX') ? 'NX and XX, GT or LT' : 'GT and LT';
  return `ERR ${which} options at the same time are not compatible`;
}

function expires(name: string, form: ExpiryForm, since: string, summary: string): WriteCommand {
  const read: ReadChange = (request, kv) => {
    const condition = readCondition(request);
    if (typeof condition === 'string') return condition;
    const until = readMoment(request.text(2), form, kv.now(), name);
    return typeof until === 'string' ? until : { kind: 'expire', until, returns: false, ...condition };
  };
  return changes(
    { name, arity: -3, group: 'generic', since, summary, takesMemory: false },
    read,
    tellApplied,
  );
}

const AT = ' at a Unix timestamp';
export const expire = expires(
  'expire',
  { unit: SECOND, absolute: false },
  '1.0.0',
  'Have a key expire after seconds',
);
export const pexpire = expires(
  'pexpire',
  { unit: MILLISECOND, absolute: false },
  '2.6.0',
  'Have a key expire after milliseconds',
);
export const expireat = expires(
  'expireat',
  { unit: SECOND, absolute: true },
  '1.2.0',
  `Have a key expire${AT}`,
);
export const pexpireat = expires(
  'pexpireat',
  { unit: MILLISECOND, absolute: true },
  '2.6.0',
  `Have a key expire${AT} in milliseconds`,
);

export const persist: WriteCommand = changes(
  {
    name: 'persist',
    arity: 2,
    group: 'generic',
    since: '2.2.0',
    summary: 'Remove the expiration of a key',
    takesMemory: false,
  },
  () => ({ kind: 'expire', until: 0, when: 'some', returns: false }),
  tellApplied,
);
