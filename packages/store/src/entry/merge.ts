/**
 * Merge: two entries of one key become the one that says what both say.
 *
 * An entry is three registers and a base that voids:
 *
 *   content   type, sum, sections, payload   the higher version's
 *   expiry    moment                         the higher stamp's
 *   promised  ballot                         the higher
 *   base      the higher of both; when the types differ, the version of the one that lost is a base too;
 *             an expiry stamped below it is void
 *
 * A version is at least every stamp in its entry, so what wins by version is never below base. One stamp is one
 * write, so two contents under one version are a fault somewhere (a copied disk): then a tombstone beats a value, the
 * larger type code and the larger bytes win, and `onClash` is told. An entry and the tombstone it was swept into
 * (layout.ts) are no clash: one state, two forms.
 *
 * Source: rules 6; each register is a last-writer-wins register (Shapiro et al. 2011), their product a lattice.
 * Holds: commutative, associative and idempotent, byte for byte, over entries that `problemOf` has passed. What does
 * not change comes back as the same reference: who merges compares by `===`.
 * Not promised: that an expiry keeps off the content. Setting one raises the version and so restamps the value it
 * read; a SET or DEL stamped below it that it had not seen is lost to it. Who runs such an operation reads first.
 * Not here: types whose parts are joined one by one; they are refused at the gate until they are.
 */
import { compareStamps, STAMP_BYTES } from '@rkv/core';
import { encodeEntry, fieldsOf } from './codec.ts';
import {
  baseAt,
  compareVersion,
  expiryAt,
  FLAG_BASE,
  FLAG_EXPIRY,
  FLAG_PROMISED,
  hasFlag,
  MS_BYTES,
  payloadStart,
  PROMISED_BYTES,
  promisedAt,
  sameState,
  sameSum,
  sectionsAt,
  SUM_AT,
  SUM_BYTES,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from './layout.ts';

/** Told of two writes under one stamp. Both entries are borrowed. */
export type ClashHandler = (key: string, held: Uint8Array, incoming: Uint8Array) => void;

/**
 * What a replica that holds `held` holds after `incoming`: `held` itself, `incoming` itself, or a new entry that
 * is neither. When both say the same it is `held`.
 */
export function merge(
  key: string,
  held: Uint8Array | undefined,
  incoming: Uint8Array,
  onClash?: ClashHandler,
): Uint8Array {
  if (held === undefined) return incoming;
  const order = compareVersion(held, incoming);
  if (order < 0 && overrules(incoming, held)) return incoming;
  if (order > 0 && overrules(held, incoming)) return held;
  const content = order === 0 ? compareContent(held, incoming) : order;
  if (onClash !== undefined && clashes(held, incoming, order === 0 && content !== 0))
    onClash(key, held, incoming);
  return content >= 0 ? join(key, held, incoming, content) : join(key, incoming, held, content);
}

/**
 * Whether all that `incoming` says still stands in `result`, the outcome of merging it. False: something newer was
 * held, and an operation that read before it wrote must run again.
 */
export function counted(result: Uint8Array, incoming: Uint8Array): boolean {
  if (result === incoming) return true;
  if (!sameState(result, incoming)) return false;
  if (hasFlag(incoming, FLAG_PROMISED) && comparePromised(result, incoming) !== 0) return false;
  if (!hasFlag(incoming, FLAG_EXPIRY) || compareExpiry(result, incoming) === 0) return true;
  return isSweep(result, incoming);
}

/** The usual case, for the entry with the higher version: its base voids all of the other but perhaps a ballot. */
function overrules(higher: Uint8Array, lower: Uint8Array): boolean {
  return !hasFlag(higher, FLAG_BASE) && !hasFlag(lower, FLAG_PROMISED);
}

/** `content` is 0 when both have the winner's content; then the loser may be the outcome too. */
function join(key: string, winner: Uint8Array, loser: Uint8Array, content: number): Uint8Array {
  const loserBaseAt = typeOf(winner) === typeOf(loser) ? baseAt(loser) : VERSION_AT;
  const raised = compareStamps(winner, baseAt(winner), loser, loserBaseAt) < 0;
  const baseOf = raised ? loser : winner;
  const baseOfAt = raised ? loserBaseAt : baseAt(winner);
  const promisedOf = comparePromised(winner, loser) >= 0 ? winner : loser;
  const latest = compareExpiry(winner, loser) >= 0 ? winner : loser;
  const expiryOf = expiryStands(latest, baseOf, baseOfAt) ? latest : undefined;

  if (says(winner, baseOf, baseOfAt, expiryOf, promisedOf)) return winner;
  if (content === 0 && says(loser, baseOf, baseOfAt, expiryOf, promisedOf)) return loser;
  return encodeEntry(key, {
    ...fieldsOf(winner),
    base: baseOf.subarray(baseOfAt, baseOfAt + STAMP_BYTES),
    expiry: expiryOf === undefined ? undefined : fieldsOf(expiryOf).expiry,
    promised: fieldsOf(promisedOf).promised,
  });
}

/** Whether `e` has just these registers. */
function says(
  e: Uint8Array,
  baseOf: Uint8Array,
  baseOfAt: number,
  expiryOf: Uint8Array | undefined,
  promisedOf: Uint8Array,
): boolean {
  if (compareStamps(e, baseAt(e), baseOf, baseOfAt) !== 0) return false;
  if (comparePromised(e, promisedOf) !== 0) return false;
  return expiryOf === undefined ? !hasFlag(e, FLAG_EXPIRY) : compareExpiry(e, expiryOf) === 0;
}

function expiryStands(e: Uint8Array, baseOf: Uint8Array, baseOfAt: number): boolean {
  return hasFlag(e, FLAG_EXPIRY) && compareStamps(e, expiryAt(e) + MS_BYTES, baseOf, baseOfAt) >= 0;
}

/** Order of the contents of one version: a tombstone above values, then type code, payload, sum, sections. */
function compareContent(a: Uint8Array, b: Uint8Array): number {
  if (typeOf(a) !== typeOf(b)) {
    if (typeOf(a) === TOMBSTONE) return 1;
    return typeOf(b) === TOMBSTONE ? -1 : typeOf(a) - typeOf(b);
  }
  if (sameSum(a, b)) return compareSections(a, b);
  const payloads = compareRanges(a, payloadStart(a), a.length, b, payloadStart(b), b.length);
  return payloads !== 0
    ? payloads
    : compareRanges(a, SUM_AT, SUM_AT + SUM_BYTES, b, SUM_AT, SUM_AT + SUM_BYTES);
}

function compareSections(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, sectionsAt(a), payloadStart(a), b, sectionsAt(b), payloadStart(b));
}

/** Order of two expiries by stamp, then by moment; none is below all. */
function compareExpiry(a: Uint8Array, b: Uint8Array): number {
  const presence = Number(hasFlag(a, FLAG_EXPIRY)) - Number(hasFlag(b, FLAG_EXPIRY));
  if (presence !== 0 || !hasFlag(a, FLAG_EXPIRY)) return presence;
  const aAt = expiryAt(a);
  const bAt = expiryAt(b);
  const stamps = compareStamps(a, aAt + MS_BYTES, b, bAt + MS_BYTES);
  return stamps !== 0 ? stamps : compareRanges(a, aAt, aAt + MS_BYTES, b, bAt, bAt + MS_BYTES);
}

/** Order of two ballots; none is below all. */
function comparePromised(a: Uint8Array, b: Uint8Array): number {
  const presence = Number(hasFlag(a, FLAG_PROMISED)) - Number(hasFlag(b, FLAG_PROMISED));
  if (presence !== 0 || !hasFlag(a, FLAG_PROMISED)) return presence;
  const aAt = promisedAt(a);
  const bAt = promisedAt(b);
  return compareRanges(a, aAt, aAt + PROMISED_BYTES, b, bAt, bAt + PROMISED_BYTES);
}

function clashes(held: Uint8Array, incoming: Uint8Array, differs: boolean): boolean {
  if (differs) return !isSweep(held, incoming) && !isSweep(incoming, held);
  if (!hasFlag(held, FLAG_EXPIRY) || !hasFlag(incoming, FLAG_EXPIRY)) return false;
  const oneStamp =
    compareStamps(held, expiryAt(held) + MS_BYTES, incoming, expiryAt(incoming) + MS_BYTES) === 0;
  return oneStamp && compareExpiry(held, incoming) !== 0;
}

/** Whether `swept` is the tombstone that an expired `e` was swept into. */
function isSweep(swept: Uint8Array, e: Uint8Array): boolean {
  return typeOf(swept) === TOMBSTONE && typeOf(e) !== TOMBSTONE && sameState(swept, e);
}

/** Byte order of `a[from..to)` and `b[bFrom..bTo)`; a prefix is below what it begins. */
function compareRanges(
  a: Uint8Array,
  from: number,
  to: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number,
): number {
  const shorter = Math.min(to - from, bTo - bFrom);
  for (let i = 0; i < shorter; i++) {
    const difference = (a[from + i] as number) - (b[bFrom + i] as number);
    if (difference !== 0) return difference;
  }
  return to - from - (bTo - bFrom);
}
