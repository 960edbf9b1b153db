/**
 * The memory engine: a hash directory per space and place.
 *
 * It commits within `submit`, so there is never anything in flight, and `onProgress` is never called: nobody
 * has to wait. A record costs one small object; its value is the caller's bytes, not a copy.
 *
 * Not promised: that anything outlives the process.
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
import { HashDirectory } from './hash-directory.ts';

export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly storeId = randomBytes(16).toString('hex');
  committedSeq = 0;
  readonly #directories = new Map<number, HashDirectory>();
  #closed = false;

  /** As durable as it ever gets. */
  get flushedSeq(): number {
    return this.committedSeq;
  }

  start(_handler: StoreHandler): void {}

  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    if (this.#closed) return undefined;
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StoreRecord;
      if (record.value === undefined) this.#remove(record);
      else this.#directoryFor(record.space, record.place).set(record, record.value);
    }
    if (late !== undefined) this.#directoryFor(late.space, late.place).set(late, late.bytes());
    return ++this.committedSeq;
  }

  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    return this.#directories.get(numberOf(space, place))?.get(at);
  }

  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    return this.#directories.get(numberOf(space, place))?.walk(after, limit, visit) ?? false;
  }

  places(space: Space): Place[] {
    return [...this.#directories.keys()]
      .filter((number) => spaceOf(number) === space)
      .toSorted((a, b) => a - b)
      .map(placeOf);
  }

  close(done: () => void): void {
    this.#closed = true;
    this.#directories.clear();
    setImmediate(done);
  }

  #directoryFor(space: Space, place: Place): HashDirectory {
    const number = numberOf(space, place);
    let directory = this.#directories.get(number);
    if (directory === undefined) {
      directory = new HashDirectory();
      this.#directories.set(number, directory);
    }
    return directory;
  }

  /** An empty directory is no place. */
  #remove(record: StoreRecord): void {
    const number = numberOf(record.space, record.place);
    const directory = this.#directories.get(number);
    directory?.remove(record);
    if (directory?.size === 0) this.#directories.delete(number);
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
