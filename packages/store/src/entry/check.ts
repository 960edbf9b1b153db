/**
 * Whether bytes are a sound entry of this key: the one gate for what comes from a disk or a peer.
 *
 * `check` covers the key and the whole header, the sum in the header covers the payload: a flipped bit, a torn
 * tail or a record under a wrong key shows. Beyond damage, the gate keeps out what a later version may have
 * written and what would break the laws of merge: forms that are not the one form of a state, and stamps out of order.
 *
 * Not promised: anything against a forger. Both hashes are for accidents; peers are authenticated elsewhere.
 */
import { compareStamps, digest64, murmur32, murmur32Latin1 } from '@rkv/core';
import {
  baseAt,
  CHECK_AT,
  expiryAt,
  FLAG_BASE,
  FLAG_EXPIRY,
  FLAG_SECTIONS,
  FLAGS_KNOWN,
  FORMAT,
  hasFlag,
  HEADER_BYTES,
  MS_BYTES,
  payloadStart,
  sectionsAt,
  STRING,
  sumHi,
  sumLo,
  TOMBSTONE,
  TYPE_AT,
  u32At,
  VERSION_AT,
} from './layout.ts';

const digest = new Uint32Array(2);

/** The checksum that belongs at CHECK_AT: over the key, bytes 0..3 (as the seed) and 8 to the end of the header. */
export function checkOf(key: string, e: Uint8Array, headerEnd: number): number {
  return murmur32(murmur32Latin1(u32At(e, 0), key), e, VERSION_AT, headerEnd);
}

/** A sentence on what is wrong with these bytes as an entry of `key` (latin1), or undefined when nothing is. */
export function problemOf(key: string, e: Uint8Array): string | undefined {
  return headProblem(e) ?? lengthProblem(e) ?? damageProblem(key, e) ?? formProblem(e);
}

/** As `problemOf`, of the header alone: version and sum can be believed, the payload was not looked at. */
export function stateProblemOf(key: string, e: Uint8Array): string | undefined {
  return headProblem(e) ?? lengthProblem(e) ?? headerDamageProblem(key, e, payloadStart(e));
}

function headProblem(e: Uint8Array): string | undefined {
  if (e.length < HEADER_BYTES)
    return `${e.length} bytes are too few for an entry's header of ${HEADER_BYTES}`;
  if (e[0] !== FORMAT) return `entry format ${e[0]} is unknown here, only ${FORMAT} is`;
  if (((e[1] as number) & ~FLAGS_KNOWN) !== 0 || e[3] !== 0)
    return `entry flags ${e[1]}, ${e[3]} are unknown here`;
  if ((e[TYPE_AT] as number) > STRING) return `entry type ${e[TYPE_AT]} is unknown here`;
  return undefined;
}

function lengthProblem(e: Uint8Array): string | undefined {
  if (e[1] === 0) return undefined;
  const at = sectionsAt(e);
  const fixedEnd = hasFlag(e, FLAG_SECTIONS) ? at + 4 : at;
  if (fixedEnd > e.length || payloadStart(e) > e.length)
    return `an entry of ${e.length} bytes ends within its header`;
  return undefined;
}

function damageProblem(key: string, e: Uint8Array): string | undefined {
  const start = payloadStart(e);
  const problem = headerDamageProblem(key, e, start);
  if (problem !== undefined) return problem;
  if (e[TYPE_AT] === TOMBSTONE) return start === e.length ? undefined : 'a tombstone has a payload';
  digest64(e, start, e.length, digest);
  if (digest[0] !== sumHi(e) || digest[1] !== sumLo(e)) return 'the payload does not fit its sum';
  return undefined;
}

function headerDamageProblem(key: string, e: Uint8Array, start: number): string | undefined {
  return checkOf(key, e, start) === u32At(e, CHECK_AT)
    ? undefined
    : 'the checksum over key and header does not fit';
}

/** Undamaged, and still not what any writer of this format may write. */
function formProblem(e: Uint8Array): string | undefined {
  // Years past 10800: refused so that there is always room for a stamp above one that is held.
  if (e[VERSION_AT] === 0xff) return 'its version lies at the end of time';
  if (e[1] === 0) return undefined;
  if (hasFlag(e, FLAG_BASE) && compareStamps(e, HEADER_BYTES, e, VERSION_AT) >= 0)
    return 'its base is not below its version';
  if (hasFlag(e, FLAG_EXPIRY)) {
    const stampAt = expiryAt(e) + MS_BYTES;
    if (compareStamps(e, stampAt, e, baseAt(e)) < 0) return 'its expiry is stamped below its base';
    if (compareStamps(e, stampAt, e, VERSION_AT) > 0) return 'its expiry is stamped above its version';
  }
  return hasFlag(e, FLAG_SECTIONS) ? sectionsProblem(e, sectionsAt(e) + 4, payloadStart(e)) : undefined;
}

/** A sentence on what is wrong with the list `{ u16 id, u32 length, bytes }*` in `bytes[start..end)`, or undefined. */
export function sectionsProblem(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (start === end) return 'its list of sections is empty';
  let before = -1;
  let at = start;
  while (at < end) {
    if (end - at < 6) return 'its list of sections ends within a section';
    const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (id <= before) return `its section ${id} does not come after section ${before}`;
    before = id;
    at += 6 + u32At(bytes, at + 2);
  }
  return at === end ? undefined : 'its list of sections ends within a section';
}
