/** What handoff needs of its node, and of a vnode: given to the manager at birth, recorded in tests. */
import type { Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import type { RingDocument } from '../ring/document.ts';

/** Takes what changes in a vnode while it is handed over. */
export interface Sink {
  /** What it is interested in. */
  readonly ranges: readonly HashRange[];
  passOn(item: Uint8Array): void;
}

/** A vnode as handoff sees it. */
export interface TransferableVnode {
  readonly place: Place;
  readonly service: string;
  readonly standing: 'owner' | 'receiving' | 'hint' | 'retired';
  /** Holds everything that an owner of its partition should. */
  readonly whole: boolean;
  readonly vnode: {
    isEmpty(): boolean;
    walkItems(
      cursor: Uint8Array | undefined,
      budgetBytes: number,
      within: HashRange,
    ): { items: Uint8Array[]; next: Uint8Array | undefined };
    handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void;
    handleItemHandedOff(item: Uint8Array): void;
    clearSome(): boolean;
  };
  addSink(sink: Sink): void;
  removeSink(sink: Sink): void;
  become(
    standing: 'owner' | 'receiving' | 'hint' | 'retired',
    epoch: Epoch,
    state?: 'whole' | 'partial',
  ): void;
}

export interface HandoffPort {
  readonly self: NodeId;
  readonly host: Host;
  readonly logger: Logger;
  readonly document: RingDocument;
  readonly services: readonly string[];
  isUp(node: NodeId): boolean;
  /** Up, and runs vnodes of this service. */
  runs(node: NodeId, service: string): boolean;
  nameOf(node: NodeId): string;
  /** Every live member has this epoch or a later one. */
  allLiveHave(epoch: Epoch): boolean;
  find(service: string, place: Place): TransferableVnode | undefined;
  findOrStandIn(service: string, place: Place): TransferableVnode;
  all(): readonly TransferableVnode[];
  /** Close an empty vnode that this node does not own. */
  discard(vnode: TransferableVnode): void;
  /** Call back when everything stored so far is as durable as an acknowledged write. */
  whenAllStored(done: () => void): void;
  /** One frame on the bulk lane, about the vnode of `place` over there; false when it could not be taken. */
  send(to: NodeId, type: number, service: string, place: Place, body: (out: Writer) => void): boolean;
  /** Tell the claimant that a pending transfer of this node is complete. */
  reportComplete(partition: PartitionId, to: NodeId): void;
  /** What was reported complete broke before the ring has switched. */
  withdrawComplete(partition: PartitionId, to: NodeId): void;
}
