/**
 * Hybrid clock: stamps that follow wall time where it can be trusted, and causality always.
 *
 *   0            6         8                16
 *   | ms, 48 bit | counter | 64 random bits |      big-endian: stamps compare as bytes
 *
 * A stamp is the wall clock's millisecond; within one millisecond, or while the wall clock stands behind what
 * was seen, the counter rises, and carries into the milliseconds when it is full. The random bits are drawn at
 * each start, so that two nodes, or two lives of one, do not make the same stamp.
 *
 * Source: Kulkarni et al., "Logical Physical Clocks" (2014).
 * Holds: no stamp is made twice; each is above the one before it and above its floor; a wall clock that jumps
 * back changes neither.
 *
 * A floor beyond the drift limit must not drag the clock along, or one sick clock would move all keys of all
 * nodes into its future. Its successor is made for that one write, outside the clock's own row: one counter
 * step above the floor, and a number in place of the random bits that rises with every such stamp. Two writes
 * above one far floor keep their order so; a later ordinary stamp may well be lower.
 *
 * Not here: the wall clock's own sickness. One that reads a year ahead once is followed, and the stamps stay a
 * year ahead until the next start.
 */
import { assert } from './assert.ts';

/** Length of a stamp. */
export const STAMP_BYTES = 16;

/** Below or equal to every stamp. Shared: never written into. */
export const ZERO_STAMP = new Uint8Array(STAMP_BYTES);

/** How far a stamp may lie ahead of a node's wall clock and still move its hybrid clock, ms: rkv's nodes take this. */
export const DRIFT_LIMIT_MS = 60_000;

const COUNTER_MAX = 0xffff;
const MS_END = 2 ** 48;

/** Where a clock takes time and chance from, and how far it lets others pull it. */
export interface HybridClockInit {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Thirty-two random bits, unsigned. */
  readonly random: () => number;
  /** How far ahead of the wall clock a stamp may lie and still move this clock. Large: others' errors become ours. */
  readonly driftLimitMs: number;
}

/** A stamp within bytes: `bytes[at .. at + 16)`, borrowed. */
export interface StampPlace {
  readonly bytes: Uint8Array;
  readonly at: number;
}

export class HybridClock {
  readonly #now: () => number;
  readonly #driftLimitMs: number;
  readonly #own = new Uint8Array(8);
  #ms = 0;
  #counter = 0;
  /** Rises with every stamp above a far floor; begins anywhere in the lower half, so that it does not wrap soon. */
  #farRank: number;
  readonly #farOwn: number;

  constructor({ now, random, driftLimitMs }: HybridClockInit) {
    this.#now = now;
    this.#driftLimitMs = driftLimitMs;
    putU32(this.#own, 0, random());
    putU32(this.#own, 4, random());
    this.#farRank = random() >>> 1;
    this.#farOwn = random();
  }

  /** A new stamp into `out[at .. at + 16)`: above all before it, and above `floor` when one is given. */
  write(out: Uint8Array, at: number, floor?: StampPlace): void {
    const wall = this.#wall();
    if (floor !== undefined && !this.#reach(floor.bytes, floor.at, wall)) {
      this.#writeAboveFar(out, at, floor);
      return;
    }
    this.#advance(wall);
    putReading(out, at, this.#ms, this.#counter);
    for (let i = 0; i < 8; i++) out[at + 8 + i] = this.#own[i] as number;
  }

  /** Milliseconds since 1970 that a stamp would begin with now. */
  get reading(): number {
    return Math.max(this.#ms, this.#wall());
  }

  /** Follow a stamp seen elsewhere. False when it lies beyond the drift limit: then the clock does not move. */
  observe(bytes: Uint8Array, at: number): boolean {
    if (!this.#isAhead(bytes, at)) return true; // like its own stamps that come back to it
    return this.#reach(bytes, at, this.#wall());
  }

  #wall(): number {
    return Math.max(0, Math.floor(this.#now()));
  }

  /** Whether this reading is above the clock's own. */
  #isAhead(bytes: Uint8Array, at: number): boolean {
    const ms = stampMs(bytes, at);
    return ms > this.#ms || (ms === this.#ms && stampCounter(bytes, at) > this.#counter);
  }

  /** Stand at or above this reading; false when that would take the clock beyond the limit. */
  #reach(bytes: Uint8Array, at: number, wall: number): boolean {
    if (!this.#isAhead(bytes, at)) return true;
    const ms = stampMs(bytes, at);
    if (ms - wall > this.#driftLimitMs) return false;
    this.#ms = ms;
    this.#counter = stampCounter(bytes, at);
    return true;
  }

  #advance(wall: number): void {
    if (wall > this.#ms) {
      this.#ms = wall;
      this.#counter = 0;
    } else if (this.#counter < COUNTER_MAX) {
      this.#counter++;
    } else {
      this.#ms++;
      this.#counter = 0;
    }
  }

  #writeAboveFar(out: Uint8Array, at: number, floor: StampPlace): void {
    const ms = stampMs(floor.bytes, floor.at);
    const counter = stampCounter(floor.bytes, floor.at);
    if (counter < COUNTER_MAX) putReading(out, at, ms, counter + 1);
    else putReading(out, at, ms + 1, 0);
    this.#farRank = (this.#farRank + 1) >>> 0;
    putU32(out, at + 8, this.#farRank);
    putU32(out, at + 12, this.#farOwn);
  }
}

/** Order of two stamps: negative, zero or positive. */
export function compareStamps(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < STAMP_BYTES; i++) {
    const difference = (a[aAt + i] as number) - (b[bAt + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The milliseconds since 1970 that a stamp begins with. */
export function stampMs(bytes: Uint8Array, at = 0): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const low =
    ((bytes[at + 2] as number) << 24) |
    ((bytes[at + 3] as number) << 16) |
    ((bytes[at + 4] as number) << 8) |
    (bytes[at + 5] as number);
  return high * 0x1_0000_0000 + (low >>> 0);
}

/** Write 48 bits of milliseconds, as `stampMs` reads them. */
export function putStampMs(out: Uint8Array, at: number, ms: number): void {
  assert(ms >= 0 && ms < MS_END, 'a moment fits in 48 bits of milliseconds');
  const high = Math.floor(ms / 0x1_0000_0000);
  out[at] = high >>> 8;
  out[at + 1] = high;
  putU32(out, at + 2, ms);
}

/** Thirty-two hex digits. */
export function stampHex(bytes: Uint8Array, at = 0): string {
  let text = '';
  for (let i = 0; i < STAMP_BYTES; i++) text += (bytes[at + i] as number).toString(16).padStart(2, '0');
  return text;
}

function stampCounter(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number);
}

function putReading(out: Uint8Array, at: number, ms: number, counter: number): void {
  putStampMs(out, at, ms);
  out[at + 6] = counter >>> 8;
  out[at + 7] = counter;
}

/** The low 32 bits of `value`. */
function putU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}
