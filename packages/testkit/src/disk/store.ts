/**
 * The store of one life of a node on a simulated disk.
 *
 * Values are lent out as the contract allows and no longer: `get` answers from a scratch buffer that the next
 * call overwrites, and a walk from one that it overwrites for the next record. Who keeps borrowed bytes finds out.
 */
import {
  assert,
  type LateRecord,
  type Place,
  type RecordKey,
  type Space,
  type Store,
  type StoreError,
  type StoreHandler,
  type StoreRecord,
  type Visitor,
} from '@rkv/core';
import type { Life } from '../life/life.ts';
import type { Volume } from './volume.ts';

export interface SimStoreComponents {
  readonly life: Life;
  readonly storeId: string;
  readonly volume: Volume;
  /** False while the disk takes no writes. */
  isWritable(): boolean;
  /** Something was submitted. */
  onSubmit(): void;
  /** Call `done` once all is flushed that can be. */
  close(done: () => void): void;
}

export class SimStore implements Store {
  readonly storeId: string;
  readonly #parts: SimStoreComponents;
  /** What the volume had taken before this life: sequence numbers of the contract count from here. */
  readonly #seqBefore: number;
  readonly #lent = new Scratch();
  #handler: StoreHandler | undefined;
  #closing = false;

  constructor(components: SimStoreComponents) {
    this.#parts = components;
    this.storeId = components.storeId;
    this.#seqBefore = components.volume.submittedSeq;
  }

  get committedSeq(): number {
    return Math.max(0, this.#parts.volume.committedSeq - this.#seqBefore);
  }

  get flushedSeq(): number {
    return Math.max(0, this.#parts.volume.flushedSeq - this.#seqBefore);
  }

  start(handler: StoreHandler): void {
    assert(this.#handler === undefined, 'a store is started once');
    this.#handler = handler;
  }

  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    assert(this.#handler !== undefined, 'a store is started before the first submit');
    if (this.#closing || !this.#parts.isWritable()) return undefined;
    const batch = late === undefined ? [...records] : [...records, evaluated(late)];
    const seq = this.#parts.volume.submit(batch) - this.#seqBefore;
    this.#parts.onSubmit();
    return seq;
  }

  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    const value = this.#parts.volume.get(space, place)?.get(at);
    return value === undefined ? undefined : this.#lent.lend(value);
  }

  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    const lent = new Scratch();
    let left = limit;
    let more = false;
    for (const { hashHi, hashLo, key, value } of this.#parts.volume.get(space, place)?.after(after) ?? []) {
      more = left === 0 || !visit(hashHi, hashLo, key, lent.lend(value));
      if (more) break;
      left--;
    }
    lent.takeBack();
    return more;
  }

  places(space: Space): Place[] {
    return this.#parts.volume.places(space);
  }

  close(done: () => void): void {
    this.#closing = true;
    this.#parts.close(() => this.#parts.life.perform(done));
  }

  // What follows is for the disk.

  progressed(): void {
    this.#parts.life.perform(() => this.#handler?.onProgress());
  }

  failed(fromSeq: number, error: StoreError): void {
    this.#parts.life.perform(() => this.#handler?.onFailure(fromSeq - this.#seqBefore, error));
  }
}

/** Asked for at once, so that a batch and its late record commit together however the commits are cut. */
function evaluated(late: LateRecord): StoreRecord {
  const { space, place, hashHi, hashLo, key } = late;
  return { space, place, hashHi, hashLo, key, value: late.bytes().slice() };
}

const GARBAGE = 0xdd;

/** Bytes that are lent until the next loan. */
class Scratch {
  #bytes = new Uint8Array(256);
  #lent = 0;

  lend(value: Uint8Array): Uint8Array {
    this.takeBack();
    if (value.length > this.#bytes.length) this.#bytes = new Uint8Array(value.length * 2);
    this.#bytes.set(value);
    this.#lent = value.length;
    return this.#bytes.subarray(0, value.length);
  }

  takeBack(): void {
    this.#bytes.fill(GARBAGE, 0, this.#lent);
  }
}
