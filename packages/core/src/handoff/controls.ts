/**
 * What an operator sets of a node's transfers: how many at a time, how many bytes a second, and which are paused.
 *
 * It takes effect at once and lasts until the node is started again: what was set by hand in a bad hour should not be
 * found as a riddle a year later.
 */
import type { RingDocument } from '../ring/document.ts';
import { INBOUND_MAX } from './receiver.ts';

/** Transfers out of one node at a time, unless it is told otherwise. */
const OUTBOUND_MAX = 4;

/** How much a node may hand over at one time. An operator sets it until the node is started again. */
export interface TransferLimits {
  /** Transfers at one time, out of this node and into it. 0: none. */
  readonly out: number;
  readonly in: number;
  /** Of items sent, bytes a second over all transfers of this node; undefined: no limit. */
  readonly bytesPerSecond: number | undefined;
}

/** What holds until somebody sets another limit. */
export const DEFAULT_LIMITS: TransferLimits = {
  out: OUTBOUND_MAX,
  in: INBOUND_MAX,
  bytesPerSecond: undefined,
};

/** Most transfers at one time that may be asked for: each holds some buffers. */
export const TRANSFERS_MAX = 1_000;

/** How many partitions can be spoken of: of the ring that serves, or of the one that is being filled. */
export function partitionsOf({ ringSize, resize }: RingDocument): number {
  return Math.max(ringSize, resize?.ringSize ?? 0);
}

/** Which transfers an operator has stopped: all, or those of some partitions. */
export class Pauses {
  #all = false;
  readonly #partitions = new Set<number>();

  /** Of one partition, or of all. */
  pause(partition?: number): void {
    if (partition === undefined) this.#all = true;
    else this.#partitions.add(partition);
  }

  /** All: those that were paused one by one too. */
  resume(partition?: number): void {
    if (partition !== undefined) this.#partitions.delete(partition);
    else {
      this.#all = false;
      this.#partitions.clear();
    }
  }

  /** Forget those that the ring has no more. */
  keepBelow(partitions: number): void {
    for (const partition of this.#partitions) if (partition >= partitions) this.#partitions.delete(partition);
  }

  /** Why transfers of this partition do not run; undefined: they do. */
  reasonFor(partition: number): string | undefined {
    if (this.#all) return 'all transfers of this node are paused';
    return this.#partitions.has(partition) ? 'paused' : undefined;
  }

  get list(): { readonly all: boolean; readonly partitions: readonly number[] } {
    return { all: this.#all, partitions: [...this.#partitions].toSorted((a, b) => a - b) };
  }
}
