/** What handoff needs of its node, and of a vnode: given to the manager at birth, recorded in tests. */
import type { Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { HashRange, Place, RecordKey } from '../contracts/store.ts';
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
  /** Somebody asked for it to be repaired, and it is not done yet. Kept in the vnode's record. */
  readonly repairAsked: boolean;
  readonly vnode: {
    isEmpty(): boolean;
    walkItems(
      cursor: Uint8Array | undefined,
      budgetBytes: number,
      within: HashRange,
      upTo?: Uint8Array,
    ): { items: Uint8Array[]; next: Uint8Array | undefined };
    handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void;
    keyOf?(item: Uint8Array): RecordKey;
    countItems?(within: readonly HashRange[]): number;
    handleItemHandedOff(item: Uint8Array): void;
    clearSome(): boolean;
  };
  addSink(sink: Sink): void;
  removeSink(sink: Sink): void;
  askForRepair(asked: boolean): void;
  /** Persist that nothing is done here any more that would have to be counted in a majority. */
  seal(epoch: Epoch): void;
  become(
    standing: 'owner' | 'receiving' | 'hint' | 'retired',
    epoch: Epoch,
    state?: 'whole' | 'partial',
  ): void;
}

/** One copy that a repair wants, under the ring of this epoch. */
export interface CopyRequest {
  readonly service: string;
  readonly epoch: Epoch;
  readonly ringBits: number;
  readonly source: PartitionId;
  readonly target: PartitionId;
}

/** What handoff asks of the node that it is part of. */
export interface HandoffPort {
  readonly self: NodeId;
  readonly host: Host;
  readonly logger: Logger;
  readonly document: RingDocument;
  readonly services: readonly string[];
  /**
   * A service that has a vnode on this node's disk, there or anywhere, and that this node does not run while other members
   * do: what it holds cannot be handed over, and must not be given up.
   */
  unserved(place?: Place): string | undefined;
  /** This node knows what must not come back: it may take over what others hold. */
  mayTakeOver(): boolean;
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
  /** Call back when everything submitted so far is as durable as an acknowledged write; never when the store fails before. */
  whenAllStored(done: () => void): void;
  /** Call back when everything committed so far is flushed, whatever an acknowledged write waits for; false: it was lost. */
  whenFlushed(done: (flushed: boolean) => void): void;
  /** One frame on the bulk lane, about the vnode of `place` over there; false when it could not be taken. */
  send(to: NodeId, type: number, service: string, place: Place, body: (out: Writer) => void): boolean;
  /** Ask the node that holds this copy to send it; `done` with the reason why it does not, or undefined: it will. */
  askForCopy(node: NodeId, request: CopyRequest, done: (refusal: string | undefined) => void): void;
  /** The vnode has merged from all other copies of its ranges. */
  declareWhole(service: string, partition: PartitionId): void;
  /** Tell the claimant that a pending transfer of this node is complete. */
  reportComplete(partition: PartitionId, to: NodeId): void;
  /** What was reported complete broke before the ring has switched. */
  withdrawComplete(partition: PartitionId, to: NodeId): void;
}
