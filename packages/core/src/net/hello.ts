/**
 * A hello as bytes: JSON in ASCII, its fields always in the same order.
 *
 * The bytes are what both sides sign, so what is verified is what was sent, never an encoding made anew. Fields
 * that this version does not know are ignored; every field that it does know must have its type and a sane size.
 */
import { assert } from '../base/assert.ts';
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import type { Hello } from '../contracts/transport.ts';

/** A hello has at most so many: far more than a long name and a handful of features need. */
export const HELLO_BYTES_MAX = 6 * 1024;

const TEXT_CHARS_MAX = 255;
const FEATURES_MAX = 64;

export function encodeHello(hello: Hello): Uint8Array {
  const { nodeId, start, name, address, clusterId, purpose, features } = hello;
  const bytes = jsonEncode({ nodeId, start, name, address, clusterId, purpose, features });
  assert(bytes.length <= HELLO_BYTES_MAX, `a hello has at most ${HELLO_BYTES_MAX} bytes`);
  return bytes;
}

/** Throws `WireError` when the bytes are no hello. */
export function decodeHello(bytes: Uint8Array): Hello {
  if (bytes.length > HELLO_BYTES_MAX) throw new WireError('a hello is too long');
  const fields = jsonDecode(bytes);
  if (typeof fields !== 'object' || fields === null) throw new WireError('a hello is no object');
  const { nodeId, start, name, address, clusterId, purpose, features } = fields as Record<
    keyof Hello,
    unknown
  >;
  if (purpose !== 'member' && purpose !== 'join') throw new WireError('a hello of no known purpose');
  if (!Number.isSafeInteger(start) || (start as number) < 0) throw new WireError('a start number is none');
  if (!Array.isArray(features) || features.length > FEATURES_MAX) throw new WireError('features are no list');
  return {
    nodeId: filled(nodeId, 'nodeId') as NodeId,
    start: start as StartNumber,
    name: filled(name, 'name'),
    address: filled(address, 'address'),
    clusterId: text(clusterId, 'clusterId'),
    purpose,
    features: features.map((feature) => filled(feature, 'feature')),
  };
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length > TEXT_CHARS_MAX) throw new WireError(`${field} is no text`);
  return value;
}

function filled(value: unknown, field: string): string {
  if (value === '') throw new WireError(`${field} is empty`);
  return text(value, field);
}
