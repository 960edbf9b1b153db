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
});
