/**
 * Whether each page of an lmdb file bears the number of the place where it lies.
 *
 * Readers do not look at it, so a page whose number was damaged is read as ever. Who writes it has lmdb free the page whose
 * number it bears, which may be one that is in use, and dies when that one is handed out (`mdb_page_touch`: mp_pgno != pgno). So it is
 * looked at by itself: from the roots of both trees down, by the file and not through lmdb.
 *
 * Source: the layout of pages in mdb.c of lmdb-js, which is that of lmdb 1.0: `MDB_page_header`, `MDB_meta`, `MDB_node`.
 */
import { fstatSync, readSync } from 'node:fs';
import { withOpen } from './open-file.ts';

const HEAD_BYTES = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const BRANCH = 1;
const LEAF = 2;

/** In a meta page. The size of all pages stands where the first tree has its padding. */
const PAGE_BYTES_AT = 48;
const ROOTS_AT = [88, 136] as const;
const TRANSACTION_AT = 152;
const META_BYTES = 160;

const NODE_HEAD_BYTES = 8;
/** The value lies on pages of its own, and this is the number of the first. */
const BIG_VALUE = 1;

/** The number of a place where a page lies that bears another; undefined: there is none. Throws where the trees cannot be followed. */
export function misnumberedPage(path: string): number | undefined {
  return withOpen(path, search);
}

function search(descriptor: number): number | undefined {
  const first = read(descriptor, 0, META_BYTES);
  const pageBytes = first.getUint32(PAGE_BYTES_AT, true);
  const second = read(descriptor, pageBytes, META_BYTES);
  const latest = numberAt(first, TRANSACTION_AT) > numberAt(second, TRANSACTION_AT) ? first : second;
  // An empty tree has no root: all bits are set.
  const ahead = ROOTS_AT.map((at) => numberAt(latest, at)).filter(Number.isSafeInteger);
  // Pages that lead round in circles have an end here, too.
  let left = fstatSync(descriptor).size / pageBytes;
  for (let place = ahead.pop(); place !== undefined && left-- > 0; place = ahead.pop()) {
    const page = read(descriptor, place * pageBytes, pageBytes);
    if (numberAt(page, 0) !== place) return place;
    ahead.push(...pagesBelow(page));
  }
  return undefined;
}

function pagesBelow(page: DataView): number[] {
  const flags = page.getUint16(FLAGS_AT, true);
  if ((flags & (BRANCH | LEAF)) === 0) return [];
  const count = page.getUint16(LOWER_AT, true) >> 1;
  const nodes = Array.from(
    { length: count },
    (_, i) => HEAD_BYTES + page.getUint16(HEAD_BYTES + 2 * i, true),
  );
  if ((flags & BRANCH) !== 0)
    return nodes.map((at) => page.getUint32(at, true) + page.getUint16(at + 4, true) * 2 ** 32);
  return nodes
    .filter((at) => (page.getUint16(at + 4, true) & BIG_VALUE) !== 0)
    .map((at) => numberAt(page, at + NODE_HEAD_BYTES + page.getUint16(at + 6, true)));
}

function numberAt(page: DataView, at: number): number {
  return Number(page.getBigUint64(at, true));
}

function read(descriptor: number, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  if (readSync(descriptor, bytes, 0, length, at) < length)
    throw new RangeError(`the file ends before ${at + length}`);
  return new DataView(bytes.buffer);
}
