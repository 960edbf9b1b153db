/**
 * What a disk holds: batches that were submitted, committed (the page cache has them) and flushed (the platter).
 *
 * It outlives the processes of its machine, so its sequence numbers run on through their lives. Whatever is
 * committed and not flushed can be taken back: each such batch remembers what it replaced.
 *
 *     1 ........ flushed ........ committed ........ submitted
 *       a power cut keeps at least this
 *       a killed process keeps at least all that was committed
 */
import {
  assert,
  type Place,
  type PartitionId,
  type Prng,
  type RecordKey,
  type Space,
  type StoreRecord,
} from '@rkv/core';
import type { Ending } from '../life/life.ts';
import { Fifo } from '../world/fifo.ts';
import { compareRecordKeys, SortedRecords } from './sorted-records.ts';

interface Batch {
  readonly seq: number;
  readonly records: readonly StoreRecord[];
}

/** A committed batch, and what it replaced, in the order of its records. */
interface CommittedBatch extends Batch {
  readonly replaced: readonly (Uint8Array | undefined)[];
}

/** Space, ring size and partition in one number, in the order of `places`. */
function tableNumber(space: Space, { ringBits, partition }: Place): number {
  return (space * 64 + ringBits) * 65_536 + partition;
}

function placeOfTable(table: number): Place {
  return { ringBits: (table >>> 16) & 63, partition: (table & 0xffff) as PartitionId };
}

function isRecord(record: StoreRecord, space: Space, { ringBits, partition }: Place, at: RecordKey): boolean {
  const { place } = record;
  if (record.space !== space || place.ringBits !== ringBits || place.partition !== partition) return false;
  return compareRecordKeys(record, at) === 0;
}

export class Volume {
  readonly #tables = new Map<number, SortedRecords>();
  readonly #pending = new Fifo<Batch>();
  #unflushed: CommittedBatch[] = [];
  #submittedSeq = 0;
  #committedSeq = 0;
  #flushedSeq = 0;
  readonly #onCommit: (records: readonly StoreRecord[]) => void;

  /** `onCommit` sees each batch once it is committed. */
  constructor(onCommit: (records: readonly StoreRecord[]) => void = () => {}) {
    this.#onCommit = onCommit;
  }

  get submittedSeq(): number {
    return this.#submittedSeq;
  }

  get committedSeq(): number {
    return this.#committedSeq;
  }

  get flushedSeq(): number {
    return this.#flushedSeq;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  submit(records: readonly StoreRecord[]): number {
    const seq = ++this.#submittedSeq;
    this.#pending.push({ seq, records });
    return seq;
  }

  commitThrough(seq: number): void {
    for (
      let batch = this.#pending.peek();
      batch !== undefined && batch.seq <= seq;
      batch = this.#pending.peek()
    ) {
      this.#pending.shift();
      this.#commit(batch);
    }
  }

  flushThrough(seq: number): void {
    assert(seq <= this.#committedSeq, 'what is flushed was committed before');
    this.#flushedSeq = Math.max(this.#flushedSeq, seq);
    this.#unflushed = this.#unflushed.filter((batch) => batch.seq > seq);
  }

  /** Forget what was not committed yet. Returns the first sequence number forgotten, if any. */
  failPending(): number | undefined {
    const first = this.#pending.peek()?.seq;
    this.#pending.clear();
    return first;
  }

  /**
   * Keep a prefix of the batches that is drawn, but no shorter than this kind of crash leaves. Returns how many batches
   * are lost.
   */
  crash(how: Ending, prng: Prng): number {
    const atLeast = how === 'powerCut' ? this.#flushedSeq : this.#committedSeq;
    const kept = prng.between(atLeast, this.#submittedSeq);
    this.commitThrough(kept);
    let lost = this.#pending.length;
    this.#pending.clear();
    if (how === 'powerCut') {
      lost += this.#takeBack(kept);
      this.flushThrough(this.#committedSeq);
    }
    return lost;
  }

  get(space: Space, place: Place): SortedRecords | undefined {
    return this.#tables.get(tableNumber(space, place));
  }

  /** What a power cut would leave of this record for sure. */
  flushed(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    for (const { records, replaced } of this.#unflushed) {
      const i = records.findIndex((record) => isRecord(record, space, place, at));
      if (i >= 0) return replaced[i];
    }
    return this.get(space, place)?.get(at);
  }

  places(space: Space): Place[] {
    const held = [...this.#tables].filter(([table, records]) => records.length > 0 && table >>> 22 === space);
    return held
      .map(([table]) => table)
      .toSorted((a, b) => a - b)
      .map(placeOfTable);
  }

  #commit(batch: Batch): void {
    const replaced = batch.records.map((record) => this.#table(record).set(record, record.value));
    this.#unflushed.push({ ...batch, replaced });
    this.#committedSeq = batch.seq;
    this.#onCommit(batch.records);
  }

  /** Returns how many batches that were. */
  #takeBack(keptSeq: number): number {
    const before = this.#unflushed.length;
    for (
      let batch = this.#unflushed.at(-1);
      batch !== undefined && batch.seq > keptSeq;
      batch = this.#unflushed.at(-1)
    ) {
      this.#unflushed.pop();
      for (let i = batch.records.length - 1; i >= 0; i--) {
        const record = batch.records[i] as StoreRecord;
        this.#table(record).set(record, batch.replaced[i]);
      }
    }
    this.#committedSeq = Math.min(this.#committedSeq, keptSeq);
    return before - this.#unflushed.length;
  }

  #table(record: StoreRecord): SortedRecords {
    const number = tableNumber(record.space, record.place);
    let table = this.#tables.get(number);
    if (table === undefined) {
      table = new SortedRecords();
      this.#tables.set(number, table);
    }
    return table;
  }
}
