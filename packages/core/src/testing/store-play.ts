/**
 * What the store suite plays with: the lives of one store, a handler that watches it, and keys all over hash space.
 */
import assert from 'node:assert/strict';
import type { PartitionId } from '../contracts/ids.ts';
import {
  SPACE_ENTRY,
  SPACE_META,
  type LateRecord,
  type Place,
  type RecordKey,
  type Store,
  type StoreError,
  type StoreHandler,
  type StoreRecord,
} from '../contracts/store.ts';

/** Where the lives of one store follow each other. */
export interface StoreHome {
  /** The next life, not yet started; the first one finds nothing there. The suite ended the life before. */
  open(): Store | Promise<Store>;
  /** End the present life without a close, as a killed process would. Left out where that cannot be done. */
  crash?(): void | Promise<void>;
  /** Let some of what is under way happen: a few milliseconds, real or virtual. */
  settle(): void | Promise<void>;
  /** The test is over; the last life was closed. */
  remove?(): void | Promise<void>;
}

/** One test: the lives of one store, one after the other. */
export class Play {
  readonly #home: StoreHome;
  #life: Life | undefined;

  constructor(home: StoreHome) {
    this.#home = home;
  }

  async open(): Promise<Life> {
    assert.equal(this.#life, undefined, 'one life at a time');
    this.#life = new Life(await this.#home.open());
    return this.#life;
  }

  async close(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    if (life === undefined) return;
    let closed = false;
    life.store.close(() => (closed = true));
    await this.until('the store is closed', () => closed);
    life.assertLawful();
  }

  /** False where the home cannot crash; the life goes on then. */
  async crash(): Promise<boolean> {
    if (this.#home.crash === undefined) return false;
    this.#life?.assertLawful();
    this.#life = undefined;
    await this.#home.crash();
    return true;
  }

  async settle(): Promise<void> {
    await this.#home.settle();
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let round = 0; !holds(); round++) {
      assert.ok(round < 5000, `waited in vain until ${what}`);
      await this.#home.settle();
    }
  }

  async untilCommitted(life: Life): Promise<void> {
    const seq = life.lastSeq;
    await this.until(`batch ${seq} is committed`, () => life.store.committedSeq >= seq);
  }

  async end(): Promise<void> {
    await this.close();
    await this.#home.remove?.();
  }
}

/** One life of a store, with a handler that watches what it is told. */
export class Life implements StoreHandler {
  readonly store: Store;
  readonly firstSeq: number;
  lastSeq: number;
  #submitting = false;
  #committed: number;
  #flushed: number;
  readonly #unlawful: string[] = [];

  constructor(store: Store) {
    this.store = store;
    this.lastSeq = this.#committed = store.committedSeq;
    this.firstSeq = this.lastSeq + 1;
    this.#flushed = store.flushedSeq;
    store.start(this);
  }

  submit(records: readonly StoreRecord[], late?: LateRecord): number {
    this.#submitting = true;
    const seq = late === undefined ? this.store.submit(records) : this.store.submit(records, late);
    this.#submitting = false;
    assert.equal(seq, this.lastSeq + 1);
    this.lastSeq = seq;
    return seq;
  }

  put(where: Place, key: RecordKey, value: string): number {
    return this.submit([entry(where, key, value)]);
  }

  remove(where: Place, key: RecordKey): number {
    return this.submit([{ space: SPACE_ENTRY, place: where, ...key, value: undefined }]);
  }

  onProgress(): void {
    const { committedSeq, flushedSeq } = this.store;
    if (this.#submitting) this.#unlawful.push('onProgress within submit');
    if (committedSeq < this.#committed || flushedSeq < this.#flushed)
      this.#unlawful.push('progress went back');
    if (flushedSeq > committedSeq) this.#unlawful.push('flushed before committed');
    if (committedSeq > this.lastSeq) this.#unlawful.push('committed what was never submitted');
    this.#committed = committedSeq;
    this.#flushed = flushedSeq;
  }

  onFailure(fromSeq: number, error: StoreError): void {
    this.#unlawful.push(`failed from ${fromSeq} on: ${error.code}, ${error.message}`);
  }

  assertLawful(): void {
    assert.deepEqual(this.#unlawful, []);
  }
}

/** Counts the batches that it rode along with. */
export class Counter {
  asked = 0;
  #batches = 0;
  readonly #record: LateRecord = {
    space: SPACE_META,
    place: HERE,
    ...COUNT,
    bytes: () => {
      this.asked++;
      return bytesOf(`${this.#batches}`);
    },
  };

  counted(): LateRecord {
    this.#batches++;
    return this.#record;
  }
}

export function place(ringBits: number, partition: number): Place {
  return { ringBits, partition: partition as PartitionId };
}

export function at(hashHi: number, hashLo: number, key: string): RecordKey {
  return { hashHi: hashHi >>> 0, hashLo: hashLo >>> 0, key };
}

export function entry(where: Place, key: RecordKey, value: string): StoreRecord {
  return { space: SPACE_ENTRY, place: where, ...key, value: bytesOf(value) };
}

export const HERE = place(6, 5);
export const COUNT = at(0, 0, 'count');
/** The i-th of a sequence of keys that lie all over hash space. */
export function scattered(i: number): RecordKey {
  return at(Math.imul(i + 1, 0x9e3779b1), Math.imul(i + 1, 0x85ebca6b), `key ${i}`);
}

export function page(
  store: Store,
  after: RecordKey | undefined,
  limit = 100_000,
): { keys: string[]; more: boolean } {
  const keys: string[] = [];
  const more = store.walk(SPACE_ENTRY, HERE, after, limit, (_hi, _lo, key) => keys.push(key) > 0);
  return { keys, more };
}

export function walkInPages(store: Store, limit: number): RecordKey[] {
  const seen: RecordKey[] = [];
  while (store.walk(SPACE_ENTRY, HERE, seen.at(-1), limit, (hi, lo, key) => seen.push(at(hi, lo, key)) > 0));
  return seen;
}

export function recordsOf(store: Store, where: Place = HERE): (readonly [string, string | undefined])[] {
  const records: (readonly [string, string | undefined])[] = [];
  store.walk(
    SPACE_ENTRY,
    where,
    undefined,
    100_000,
    (_hi, _lo, key, value) => records.push([key, textOf(value)]) > 0,
  );
  return records;
}

export function keysOf(store: Store): string[] {
  return page(store, undefined).keys;
}

export function valueOf(store: Store, key: RecordKey): string | undefined {
  return textOf(store.get(SPACE_ENTRY, HERE, key));
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('latin1');
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function compareKeys(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
