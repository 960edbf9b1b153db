import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyLocks, type KeyHolder } from './key-locks.ts';

/** Commands that have been begun, and the locks that they hold. */
class Commands {
  readonly locks = new KeyLocks();
  #holders: Held[] = [];

  begin(keys: readonly string[], writes: boolean): () => void {
    const holder = new Held(keys, writes);
    this.#holders.push(holder);
    this.locks.take(holder);
    return () => {
      this.locks.release(holder);
      this.#holders = this.#holders.filter((other) => other !== holder);
    };
  }

  blocks(keys: readonly string[], writes: boolean): boolean {
    this.#holders.forEach((holder, i) => (holder.next = this.#holders[i + 1]));
    return this.locks.blocks(keys, writes, this.#holders[0]);
  }
}

class Held implements KeyHolder {
  readonly keys: readonly string[];
  readonly writes: boolean;
  mapped = false;
  next: KeyHolder | undefined;

  constructor(keys: readonly string[], writes: boolean) {
    this.keys = keys;
    this.writes = writes;
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

  it.each([
    ['one command of many keys', 1, 20_000],
    ['many commands', 1_000, 1],
  ])('do not look through all that %s has, again for each key', (_, count, keysEach) => {
    let looks = 0;
    const named = (what: string, i: number): string[] => {
      const keys = Array.from({ length: keysEach }, (_, j) => `${what}:${i}:${j}`);
      return Object.assign(keys, { includes: () => looks++ < 0 });
    };
    const commands = new Commands();
    const ends: (() => void)[] = [];
    for (let i = 0; i < count; i++) {
      expect(commands.blocks(named('other', i), true)).toBe(false);
      ends.push(commands.begin(named('held', i), true));
    }
    expect(commands.blocks([...named('other', 0), `held:${count - 1}:${keysEach - 1}`], false)).toBe(true);
    expect(looks).toBeLessThan(count * 20);
    for (const end of ends) end();
    expect(commands.blocks(named('held', 0), true)).toBe(false);
  });

  it('agree with a look through all that is held, however many keys a command names', () => {
    const keys = fc.oneof(
      fc.array(fc.nat(200), { maxLength: 3 }),
      fc.array(fc.nat(200), { minLength: 9, maxLength: 20 }),
    );
    const step = fc.record({ keys, writes: fc.boolean(), ends: fc.option(fc.nat(9)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
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
