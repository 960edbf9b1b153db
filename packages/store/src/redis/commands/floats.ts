/**
 * INCRBYFLOAT: read, add, and set in the place of just the value that was read; if another came before, all of it again.
 *
 * So the store knows no such numbers, and a turn that is lost is another's that was won. Nothing is counted twice: a change
 * whose outcome is not known ends with a failure and is not made again.
 */
import type { Failure, KvStore, WriteSink } from '../../kv/api.ts';
import { addLongDoubles, formatLongDouble, parseLongDouble } from '../long-double.ts';
import type { ReplyTo, WriteCommand } from './command.ts';

const NOT_A_FLOAT = 'ERR value is not a valid float';
const NO_NUMBER = 'ERR increment would produce NaN or Infinity';

export const incrbyfloat: WriteCommand = {
  name: 'incrbyfloat',
  kind: 'write',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  group: 'string',
  since: '2.6.0',
  summary: 'Increment the float value of a key by the given amount',
  begin(kv, key, request, reply) {
    new FloatIncrement(kv, key, request.text(2), reply).takeTurn();
  },
  onWritten: (out) => out.ok(),
};

class FloatIncrement {
  readonly #kv: KvStore;
  readonly #key: string;
  readonly #by: string;
  readonly #reply: ReplyTo & WriteSink;

  constructor(kv: KvStore, key: string, by: string, reply: ReplyTo & WriteSink) {
    this.#kv = kv;
    this.#key = key;
    this.#by = by;
    this.#reply = reply;
  }

  takeTurn(): void {
    this.#kv.change(this.#key, { kind: 'read' }, undefined, {
      onChanged: ({ value }) => this.#add(value && Uint8Array.from(value)),
      // Nothing has been written yet.
      onFailure: (failure: Failure) => this.#reply.onFailure({ ...failure, definite: true }),
    });
  }

  #add(before: Uint8Array | undefined): void {
    const held = parseLongDouble(before === undefined ? '0' : Buffer.from(before).toString('latin1'));
    const by = parseLongDouble(this.#by);
    if (held === undefined || by === undefined) return this.#reply.reject(NOT_A_FLOAT);
    const sum = held === 'infinite' || by === 'infinite' ? undefined : addLongDoubles(held, by);
    if (sum === undefined) return this.#reply.reject(NO_NUMBER);
    const value = Buffer.from(formatLongDouble(sum), 'latin1');
    const when =
      before === undefined ? { kind: 'absent' as const } : { kind: 'equals' as const, value: before };
    this.#kv.change(this.#key, { kind: 'set', value, when, until: 'keep', returns: false }, undefined, {
      onChanged: ({ applied }) => (applied ? this.#reply.answer((out) => out.bulk(value)) : this.takeTurn()),
      onFailure: (failure: Failure) => this.#reply.onFailure(failure),
    });
  }
}
