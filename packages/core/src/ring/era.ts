/**
 * Eras: how epochs are numbered so that rings which nobody agreed upon together never bear one number. Pure.
 *
 * A majority counts epochs one by one. A minority that is told to go on without the others (membership/forced-ring.ts)
 * begins the next *era* instead, at a number that no other node can come upon:
 *
 *     31    24 23    16 15     8 7      0
 *     | era  | seat   | parent | count  |      era * 2^24 + seat * 2^16 + parent * 2^8, and one more with each epoch
 *
 * `seat` is the place of the one who forces in its member list, `parent` the last byte of the epoch it leaves. Two nodes
 * with one ring have two seats. Two with different rings of one era left different epochs, hence different last bytes,
 * unless these are a multiple of 256 apart and the same seat was given to another node in between.
 *
 * The order of numbers is the order of rings: whoever hears a higher one takes it, so the later era wins everywhere.
 *
 * Not here: what may be forced. Price: 255 eras, and 255 seats to force from, in the life of a cluster.
 * Source: decision 0008.
 */
import { assert } from '../base/assert.ts';
import type { Epoch } from '../contracts/ids.ts';

const ERA = 2 ** 24;
const SEAT = 2 ** 16;
const PARENT = 2 ** 8;
const ERA_LAST = 255;
/** Not the very last one: from there too some sixty thousand epochs are left before the era is counted out. */
const SEAT_LAST = 254;

/** How often this ring was forced. */
export function eraOf(epoch: number): number {
  return Math.floor(epoch / ERA);
}

/** How one node begins an era of its own. */
export interface EraStart {
  /** The epoch that is left behind. */
  readonly left: Epoch;
  /** The era to begin, a later one than that of `left`. */
  readonly era: number;
  readonly seat: number;
}

/** The first epoch of an era as the node in this seat forces it; undefined when numbers have run out. */
export function forcedEpoch({ left, era, seat }: EraStart): Epoch | undefined {
  assert(era > eraOf(left), 'a forced ring begins a later era');
  if (era > ERA_LAST || seat > SEAT_LAST) return undefined;
  return (era * ERA + seat * SEAT + (left % PARENT) * PARENT) as Epoch;
}

/** Whether epochs `from` and `to` are of two eras, or were forced twice in one. */
export function isOtherLine(from: number, to: number): boolean {
  if (eraOf(from) !== eraOf(to)) return true;
  const [line, other] = [Math.floor(from / PARENT), Math.floor(to / PARENT)];
  // A count that has gone round.
  return eraOf(from) > 0 && line !== other && line + 1 !== other;
}

/** `7` in the first era; `1/2.7.0` in the next, forced from the third seat on leaving epoch 7. */
export function describeEpoch(epoch: number): string {
  const era = eraOf(epoch);
  if (era === 0) return String(epoch);
  const [seat, parent, count] = [SEAT, PARENT, 1].map((unit) => Math.floor(epoch / unit) % PARENT);
  return `${era}/${seat}.${parent}.${count}`;
}
