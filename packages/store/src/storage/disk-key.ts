/**
 * Records on disk: bytes that sort as hash order does.
 *
 *     0       1           2               4               12      13
 *     +-------+-----------+---------------+---------------+-------+----------------------+
 *     | space | ring bits | partition u16 | hash, 8 bytes | shape | the key or its digest |
 *     +-------+-----------+---------------+---------------+-------+----------------------+
 *
 * A key that is too long for the engine is named by its SHA-256 (shape 1); the key itself then stands before the
 * value, behind its length: `u32 | key | value`. So among keys of one hash the long ones come last, in the order
 * of their digests. Integers are big-endian.
 *
 * This layout is on disks: it changes only together with the format number of the store.
 */
import { createHash } from 'node:crypto';
import type { PartitionId, Place, RecordKey, Space } from '@rkv/core';

/** What lmdb takes as a key with pages of 4096 bytes; larger pages would take more, and tie a store to them. */
const DISK_KEY_BYTES_MAX = 1978;
const PREFIX_BYTES = 4;
const KEY_AT = 13;
const WHOLE_KEY_MAX = DISK_KEY_BYTES_MAX - KEY_AT;
const SHAPE_WHOLE = 0;
const SHAPE_DIGEST = 1;
const DIGEST_BYTES = 32;

export function isLongKey(key: string): boolean {
  return key.length > WHOLE_KEY_MAX;
}

/** The bytes under which a record lies. A new buffer: it may be kept. */
export function diskKeyOf(space: Space, place: Place, at: RecordKey): Buffer {
  const long = isLongKey(at.key);
  const bytes = Buffer.allocUnsafe(KEY_AT + (long ? DIGEST_BYTES : at.key.length));
  bytes.writeUInt32BE(prefixOf(space, place), 0);
  bytes.writeUInt32BE(at.hashHi, 4);
  bytes.writeUInt32BE(at.hashLo, 8);
  bytes[12] = long ? SHAPE_DIGEST : SHAPE_WHOLE;
  if (long) createHash('sha256').update(at.key, 'latin1').digest().copy(bytes, KEY_AT);
  else bytes.write(at.key, KEY_AT, 'latin1');
  return bytes;
}

/** What lies under it: the value as it is, or behind its long key. */
export function diskValueOf(key: string, value: Uint8Array): Uint8Array {
  if (!isLongKey(key)) return value;
  const bytes = Buffer.allocUnsafe(4 + key.length + value.length);
  bytes.writeUInt32BE(key.length, 0);
  bytes.write(key, 4, 'latin1');
  bytes.set(value, 4 + key.length);
  return bytes;
}

/** The value of a record with this key, as a view of what lies on disk. */
export function valueOnDisk(key: string, bytes: Uint8Array): Uint8Array {
  return isLongKey(key) ? bytes.subarray(4 + key.length) : bytes;
}

export function keyOnDisk(diskKey: Buffer, diskValue: Buffer): RecordKey {
  const whole = diskKey[12] === SHAPE_WHOLE;
  return {
    hashHi: diskKey.readUInt32BE(4),
    hashLo: diskKey.readUInt32BE(8),
    key: whole
      ? diskKey.toString('latin1', KEY_AT)
      : diskValue.toString('latin1', 4, 4 + diskValue.readUInt32BE(0)),
  };
}

/** Everything of one place lies from `start` on and before `end`. */
export function rangeOfPlace(space: Space, place: Place): { start: Buffer; end: Buffer } {
  const prefix = prefixOf(space, place);
  return { start: u32Bytes(prefix), end: u32Bytes(prefix + 1) };
}

/** Everything of one space lies from `start` on and before `end`. */
export function rangeOfSpace(space: Space): { start: Buffer; end: Buffer } {
  return { start: Buffer.of(space), end: Buffer.of(space + 1) };
}

export function placeOnDisk(diskKey: Buffer): Place {
  return { ringBits: diskKey.readUInt8(1), partition: diskKey.readUInt16BE(2) as PartitionId };
}

function prefixOf(space: Space, place: Place): number {
  return space * 0x100_0000 + place.ringBits * 0x1_0000 + place.partition;
}

function u32Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
