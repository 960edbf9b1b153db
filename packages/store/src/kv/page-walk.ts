/**
 * One page of a range's keys, read in steps.
 *
 * A page ends after so many records, after so many bytes of keys, or with the range. It never ends within the position
 * where it began: a walk goes on from the last position of a page, and would stand still for ever.
 */
import { rangeOf, SPACE_ENTRY, type HashRange, type Place, type RecordKey, type Store } from '@rkv/core';
import { isLive } from '../entry/layout.ts';
import { STATE_AT, STATE_END, type PageCommand, type PageItem, type PageReply } from './commands.ts';
import { beforeHash, positionOf } from './key-space.ts';

/** Bytes of keys after which a page may end: it must fit a frame even where keys are long. */
const PAGE_KEY_BYTES = 256 * 1024;

export interface PageWalkParts {
  readonly store: Store;
  readonly place: Place;
  /** Such an entry is passed over: other replicas name its key. */
  readonly isDamaged: (at: RecordKey, entry: Uint8Array) => boolean;
}

export class PageWalk {
  readonly #parts: PageWalkParts;
  readonly #within: HashRange;
  readonly #nowMs: number;
  readonly #items: PageItem[] = [];
  #after: RecordKey | undefined;
  /** Records that it may still visit. */
  #left: number;
  #inRange = true;
  #more = true;
  #keyBytes = 0;
  #first = -1;

  constructor(parts: PageWalkParts, { range, after, limit, nowMs }: PageCommand) {
    this.#parts = parts;
    this.#within = rangeOf(range, parts.place.ringBits);
    this.#after = after ?? beforeHash(this.#within.start);
    this.#left = limit;
    this.#nowMs = nowMs;
  }

  /** What has been read; whole once a step said so. */
  get page(): PageReply {
    return { kind: 'page', items: this.#items, more: this.#more && this.#inRange };
  }

  /** Visit up to so many records more. True when the page is whole. */
  step(records: number): boolean {
    const limit = Math.min(records, this.#left);
    let visited = 0;
    let goesOn = true;
    const { store, place } = this.#parts;
    this.#more = store.walk(SPACE_ENTRY, place, this.#after, limit, (hashHi, hashLo, key, entry) => {
      visited++;
      this.#after = { hashHi, hashLo, key };
      goesOn = this.#take(hashHi, hashLo, key, entry);
      return goesOn;
    });
    this.#left -= visited;
    return !goesOn || !this.#more || this.#left <= 0;
  }

  #take(hashHi: number, hashLo: number, key: string, entry: Uint8Array): boolean {
    this.#inRange = hashHi < this.#within.end;
    if (
      this.#inRange &&
      hashHi >= this.#within.start &&
      !this.#parts.isDamaged({ hashHi, hashLo, key }, entry)
    ) {
      const state = entry.slice(STATE_AT, STATE_END);
      this.#items.push({ hashHi, hashLo, key, state, live: isLive(entry, this.#nowMs) });
      this.#keyBytes += key.length;
    }
    const position = positionOf(hashHi, hashLo);
    if (this.#first < 0) this.#first = position;
    return this.#inRange && (this.#keyBytes < PAGE_KEY_BYTES || position === this.#first);
  }
}
