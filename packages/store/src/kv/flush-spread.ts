/**
 * The tombstones of a flush, written once more as writes are, in ranges of which some owner is away.
 *
 * A member deletes what it holds. A replica that never held a key does not know that it was deleted; with an owner away that held
 * it, a quorum may be made of just those two later. So each tombstone of the flush that any of a quorum has goes to all replicas of its
 * key: those that have it answer at once, and stand-ins keep it as hints.
 */
import { bucketsOf, compareStamps, rangeOf, ringBits, STAMP_BYTES, type PartitionId } from '@rkv/core';
import { encodeTombstone } from '../entry/codec.ts';
import type { Failure } from './api.ts';
import type { PageItem } from './commands.ts';
import { majorityOf, type Coordinator } from './coordinator.ts';
import { positionOf } from './key-space.ts';
import { askPages, latestItems, reachOf } from './scan.ts';
import { WriteRequest } from './write-request.ts';

/** Writes at one time. */
const PAGE_KEYS = 256;
const PAGE_KEYS_MAX = 0xffff;
/** A write that did not find its quorum, or a page, is tried again so often. */
const TRIES_MAX = 5;
const AGAIN_MS = 200;

type Done = (failure: Failure | undefined) => void;

export function spreadTombstones(
  coordinator: Coordinator,
  stamp: Uint8Array,
  ranges: readonly PartitionId[],
  done: Done,
): void {
  const bits = ringBits(coordinator.port.document.ringSize);
  // As places in hash space, whatever size the ring has meanwhile.
  const stretches = ranges.flatMap((range) =>
    bucketsOf(coordinator.port.document).numbers.map((n) => ({ ...rangeOf(range, bits), n })),
  );
  const next = (at: number): void => {
    const stretch = stretches[at];
    if (stretch === undefined) return done(undefined);
    new Spread(coordinator, stamp, stretch.n).over(
      positionOf(stretch.start, 0),
      positionOf(stretch.end, 0),
      (failure) => {
        if (failure === undefined) next(at + 1);
        else done(failure);
      },
    );
  };
  next(0);
}

/** In one range, of the keys that have n copies. */
class Spread {
  readonly #coordinator: Coordinator;
  readonly #stamp: Uint8Array;
  readonly #n: number;

  constructor(coordinator: Coordinator, stamp: Uint8Array, n: number) {
    this.#coordinator = coordinator;
    this.#stamp = stamp;
    this.#n = n;
  }

  over(from: number, end: number, done: Done, limit = PAGE_KEYS, tries = 0): void {
    if (from >= end) return done(undefined);
    const { defaults, host } = this.#coordinator;
    const needed = Math.min(defaults.r ?? majorityOf(this.#n), this.#n);
    askPages(this.#coordinator, { position: from, limit, n: this.#n, needed }, (outcome) => {
      if (outcome.kind === 'failed') {
        if (tries >= TRIES_MAX) return done({ ...outcome.failure, definite: false });
        host.setTimer(AGAIN_MS, () => this.over(from, end, done, limit, tries + 1));
        return;
      }
      const reach = Math.min(end, reachOf(outcome.pages, outcome.end));
      const nextLimit = reach === from ? Math.min(limit * 2, PAGE_KEYS_MAX) : PAGE_KEYS;
      this.#writeAll(latestItems(outcome.pages, from, reach), (failure) => {
        if (failure !== undefined) return done(failure);
        // Others get their turn between the pages.
        host.setTimer(1, () => this.over(reach, end, done, nextLimit));
      });
    });
  }

  #writeAll(items: readonly PageItem[], done: Done): void {
    const buckets = bucketsOf(this.#coordinator.port.document);
    const keys = items
      .filter(({ key, state }) => isOfFlush(state, this.#stamp) && buckets.copiesOf(key) === this.#n)
      .map(({ key }) => key);
    let open = keys.length;
    let failed: Failure | undefined;
    if (open === 0) return done(undefined);
    for (const key of keys) {
      this.#write(key, (failure) => {
        failed ??= failure;
        if (--open === 0) done(failed);
      });
    }
  }

  #write(key: string, done: Done, tries = 0): void {
    new WriteRequest(this.#coordinator).replace(key, encodeTombstone(key, this.#stamp), undefined, {
      onWritten: () => done(undefined),
      // Written anew since: it has outlived the flush.
      onLater: () => done(undefined),
      onFailure: (failure) => {
        if (tries >= TRIES_MAX) return done({ ...failure, definite: false });
        this.#coordinator.host.setTimer(AGAIN_MS, () => this.#write(key, done, tries + 1));
      },
    });
  }
}

/** Of these bytes the first sixteen are the version. */
function isOfFlush(state: Uint8Array, stamp: Uint8Array): boolean {
  return state.length >= STAMP_BYTES && compareStamps(state, 0, stamp, 0) === 0;
}
