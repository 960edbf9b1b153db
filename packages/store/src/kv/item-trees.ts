/**
 * What a vnode of the store tells of its entries so that replicas can be compared: sums of their states, the states, and
 * the entries at one position.
 *
 * What it speaks of is what the vnode would hold if the store had all that is on its way: the committed entries, under
 * the overlay. The state of an entry is the digest of version and sum that the tallies count too, so the root of a
 * range's tree is the digest of its tally. A tombstone that stands for an expired entry has that one's state; what the
 * layout adds, and a strict key's ballot, are no part of it.
 *
 * Where buckets differ in n, replicas may hold the keys of some only (core's exchange/shared-items.ts). For each n there is
 * then a set of trees of its own, in memory, counted when it is first asked for and kept from then on.
 *
 * A damaged entry counts as not held, and is not named: another replica's is asked for (damage.ts).
 */
import {
  StoredTrees,
  type CopiesPerKey,
  type HashRange,
  type ItemTrees,
  type PartitionId,
  type Position,
  type RecordKey,
  type StatePage,
  type StoreRecord,
  type VnodeContext,
  type WithCopies,
} from '@rkv/core';
import type { Damage } from './damage.ts';
import { encodeItem } from './items.ts';
import { digestState, type VnodeTallies } from './range-tally.ts';
import { visitItems, type HeldItems } from './visit-items.ts';

export interface ItemTreesParts extends HeldItems {
  readonly context: VnodeContext;
  readonly tallies: VnodeTallies;
  readonly damage: Damage;
}

/** An engine may copy what it shows, and entries are read to the end to find damage: so many bytes, and a page ends. */
const PAGE_BYTES = 256 * 1024;
/** A page is one step of the background, also where the keys that are asked for are few among those of other buckets. */
const PAGE_ENTRIES = 512;

const digest = new Uint32Array(2);

export class KvItemTrees implements ItemTrees {
  readonly #parts: ItemTreesParts;
  readonly #trees: StoredTrees;
  /** By n; none until somebody asks for keys of some n only. */
  #byCopies: { readonly perKey: CopiesPerKey; readonly trees: ReadonlyMap<number, StoredTrees> } | undefined;

  constructor(parts: ItemTreesParts) {
    this.#parts = parts;
    const { context, tallies } = parts;
    this.#trees = new StoredTrees({
      ...context,
      held: tallies.held,
      items: {
        visit: (within, after, limit, found) => this.#count(within, after, limit, found),
        digestOf: (range) => [tallies.of(range).digestHi, tallies.of(range).digestLo],
        digestIsWrong: (range, counted) => this.#correct(range, counted),
      },
    });
  }

  /** Before an entry changes: what goes into the store with it. */
  markFor(at: RecordKey): StoreRecord | undefined {
    return this.#trees.markFor(at);
  }

  notMarked(at: RecordKey): void {
    this.#trees.notMarked(at);
  }

  /** The change that the tallies were told of last. */
  changed(at: RecordKey): void {
    const { difference } = this.#parts.tallies;
    this.#trees.changed(at, difference[0] as number, difference[1] as number);
    if (this.#byCopies === undefined) return;
    const { perKey, trees } = this.#byCopies;
    trees.get(perKey.copiesOf(at.key))?.changed(at, difference[0] as number, difference[1] as number);
  }

  /** The range was counted, and what its tree says may be something else. */
  distrust(range: PartitionId): void {
    this.#trees.distrust(range);
  }

  storeFailed(): void {
    this.#trees.storeFailed();
  }

  /** What must go into the store together with the last entry's removal. */
  removals(): StoreRecord[] {
    return this.#trees.removals();
  }

  becomeEmpty(): void {
    this.#trees.becomeEmpty();
    for (const trees of this.#byCopies?.trees.values() ?? []) trees.becomeEmpty();
  }

  close(inOrder: boolean): void {
    this.#trees.close(inOrder);
    this.#closeByCopies();
  }

  sums(within: HashRange, parts: number, only?: WithCopies): Uint32Array | undefined {
    if (only === undefined) return this.#trees.sums(within, parts);
    const total = new Uint32Array(2 * parts);
    let known = true;
    // Of all of them, so that all that must be counted is set about.
    for (const [copies, trees] of this.#treesByCopies(only.perKey)) {
      if (copies < only.atLeast) continue;
      const sums = trees.sums(within, parts);
      if (sums === undefined) known = false;
      else addWords(total, sums);
    }
    return known ? total : undefined;
  }

  states(within: HashRange, after: Position | undefined, limit: number, only?: WithCopies): StatePage {
    const found: [hashHi: number, hashLo: number, stateHi: number, stateLo: number][] = [];
    let entries = 0;
    let bytes = 0;
    const last = visitItems(
      this.#parts,
      within,
      after,
      () => found.length >= limit || entries >= PAGE_ENTRIES || bytes >= PAGE_BYTES,
      (hashHi, hashLo, key, entry, isStored) => {
        entries++;
        bytes += entry.length;
        if (only !== undefined && only.perKey.copiesOf(key) < only.atLeast) return;
        if (this.#isDamaged(hashHi, hashLo, key, entry, isStored)) return;
        digestState(hashHi, hashLo, entry, digest);
        found.push([hashHi, hashLo, digest[0] as number, digest[1] as number]);
      },
    );
    found.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return { states: Uint32Array.from(found.flat()), upTo: last };
  }

  itemsAt(hashHi: number, hashLo: number): Uint8Array[] {
    const items: Uint8Array[] = [];
    const within = { start: hashHi, end: hashHi + 1 };
    const before: Position | undefined = hashLo === 0 ? undefined : [hashHi, hashLo - 1];
    let isThere = false;
    visitItems(
      this.#parts,
      within,
      before,
      () => isThere,
      (hi, lo, key, entry, isStored) => {
        isThere = true;
        if (lo === hashLo && !this.#isDamaged(hi, lo, key, entry, isStored))
          items.push(encodeItem({ hashHi: hi, hashLo: lo, key }, entry));
      },
    );
    return items;
  }

  /** Other buckets: other keys have so many copies, and all is counted anew. */
  #treesByCopies(perKey: CopiesPerKey): ReadonlyMap<number, StoredTrees> {
    if (this.#byCopies?.perKey.name === perKey.name) return this.#byCopies.trees;
    this.#closeByCopies();
    const { context, tallies } = this.#parts;
    const trees = new Map(
      perKey.numbers.map((copies) => [
        copies,
        new StoredTrees({
          ...context,
          held: tallies.held,
          inMemory: true,
          items: {
            visit: (within, after, limit, found) =>
              this.#count(within, after, limit, found, (key) => perKey.copiesOf(key) === copies),
            digestOf: () => undefined,
            digestIsWrong: () => {},
          },
        }),
      ]),
    );
    this.#byCopies = { perKey, trees };
    return trees;
  }

  #closeByCopies(): void {
    for (const trees of this.#byCopies?.trees.values() ?? []) trees.close(false);
    this.#byCopies = undefined;
  }

  #count(
    within: HashRange,
    after: Position | undefined,
    limit: number,
    found: (hashHi: number, stateHi: number, stateLo: number) => void,
    counts: (key: string) => boolean = () => true,
  ): Position | undefined {
    let items = 0;
    let bytes = 0;
    return visitItems(
      this.#parts,
      within,
      after,
      () => items >= limit || bytes >= PAGE_BYTES,
      (hashHi, hashLo, key, entry, isStored) => {
        items++;
        bytes += entry.length;
        if (this.#isDamaged(hashHi, hashLo, key, entry, isStored)) return;
        if (!counts(key)) return;
        digestState(hashHi, hashLo, entry, digest);
        found(hashHi, digest[0] as number, digest[1] as number);
      },
    );
  }

  #correct(range: PartitionId, [digestHi, digestLo]: Position): void {
    const { context, tallies } = this.#parts;
    context.logger.error(
      { partition: context.place.partition, range },
      'the entries of a range are not those that its tally tells of; the digest was set right, and all of it is counted again',
    );
    tallies.correct(range, digestHi, digestLo);
    this.#parts.damage.countIsWrong();
  }

  #isDamaged(hashHi: number, hashLo: number, key: string, entry: Uint8Array, isStored: boolean): boolean {
    return isStored && this.#parts.damage.isIn({ hashHi, hashLo, key }, entry);
  }
}

/** Words of 64 bits each, high and low, added mod 2^64. */
function addWords(total: Uint32Array, more: Uint32Array): void {
  for (let at = 0; at < total.length; at += 2) {
    const low = (total[at + 1] as number) + (more[at + 1] as number);
    total[at + 1] = low;
    total[at] = (total[at] as number) + (more[at] as number) + (low > 0xffffffff ? 1 : 0);
  }
}
