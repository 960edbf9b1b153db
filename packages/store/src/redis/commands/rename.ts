/**
 * RENAME and RENAMENX: the value and its expiry are written under the new name, and the old name is deleted if it still has
 * just that value; if another write came between, all of it again.
 *
 * The two keys lie on different nodes, so this is no single step: others see both for a moment, and a client that loses its node
 * in between is told that it is not known what was done. Nothing is ever under neither name.
 */
import { ALWAYS, type ChangeAnswer, type Condition } from '../../entry/change.ts';
import type { Failure, KvStore } from '../../kv/api.ts';
import type { ManyCommand, ReplyTo } from './command.ts';

const NO_SUCH_KEY = 'ERR no such key';

export const rename: ManyCommand = {
  name: 'rename',
  kind: 'many',
  arity: 3,
  keyStep: 1,
  writes: true,
  flags: ['write'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Rename a key',
  begin(kv, [from = '', to = ''], _request, reply) {
    new Renaming(kv, { from, to, when: ALWAYS }, reply, () => reply.answer((out) => out.ok())).takeTurn();
  },
};

export const renamenx: ManyCommand = {
  name: 'renamenx',
  kind: 'many',
  arity: 3,
  keyStep: 1,
  writes: true,
  flags: ['write', 'fast'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Rename a key, only if the new key does not exist',
  begin(kv, [from = '', to = ''], _request, reply) {
    const tell = (isRenamed: boolean): void => reply.answer((out) => out.integer(isRenamed ? 1 : 0));
    new Renaming(kv, { from, to, when: { kind: 'absent' } }, reply, tell).takeTurn();
  },
};

interface Names {
  readonly from: string;
  readonly to: string;
  /** What must be of the new name. */
  readonly when: Condition;
}

class Renaming {
  readonly #kv: KvStore;
  readonly #names: Names;
  readonly #reply: ReplyTo;
  readonly #done: (isRenamed: boolean) => void;
  /** What it has written under the new name. */
  #written: Uint8Array | undefined;

  constructor(kv: KvStore, names: Names, reply: ReplyTo, done: (isRenamed: boolean) => void) {
    this.#kv = kv;
    this.#names = names;
    this.#reply = reply;
    this.#done = done;
  }

  takeTurn(): void {
    const { from } = this.#names;
    this.#kv.change(from, { kind: 'read' }, undefined, {
      onChanged: (found) => this.#handleFound(found),
      onFailure: (failure) => this.#fail(failure),
    });
  }

  #handleFound({ value, untilMs }: ChangeAnswer): void {
    const { from, to, when } = this.#names;
    if (value === undefined) {
      // Another has deleted it since it was written under the new name: then that is all there is to do.
      if (this.#written !== undefined) this.#done(true);
      else this.#reply.reject(NO_SUCH_KEY);
    } else if (from === to) this.#done(when.kind === 'always');
    else this.#write(value.slice(), untilMs);
  }

  #write(value: Uint8Array, until: number): void {
    const { to } = this.#names;
    this.#kv.change(to, { kind: 'set', value, when: this.#when, until, returns: false }, undefined, {
      onChanged: ({ applied }) => {
        // Not applied the second time: it was renamed, and since then both names were written by others.
        if (!applied) return this.#done(this.#written !== undefined);
        this.#written = value;
        this.#deleteOld(value);
      },
      onFailure: (failure) => this.#fail(failure),
    });
  }

  /** What must be of the new name now. */
  get #when(): Condition {
    const { when } = this.#names;
    if (this.#written === undefined || when.kind === 'always') return when;
    return { kind: 'equals', value: this.#written };
  }

  #deleteOld(value: Uint8Array): void {
    const change = { kind: 'delete', when: { kind: 'equals', value }, returns: false } as const;
    this.#kv.change(this.#names.from, change, undefined, {
      onChanged: ({ applied }) => (applied ? this.#done(true) : this.takeTurn()),
      onFailure: (failure) => this.#fail(failure),
    });
  }

  #fail(failure: Failure): void {
    this.#reply.onFailure(this.#written !== undefined ? { ...failure, definite: false } : failure);
  }
}
