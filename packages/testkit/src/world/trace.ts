/**
 * The trace: a running 64-bit digest of everything that happened, and the last few events in words.
 *
 * Two runs that did the same have the same digest; two that differ anywhere, in order, time, kind, ends or
 * bytes, practically never have. It is what "same seed, same run" is checked by, so it must see every event.
 * Not for security: two multiply-and-rotate lanes of 32 bits, quick enough to be always on.
 */

/** One event: what it was (kind and ends), and size and digest of the bytes it carried, if any. */
interface TraceRecord {
  timeMs: number;
  label: string;
  size: number;
  digest: number;
}

export class Trace {
  #high = 0x6a09e667;
  #low = 0xbb67ae85 | 0;
  #count = 0;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#time.buffer);
  /** Labels are few and come again and again: each is hashed once. */
  readonly #labelHashes = new Map<string, number>();
  readonly #last: TraceRecord[] = [];

  /** `keep`: how many of the last events are kept for `describe`. */
  constructor(keep: number) {
    for (let i = 0; i < keep; i++) this.#last.push({ timeMs: 0, label: '', size: 0, digest: 0 });
  }

  /** Events seen so far. */
  get count(): number {
    return this.#count;
  }

  /** The digest so far, 16 hex digits. */
  get digest(): string {
    return hex(this.#high) + hex(this.#low);
  }

  note(timeMs: number, label: string, size = 0, digest = 0): void {
    this.#time[0] = timeMs;
    this.#mix(this.#timeWords[0] as number);
    this.#mix(this.#timeWords[1] as number);
    this.#mix(this.#labelHash(label));
    if (size !== 0) {
      this.#mix(size);
      this.#mix(digest);
    }
    this.#keep(timeMs, label, size, digest);
    this.#count++;
  }

  /** The last events, oldest first, a line each. */
  describe(): string {
    const kept = Math.min(this.#count, this.#last.length);
    const lines: string[] = [];
    for (let i = this.#count - kept; i < this.#count; i++) {
      lines.push(describeRecord(this.#last[i % this.#last.length] as TraceRecord));
    }
    return lines.join('\n');
  }

  #mix(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x85ebca6b);
    const low = Math.imul(this.#low + word, 0x9e3779b1);
    this.#high = ((high << 13) | (high >>> 19)) ^ low;
    this.#low = ((low << 17) | (low >>> 15)) + high;
  }

  #labelHash(label: string): number {
    const known = this.#labelHashes.get(label);
    if (known !== undefined) return known;
    const hash = hashText(label);
    this.#labelHashes.set(label, hash);
    return hash;
  }

  #keep(timeMs: number, label: string, size: number, digest: number): void {
    if (this.#last.length === 0) return;
    const record = this.#last[this.#count % this.#last.length] as TraceRecord;
    record.timeMs = timeMs;
    record.label = label;
    record.size = size;
    record.digest = digest;
  }
}

function describeRecord({ timeMs, label, size, digest }: TraceRecord): string {
  const bytes = size === 0 ? '' : `  ${size} bytes #${hex(digest)}`;
  return `${timeMs.toFixed(3).padStart(14)}  ${label}${bytes}`;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** 32 bits of a string (FNV-1a). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** 32 bits of `bytes[start..end)`, four bytes a step. */
export function digestBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let hash = (end - start) ^ 0x9747b28c;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    hash = Math.imul(hash ^ Math.imul(word, 0xcc9e2d51), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return (hash ^ (hash >>> 13)) >>> 0;
}
