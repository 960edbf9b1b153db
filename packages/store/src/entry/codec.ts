/**
 * Making entries: a fast way for the one that every SET writes, a general way for all others.
 *
 * `writeString` fills bytes that the caller allocated and touches nothing else. `encodeEntry` takes the fields by
 * name and always yields the one form of a state (layout.ts); `fieldsOf` is its inverse. An operation that changes
 * one register writes `encodeEntry(key, { ...fieldsOf(held), version, expiry })`.
 *
 * Stamps are made by the clock, not here. Keys are latin1 strings, stamps 16 bytes, moments milliseconds since 1970.
 */
import { assert, compareStamps, digest64, putStampMs, STAMP_BYTES } from '@rkv/core';
import { checkOf, sectionsProblem } from './check.ts';
import {
  baseAt,
  CHECK_AT,
  expiryAt,
  EXPIRY_BYTES,
  expiryMs,
  FLAG_BASE,
  FLAG_EXPIRY,
  FLAG_PROMISED,
  FLAG_SECTIONS,
  FORMAT,
  hasFlag,
  HEADER_BYTES,
  MS_BYTES,
  payloadStart,
  PROMISED_BYTES,
  promisedAt,
  sectionsAt,
  STRING,
  SUM_AT,
  SUM_BYTES,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
  putU32,
  type EntryType,
} from './layout.ts';

/** When a value ends, ms since 1970, and the stamp of whoever said so. */
export interface Expiry {
  /** 0: never. A register that says "never" outlives an older moment; that is how an expiry is taken back. */
  readonly ms: number;
  readonly stamp: Uint8Array;
}

/** What an entry is made of; docs/protocol.md has the layout. Versions and stamps are 16 bytes. */
export interface EntryFields {
  readonly type: EntryType;
  readonly version: Uint8Array;
  /** At most `version`; left out: equal to it, as a SET or DEL has it. */
  readonly base?: Uint8Array | undefined;
  /** Eight bytes; left out: the payload's digest, zero for a tombstone. */
  readonly sum?: Uint8Array | undefined;
  /** Its stamp is at most `version`; below base it is void and not written. */
  readonly expiry?: Expiry | undefined;
  /** Twenty-four bytes. */
  readonly promised?: Uint8Array | undefined;
  /** The list `{ u16 id, u32 length, bytes }*`, ids rising. */
  readonly sections?: Uint8Array | undefined;
  readonly payload?: Uint8Array | undefined;
}

/** The fields of an entry that exists: none left out that has a meaning when it is. */
export interface HeldFields extends Required<EntryFields> {
  readonly base: Uint8Array;
  readonly sum: Uint8Array;
  readonly payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const digest = new Uint32Array(2);

/** How many bytes `writeString` fills. */
export function stringEntryBytes(payloadBytes: number, expires: boolean): number {
  return HEADER_BYTES + (expires ? EXPIRY_BYTES : 0) + payloadBytes;
}

/**
 * A string set at `stamp`, which is its version, its base and its expiry's stamp, into all of `out`: exactly
 * `stringEntryBytes` long. The payload is `source[start..end)`; `untilMs` 0 means that it never expires.
 * The stamp may already stand in its place, `stamp === out` and `stampAt === VERSION_AT`.
 */
export function writeString(
  out: Uint8Array,
  key: string,
  stamp: Uint8Array,
  stampAt: number,
  source: Uint8Array,
  start: number,
  end: number,
  untilMs: number,
): void {
  assert(out.length === stringEntryBytes(end - start, untilMs !== 0), 'the entry fills its bytes exactly');
  digest64(source, start, end, digest);
  writeFixed(out, untilMs === 0 ? 0 : FLAG_EXPIRY, STRING, stamp, stampAt);
  putU32(out, SUM_AT, digest[0] as number);
  putU32(out, SUM_AT + 4, digest[1] as number);
  let at = HEADER_BYTES;
  if (untilMs !== 0) {
    putStampMs(out, at, untilMs);
    putStamp(out, at + MS_BYTES, stamp, stampAt);
    at += EXPIRY_BYTES;
  }
  putU32(out, CHECK_AT, checkOf(key, out, at));
  putPayload(out, at, source, start, end);
}

/** `writeString` into bytes of its own. */
export function encodeString(key: string, stamp: Uint8Array, payload: Uint8Array, untilMs = 0): Uint8Array {
  const out = new Uint8Array(stringEntryBytes(payload.length, untilMs !== 0));
  writeString(out, key, stamp, 0, payload, 0, payload.length, untilMs);
  return out;
}

/** A key deleted at `stamp[stampAt..]`. */
export function encodeTombstone(key: string, stamp: Uint8Array, stampAt = 0): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  writeFixed(out, 0, TOMBSTONE, stamp, stampAt);
  putU32(out, CHECK_AT, checkOf(key, out, HEADER_BYTES));
  return out;
}

/**
 * What an expired entry is swept into: a tombstone of the same version and sum, based on that version. Merging it
 * with what it was swept from, in any order, gives it again. Whether the moment is past is the caller's to know.
 */
export function encodeSwept(key: string, expired: Uint8Array): Uint8Array {
  return encodeEntry(key, { ...fieldsOf(expired), type: TOMBSTONE, base: undefined, payload: NOTHING });
}

/** Any entry, from its fields, in the one form of its state. */
export function encodeEntry(key: string, fields: EntryFields): Uint8Array {
  const { type, version, promised, sections = NOTHING, payload = NOTHING } = fields;
  const base = fields.base ?? version;
  assertFields(fields, base, sections, payload);
  const based = compareStamps(base, 0, version, 0) !== 0;
  const expiry =
    fields.expiry !== undefined && compareStamps(fields.expiry.stamp, 0, base, 0) >= 0
      ? fields.expiry
      : undefined;
  const headerEnd =
    HEADER_BYTES +
    (based ? STAMP_BYTES : 0) +
    (expiry === undefined ? 0 : EXPIRY_BYTES) +
    (promised === undefined ? 0 : PROMISED_BYTES) +
    (sections.length === 0 ? 0 : 4 + sections.length);

  const out = new Uint8Array(headerEnd + payload.length);
  const flags =
    (based ? FLAG_BASE : 0) |
    (expiry === undefined ? 0 : FLAG_EXPIRY) |
    (promised === undefined ? 0 : FLAG_PROMISED) |
    (sections.length === 0 ? 0 : FLAG_SECTIONS);
  writeFixed(out, flags, type, version, 0);
  out.set(fields.sum ?? sumOf(type, payload), SUM_AT);
  if (based) out.set(base, HEADER_BYTES);
  if (expiry !== undefined) {
    putStampMs(out, expiryAt(out), expiry.ms);
    out.set(expiry.stamp, expiryAt(out) + MS_BYTES);
  }
  if (promised !== undefined) out.set(promised, promisedAt(out));
  if (sections.length > 0) {
    putU32(out, sectionsAt(out), sections.length);
    out.set(sections, sectionsAt(out) + 4);
  }
  putU32(out, CHECK_AT, checkOf(key, out, headerEnd));
  out.set(payload, headerEnd);
  return out;
}

/** The fields of a sound entry, as borrowed views of it. */
export function fieldsOf(e: Uint8Array): HeldFields {
  const start = payloadStart(e);
  const expiry = expiryAt(e);
  const promised = promisedAt(e);
  return {
    type: typeOf(e),
    version: stampAt(e, VERSION_AT),
    base: stampAt(e, baseAt(e)),
    sum: e.subarray(SUM_AT, SUM_AT + SUM_BYTES),
    expiry: hasFlag(e, FLAG_EXPIRY) ? { ms: expiryMs(e), stamp: stampAt(e, expiry + MS_BYTES) } : undefined,
    promised: hasFlag(e, FLAG_PROMISED) ? e.subarray(promised, promised + PROMISED_BYTES) : undefined,
    sections: hasFlag(e, FLAG_SECTIONS) ? e.subarray(sectionsAt(e) + 4, start) : undefined,
    payload: e.subarray(start),
  };
}

function stampAt(e: Uint8Array, at: number): Uint8Array {
  return e.subarray(at, at + STAMP_BYTES);
}

function assertFields(
  fields: EntryFields,
  base: Uint8Array,
  sections: Uint8Array,
  payload: Uint8Array,
): void {
  const { type, version, expiry, promised, sum } = fields;
  assert(version.length === STAMP_BYTES && base.length === STAMP_BYTES, 'a stamp has 16 bytes');
  assert(compareStamps(base, 0, version, 0) <= 0, 'a base is at most the version');
  assert(
    expiry === undefined || compareStamps(expiry.stamp, 0, version, 0) <= 0,
    'an expiry is stamped at most the version',
  );
  assert(promised === undefined || promised.length === PROMISED_BYTES, 'a ballot has 24 bytes');
  assert(sum === undefined || sum.length === SUM_BYTES, 'a sum has 8 bytes');
  assert(type !== TOMBSTONE || payload.length === 0, 'a tombstone has no payload');
  assert(
    sections.length === 0 || sectionsProblem(sections, 0, sections.length) === undefined,
    'sections are a list with rising ids',
  );
}

function sumOf(type: EntryType, payload: Uint8Array): Uint8Array {
  const sum = new Uint8Array(SUM_BYTES);
  if (type === TOMBSTONE) return sum;
  digest64(payload, 0, payload.length, digest);
  putU32(sum, 0, digest[0] as number);
  putU32(sum, 4, digest[1] as number);
  return sum;
}

/** The bytes before the sum, but for the check. */
function writeFixed(
  out: Uint8Array,
  flags: number,
  type: EntryType,
  stamp: Uint8Array,
  stampStart: number,
): void {
  out[0] = FORMAT;
  out[1] = flags;
  out[2] = type;
  out[3] = 0;
  putStamp(out, VERSION_AT, stamp, stampStart);
}

function putStamp(out: Uint8Array, at: number, stamp: Uint8Array, from: number): void {
  if (stamp === out && from === at) return;
  for (let i = 0; i < STAMP_BYTES; i++) out[at + i] = stamp[from + i] as number;
}

function putPayload(out: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  out.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
}
