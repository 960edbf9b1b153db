/**
 * The records of one space and place, in hash order: a sorted array.
 *
 * Quick to walk, and quick enough to change at the sizes of a simulation (tens of thousands per place).
 */
import type { RecordKey } from '@rkv/core';

export interface KeptRecord extends RecordKey {
  value: Uint8Array;
}

/** Hash order: the hash as a number, then the key as bytes. */
export function compareRecordKeys(a: RecordKey, b: RecordKey): number {
  if (a.hashHi !== b.hashHi) return a.hashHi - b.hashHi;
  if (a.hashLo !== b.hashLo) return a.hashLo - b.hashLo;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

export class SortedRecords {
  readonly #records: KeptRecord[] = [];

  get length(): number {
    return this.#records.length;
  }

  get(at: RecordKey): Uint8Array | undefined {
    const record = this.#records[this.#indexOf(at)];
    return record !== undefined && compareRecordKeys(record, at) === 0 ? record.value : undefined;
  }

  /** Put or (undefined) remove. Returns the value that was there before. */
  set(at: RecordKey, value: Uint8Array | undefined): Uint8Array | undefined {
    const index = this.#indexOf(at);
    const record = this.#records[index];
    if (record === undefined || compareRecordKeys(record, at) !== 0) {
      if (value !== undefined) {
        this.#records.splice(index, 0, { hashHi: at.hashHi, hashLo: at.hashLo, key: at.key, value });
      }
      return undefined;
    }
    const before = record.value;
    if (value === undefined) this.#records.splice(index, 1);
    else record.value = value;
    return before;
  }

  /** The records after this one (from the first when undefined), in order. */
  *after(at: RecordKey | undefined): Generator<KeptRecord> {
    let index = at === undefined ? 0 : this.#indexAfter(at);
    for (; index < this.#records.length; index++) yield this.#records[index] as KeptRecord;
  }

  #indexAfter(at: RecordKey): number {
    const index = this.#indexOf(at);
    const record = this.#records[index];
    return record !== undefined && compareRecordKeys(record, at) === 0 ? index + 1 : index;
  }

  /** Where it is, or would be. */
  #indexOf(at: RecordKey): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareRecordKeys(this.#records[middle] as KeptRecord, at) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
