import { describe, expect, it } from 'vitest';
import { latin1Encode } from './bytes.ts';
import { digest64, murmur32, murmur32Latin1, murmur32Twice } from './murmur.ts';

const published = [
  { text: '', seed: 0, hash: 0 },
  { text: '', seed: 1, hash: 0x514e28b7 },
  { text: '', seed: 0xffffffff, hash: 0x81f16f39 },
  { text: 'test', seed: 0, hash: 0xba6bd213 },
  { text: 'test', seed: 0x9747b28c, hash: 0x704b81dc },
  { text: 'Hello, world!', seed: 0, hash: 0xc0363e43 },
  { text: 'Hello, world!', seed: 0x9747b28c, hash: 0x24884cba },
  { text: 'The quick brown fox jumps over the lazy dog', seed: 0, hash: 0x2e4ff723 },
  { text: '\xff\xff\xff\xff', seed: 0, hash: 0x76293b50 },
  { text: '\x21\x43\x65', seed: 0, hash: 0x7e4a8634 },
  { text: '\x21\x43', seed: 0, hash: 0xa0f7b07a },
  { text: '\x21', seed: 0, hash: 0x72661cf4 },
];

function digestOf(text: string): string {
  const out = new Uint32Array(2);
  digest64(latin1Encode(text), 0, text.length, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join('');
}

describe('murmur3', () => {
  it.each(published)('agrees with the published value of "$text" at seed $seed', ({ text, seed, hash }) => {
    const bytes = latin1Encode(`..${text}.`);
    expect(murmur32(seed, bytes, 2, 2 + text.length)).toBe(hash);
    expect(murmur32Latin1(seed, text)).toBe(hash);
  });

  it.each(published)(
    'gives both of two seeds at once: "$text" at $seed and another',
    ({ text, seed, hash }) => {
      const bytes = latin1Encode(`..${text}.`);
      const out = new Uint32Array(2);
      murmur32Twice(seed, 77, bytes, 2, 2 + text.length, out);
      expect([...out]).toEqual([hash, murmur32(77, bytes, 2, 2 + text.length)]);
      murmur32Twice(77, seed, bytes, 2, 2 + text.length, out);
      expect(out[1]).toBe(hash);
    },
  );
});

describe('digest64', () => {
  it('has murmur3 as its first lane, and keeps its bits for ever', () => {
    expect(['', 'a', 'abcd', 'Hello, world!'].map(digestOf)).toEqual([
      '0000000092ca2f0e',
      '3c2569b2f0f5794a',
      '43ed676a617d891a',
      'c0363e439df142ed',
    ]);
  });

  it('tells apart in each lane what differs in one bit or only in length', () => {
    const texts = ['', '\0', '\0\0', '\0\0\0', '\0\0\0\0', '\0\0\0\0\0'];
    for (let bit = 0; bit < 72; bit++) {
      const bytes = new Uint8Array(9);
      bytes[bit >> 3] = 1 << (bit & 7);
      texts.push(String.fromCharCode(...bytes));
    }
    const digests = texts.map(digestOf);
    expect(new Set(digests.map((hex) => hex.slice(0, 8))).size).toBe(texts.length);
    expect(new Set(digests.map((hex) => hex.slice(8))).size).toBe(texts.length);
  });
});
