/**
 * The records of one place in memory, in hash order: a radix tree over the bits of the hash with small sorted
 * leaves.
 *
 *     root --+-- 0000 -- leaf [ (hash, key) -> value, ... ]        a leaf holds up to 64 records
 *            +-- 0001 -- fork --+-- 0000 -- leaf
 *            .                  .                                  a fork looks at the next four bits
 *
 * A full leaf becomes a fork with sixteen leaves: the cost of growing is always that of sixty-four records,
 * where one big Map stalls for as long as it takes to hash all of it anew. The hash is there already, so
 * looking up hashes no string: it follows four bits a step, then halves the leaf. Walks need no sorting.
 *
 * Records whose 64 bits of hash are the same stay in one leaf, however many they are; nobody meets more than two
 * unless he tries.
 */
import type { RecordKey, Visitor } from '@rkv/core';

const DIGIT_BITS = 4;
const FORK_WIDTH = 1 << DIGIT_BITS;
/** Sixteen digits are all that a hash of 64 bits has. */
const DEPTH_MAX = 64 / DIGIT_BITS;
/** Halving 64 takes six steps, and splitting them a few microseconds. */
const LEAF_RECORDS_MAX = 64;

/** `value` is undefined once the record is removed: a walk that still holds it passes over it. */
interface HeldRecord {
  readonly lo: number;
  readonly key: string;
  value: Uint8Array | undefined;
}

/**
 * A fork has children, a leaf has records. The first hash words of the records stand in an array of their own:
 * halving touches some 500 bytes in a row, and of the records, which lie anywhere, mostly the one sought.
 */
interface Branch {
  his: number[];
  records: HeldRecord[];
  children: Branch[] | undefined;
}

export class HashDirectory {
  readonly #root: Branch = newLeaf();
  #size = 0;

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  get(at: RecordKey): Uint8Array | undefined {
    const leaf = this.#leafOf(at.hashHi, at.hashLo);
    return recordAt(leaf, lowerBound(leaf, at), at)?.value;
  }

  set(at: RecordKey, value: Uint8Array): void {
    const leaf = this.#leafOf(at.hashHi, at.hashLo);
    const index = lowerBound(leaf, at);
    const found = recordAt(leaf, index, at);
    if (found !== undefined) {
      found.value = value;
      return;
    }
    insertAt(leaf.his, index, at.hashHi | 0);
    insertAt(leaf.records, index, { lo: at.hashLo | 0, key: at.key, value });
    this.#size++;
    if (leaf.records.length > LEAF_RECORDS_MAX) this.#split(at.hashHi, at.hashLo);
  }

  remove(at: RecordKey): void {
    const leaf = this.#leafOf(at.hashHi, at.hashLo);
    const index = lowerBound(leaf, at);
    const found = recordAt(leaf, index, at);
    if (found === undefined) return;
    found.value = undefined;
    leaf.his.splice(index, 1);
    leaf.records.splice(index, 1);
    this.#size--;
  }

  /** As `Store.walk`. What changes while the visitor runs disturbs nothing: each leaf is looked up anew. */
  walk(after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    const finger = new Finger(after);
    let left = limit;
    while (!finger.atEnd) {
      const { his, records } = this.#takeLeaf(finger);
      for (let i = 0; i < records.length; i++) {
        const { lo, key, value } = records[i] as HeldRecord;
        if (value === undefined) continue;
        if (left-- <= 0) return true;
        if (!visit((his[i] as number) >>> 0, lo >>> 0, key, value)) return true;
      }
    }
    return false;
  }

  /** A copy of what the leaf under the finger holds beyond it; the finger moves on to the next leaf. */
  #takeLeaf(finger: Finger): Pick<Branch, 'his' | 'records'> {
    let depth = 0;
    let branch = this.#root;
    while (branch.children !== undefined) {
      branch = branch.children[digitAt(finger.hi, finger.lo, depth++)] as Branch;
    }
    const from = finger.indexIn(branch);
    finger.leave(depth);
    return { his: branch.his.slice(from), records: branch.records.slice(from) };
  }

  #leafOf(hi: number, lo: number): Branch {
    let branch = this.#root;
    for (let depth = 0; branch.children !== undefined; depth++) {
      branch = branch.children[digitAt(hi, lo, depth)] as Branch;
    }
    return branch;
  }

  #split(hi: number, lo: number): void {
    let depth = 0;
    let leaf = this.#root;
    while (leaf.children !== undefined) leaf = leaf.children[digitAt(hi, lo, depth++)] as Branch;
    for (; leaf.records.length > LEAF_RECORDS_MAX && depth < DEPTH_MAX; depth++) {
      leaf = becomeFork(leaf, depth)[digitAt(hi, lo, depth)] as Branch;
    }
  }
}

/** Where a walk is: before the first record of some hash, or, until the first leaf is left, behind one record. */
class Finger {
  hi: number;
  lo: number;
  atEnd = false;
  #after: RecordKey | undefined;

  constructor(after: RecordKey | undefined) {
    this.#after = after;
    this.hi = (after?.hashHi ?? 0) | 0;
    this.lo = (after?.hashLo ?? 0) | 0;
  }

  indexIn(leaf: Branch): number {
    if (this.#after === undefined) return 0;
    const index = lowerBound(leaf, this.#after);
    return recordAt(leaf, index, this.#after) === undefined ? index : index + 1;
  }

  /** To the first hash beyond the leaf at this depth, which holds the hashes that share `depth` digits. */
  leave(depth: number): void {
    this.#after = undefined;
    const bits = depth * DIGIT_BITS;
    if (bits > 32) {
      const next = (((this.lo >>> (64 - bits)) + 1) * 2 ** (64 - bits)) % 2 ** 32;
      this.lo = next | 0;
      if (next !== 0) return;
      this.#nextHi(32);
    } else {
      this.lo = 0;
      this.#nextHi(bits);
    }
  }

  #nextHi(bits: number): void {
    const next = bits === 0 ? 2 ** 32 : ((this.hi >>> (32 - bits)) + 1) * 2 ** (32 - bits);
    this.atEnd = next >= 2 ** 32;
    this.hi = next | 0;
  }
}

function newLeaf(): Branch {
  return { his: [], records: [], children: undefined };
}

/** Deal the records of a full leaf to sixteen new ones; in order they were, in order they stay. */
function becomeFork(leaf: Branch, depth: number): Branch[] {
  const children = Array.from({ length: FORK_WIDTH }, newLeaf);
  for (const [i, record] of leaf.records.entries()) {
    const hi = leaf.his[i] as number;
    const child = children[digitAt(hi, record.lo, depth)] as Branch;
    child.his.push(hi);
    child.records.push(record);
  }
  leaf.his = [];
  leaf.records = [];
  leaf.children = children;
  return children;
}

/** The four bits of the hash that a fork at this depth looks at. */
function digitAt(hi: number, lo: number, depth: number): number {
  const shift = 28 - ((depth & 7) << 2);
  return ((depth < 8 ? hi : lo) >>> shift) & (FORK_WIDTH - 1);
}

/** The index of the first record that is not before this key. */
function lowerBound(leaf: Branch, at: RecordKey): number {
  const { his, records } = leaf;
  const hi = at.hashHi | 0;
  let low = 0;
  let high = his.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = his[middle] as number;
    if (other === hi ? isBefore(records[middle] as HeldRecord, at) : (other ^ SIGN) < (hi ^ SIGN))
      low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Hash words are kept signed, which V8 keeps small; flipping the sign bit makes them compare as unsigned. */
const SIGN = 0x8000_0000 | 0;

/** Of two whose first hash words are the same. */
function isBefore(record: HeldRecord, at: RecordKey): boolean {
  const lo = at.hashLo | 0;
  return record.lo === lo ? record.key < at.key : (record.lo ^ SIGN) < (lo ^ SIGN);
}

/** The record at this index, if it is the one of this key. */
function recordAt(leaf: Branch, index: number, at: RecordKey): HeldRecord | undefined {
  const record = leaf.records[index];
  if (record === undefined || leaf.his[index] !== (at.hashHi | 0)) return undefined;
  return record.lo === (at.hashLo | 0) && record.key === at.key ? record : undefined;
}

/** What `splice` does, without the array that it returns. */
function insertAt<T>(items: T[], index: number, item: T): void {
  items.push(item);
  for (let i = items.length - 1; i > index; i--) items[i] = items[i - 1] as T;
  items[index] = item;
}
