/**
 * The layout of an entry, format 1, and how to read it in place.
 *
 *    0        1        2        3        4
 *    +--------+--------+--------+--------+-----------------------------------+
 *    | format | flags  |  type  |   0    | check: murmur3 of key and header  |
 *    +--------+--------+--------+--------+-----------------------------------+
 *    8  version: the highest stamp in the entry                   16 bytes   |
 *    +-----------------------------------------------------------------------+
 *   24  sum: what the entry holds, digested                        8 bytes   |
 *    +-----------------------------------------------------------------------+
 *   32  BASE      nothing stamped below it counts                 16 bytes   |  absent: equal to version
 *       EXPIRY    moment in ms (0: never), 6 bytes, and its stamp 16 bytes   |  absent: never expires
 *       PROMISED  ballot of a strict key, opaque, compared        24 bytes   |  absent: below every ballot
 *       SECTIONS  u32 length of all, then { u16 id, u32 length, bytes }*     |  absent: none
 *    +-----------------------------------------------------------------------+
 *       payload, to the end                                                  |
 *    +-----------------------------------------------------------------------+
 *
 * Integers are big-endian. The four optional fields stand in this order, each there when its flag is set. A state
 * has one form only: a BASE equal to the version, an EXPIRY below base and empty SECTIONS are not written. Sections
 * are for what later versions add: ids rise, each comes once, and who does not know one keeps it and passes it on.
 *
 * Two entries of one key hold the same state when (version, sum) agree. A tombstone holds nothing and its sum is
 * zero; what an expired entry is swept into keeps the sum that it had, so that nobody takes it for news.
 *
 * The readers here trust the bytes: `problemOf` (check.ts) has looked at them, or they are our own.
 * Source: rules 6.
 */
import { compareStamps, STAMP_BYTES, stampMs } from '@rkv/core';

export const FORMAT = 1;

export const TYPE_AT = 2;
export const CHECK_AT = 4;
/** A stamp: may be given as a place to read, compare or floor a clock with. */
export const VERSION_AT = 8;
export const SUM_AT = 24;
export const SUM_BYTES = 8;
/** Without optional fields: where the payload of a plain entry begins. */
export const HEADER_BYTES = 32;

export const FLAG_BASE = 1;
export const FLAG_EXPIRY = 2;
export const FLAG_PROMISED = 4;
export const FLAG_SECTIONS = 8;
export const FLAGS_KNOWN = 15;

export const MS_BYTES = 6;
export const EXPIRY_BYTES = MS_BYTES + STAMP_BYTES;
export const PROMISED_BYTES = 24;

/** 0 tombstone, 1 string; taken for later: 2 hash, 3 set, 4 sorted set, 5 list, 6 stream. */
export type EntryType = 0 | 1 | 2 | 3 | 4 | 5 | 6;
export const TOMBSTONE: EntryType = 0;
export const STRING: EntryType = 1;

export function typeOf(e: Uint8Array): EntryType {
  return e[TYPE_AT] as EntryType;
}

export function hasFlag(e: Uint8Array, flag: number): boolean {
  return ((e[1] as number) & flag) !== 0;
}

/** Where the base stamp stands. */
export function baseAt(e: Uint8Array): number {
  return hasFlag(e, FLAG_BASE) ? HEADER_BYTES : VERSION_AT;
}

/** Where the expiry stands, or would stand. */
export function expiryAt(e: Uint8Array): number {
  return HEADER_BYTES + (hasFlag(e, FLAG_BASE) ? STAMP_BYTES : 0);
}

/** Where the ballot stands, or would stand. */
export function promisedAt(e: Uint8Array): number {
  return expiryAt(e) + (hasFlag(e, FLAG_EXPIRY) ? EXPIRY_BYTES : 0);
}

/** Where the sections begin with their total length, or would begin. */
export function sectionsAt(e: Uint8Array): number {
  return promisedAt(e) + (hasFlag(e, FLAG_PROMISED) ? PROMISED_BYTES : 0);
}

/** Where the header ends. The payload is `e[payloadStart(e) .. e.length)`. */
export function payloadStart(e: Uint8Array): number {
  if (e[1] === 0) return HEADER_BYTES;
  const at = sectionsAt(e);
  return hasFlag(e, FLAG_SECTIONS) ? at + 4 + u32At(e, at) : at;
}

/** When the entry ends to live, milliseconds since 1970; 0: never. */
export function expiryMs(e: Uint8Array): number {
  return hasFlag(e, FLAG_EXPIRY) ? stampMs(e, expiryAt(e)) : 0;
}

/** Whether it holds a value at `nowMs`. At the very moment of its expiry it no longer does. */
export function isLive(e: Uint8Array, nowMs: number): boolean {
  if (e[TYPE_AT] === TOMBSTONE) return false;
  const until = expiryMs(e);
  return until === 0 || nowMs < until;
}

/** The high and low words of the sum, unsigned. */
export function sumHi(e: Uint8Array): number {
  return u32At(e, SUM_AT);
}
export function sumLo(e: Uint8Array): number {
  return u32At(e, SUM_AT + 4);
}

/** Order of two entries' versions: negative, zero or positive. */
export function compareVersion(a: Uint8Array, b: Uint8Array): number {
  return compareStamps(a, VERSION_AT, b, VERSION_AT);
}

export function sameSum(a: Uint8Array, b: Uint8Array): boolean {
  return sumHi(a) === sumHi(b) && sumLo(a) === sumLo(b);
}

/** Whether two entries of one key hold the same state: version and sum. */
export function sameState(a: Uint8Array, b: Uint8Array): boolean {
  return compareVersion(a, b) === 0 && sameSum(a, b);
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

export function putU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/** Whether state `a` is the later one. Of two under one stamp, which should not be, the larger sum is taken, by everybody. */
export function laterState(a: Uint8Array, b: Uint8Array): boolean {
  const order = compareVersion(a, b);
  return order > 0 || (order === 0 && !sameState(a, b) && largerSum(a, b));
}

function largerSum(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 24; at < 32; at++) if (a[at] !== b[at]) return (a[at] as number) > (b[at] as number);
  return false;
}
