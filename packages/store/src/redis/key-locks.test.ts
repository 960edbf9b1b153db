import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyLocks, type KeyHolder } from './key-locks.ts';

/** Commands that have been begun, and the locks that they hold. */
class Commands {
  readonly locks = new KeyLocks();
  #holders: { keys: readonly string[]; writes: boolean }[] = [];

  begin(keys: readonly string[], writes: boolean): () => void {
    const holder = { keys, writes };
    this.#holders.push(holder);
    this.locks.take(keys, writes);
    return () => {
      this.locks.release(keys, writes);
      this.#holders = this.#holders.filter((other) => other !== holder);
    };
  }

  blocks(keys: readonly string[], writes: boolean): boolean {
    const chain = this.#holders.reduceRight<KeyHolder | undefined>(
      (next, { keys: held, writes: forWriting }) => ({ keys: held, writes: forWriting, next }),
      undefined,
    );
    return this.locks.blocks(keys, writes, chain);
  }
}

describe('locks of a connection', () => {
  it('readers share a key, a writer has it alone', () => {
    const commands = new Commands();
    expect(commands.blocks(['a'], true)).toBe(false);
    const first = commands.begin(['a', 'b'], false);
    const second = commands.begin(['a'], false);
    expect(commands.blocks(['a'], false)).toBe(false);
    expect(commands.blocks(['x', 'a'], true)).toBe(true);
    first();
    expect(commands.blocks(['b'], true)).toBe(false);
    expect(commands.blocks(['a'], true)).toBe(true);
    second();
    const writer = commands.begin(['a'], true);
    expect(commands.blocks(['a'], false)).toBe(true);
    expect(commands.blocks(['b'], true)).toBe(false);
    writer();
    expect(commands.blocks(['a'], true)).toBe(false);
  });

  it('a command may name a key twice', () => {
    const commands = new Commands();
    commands.begin(['a', 'a'], false)();
    expect(commands.blocks(['a'], true)).toBe(false);
    commands.begin(['a', 'a'], true)();
    expect(commands.blocks(['a'], false)).toBe(false);
  });

  it('keys that look alike to the hash are told apart, the empty one too', () => {
    const commands = new Commands();
    const done = commands.begin(['1-same', ''], true);
    for (const other of ['2-same', '3-same', '\x00']) expect(commands.blocks([other], true)).toBe(false);
    expect(commands.blocks([''], false)).toBe(true);
    expect(commands.blocks(['1-same'], false)).toBe(true);
    done();
    expect(commands.blocks(['1-same', ''], true)).toBe(false);
  });

  it('does not compare the keys of a command of many, each with each', () => {
    const locks = new KeyLocks();
    const named = (what: string): string[] => Array.from({ length: 20_000 }, (_, i) => `${what}:${i}`);
    const includes = (): never => expect.fail('a look through all of them');
    const keys = Object.assign(named('held'), { includes });
    locks.take(keys, true);
    const holder = { keys, writes: true, next: undefined };
    expect(locks.blocks(named('other'), true, holder)).toBe(false);
    expect(locks.blocks([...named('other'), 'held:19999'], false, holder)).toBe(true);
    for (const key of named('another')) expect(locks.blocks([key], false, holder)).toBe(false);
    locks.release(keys, true);
    expect(locks.blocks(keys, true, undefined)).toBe(false);
  });

  it('agree with a look through all that is held, however many keys a command names', () => {
    const keys = fc.oneof(
      fc.array(fc.nat(40), { maxLength: 3 }),
      fc.array(fc.nat(40), { minLength: 9, maxLength: 20 }),
    );
    const step = fc.record({ keys, writes: fc.boolean(), ends: fc.option(fc.nat(9)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const commands = new Commands();
        const begun: { keys: string[]; writes: boolean; end: () => void }[] = [];
        for (const { keys: numbers, writes, ends } of steps) {
          const keys = numbers.map((i) => `key ${i}`);
          const blocks = begun.some(
            (held) => (writes || held.writes) && held.keys.some((key) => keys.includes(key)),
          );
          expect(commands.blocks(keys, writes)).toBe(blocks);
          if (!blocks) begun.push({ keys, writes, end: commands.begin(keys, writes) });
          if (ends !== null && ends < begun.length) begun.splice(ends, 1)[0]?.end();
        }
      }),
    );
  });
});
