/**
 * The memory engine: a directory per space and place, and one slab for the records of all.
 *
 * It commits within `submit`, so there is never anything in flight, and `onProgress` is never called: nobody
 * has to wait. Nothing of the caller's is kept, and what is read is borrowed in earnest: the next write may change it.
 * A late record is asked for its bytes when it first rides along, then no more until somebody reads its space.
 *
 * Not promised: that anything outlives the process. At 31 GiB of records, or at 126,976 of more than 32 KiB, it takes
 * no more writes, deletes included.
 */
import { randomBytes } from 'node:crypto';
import type {
  LateRecord,
  PartitionId,
  Place,
  RecordKey,
  Space,
  Store,
  StoreHandler,
  StoreRecord,
  Visitor,
} from '@rkv/core';
import { PlaceDirectory } from './place-directory.ts';
import { Segments } from './segments.ts';
import { Slab } from './slab.ts';

export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly storeId = randomBytes(16).toString('hex');
  readonly volatile = true;
  committedSeq = 0;
  readonly #parts = { slab: new Slab(), segments: new Segments() };
  readonly #directories = new Map<number, PlaceDirectory>();
  /** By space, by partition: the late record that may have changed since it was asked for its bytes. */
  readonly #late: Readonly<Record<Space, Map<number, LateRecord>>> = [new Map(), new Map(), new Map()];
  #closed = false;

  /** As durable as it ever gets. */
  get flushedSeq(): number {
    return this.committedSeq;
  }

  start(_handler: StoreHandler): void {}

  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    if (this.#closed || this.#parts.slab.isFull) return undefined;
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StoreRecord;
      const { space, place, hashHi, hashLo, key, value } = record;
      this.#askLate(space);
      if (value === undefined) this.#remove(record);
      else this.#directoryFor(space, place).set(hashHi, hashLo, key, value);
    }
    if (late !== undefined) this.#noteLate(late);
    return ++this.committedSeq;
  }

  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    this.#askLate(space);
    return this.#directories.get(numberOf(space, place))?.get(at.hashHi, at.hashLo, at.key);
  }

  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    this.#askLate(space);
    return this.#directories.get(numberOf(space, place))?.walk(after, limit, visit) ?? false;
  }

  places(space: Space): Place[] {
    this.#askLate(space);
    return [...this.#directories.keys()]
      .filter((number) => spaceOf(number) === space)
      .toSorted((a, b) => a - b)
      .map(placeOf);
  }

  close(done: () => void): void {
    this.#closed = true;
    this.#directories.clear();
    for (const late of Object.values(this.#late)) late.clear();
    setImmediate(done);
  }

  #noteLate(record: LateRecord): void {
    const late = this.#late[record.space];
    const noted = late.get(record.place.partition);
    if (noted === record) return;
    if (noted !== undefined) this.#setLate(noted);
    late.set(record.place.partition, record);
    this.#setLate(record);
  }

  /** What is read of this space from here on is up to date. */
  #askLate(space: Space): void {
    const late = this.#late[space];
    if (late.size === 0) return;
    for (const record of late.values()) this.#setLate(record);
    late.clear();
  }

  #setLate(record: LateRecord): void {
    const { space, place, hashHi, hashLo, key } = record;
    this.#directoryFor(space, place).set(hashHi, hashLo, key, record.bytes());
  }

  #directoryFor(space: Space, place: Place): PlaceDirectory {
    const number = numberOf(space, place);
    let directory = this.#directories.get(number);
    if (directory === undefined) {
      directory = new PlaceDirectory(this.#parts, place);
      this.#directories.set(number, directory);
    }
    return directory;
  }

  /** An empty directory is no place. */
  #remove({ space, place, hashHi, hashLo, key }: StoreRecord): void {
    const number = numberOf(space, place);
    const directory = this.#directories.get(number);
    directory?.remove(hashHi, hashLo, key);
    if (directory?.isEmpty === true) this.#directories.delete(number);
  }
}

/** Space, ring size and partition as one number in their order: a quick name for a directory. */
function numberOf(space: Space, place: Place): number {
  return (space << 24) | (place.ringBits << 16) | place.partition;
}

function spaceOf(number: number): number {
  return number >>> 24;
}

function placeOf(number: number): Place {
  return { ringBits: (number >>> 16) & 0xff, partition: (number & 0xffff) as PartitionId };
}
