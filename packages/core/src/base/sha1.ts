/**
 * SHA-1, straight from latin1 strings, pure: the hash that places keys on the ring.
 *
 * Not for security. A string is hashed as one byte per char, so no buffer is made per key; the five words of
 * the result are left in a caller's array. Checked against node:crypto in its test.
 *
 * Source: FIPS 180-4, 6.1.
 */
import { sha1Rounds } from './sha1-rounds.ts';

/** The five 32-bit words of a digest, unsigned, most significant first. */
export type Sha1Words = Uint32Array;

const BLOCK_BYTES = 64;
/** Where the length stands in the last block. */
const LENGTH_AT = 14;

/** The block that is being filled, by words. */
const block = new Int32Array(BLOCK_BYTES / 4);

/** Hash the latin1 string `prefix + text` into `out` (length 5). Chars above 0xff are a caller's mistake. */
export function sha1Latin1(prefix: string, text: string, out: Sha1Words): void {
  begin(out);
  const filled = addLatin1(text, addLatin1(prefix, 0, out), out);
  finish(out, filled, prefix.length + text.length);
}

/** Hash bytes into `out` (length 5). */
export function sha1Bytes(bytes: Uint8Array, out: Sha1Words): void {
  begin(out);
  let filled = 0;
  for (let i = 0; i < bytes.length; i++) filled = addByte(bytes[i] as number, filled, out);
  finish(out, filled, bytes.length);
}

/** Forty hex digits. */
export function sha1Hex(words: Sha1Words): string {
  let text = '';
  for (let i = 0; i < 5; i++) text += (words[i] as number).toString(16).padStart(8, '0');
  return text;
}

function begin(out: Sha1Words): void {
  out[0] = 0x67452301;
  out[1] = 0xefcdab89;
  out[2] = 0x98badcfe;
  out[3] = 0x10325476;
  out[4] = 0xc3d2e1f0;
}

/** How far the block is filled then, bytes. Four chars at a time where they make one word. */
function addLatin1(text: string, from: number, out: Sha1Words): number {
  const { length } = text;
  let filled = from;
  let i = 0;
  while (i < length) {
    if ((filled & 3) !== 0 || length - i < 4) {
      filled = addByte(text.charCodeAt(i++), filled, out);
      continue;
    }
    block[filled >>> 2] =
      (text.charCodeAt(i) << 24) |
      (text.charCodeAt(i + 1) << 16) |
      (text.charCodeAt(i + 2) << 8) |
      text.charCodeAt(i + 3);
    i += 4;
    filled = maybeMix(filled + 4, out);
  }
  return filled;
}

function addByte(byte: number, filled: number, out: Sha1Words): number {
  const word = filled >>> 2;
  const shift = 24 - 8 * (filled & 3);
  block[word] = shift === 24 ? byte << 24 : (block[word] as number) | (byte << shift);
  return maybeMix(filled + 1, out);
}

/** A full block goes into the digest. */
function maybeMix(filled: number, out: Sha1Words): number {
  if (filled < BLOCK_BYTES) return filled;
  sha1Rounds(block, out);
  return 0;
}

function finish(out: Sha1Words, from: number, length: number): void {
  const filled = addByte(0x80, from, out);
  let word = (filled + 3) >>> 2;
  if (word > LENGTH_AT) {
    block.fill(0, word);
    sha1Rounds(block, out);
    word = 0;
  }
  while (word < LENGTH_AT) block[word++] = 0;
  block[LENGTH_AT] = Math.floor(length / 0x2000_0000);
  block[LENGTH_AT + 1] = length << 3;
  sha1Rounds(block, out);
}
