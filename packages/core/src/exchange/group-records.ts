/**
 * What lies on the disk of a vnode's trees: per group the sums of its leaves, and a mark while they may not be right.
 *
 * ```
 * sums  1, u8 leaf bits, 64 sums of 8 bytes     none: all are zero
 * mark  nothing                                 the group has changed since its sums were written
 * ```
 * Both lie in `SPACE_INDEX` where the hashes of the group begin. Who does not know the first byte, or cuts a range into
 * other leaves, counts the group anew.
 */
import { Reader, Writer } from '../base/bytes.ts';
import { SPACE_INDEX, type Place, type Store, type StoreRecord } from '../contracts/store.ts';
import { GROUP_BYTES } from './hash-tree.ts';
import { leafBits } from './leaves.ts';

const FORMAT = 1;
const SUMS = 'sums';
const MARK = 'mark';
const NOTHING = new Uint8Array(0);
/** More than a place has. */
const RECORDS_MAX = 2 ** 20;

const scratch = new Writer(2 + GROUP_BYTES);

export class GroupRecords {
  readonly #store: Store;
  readonly #place: Place;

  constructor(store: Store, place: Place) {
    this.#store = store;
    this.#place = place;
  }

  /** A group is named by the first word of the first hash in it. */
  mark(start: number): StoreRecord {
    return this.#record(start, MARK, NOTHING);
  }

  /** They are right now, and the mark goes. */
  sums(start: number, sums: Uint32Array): StoreRecord[] {
    return [
      this.#record(start, SUMS, sums.some((word) => word !== 0) ? this.#encode(sums) : undefined),
      this.#record(start, MARK, undefined),
    ];
  }

  /** The removal of both. */
  removal(start: number): StoreRecord[] {
    return [this.#record(start, SUMS, undefined), this.#record(start, MARK, undefined)];
  }

  /** Groups that have a record. */
  groups(): number[] {
    const starts = new Set<number>();
    this.#store.walk(SPACE_INDEX, this.#place, undefined, RECORDS_MAX, (hashHi, _hashLo, key) => {
      if (key === SUMS || key === MARK) starts.add(hashHi);
      return true;
    });
    return [...starts];
  }

  isMarked(start: number): boolean {
    return this.#get(start, MARK) !== undefined;
  }

  /** The sums of the group's leaves; undefined: they must be counted. */
  read(start: number): Uint32Array | undefined {
    const sums = new Uint32Array(GROUP_BYTES / 4);
    const bytes = this.#get(start, SUMS);
    if (bytes === undefined) return sums;
    if (bytes.length !== 2 + GROUP_BYTES) return undefined;
    const input = new Reader(bytes);
    if (input.u8() !== FORMAT || input.u8() !== leafBits(this.#place.ringBits)) return undefined;
    for (let i = 0; i < sums.length; i++) sums[i] = input.u32();
    return sums;
  }

  #get(start: number, key: string): Uint8Array | undefined {
    return this.#store.get(SPACE_INDEX, this.#place, { hashHi: start, hashLo: 0, key });
  }

  #encode(sums: Uint32Array): Uint8Array {
    scratch.reset();
    scratch.u8(FORMAT);
    scratch.u8(leafBits(this.#place.ringBits));
    for (const word of sums) scratch.u32(word);
    return scratch.copy();
  }

  #record(start: number, key: string, value: Uint8Array | undefined): StoreRecord {
    return { space: SPACE_INDEX, place: this.#place, hashHi: start, hashLo: 0, key, value };
  }
}
