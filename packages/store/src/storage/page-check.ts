/**
 * Whether the pages of an lmdb file hold together, found out by the file and not through lmdb.
 *
 * lmdb trusts its pages, and writing them trusts them more than reading does. A page that bears the number of another has
 * that other one freed. One that seems newer than the latest transaction is written where it lies, in memory that may not be
 * written. An item that seems longer than it is moves what lies behind its page when it is removed. A page that is in use
 * and said to be free is given away. The process ends of it, is started again, mends the same entry and ends again.
 *
 * So this follows both trees, of the free pages and of the records, from their roots down, and believes nothing: it ends
 * with the first thing that is not as lmdb leaves it.
 *
 * What lies in keys and values is not looked at, but for the order of keys: an entry has its own sums. Which of the first two
 * pages is the later one is believed, and a page that is neither in use nor free is not missed.
 *
 * Source: the layout of pages in mdb.c of lmdb-js, which is that of lmdb 1.0: `MDB_page_header`, `MDB_meta`, `MDB_db`, `MDB_node`,
 * `MDB_ovpage`.
 */
import { fstatSync, readSync } from 'node:fs';
import { withOpen } from './open-file.ts';

/** Of a page: its number, the transaction that wrote it, what it is, and where the free space within it begins and ends. */
const HEAD_BYTES = 24;
const WRITTEN_AT = 8;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const UPPER_AT = 22;
/** Of a large value, in place of the latter two. */
const PAGES_AT = 20;
const BRANCH = 1;
const LEAF = 2;
const LARGE = 4;

/** In a meta page. The size of all pages stands where the first tree has its padding. */
const META_PAGES = 2;
const PAGE_BYTES_AT = 48;
const PAGE_SIZES: readonly number[] = [4096, 8192, 16_384, 32_768, 65_536];
const FREE_PAGES_AT = 48;
const RECORDS_AT = 96;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const META_BYTES = 160;
/** Of ext4; what other file systems have more of nobody fills. */
const FILE_BYTES_MAX = 2 ** 44;

/** An item begins with the size of its value, or the number of the page below, then flags and the size of its key. */
const ITEM_HEAD_BYTES = 8;
/** In place of the value stands where it lies: the first page, a transaction, how many pages. */
const IS_LARGE = 1;
const POINTER_BYTES = 24;

/** What a tree keeps of itself in the meta page: its kind, its root, and counts, which are counted anew. */
const TREE_FLAGS_AT = 4;
const DEPTH_AT = 6;
const BRANCHES_AT = 8;
const LEAVES_AT = 16;
const LARGE_PAGES_AT = 24;
const ENTRIES_AT = 32;
const ROOT_AT = 40;
const NO_ROOT = 2n ** 64n - 1n;
/** Keys in reverse, more than one value of a key, numbers as keys or values: none of it is asked for. */
const UNWANTED = 0x7e;

type Compare = (a: Buffer, b: Buffer) => number;

/** A page that is led to. Its keys are at least `from` and less than `to`. */
interface Lead {
  readonly place: number;
  readonly level: number;
  readonly from?: Buffer | undefined;
  readonly to?: Buffer | undefined;
}

interface Item {
  readonly key: Buffer;
  /** The size of the value, or the number of the page below. */
  readonly number: number;
  readonly isLarge: boolean;
  /** Where its value begins, within the page. */
  readonly valueAt: number;
}

/** A sentence on the first thing that is wrong; undefined: nothing is, or nothing is there yet. Throws where the file cannot be read. */
export function pageProblem(path: string): string | undefined {
  return withOpen(path, (descriptor) => {
    if (fstatSync(descriptor).size === 0) return undefined;
    const pageBytes = pageBytesOf(descriptor);
    if (pageBytes === undefined) return 'its first page says of no size that pages can have';
    return new Pages(descriptor, pageBytes).problems().next().value ?? undefined;
  });
}

function pageBytesOf(descriptor: number): number | undefined {
  const bytes = readAt(descriptor, 0, META_BYTES).readUInt32LE(PAGE_BYTES_AT);
  return PAGE_SIZES.includes(bytes) && bytes * META_PAGES <= fstatSync(descriptor).size ? bytes : undefined;
}

/** A generator, so that the first problem ends the search: nothing after it can be relied upon. */
type Problems = Generator<string, void>;

class Pages {
  readonly #descriptor: number;
  readonly #pageBytes: number;
  readonly #meta: Buffer;
  /** Of each page of the file: something leads to it, or it is said to be free. */
  readonly #isTaken: Uint8Array;

  constructor(descriptor: number, pageBytes: number) {
    this.#descriptor = descriptor;
    this.#pageBytes = pageBytes;
    const first = this.#read(0, META_BYTES);
    const second = this.#read(this.#pageBytes, META_BYTES);
    this.#meta = numberAt(first, TRANSACTION_AT) >= numberAt(second, TRANSACTION_AT) ? first : second;
    const pagesOfFile = Math.ceil(fstatSync(descriptor).size / this.#pageBytes);
    this.#isTaken = new Uint8Array(Math.min(this.#pages, pagesOfFile));
  }

  /** The last ones may be free and lie behind the end of the file. */
  get #pages(): number {
    return numberAt(this.#meta, LAST_PAGE_AT) + 1;
  }

  *problems(): Problems {
    if (this.#pages * this.#pageBytes > FILE_BYTES_MAX) yield 'it says of more pages than a file can have';
    yield* this.#treeProblems('free pages', FREE_PAGES_AT, compareNumbers);
    yield* this.#treeProblems('records', RECORDS_AT, Buffer.compare);
  }

  *#treeProblems(what: 'free pages' | 'records', treeAt: number, compare: Compare): Problems {
    const tree = this.#meta.subarray(treeAt);
    if (what === 'records' && (tree.readUInt16LE(TREE_FLAGS_AT) & UNWANTED) !== 0)
      yield 'its records are of another kind';
    const depth = tree.readUInt16LE(DEPTH_AT);
    const hasRoot = tree.readBigUInt64LE(ROOT_AT) !== NO_ROOT;
    if (hasRoot !== depth > 0) yield `the tree of its ${what} has a root or a depth, and not both`;
    const ahead: Lead[] = hasRoot ? [{ place: numberAt(tree, ROOT_AT), level: 1 }] : [];
    let [branches, leaves, largePages, entries] = [0, 0, 0, 0];
    for (let lead = ahead.pop(); lead !== undefined; lead = ahead.pop()) {
      const { place, level } = lead;
      yield* this.#leadTo(place, 1);
      const page = this.#read(place * this.#pageBytes, this.#pageBytes);
      const isLeaf = level === depth;
      yield* this.#headProblems(page, place, isLeaf ? LEAF : BRANCH);
      yield* fillingProblems(page, place, isLeaf);
      const held = itemsOf(page, isLeaf);
      yield* orderProblems(held, lead, isLeaf, compare);
      if (isLeaf) {
        leaves++;
        entries += held.length;
        for (const item of held) {
          if (item.isLarge) largePages += yield* this.#largeProblems(page, item);
          if (what !== 'free pages') continue;
          yield* this.#freedProblems(item.key, place);
          yield* this.#freeProblems(this.#valueOf(page, item), place);
        }
      } else {
        branches++;
        ahead.push(...leadsOf(held, lead));
      }
    }
    const isCounted =
      branches === numberAt(tree, BRANCHES_AT) &&
      leaves === numberAt(tree, LEAVES_AT) &&
      largePages === numberAt(tree, LARGE_PAGES_AT) &&
      entries === numberAt(tree, ENTRIES_AT);
    if (!isCounted) yield `the tree of its ${what} is not of the size that was counted`;
  }

  /** What is led to is in the file, and nothing else leads to it. */
  *#leadTo(place: number, count: number): Problems {
    if (place < META_PAGES || place + count > this.#isTaken.length)
      yield `page ${place} is led to and is none`;
    yield* this.#take(place, count);
  }

  *#take(place: number, count: number): Problems {
    const end = Math.min(place + count, this.#isTaken.length);
    for (let page = place; page < end; page++) {
      if (this.#isTaken[page] === 1) yield `page ${page} is led to twice, or is free and led to`;
      this.#isTaken[page] = 1;
    }
  }

  /** The key of a list of free pages: the transaction that freed them. */
  *#freedProblems(key: Buffer, place: number): Problems {
    const transaction = key.length === 8 ? numberAt(key, 0) : 0;
    if (transaction === 0 || transaction > numberAt(this.#meta, TRANSACTION_AT))
      yield `page ${place} lists free pages of a transaction that never was`;
  }

  /** How many numbers follow; then pages, before several in a row their count below zero, and zeros where there was one. */
  *#freeProblems(list: Buffer, place: number): Problems {
    const wrong = `page ${place} lists free pages that are none`;
    const length = list.length < 8 ? 0 : numberAt(list, 0);
    if (8 + 8 * length > list.length) yield wrong;
    let count = 1;
    for (let at = 8; at < 8 + 8 * length; at += 8) {
      const number = Number(list.readBigInt64LE(at));
      if (number < 0) count = -number;
      else if (number > 0) {
        if (number < META_PAGES || number + count > this.#pages) yield wrong;
        yield* this.#take(number, count);
        count = 1;
      }
    }
  }

  *#headProblems(page: Buffer, place: number, kind: number): Problems {
    if (numberAt(page, 0) !== place) yield `page ${place} bears the number of another`;
    yield* this.#ageProblems(page, WRITTEN_AT, place);
    if (page.readUInt16LE(FLAGS_AT) !== kind) yield `page ${place} is of another kind`;
  }

  *#ageProblems(page: Buffer, at: number, place: number): Problems {
    if (numberAt(page, at) > numberAt(this.#meta, TRANSACTION_AT))
      yield `page ${place} is newer than the latest transaction`;
  }

  /** Returns how many pages it has. */
  *#largeProblems(page: Buffer, { number: bytes, valueAt }: Item): Generator<string, number> {
    const place = numberAt(page, valueAt);
    const count = numberAt(page, valueAt + 16);
    yield* this.#leadTo(place, count);
    const head = this.#read(place * this.#pageBytes, HEAD_BYTES);
    yield* this.#headProblems(head, place, LARGE);
    yield* this.#ageProblems(page, valueAt + 8, place);
    if (head.readUInt32LE(PAGES_AT) !== count || HEAD_BYTES + bytes > count * this.#pageBytes)
      yield `the value on page ${place} is of another length`;
    return count;
  }

  #valueOf(page: Buffer, { number: bytes, isLarge, valueAt }: Item): Buffer {
    if (!isLarge) return page.subarray(valueAt, valueAt + bytes);
    return this.#read(numberAt(page, valueAt) * this.#pageBytes + HEAD_BYTES, bytes);
  }

  #read(at: number, length: number): Buffer {
    return readAt(this.#descriptor, at, length);
  }
}

/** Past the end of the file: zeros, which no page looks like. */
function readAt(descriptor: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(descriptor, bytes, 0, length, at);
  return bytes;
}

/** A page is its head, the offsets of its items in their order, free space, and the items with nothing between them. */
function* fillingProblems(page: Buffer, place: number, isLeaf: boolean): Problems {
  const wrong = `page ${place} is not filled as it says`;
  const lower = HEAD_BYTES + page.readUInt16LE(LOWER_AT);
  const upper = HEAD_BYTES + page.readUInt16LE(UPPER_AT);
  if (lower === HEAD_BYTES || lower % 2 !== 0 || lower > upper || upper > page.length) yield wrong;
  let end = upper;
  for (const at of offsetsOf(page).toSorted((a, b) => a - b)) {
    if (at !== end || at + ITEM_HEAD_BYTES > page.length) yield wrong;
    if (isLeaf && page.readUInt16LE(at + 4) > IS_LARGE) yield wrong;
    end += itemBytes(page, at, isLeaf);
  }
  if (end !== page.length) yield wrong;
}

function offsetsOf(page: Buffer): number[] {
  const count = page.readUInt16LE(LOWER_AT) / 2;
  return Array.from({ length: count }, (_, i) => HEAD_BYTES + page.readUInt16LE(HEAD_BYTES + 2 * i));
}

function itemBytes(page: Buffer, at: number, isLeaf: boolean): number {
  const valueBytes = page.readUInt16LE(at + 4) === IS_LARGE ? POINTER_BYTES : page.readUInt32LE(at);
  const bytes = ITEM_HEAD_BYTES + page.readUInt16LE(at + 6) + (isLeaf ? valueBytes : 0);
  return bytes + (bytes % 2);
}

function itemsOf(page: Buffer, isLeaf: boolean): Item[] {
  return offsetsOf(page).map((at) => {
    const flags = page.readUInt16LE(at + 4);
    const valueAt = at + ITEM_HEAD_BYTES + page.readUInt16LE(at + 6);
    return {
      key: page.subarray(at + ITEM_HEAD_BYTES, valueAt),
      number: page.readUInt32LE(at) + (isLeaf ? 0 : flags * 2 ** 32),
      isLarge: isLeaf && flags === IS_LARGE,
      valueAt,
    };
  });
}

/** The first key of a branch says nothing: what is less than the second is there. */
function* orderProblems(items: readonly Item[], lead: Lead, isLeaf: boolean, compare: Compare): Problems {
  const keys = items.slice(isLeaf ? 0 : 1).map(({ key }) => key);
  const [first, last] = [keys[0], keys.at(-1)];
  const isInOrder =
    keys.every((key, i) => i === 0 || compare(keys[i - 1] as Buffer, key) < 0) &&
    (lead.from === undefined || first === undefined || compare(lead.from, first) <= 0) &&
    (lead.to === undefined || last === undefined || compare(last, lead.to) < 0);
  if (!isInOrder) yield `page ${lead.place} has a key out of order`;
}

/** The last first: they are taken from the end, and so in the order of their keys. */
function leadsOf(items: readonly Item[], { level, from, to }: Lead): Lead[] {
  return items
    .map(({ key, number }, i) => ({
      place: number,
      level: level + 1,
      from: i === 0 ? from : key,
      to: items[i + 1]?.key ?? to,
    }))
    .toReversed();
}

/** Numbers of the same length whose last byte weighs most. */
function compareNumbers(a: Buffer, b: Buffer): number {
  return Buffer.compare(a.toReversed(), b.toReversed());
}

function numberAt(page: Buffer, at: number): number {
  return Number(page.readBigUInt64LE(at));
}
