/** A store whose commits, flushes and failures happen when a test says so. Values are lent as meanly as the contract allows. */
import {
  type LateRecord,
  type Place,
  type RecordKey,
  type Space,
  type Store,
  type StoreHandler,
  type StoreRecord,
  type Visitor,
} from '../src/contracts/store.ts';

interface Held {
  readonly at: RecordKey;
  readonly value: Uint8Array;
}

export class ManualStore implements Store {
  storeId = 'store-1';
  volatile = false;
  committedSeq = 0;
  flushedSeq = 0;
  /** Takes no writes. */
  full = false;
  /** Commits and flushes within `submit`, like the memory engine. */
  immediate = false;
  /** Batches as they were submitted, in words. */
  readonly submitted: string[] = [];
  readonly #tables = new Map<string, Map<string, Held>>();
  #pending: (readonly StoreRecord[])[] = [];
  #handler: StoreHandler | undefined;
  readonly #lent = new Set<Uint8Array>();

  start(handler: StoreHandler): void {
    this.#handler = handler;
  }

  get submittedSeq(): number {
    return this.committedSeq + this.#pending.length;
  }

  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    if (this.full) return undefined;
    const all =
      late === undefined ? [...records] : [...records, { ...placeOf(late), value: late.bytes().slice() }];
    this.#pending.push(all);
    this.submitted.push(
      records
        .map(({ space, key, value }) => `${value === undefined ? '-' : '+'}${space === 0 ? key : `(${key})`}`)
        .join(' '),
    );
    if (this.immediate) this.#commit(this.submittedSeq, true);
    return this.submittedSeq;
  }

  /** Commit up to this batch and say so. */
  commit(upTo = this.submittedSeq): void {
    this.#commit(upTo, this.immediate);
    this.#handler?.onProgress();
  }

  /** Flush what is committed and say so. */
  flush(upTo = this.committedSeq): void {
    this.flushedSeq = upTo;
    this.#handler?.onProgress();
  }

  /** Batches from here on are lost, and nothing is taken until `full` is taken back. */
  fail(fromSeq = this.committedSeq + 1): void {
    this.full = true;
    this.#pending.splice(Math.max(0, fromSeq - this.committedSeq - 1));
    this.#handler?.onFailure(fromSeq, { code: 'store_io', message: 'the disk is gone' });
  }

  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    this.#takeBack();
    const held = this.#tables.get(tableOf(space, place))?.get(nameOf(at));
    return held && this.#lend(held.value);
  }

  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    this.#takeBack();
    const all = [...(this.#tables.get(tableOf(space, place))?.values() ?? [])].toSorted((a, b) =>
      order(a.at, b.at),
    );
    const rest = after === undefined ? all : all.filter(({ at }) => order(at, after) > 0);
    for (const [visited, { at, value }] of rest.entries()) {
      if (visited === limit || !visit(at.hashHi, at.hashLo, at.key, this.#lend(value))) return true;
      this.#takeBack();
    }
    return false;
  }

  /** What is committed in a space, of all places. */
  valuesOf(space: Space): StoreRecord[] {
    return this.places(space).flatMap((place) =>
      [...(this.#tables.get(tableOf(space, place))?.values() ?? [])].map(({ at, value }) => ({
        space,
        place,
        ...at,
        value,
      })),
    );
  }

  places(space: Space): Place[] {
    return [...this.#tables]
      .filter(([name, table]) => table.size > 0 && Number(name.split('/')[0]) === space)
      .map(
        ([name]) =>
          ({ ringBits: Number(name.split('/')[1]), partition: Number(name.split('/')[2]) }) as Place,
      );
  }

  close(done: () => void): void {
    this.commit();
    this.flush();
    this.full = true;
    done();
  }

  /** The next life of this store: what was committed, and nobody is told. */
  reopen(): ManualStore {
    const next = new ManualStore();
    next.storeId = this.storeId;
    next.volatile = this.volatile;
    next.immediate = this.immediate;
    for (const [name, table] of this.#tables) next.#tables.set(name, new Map(table));
    return next;
  }

  #commit(upTo: number, flushes: boolean): void {
    for (const batch of this.#pending.splice(0, upTo - this.committedSeq)) {
      this.committedSeq++;
      for (const record of batch) this.#put(record);
    }
    if (flushes) this.flushedSeq = this.committedSeq;
  }

  #put({ space, place, hashHi, hashLo, key, value }: StoreRecord): void {
    const name = tableOf(space, place);
    const table = this.#tables.get(name) ?? new Map<string, Held>();
    this.#tables.set(name, table);
    const at = { hashHi, hashLo, key };
    table.delete(nameOf(at));
    if (value !== undefined) table.set(nameOf(at), { at, value });
  }

  #lend(value: Uint8Array): Uint8Array {
    const loan = value.slice();
    this.#lent.add(loan);
    return loan;
  }

  #takeBack(): void {
    for (const loan of this.#lent) loan.fill(0xdd);
    this.#lent.clear();
  }
}

function placeOf({ space, place, hashHi, hashLo, key }: LateRecord): Omit<StoreRecord, 'value'> {
  return { space, place, hashHi, hashLo, key };
}

function tableOf(space: Space, { ringBits, partition }: Place): string {
  return `${space}/${ringBits}/${partition}`;
}

function nameOf({ hashHi, hashLo, key }: RecordKey): string {
  return `${hashHi}/${hashLo}/${key}`;
}

function order(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
