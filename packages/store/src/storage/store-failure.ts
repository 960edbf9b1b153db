/**
 * What went wrong in the engine, in the two words that matter: no room (`store_full`), or anything else
 * (`store_io`).
 *
 * A full disk is seen before it is met: lmdb-js takes the failure of a write badly (the text that it makes of it
 * may outgrow its buffer), so a commit that the free space does not allow for is not tried. What is met all the
 * same comes with an errno, or a negative code of lmdb's own, in `code`.
 */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import type { StoreError } from '@rkv/core';

const { ENOSPC, EDQUOT, EFBIG } = constants.errno;
const MDB_MAP_FULL = -30792;
const NO_ROOM: readonly number[] = [ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL];

/** A store that cannot be opened. The message is a whole sentence for the operator. */
export class StoreOpenError extends Error {
  readonly code: 'store_unreadable' | 'store_foreign' | 'store_too_new' | 'store_unsound';

  constructor(code: StoreOpenError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }

  /** What lies there is damaged: to open it again will not help. */
  get unsound(): boolean {
    return this.code === 'store_unsound';
  }
}

/** Ours, before lmdb meets it. */
export class DiskFull extends Error {
  readonly code = ENOSPC;

  constructor() {
    super('no space left on the disk');
  }
}

/**
 * lmdb's own words for pages that are none: MDB_INVALID, MDB_CORRUPTED, MDB_PAGE_NOTFOUND. MDB_PANIC is no such word: the disk
 * failed, and what is on it may be well.
 */
export const LMDB_DAMAGED: readonly number[] = [-30793, -30796, -30797];

/**
 * What it says when pages are wrong, and what a disk or a file system may have it say too: MDB_PROBLEM, MDB_PAGE_FULL,
 * MDB_CURSOR_FULL, MDB_BAD_TXN, and a page that would lie beyond what a file can be.
 */
export const LMDB_DOUBTFUL: readonly number[] = [-30779, -30786, -30787, -30782, EFBIG];

export function storeErrorOf(cause: unknown, path: string): StoreError {
  const code = NO_ROOM.includes(numberOf(cause)) ? 'store_full' : 'store_io';
  return { code, message: `${messageOf(cause)} (${path})` };
}

/** Bytes that the file system still gives us; all there are if it does not tell. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** errno, or a negative number of lmdb's; 0: it has none. */
export function numberOf(cause: unknown): number {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : 0;
}
