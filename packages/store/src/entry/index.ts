/** The stored value: its layout, its gate, its makers, and the merge that every way into a replica goes through. */
export {
  compareVersion,
  expiryMs,
  FORMAT,
  HEADER_BYTES,
  isLive,
  payloadStart,
  PROMISED_BYTES,
  laterState,
  sameState,
  STRING,
  sumHi,
  sumLo,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
  type EntryType,
} from './layout.ts';
export { problemOf } from './check.ts';
export {
  encodeEntry,
  encodeString,
  encodeSwept,
  encodeTombstone,
  fieldsOf,
  stringEntryBytes,
  writeString,
  type EntryFields,
  type Expiry,
  type HeldFields,
} from './codec.ts';
export { endOf, EXPIRY_MS_MAX, stampOfMoment } from './expiry.ts';
export { counted, merge, type ClashHandler } from './merge.ts';
export type { Change, ChangeAnswer, ChangeProblem, Condition, ExpiryCondition } from './change.ts';
