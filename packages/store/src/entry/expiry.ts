/**
 * Entries and their moments: another expiry for one that is held, and what an expired one still stands for.
 *
 * An expired key is a deleted one, and the moment of its expiry is the delete's: a write on it counts as after that, so
 * it must be stamped above, whatever the writer's clock says. Or else what somebody made of the old value before the
 * moment - another expiry, an append - and what bears a later stamp would come back over it from a replica that was away.
 *
 * The register of expiry is void below base, so a change that keeps the expiry it found says it anew under its own stamp
 * (change.ts).
 *
 * Source: rules 6 and 10. What is read before it is changed is read by the same moment `nowMs`, the coordinator's.
 */
import { compareStamps, putStampMs, STAMP_BYTES } from '@rkv/core';
import { expiryMs, VERSION_AT } from './layout.ts';

/** The last moment that an entry can tell, in the year 10889. */
export const EXPIRY_MS_MAX = 2 ** 48 - 1;

/** The lowest stamp that a write may bear which came after this moment. */
export function stampOfMoment(ms: number): Uint8Array {
  const stamp = new Uint8Array(STAMP_BYTES);
  putStampMs(stamp, 0, ms);
  return stamp;
}

/**
 * What a write on `held` must be stamped above, and an operation that keeps the base it finds takes for its base: the
 * higher of the version and, where its moment is past, that moment.
 */
export function endOf(held: Uint8Array, nowMs: number): Uint8Array {
  const version = held.slice(VERSION_AT, VERSION_AT + STAMP_BYTES);
  const until = expiryMs(held);
  if (until === 0 || nowMs < until) return version;
  const moment = stampOfMoment(until);
  return compareStamps(version, 0, moment, 0) >= 0 ? version : moment;
}
