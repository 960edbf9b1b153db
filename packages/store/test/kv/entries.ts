/** Entries whose stamps are small numbers: what is written at 7 is later than what is written at 3. */
import { latin1Decode, latin1Encode, putStampMs, stampMs } from '@rkv/core';
import {
  encodeString,
  encodeTombstone,
  payloadStart,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from '../../src/entry/index.ts';
import { placeKey, type GetCommand, type HeldReply, type MergeCommand } from '../../src/kv/index.ts';

export function stampOf(time: number): Uint8Array {
  const stamp = new Uint8Array(16);
  putStampMs(stamp, 0, time);
  return stamp;
}

export function valueAt(key: string, time: number, text: string, untilMs = 0): Uint8Array {
  return encodeString(key, stampOf(time), latin1Encode(text), untilMs);
}

export function tombstoneAt(key: string, time: number): Uint8Array {
  return encodeTombstone(key, stampOf(time));
}

/** `7:text`, `7:-` for a tombstone, `nothing`. */
export function describeEntry(entry: Uint8Array | undefined): string {
  if (entry === undefined) return 'nothing';
  const text = typeOf(entry) === TOMBSTONE ? '-' : latin1Decode(entry, payloadStart(entry));
  return `${stampMs(entry, VERSION_AT)}:${text}`;
}

export function merging(key: string, entry: Uint8Array): MergeCommand {
  return { kind: 'merge', ...placeKey(key), entry };
}

export function getting(key: string, whole = true): GetCommand {
  return { kind: 'get', ...placeKey(key), whole };
}

/** What a replica that holds this answers. */
export function holding(entry: Uint8Array | undefined, whole = true): HeldReply {
  return { kind: 'held', entry: entry && (whole ? entry : entry.slice(0, 32)), whole };
}
