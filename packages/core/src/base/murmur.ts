/**
 * Murmur3: short fingerprints of keys and values, fast in plain 32-bit arithmetic.
 *
 * `murmur32` is the published 32-bit function. `digest64` runs two such hashes side by side in one pass, with
 * different constants, for fingerprints that must tell millions of values apart.
 *
 * Source: Austin Appleby's MurmurHash3; the second lane takes its constants from lane two of the 128-bit variant.
 * Holds: the same bits on every machine. They are on disk and on the wire, so these functions never change.
 * Not for security: who wants two inputs with one digest can make them.
 */

/** Murmur3 of `bytes[start..end)`, unsigned. */
export function murmur32(seed: number, bytes: Uint8Array, start: number, end: number): number {
  const tail = end - ((end - start) & 3);
  let h = seed | 0;
  for (let at = start; at < tail; at += 4) h = fold(h, wordAt(bytes, at));
  return finish(h ^ scramble(tailWord(bytes, tail, end)), end - start);
}

/** `murmur32` of the same bytes under two seeds, in one pass: into `out[0]` and `out[1]`. */
export function murmur32Twice(
  seedA: number,
  seedB: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint32Array,
): void {
  const tail = end - ((end - start) & 3);
  let a = seedA | 0;
  let b = seedB | 0;
  for (let at = start; at < tail; at += 4) {
    const k = scramble(wordAt(bytes, at));
    a = rotate(a ^ k);
    b = rotate(b ^ k);
  }
  const last = scramble(tailWord(bytes, tail, end));
  out[0] = finish(a ^ last, end - start);
  out[1] = finish(b ^ last, end - start);
}

/** Murmur3 of a latin1 string, one byte per char, unsigned. Chars above 0xff are a caller's mistake. */
export function murmur32Latin1(seed: number, text: string): number {
  const length = text.length;
  const tail = length - (length & 3);
  let h = seed | 0;
  let at = 0;
  for (; at < tail; at += 4) {
    h = fold(
      h,
      text.charCodeAt(at) |
        (text.charCodeAt(at + 1) << 8) |
        (text.charCodeAt(at + 2) << 16) |
        (text.charCodeAt(at + 3) << 24),
    );
  }
  let last = 0;
  for (let shift = 0; at < length; at++, shift += 8) last |= text.charCodeAt(at) << shift;
  return finish(h ^ scramble(last), length);
}

/** Where the second lane starts, so that the lanes differ from the first bit on: 2^32 / golden ratio. */
const SEED_B = 0x9e3779b9;

/** A 64-bit digest of `bytes[start..end)`: high word into `out[0]`, low word into `out[1]`, both unsigned. */
export function digest64(bytes: Uint8Array, start: number, end: number, out: Uint32Array): void {
  const tail = end - ((end - start) & 3);
  let a = 0;
  let b = SEED_B | 0;
  for (let at = start; at < tail; at += 4) {
    const k = wordAt(bytes, at);
    a = fold(a, k);
    b = foldB(b, k);
  }
  const k = tailWord(bytes, tail, end);
  out[0] = finish(a ^ scramble(k), end - start);
  out[1] = finish(b ^ scrambleB(k), end - start);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The last nought to three bytes, as the low ones of a word. */
function tailWord(bytes: Uint8Array, at: number, end: number): number {
  let k = 0;
  for (let shift = 0, i = at; i < end; i++, shift += 8) k |= (bytes[i] as number) << shift;
  return k;
}

function scramble(k: number): number {
  const m = Math.imul(k, 0xcc9e2d51);
  return Math.imul((m << 15) | (m >>> 17), 0x1b873593);
}

function fold(h: number, k: number): number {
  return rotate(h ^ scramble(k));
}

function rotate(x: number): number {
  return (Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64) | 0;
}

function scrambleB(k: number): number {
  const m = Math.imul(k, 0xab0e9789);
  return Math.imul((m << 16) | (m >>> 16), 0x38b34ae5);
}

function foldB(h: number, k: number): number {
  const x = h ^ scrambleB(k);
  return (Math.imul((x << 17) | (x >>> 15), 5) + 0x0bcaa747) | 0;
}

/** Mix the length in and spread every bit over the whole word; unsigned. */
function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
