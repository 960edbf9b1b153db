/**
 * SHA-1, straight from latin1 strings, pure: the hash that places keys on the ring.
 *
 * Not for security. A string is hashed as one byte per char, so no buffer is made per key; the five words of
 * the result are left in a caller's array. Checked against node:crypto in its test.
 *
 * Source: FIPS 180-4, 6.1.
 */

/** The five 32-bit words of a digest, unsigned, most significant first. */
export type Sha1Words = Uint32Array;

const schedule = new Int32Array(80);
const block = new Uint8Array(64);

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
  for (let i = 0; i < bytes.length; i++) {
    block[filled++] = bytes[i] as number;
    if (filled === 64) {
      compress(out);
      filled = 0;
    }
  }
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

/** How far the block is filled then. */
function addLatin1(text: string, from: number, out: Sha1Words): number {
  let filled = from;
  for (let i = 0; i < text.length; i++) {
    block[filled++] = text.charCodeAt(i);
    if (filled === 64) {
      compress(out);
      filled = 0;
    }
  }
  return filled;
}

function finish(out: Sha1Words, from: number, length: number): void {
  let filled = from;
  block[filled++] = 0x80;
  if (filled > 56) {
    while (filled < 64) block[filled++] = 0;
    compress(out);
    filled = 0;
  }
  while (filled < 56) block[filled++] = 0;
  const bitsHigh = Math.floor(length / 0x2000_0000);
  const bitsLow = length << 3;
  for (let i = 0; i < 4; i++) {
    block[56 + i] = bitsHigh >>> (24 - 8 * i);
    block[60 + i] = bitsLow >>> (24 - 8 * i);
  }
  compress(out);
}

/** A loop for each of the four functions: with a choice in every round it takes more than half as long again. */
function compress(out: Sha1Words): void {
  const w = schedule;
  expandBlock(w);
  let a = (out[0] as number) | 0;
  let b = (out[1] as number) | 0;
  let c = (out[2] as number) | 0;
  let d = (out[3] as number) | 0;
  let e = (out[4] as number) | 0;
  let i = 0;
  for (; i < 20; i++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + 0x5a827999 + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 40; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 60; i++) {
    const next =
      (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + (0x8f1bbcdc | 0) + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 80; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + (0xca62c1d6 | 0) + (w[i] as number)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  out[0] = (out[0] as number) + a;
  out[1] = (out[1] as number) + b;
  out[2] = (out[2] as number) + c;
  out[3] = (out[3] as number) + d;
  out[4] = (out[4] as number) + e;
}

/** The block's sixteen words, and the sixty-four that are made of them. */
function expandBlock(w: Int32Array): void {
  for (let i = 0, at = 0; i < 16; i++, at += 4) {
    w[i] =
      ((block[at] as number) << 24) |
      ((block[at + 1] as number) << 16) |
      ((block[at + 2] as number) << 8) |
      (block[at + 3] as number);
  }
  for (let i = 16; i < 80; i++) {
    const x = (w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number);
    w[i] = (x << 1) | (x >>> 31);
  }
}
