import { describe, expect, it } from 'vitest';
import { KeyLocks } from './key-locks.ts';

describe('locks of a connection', () => {
  it('readers share a key, a writer has it alone', () => {
    const locks = new KeyLocks();
    locks.take(['a', 'b'], false);
    locks.take(['a'], false);
    expect(locks.blocks(['a'], false)).toBe(false);
    expect(locks.blocks(['x', 'a'], true)).toBe(true);
    locks.release(['a', 'b'], false);
    expect(locks.blocks(['b'], true)).toBe(false);
    expect(locks.blocks(['a'], true)).toBe(true);
    locks.release(['a'], false);
    locks.take(['a'], true);
    expect(locks.blocks(['a'], false)).toBe(true);
    expect(locks.blocks(['b'], true)).toBe(false);
    locks.release(['a'], true);
    expect(locks.blocks(['a'], true)).toBe(false);
  });

  it('a command may name a key twice', () => {
    const locks = new KeyLocks();
    locks.take(['a', 'a'], false);
    locks.release(['a', 'a'], false);
    expect(locks.blocks(['a'], true)).toBe(false);
    locks.take(['a', 'a'], true);
    locks.release(['a', 'a'], true);
    expect(locks.blocks(['a'], false)).toBe(false);
  });
});
