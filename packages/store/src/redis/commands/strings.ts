/** GET, SET, SETEX, PSETEX, STRLEN, MGET, MSET. */
import { begin as change, tellValue, type WriteAnswer } from './changes.ts';
import type { ManyCommand, ReadCommand, WriteCommand } from './command.ts';
import { wrongArity } from './errors.ts';
import { FAN_OUT_MAX, FanOut, ReadInto, WriteInto } from './fan-out.ts';
import { MILLISECOND, readExpiry, SECOND } from './expiry.ts';
import { readSet } from './set-options.ts';

export const get: ReadCommand = {
  name: 'get',
  kind: 'read',
  arity: 2,
  flags: ['readonly', 'fast'],
  group: 'string',
  since: '1.0.0',
  summary: 'Get the value of a key',
  onValue: (out, bytes, start, end) => out.bulk(bytes, start, end),
  onMissing: (out) => out.null(),
};

export const strlen: ReadCommand = {
  name: 'strlen',
  kind: 'read',
  arity: 2,
  flags: ['readonly', 'fast'],
  group: 'string',
  since: '2.2.0',
  summary: 'Get the length of the value stored in a key',
  onValue: (out, _bytes, start, end) => out.integer(end - start),
  onMissing: (out) => out.integer(0),
};

export const set: WriteCommand = {
  name: 'set',
  kind: 'write',
  arity: -3,
  flags: ['write', 'denyoom'],
  group: 'string',
  since: '1.0.0',
  summary: 'Set the string value of a key',
  begin(kv, key, request, reply) {
    if (request.argc === 3) return kv.put(key, request.view(2), undefined, reply);
    const asked = readSet(request, kv.now());
    if (typeof asked === 'string') reply.reject(asked);
    else if ('kind' in asked) change(kv, key, asked, reply, asked.returns ? tellValue : tellDone);
    else kv.put(key, request.view(2), asked, reply);
  },
  onWritten: (out) => out.ok(),
};

const tellDone: WriteAnswer = (out, { applied }) => {
  if (applied) out.ok();
  else out.null();
};

function setsFor(name: string, unit: bigint, since: string, summary: string): WriteCommand {
  const form = { unit, absolute: false };
  return {
    name,
    kind: 'write',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'string',
    since,
    summary,
    begin(kv, key, request, reply) {
      const untilMs = readExpiry(request.text(2), form, kv.now(), name);
      if (typeof untilMs === 'string') reply.reject(untilMs);
      else kv.put(key, request.view(3), { untilMs }, reply);
    },
    onWritten: (out) => out.ok(),
  };
}

export const setex: WriteCommand = setsFor(
  'setex',
  SECOND,
  '2.0.0',
  'Set the value and expiration of a key in seconds',
);
export const psetex: WriteCommand = setsFor(
  'psetex',
  MILLISECOND,
  '2.6.0',
  'Set the value and expiration of a key in milliseconds',
);

export const mget: ManyCommand = {
  name: 'mget',
  kind: 'many',
  arity: -2,
  keyStep: 1,
  writes: false,
  flags: ['readonly', 'fast'],
  group: 'string',
  since: '1.0.0',
  summary: 'Get the values of all the given keys',
  begin(kv, keys, _request, reply) {
    const reader = {
      found: (bytes: Uint8Array, start: number, end: number): Uint8Array | undefined =>
        Uint8Array.from(bytes.subarray(start, end)),
      missing: undefined,
    };
    new FanOut<Uint8Array | undefined>({
      count: keys.length,
      abandoned: () => reply.abandoned,
      crowded: () => kv.crowded,
      call: (index, fan) => kv.get(keys[index] as string, undefined, new ReadInto(fan, index, reader)),
      fail: (failure) => reply.onFailure(failure),
      finish: (values) =>
        reply.answer((out) => {
          out.array(values.length);
          for (const value of values) {
            if (value === undefined) out.null();
            else out.bulk(value);
          }
        }),
    });
  },
};

/** Values of an MSET that are put without a look at how much is under way. */
const AT_ONCE_BYTES = 64 * 1024;

export const mset: ManyCommand = {
  name: 'mset',
  kind: 'many',
  arity: -3,
  keyStep: 2,
  writes: true,
  flags: ['write', 'denyoom'],
  group: 'string',
  since: '1.0.1',
  summary: 'Set multiple keys to multiple values, each key by itself',
  begin(kv, keys, request, reply) {
    if (request.argc % 2 === 0) {
      reply.reject(wrongArity('mset'));
      return;
    }
    // Of a key given twice the last value counts; two puts of it at once could land in either order.
    const values = [...new Map(keys.map((key, i) => [key, 2 + 2 * i]))];
    // Puts that are begun later need the values longer than the request lasts.
    const bytes = values.reduce((sum, [, at]) => sum + request.view(at).length, 0);
    const isLarge = bytes > AT_ONCE_BYTES;
    const source = isLarge || values.length > FAN_OUT_MAX ? request.detached() : request;
    new FanOut<boolean>({
      count: values.length,
      abandoned: () => false,
      crowded: () => isLarge && kv.crowded,
      call(index, fan) {
        const [key, at] = values[index] as [string, number];
        kv.put(key, source.view(at), undefined, new WriteInto(fan, index));
      },
      fail: (failure) => reply.onFailure(failure),
      finish: () => reply.answer((out) => out.ok()),
    });
  },
};
