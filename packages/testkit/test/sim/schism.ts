/**
 * Two lines of one cluster: what a forced ring divides, until everybody is together again.
 *
 * A minority that is told to go on begins an era of its own (decision 0008). The others go on by majorities of the ring that they
 * have, let nodes in, move partitions, acknowledge writes; where the two meet, the forced ring wins, and whom the others
 * let in is in no ring any more. The operator was warned that what the others acknowledge meanwhile may be lost. By the
 * nodes it is not, as long as their disks are kept. So just this is excused, and only once a stranded disk was emptied:
 *
 *     acknowledged after the ring was forced, by a node that is not of the minority, under a ring that was undone
 *
 * Everything else that was ever acknowledged must survive, on whichever side, and so must what is excused while all
 * stranded disks are brought home.
 */
import { eraOf, votersOf, type NodeId, type RingDocument } from '@rkv/core';
import type { Undoable } from './history.ts';

/** Of what was acknowledged some may be lost; how many these are. */
export interface Excusing {
  excuse(mayGo: (write: Undoable) => boolean): number;
}

interface Force {
  readonly epoch: number;
  /** When the first node had adopted the forced ring. */
  readonly at: number;
  /** Who goes on under it by themselves. */
  readonly few: ReadonlySet<string>;
}

export class Schism {
  readonly #histories: readonly Excusing[];
  #era = 0;
  #force: Force | undefined;
  #isEmptied = false;
  /** Writes that may be lost. */
  excusedCount = 0;

  constructor(...histories: Excusing[]) {
    this.#histories = histories;
  }

  get isOpen(): boolean {
    return this.#force !== undefined;
  }

  /** Of the latest forced ring; undefined when everybody is together. */
  get epoch(): number | undefined {
    return this.#force?.epoch;
  }

  /** A ring of the cluster is adopted by somebody. Whether it is the first of an era. */
  adopted(document: RingDocument, now: number): boolean {
    const era = eraOf(document.epoch);
    if (era <= this.#era) return false;
    this.#era = era;
    this.#force = { epoch: document.epoch, at: now, few: new Set(votersOf(document).map(({ id }) => id)) };
    return true;
  }

  /** Whether this write may be lost with a stranded disk. */
  mayGo({ outcome, endedAt, epoch, through }: Undoable): boolean {
    if (this.#force === undefined || outcome !== 'acknowledged') return false;
    const { at, epoch: forced, few } = this.#force;
    return endedAt >= at && epoch < forced && !few.has(through as NodeId);
  }

  /** The disk of a stranded node is emptied. */
  emptied(): void {
    this.#isEmptied = true;
    this.#excuse();
  }

  /** Everybody is a member of the one ring or is nobody any more. */
  end(): void {
    if (this.#isEmptied) this.#excuse();
    this.#force = undefined;
    this.#isEmptied = false;
  }

  #excuse(): void {
    for (const history of this.#histories) this.excusedCount += history.excuse((write) => this.mayGo(write));
  }
}
