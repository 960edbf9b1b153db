/**
 * What a vnode of the store tells of its entries so that replicas can be compared: sums of their states, the states, and
 * the entries at one position.
 *
 * What it speaks of is what the vnode would hold if the store had all that is on its way: the committed entries, under
 * the overlay. The state of an entry is the digest of version and sum that the tallies count too, so the root of a
 * range's tree is the digest of its tally. A tombstone that stands for an expired entry has that one's state; what the
 * layout adds, and a strict key's ballot, are no part of it.
 *
 * A damaged entry counts as not held, and is not named: another replica's is asked for (damage.ts).
 */
import {
  StoredTrees,
  type HashRange,
  type ItemTrees,
  type PartitionId,
  type Position,
  type RecordKey,
  type StatePage,
  type StoreRecord,
  type VnodeContext,
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

const digest = new Uint32Array(2);

export class KvItemTrees implements ItemTrees {
  readonly #parts: ItemTreesParts;
  readonly #trees: StoredTrees;

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
  }

  close(inOrder: boolean): void {
    this.#trees.close(inOrder);
  }

  sums(within: HashRange, parts: number): Uint32Array | undefined {
    return this.#trees.sums(within, parts);
  }

  states(within: HashRange, after: Position | undefined, limit: number): StatePage {
    const found: [hashHi: number, hashLo: number, stateHi: number, stateLo: number][] = [];
    let bytes = 0;
    const last = visitItems(
      this.#parts,
      within,
      after,
      () => found.length >= limit || bytes >= PAGE_BYTES,
      (hashHi, hashLo, key, entry, isStored) => {
        bytes += entry.length;
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

  #count(
    within: HashRange,
    after: Position | undefined,
    limit: number,
    found: (hashHi: number, stateHi: number, stateLo: number) => void,
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
