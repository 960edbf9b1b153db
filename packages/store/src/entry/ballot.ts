/**
 * Ballots of a strict key, and what one acceptor does with them.
 *
 * A strict key is a register agreed by the owners of its primaries, one of Paxos' slots that goes on for ever (CASPaxos).
 * Each owner is an acceptor, and its state is the entry: what it *accepted* last is the content, under the ballot that
 * is the version; what it *promised* is the register `promised`. Ballots are stamps, so that no two proposers, nor two
 * lives of one, ever use the same; the last 8 bytes of the register are zero.
 *
 * Who accepts ballot b promises b's *successor* with the same stroke, to the same proposer: its next change needs no round
 * of promises. A register that is the successor of the version so means: nothing has been promised to anybody else since.
 *
 * Accepted content also comes by merge, from handoff and exchange, where no promise is asked. A change that a majority accepted
 * is seen by every later proposer all the same, because an acceptor tells of the highest that it holds. But to see one state at a
 * majority is not to know that it was accepted by one: that takes acceptors that are settled, or a round of votes.
 *
 * Source: Rystsov, "CASPaxos: Replicated State Machines without logs" (2018), 2.2 and the one-round optimization;
 * rules 8. Not here: rounds and majorities (kv/strict-change.ts).
 */
import { compareStamps, STAMP_BYTES, ZERO_STAMP } from '@rkv/core';
import { encodeEntry, fieldsOf } from './codec.ts';
import {
  compareVersion,
  FLAG_PROMISED,
  hasFlag,
  PROMISED_BYTES,
  promisedAt,
  TOMBSTONE,
  VERSION_AT,
} from './layout.ts';

/** The register for a ballot. */
export function promisedOf(ballot: Uint8Array): Uint8Array {
  const promised = new Uint8Array(PROMISED_BYTES);
  promised.set(ballot.subarray(0, STAMP_BYTES));
  return promised;
}

/** The ballot that whoever has ballot `ballot` may use next: one counter step on, with the same random bits. */
export function successorOf(ballot: Uint8Array, at = 0): Uint8Array {
  const next = ballot.slice(at, at + STAMP_BYTES);
  // Milliseconds and counter are one number of 64 bits.
  for (let i = 7; i >= 0; i--) {
    const byte = ((next[i] as number) + 1) & 0xff;
    next[i] = byte;
    if (byte !== 0) break;
  }
  return next;
}

/** The lowest ballot that may still come here: what was promised or, when that is higher, what was accepted. A copy. */
export function ballotOf(held: Uint8Array | undefined): Uint8Array {
  if (held === undefined) return ZERO_STAMP;
  const at = hasFlag(held, FLAG_PROMISED) ? promisedAt(held) : VERSION_AT;
  const best = compareStamps(held, at, held, VERSION_AT) > 0 ? at : VERSION_AT;
  return held.slice(best, best + STAMP_BYTES);
}

/** Nobody has been promised anything since what it holds was accepted, but who got that accepted. */
export function isSettled(held: Uint8Array | undefined): boolean {
  if (held === undefined || !hasFlag(held, FLAG_PROMISED)) return true;
  const at = promisedAt(held);
  if (compareStamps(held, at, held, VERSION_AT) <= 0) return true;
  return isNothing(held) ? false : compareStamps(held, at, successorOf(held, VERSION_AT), 0) === 0;
}

/** An entry that has nothing but a promise: no content was ever accepted. */
export function isNothing(held: Uint8Array): boolean {
  return compareStamps(held, VERSION_AT, ZERO_STAMP, 0) === 0;
}

/** What is held once `ballot` is promised; undefined: a higher one was promised or accepted, or the same. */
export function promise(
  key: string,
  held: Uint8Array | undefined,
  ballot: Uint8Array,
): Uint8Array | undefined {
  const promised = promisedOf(ballot);
  if (held === undefined) return encodeEntry(key, { type: TOMBSTONE, version: ZERO_STAMP, promised });
  if (compareStamps(ballot, 0, ballotOf(held), 0) <= 0) return undefined;
  return encodeEntry(key, { ...fieldsOf(held), promised });
}

/**
 * Whether `entry` may be accepted, under the ballot that is its version: nothing higher was promised or accepted. Coming
 * a second time it may be again.
 */
export function mayAccept(held: Uint8Array | undefined, entry: Uint8Array): boolean {
  if (held === undefined) return true;
  const order = compareVersion(held, entry);
  if (order >= 0) return order === 0;
  return !hasFlag(held, FLAG_PROMISED) || compareStamps(held, promisedAt(held), entry, VERSION_AT) <= 0;
}
