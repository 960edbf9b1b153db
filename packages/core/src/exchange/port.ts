/** What the exchange needs of its node, and of a vnode: given to the manager at birth, recorded in tests. */
import type { Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ItemTrees } from '../contracts/vnode.ts';
import type { RingDocument } from '../ring/document.ts';

/** What became of an item that was merged in. `same`: it was held already, or something later. */
export type Merged = 'changed' | 'same' | 'failed';

/** A vnode as the exchange sees it. */
export interface ComparableVnode {
  /** An owner that holds everything it should: what it lacks is a difference and not a lack of its own. */
  readonly comparable: boolean;
  readonly trees: ItemTrees | undefined;
  /**
   * `asOf`: the reap floor when it was read. Where that has risen since, what is below it and not held is not merged, and
   * fails: it may be of what has been removed here meanwhile. `done` once it is as durable as an acknowledged write.
   */
  merge(item: Uint8Array, asOf: Uint8Array, done: (merged: Merged) => void): void;
}

export interface ExchangePort {
  readonly self: NodeId;
  readonly host: Host;
  readonly logger: Logger;
  readonly document: RingDocument;
  /** The reap floor, as this node knows it. */
  readonly floor: Uint8Array;
  readonly services: readonly string[];
  /** Up, and runs vnodes of this service. */
  runs(node: NodeId, service: string): boolean;
  nameOf(node: NodeId): string;
  /** Of the ring that serves. */
  find(service: string, partition: PartitionId): ComparableVnode | undefined;
  /** One frame to another node, on a lane that requests do not use; false when it could not be taken. */
  send(to: NodeId, kind: 'ask' | 'tell', service: string, body: (out: Writer) => void): boolean;
  /** Call it later, in turn with other work in the background, and again as long as it returns true. */
  inBackground(job: () => boolean): void;
}
