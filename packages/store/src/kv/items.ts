/**
 * An item of handoff: a key with its hash and its entry; and the cursor of a walk over them.
 *
 * ```
 * item    hash 8, u32 length + key, entry to the end
 * cursor  hash 8, key to the end
 * ```
 */
import { carveCopy, Reader, Writer, type RecordKey } from '@rkv/core';

const scratch = new Writer();

/** A small one is carved: it is sent, and forgotten when it is acknowledged. */
export function encodeItem(at: RecordKey, entry: Uint8Array): Uint8Array {
  scratch.reset();
  scratch.u32(at.hashHi);
  scratch.u32(at.hashLo);
  scratch.string(at.key);
  scratch.bytes(entry);
  return carveCopy(scratch.buffer, 0, scratch.length);
}

/** The entry is a view of the item. */
export function decodeItem(item: Uint8Array): { at: RecordKey; entry: Uint8Array } {
  const input = new Reader(item);
  const at = { hashHi: input.u32(), hashLo: input.u32(), key: input.string() };
  return { at, entry: input.rest() };
}

/** Where a walk goes on, as bytes: hash and key of the last item. */
export function encodeCursor(at: RecordKey): Uint8Array {
  scratch.reset();
  scratch.u32(at.hashHi);
  scratch.u32(at.hashLo);
  scratch.latin1(at.key);
  return scratch.copy();
}

/** The place that `encodeCursor` wrote down. */
export function decodeCursor(cursor: Uint8Array): RecordKey {
  const input = new Reader(cursor);
  return { hashHi: input.u32(), hashLo: input.u32(), key: input.latin1(input.left) };
}
