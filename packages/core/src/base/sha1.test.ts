import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { latin1Encode } from './bytes.ts';
import { Prng } from './prng.ts';
import { sha1Bytes, sha1Hex, sha1Latin1 } from './sha1.ts';

function hexOfLatin1(prefix: string, text: string): string {
  const words = new Uint32Array(5);
  sha1Latin1(prefix, text, words);
  return sha1Hex(words);
}

function hexOfBytes(bytes: Uint8Array): string {
  const words = new Uint32Array(5);
  sha1Bytes(bytes, words);
  return sha1Hex(words);
}

function expected(text: string): string {
  return createHash('sha1').update(text, 'latin1').digest('hex');
}

describe('sha1', () => {
  it('gives the digests of FIPS 180', () => {
    expect(hexOfLatin1('', '')).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
    expect(hexOfLatin1('', 'abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
    expect(hexOfLatin1('', 'a'.repeat(1_000_000))).toBe('34aa973cd4c4daa4f61eeb2bdbad27316534016f');
  });

  it('agrees with node:crypto at every length around the block borders', () => {
    const dice = new Prng(1);
    for (let length = 0; length <= 200; length++) {
      const text = Array.from({ length }, () => String.fromCharCode(dice.below(256))).join('');
      expect(hexOfLatin1('', text), `length ${length}`).toBe(expected(text));
      expect(hexOfBytes(latin1Encode(text)), `length ${length}`).toBe(expected(text));
    }
  });

  it('hashes a prefix and a text as one, wherever the cut is', () => {
    const text = 'x'.repeat(60) + 'the quick brown fox';
    for (let cut = 0; cut <= text.length; cut++)
      expect(hexOfLatin1(text.slice(0, cut), text.slice(cut))).toBe(expected(text));
  });

  it('leaves nothing behind for the next hash', () => {
    hexOfLatin1('', '\xff'.repeat(119));
    expect(hexOfLatin1('', 'abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
  });
});
