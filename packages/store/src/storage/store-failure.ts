/**
 * What went wrong in the engine, in the two words that matter: no room (`store_full`), or anything else
 * (`store_io`).
 *
 * lmdb tells with an errno, or a negative code of its own, in `code`. A write that a full disk cut short comes
 * as a plain EIO, so for that one the free space is looked at.
 */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import type { StoreError } from '@rkv/core';

const { EIO, ENOSPC, EDQUOT, EFBIG } = constants.errno;
const MDB_MAP_FULL = -30792;
const NO_ROOM: readonly number[] = [ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL];

/** Less than this is a full disk: the file grows in steps of this order. */
const FREE_BYTES_MIN = 4 * 1024 * 1024;

/** A store that cannot be opened. The message is a whole sentence for the operator. */
export class StoreOpenError extends Error {
  readonly code: 'store_unreadable' | 'store_foreign' | 'store_too_new';

  constructor(code: StoreOpenError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export function storeErrorOf(cause: unknown, path: string): StoreError {
  const code = codeOf(cause);
  const full = NO_ROOM.includes(code) || (code === EIO && freeBytes(path) < FREE_BYTES_MIN);
  return { code: full ? 'store_full' : 'store_io', message: `${messageOf(cause)} (${path})` };
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function codeOf(cause: unknown): number {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : 0;
}

/** A disk that does not even tell its free space is not taken for a full one. */
function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
