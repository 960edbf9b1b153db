/** DEL, UNLINK, EXISTS, TYPE: keys whatever they hold. */
import type { ManyCommand, ReadCommand } from './command.ts';
import { FanOut, ReadInto, WriteInto } from './fan-out.ts';

export const type: ReadCommand = {
  name: 'type',
  kind: 'read',
  arity: 2,
  flags: ['readonly', 'fast'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Determine the type stored at key',
  onValue: (out) => out.simple('string'),
  onMissing: (out) => out.simple('none'),
};

export const exists: ManyCommand = {
  name: 'exists',
  kind: 'many',
  arity: -2,
  keyStep: 1,
  writes: false,
  flags: ['readonly', 'fast'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Determine if a key exists',
  begin(kv, keys, _request, reply) {
    const reader = { found: () => true, missing: false };
    new FanOut<boolean>({
      count: keys.length,
      abandoned: () => reply.abandoned,
      call: (index, fan) => kv.get(keys[index] as string, undefined, new ReadInto(fan, index, reader)),
      fail: (failure) => reply.onFailure(failure),
      finish: (found) => reply.answer((out) => out.integer(countTrue(found))),
    });
  },
};

export const del: ManyCommand = {
  name: 'del',
  kind: 'many',
  arity: -2,
  keyStep: 1,
  writes: true,
  flags: ['write'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Delete a key',
  begin(kv, keys, _request, reply) {
    const distinct = [...new Set(keys)];
    new FanOut<boolean>({
      count: distinct.length,
      abandoned: () => false,
      call: (index, fan) => kv.delete(distinct[index] as string, undefined, new WriteInto(fan, index)),
      fail: (failure) => reply.onFailure(failure),
      finish: (existed) => reply.answer((out) => out.integer(countTrue(existed))),
    });
  },
};

/** Redis frees the memory in the background; here that is always so. */
export const unlink: ManyCommand = {
  ...del,
  name: 'unlink',
  flags: ['write', 'fast'],
  since: '4.0.0',
  summary: 'Delete a key; the same as DEL',
};

function countTrue(flags: readonly boolean[]): number {
  let count = 0;
  for (const flag of flags) if (flag) count++;
  return count;
}
