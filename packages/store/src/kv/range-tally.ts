/**
 * What a vnode holds, counted and digested per range, kept up with every change.
 *
 * Vnode p holds the ranges p, p-1, ... p-n+1 (a range: the keys whose first primary is that partition), each with
 * another set of replicas, so each has a tally of its own. Two replicas whose tallies of a range are equal hold the
 * same keys in the same states; the digest is a sum, so the order of changes does not matter and one can be taken back.
 *
 * The tallies of a vnode are one record in its store, riding along with each commit:
 *
 * ```
 * u16 0xffff, {u16 range, f64 entries, f64 live, f64 expiring, digest 8}*
 * ```
 * Without the two bytes in front it is of a time before expiry, and the rows are without it.
 */
import {
  murmur32Twice,
  partitionOf,
  rangeOf,
  Reader,
  SPACE_META,
  Writer,
  type HashRange,
  type LateRecord,
  type PartitionId,
  type Place,
  type RecordKey,
} from '@rkv/core';
import { expiryMs, isLive } from '../entry/layout.ts';
import { STATE_AT, STATE_END } from './commands.ts';

export interface RangeTally {
  entries: number;
  live: number;
  /** Of the live ones those that have a moment, past or not. */
  expiring: number;
  digestHi: number;
  digestLo: number;
}

/** What no range is called. */
const WITH_EXPIRING = 0xffff;
const ROW_BYTES = 34;

const digest = new Uint32Array(2);
const WORD = 2 ** 32;

/** The state of an item in 64 bits, high and low: equal on two replicas where version and sum are. */
export function digestState(hashHi: number, hashLo: number, entry: Uint8Array, out: Uint32Array): void {
  murmur32Twice(hashHi, hashLo, entry, STATE_AT, STATE_END, out);
}

const EMPTY: Readonly<RangeTally> = { entries: 0, live: 0, expiring: 0, digestHi: 0, digestLo: 0 };

export class VnodeTallies implements LateRecord {
  readonly space = SPACE_META;
  readonly place: Place;
  readonly hashHi = 0;
  readonly hashLo = 0;
  readonly key = 'tally';
  readonly #ranges = new Map<PartitionId, RangeTally>();
  /** Entries in all ranges, tombstones included. */
  total = 0;
  /** By how much the last change changed the digest of its range: high word and low word, mod 2^64. */
  readonly difference = new Uint32Array(2);
  #last: RangeTally | undefined;
  #entries = 0;
  #live = 0;
  #expiring = 0;

  constructor(place: Place, stored: Uint8Array | undefined) {
    this.place = place;
    if (stored === undefined) return;
    const input = new Reader(stored);
    const withExpiring = stored[0] === 0xff;
    if (withExpiring) input.u16();
    while (input.left > 0) {
      const range = input.u16() as PartitionId;
      const [entries, live] = [input.f64(), input.f64()];
      const expiring = withExpiring ? input.f64() : 0;
      const tally = { entries, live, expiring, digestHi: input.u32(), digestLo: input.u32() };
      this.#ranges.set(range, tally);
      this.total += tally.entries;
    }
  }

  of(range: PartitionId): Readonly<RangeTally> {
    return this.#ranges.get(range) ?? EMPTY;
  }

  /** Entries in ranges of hashes; of a range that is met in part, that part of them. 0 only where there are none. */
  countWithin(within: readonly HashRange[]): number {
    let count = 0;
    for (const [range, { entries }] of this.#ranges) {
      const { start, end } = rangeOf(range, this.place.ringBits);
      for (const other of within) {
        const met = Math.min(end, other.end) - Math.max(start, other.start);
        if (met > 0) count += entries * (met / (end - start));
      }
    }
    return count > 0 ? Math.max(1, Math.round(count)) : 0;
  }

  /** Values that have a moment, past or not. */
  get expiring(): number {
    let sum = 0;
    for (const { expiring } of this.#ranges.values()) sum += expiring;
    return sum;
  }

  get tombstones(): number {
    let sum = 0;
    for (const { entries, live } of this.#ranges.values()) sum += entries - live;
    return sum;
  }

  /** The ranges that hold something. */
  get held(): PartitionId[] {
    return [...this.#ranges].filter(([, { entries }]) => entries > 0).map(([range]) => range);
  }

  /** An entry took the place of another; either may be none. */
  changed(at: RecordKey, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const range = partitionOf(at.hashHi, this.place.ringBits);
    let tally = this.#ranges.get(range);
    if (tally === undefined) this.#ranges.set(range, (tally = { ...EMPTY }));
    this.#last = tally;
    this.#entries = 0;
    this.#live = 0;
    this.#expiring = 0;
    this.difference[0] = 0;
    this.difference[1] = 0;
    if (before !== undefined) this.#count(at, before, -1);
    if (after !== undefined) this.#count(at, after, 1);
    this.total += this.#entries;
    tally.entries += this.#entries;
    tally.live += this.#live;
    tally.expiring += this.#expiring;
    addTo(tally, this.difference[0] as number, this.difference[1] as number);
  }

  /** The last change was not one. */
  takeBack(): void {
    const tally = this.#last;
    if (tally === undefined) return;
    this.#last = undefined;
    this.total -= this.#entries;
    tally.entries -= this.#entries;
    tally.live -= this.#live;
    tally.expiring -= this.#expiring;
    const [hi, lo] = [this.difference[0] as number, this.difference[1] as number];
    const low = (WORD - lo) % WORD;
    addTo(tally, WORD - hi - (lo === 0 ? 0 : 1), low);
  }

  /** Its entries were counted, and this is the sum of their states. */
  correct(range: PartitionId, digestHi: number, digestLo: number): void {
    this.#ranges.set(range, { ...this.of(range), digestHi, digestLo });
  }

  bytes(): Uint8Array {
    const out = new Writer(2 + this.#ranges.size * ROW_BYTES);
    out.u16(WITH_EXPIRING);
    for (const [range, tally] of this.#ranges) {
      out.u16(range);
      out.f64(tally.entries);
      out.f64(tally.live);
      out.f64(tally.expiring);
      out.u32(tally.digestHi);
      out.u32(tally.digestLo);
    }
    return out.copy();
  }

  #count(at: RecordKey, entry: Uint8Array, sign: 1 | -1): void {
    this.#entries += sign;
    // Expiry does not count here: every replica must count alike, whatever its clock.
    if (isLive(entry, 0)) {
      this.#live += sign;
      if (expiryMs(entry) !== 0) this.#expiring += sign;
    }
    digestState(at.hashHi, at.hashLo, entry, digest);
    const { difference } = this;
    const low = (difference[1] as number) + sign * (digest[1] as number);
    const carry = low < 0 ? -1 : low >= WORD ? 1 : 0;
    difference[1] = low;
    difference[0] = (difference[0] as number) + sign * (digest[0] as number) + carry;
  }
}

function addTo(tally: RangeTally, hi: number, lo: number): void {
  const low = tally.digestLo + lo;
  tally.digestLo = low >>> 0;
  tally.digestHi = (tally.digestHi + hi + (low >= WORD ? 1 : 0)) >>> 0;
}
