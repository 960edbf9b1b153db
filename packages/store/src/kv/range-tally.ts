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
 *
 * A range can be counted again while it changes (`Recount`): a walk counts what it comes by, changes up to where it stands
 * are counted with it, and those behind it will be come by. In the end the tally is what was counted.
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

/** Where the count of one range stands. */
interface Recount {
  readonly range: PartitionId;
  readonly tally: RangeTally;
  /** Everything up to this position is counted; undefined: nothing yet. */
  upTo: readonly [hashHi: number, hashLo: number] | undefined;
  /** The last change is counted too, for when it is taken back. */
  hasLast: boolean;
}

/** What no range is called. */
const WITH_EXPIRING = 0xffff;
/** Of one range in the record; and as it was before expiry. */
const ROW_BYTES = 34;
const OLD_ROW_BYTES = 26;

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
  #recount: Recount | undefined;

  constructor(place: Place, stored: Uint8Array | undefined) {
    this.place = place;
    for (const [range, tally] of stored === undefined ? [] : decodeTallies(stored, place)) {
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
    this.#addDifference(tally);
    const recount = this.#recount;
    if (recount === undefined) return;
    recount.hasLast = recount.range === range && isUpTo(at, recount.upTo);
    if (recount.hasLast) this.#addDifference(recount.tally);
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
    const high = WORD - hi - (lo === 0 ? 0 : 1);
    addTo(tally, high, low);
    if (this.#recount?.hasLast !== true) return;
    this.#recount.hasLast = false;
    const { tally: counted } = this.#recount;
    counted.entries -= this.#entries;
    counted.live -= this.#live;
    counted.expiring -= this.#expiring;
    addTo(counted, high, low);
  }

  /** Count a range again, from nothing. */
  beginRecount(range: PartitionId): void {
    this.#recount = { range, tally: { ...EMPTY }, upTo: undefined, hasLast: false };
  }

  /** The walk came by an entry of that range. */
  recount(at: Pick<RecordKey, 'hashHi' | 'hashLo'>, entry: Uint8Array): void {
    const tally = this.#recount?.tally as RangeTally;
    tally.entries++;
    if (isLive(entry, 0)) {
      tally.live++;
      if (expiryMs(entry) !== 0) tally.expiring++;
    }
    digestState(at.hashHi, at.hashLo, entry, digest);
    addTo(tally, digest[0] as number, digest[1] as number);
  }

  /** Up to here, between two positions, it came by all. */
  recountedTo(position: readonly [hashHi: number, hashLo: number]): void {
    const recount = this.#recount as Recount;
    recount.upTo = position;
    recount.hasLast = false;
  }

  /** It came by all of the range: the tally is what was counted. What it was before. */
  endRecount(): RangeTally {
    const { range, tally } = this.#recount as Recount;
    const before = { ...this.of(range) };
    this.#recount = undefined;
    this.#last = undefined;
    this.#ranges.set(range, tally);
    this.total += tally.entries - before.entries;
    return before;
  }

  /** It will not be finished. */
  dropRecount(): void {
    this.#recount = undefined;
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

  #addDifference(tally: RangeTally): void {
    tally.entries += this.#entries;
    tally.live += this.#live;
    tally.expiring += this.#expiring;
    addTo(tally, this.difference[0] as number, this.difference[1] as number);
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

/** None from bytes that a disk has damaged so that they make no sense: a scrub counts what is there. */
function decodeTallies(stored: Uint8Array, { ringBits }: Place): [PartitionId, RangeTally][] {
  const tallies: [PartitionId, RangeTally][] = [];
  const input = new Reader(stored);
  const withExpiring = stored[0] === 0xff;
  if (withExpiring && input.left >= 2) input.u16();
  while (input.left >= (withExpiring ? ROW_BYTES : OLD_ROW_BYTES)) {
    const range = input.u16() as PartitionId;
    const [entries, live] = [input.f64(), input.f64()];
    const expiring = withExpiring ? input.f64() : 0;
    const tally = { entries, live, expiring, digestHi: input.u32(), digestLo: input.u32() };
    if (range >= 1 << ringBits || ![entries, live, expiring].every(isCount)) return [];
    tallies.push([range, tally]);
  }
  return input.left === 0 ? tallies : [];
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isUpTo(at: RecordKey, upTo: Recount['upTo']): boolean {
  if (upTo === undefined) return false;
  return at.hashHi < upTo[0] || (at.hashHi === upTo[0] && at.hashLo <= upTo[1]);
}

function addTo(tally: RangeTally, hi: number, lo: number): void {
  const low = tally.digestLo + lo;
  tally.digestLo = low >>> 0;
  tally.digestHi = (tally.digestHi + hi + (low >= WORD ? 1 : 0)) >>> 0;
}
