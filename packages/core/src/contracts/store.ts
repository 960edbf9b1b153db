/**
 * The storage contract: one store per node, shared by all its vnodes.
 *
 * Completion-based, no promise inside: `submit` hands over an atomic batch and returns its sequence number;
 * the store later reports how far it has committed (survives a killed process) and flushed (survives a power
 * cut). Batches commit in the order submitted; after a crash the store holds a prefix of the batches that is
 * no shorter than what it had reported. `get` and `walk` see committed batches only - whoever merges keeps an
 * overlay of what it has in flight.
 *
 * Everything is in *hash order*: ring size, partition, first 8 bytes of the key's hash, key.
 *
 * Implementations: memory and lmdb (@rkv/store), the simulated disk (testkit), all held to `storeSuite`.
 * Not promised: that memory outlives the process; that a walk is a snapshot (a key present throughout is seen
 * exactly once, others perhaps).
 */
import type { PartitionId } from './ids.ts';

/**
 * What a record is. `entry`: a stored value. `meta`: what a vnode knows about itself. `index`: what it could find out again
 * from its entries; in no digest, never sent.
 */
export type Space = 0 | 1 | 2;
/** Items of vnodes. */
export const SPACE_ENTRY: Space = 0;
/** What a vnode knows of itself. */
export const SPACE_META: Space = 1;
/** What is kept to find items by: the hash trees of a vnode. */
export const SPACE_INDEX: Space = 2;

/** A partition, always named together with its ring size (log2 of it). */
export interface Place {
  readonly ringBits: number;
  readonly partition: PartitionId;
}

/** Hashes by their first four bytes, unsigned: from `start` on and before `end`, which may be 2^32. */
export interface HashRange {
  readonly start: number;
  readonly end: number;
}

/** Where a record lies within a place, in hash order. `key` is a latin1 string: one char per byte, any length. */
export interface RecordKey {
  /** First and second four bytes of the key's hash, unsigned. */
  readonly hashHi: number;
  readonly hashLo: number;
  readonly key: string;
}

export interface StoreRecord extends RecordKey {
  readonly space: Space;
  readonly place: Place;
  /** Kept by the store as it is, so the caller never writes into it again. undefined removes the record. */
  readonly value: Uint8Array | undefined;
}

/**
 * A record whose bytes are asked for at the last moment, once per commit however often it was submitted: a
 * running count that many batches of one commit change. `bytes` must describe all batches submitted so far.
 */
export interface LateRecord extends RecordKey {
  readonly space: Space;
  readonly place: Place;
  bytes(): Uint8Array;
}

/** No room left, the disk fails, or the store is closed. */
export type StoreErrorCode = 'store_full' | 'store_io' | 'store_closed';
/** Why a batch was not stored. `message` is for people. */
export interface StoreError {
  readonly code: StoreErrorCode;
  readonly message: string;
}

/** Who hears of a store's progress and troubles: the node. */
export interface StoreHandler {
  /** `committedSeq` or `flushedSeq` has grown. Never called within `submit`. */
  onProgress(): void;
  /**
   * Batches from `fromSeq` on were not stored and will not be: whoever waits for them is told. The store is
   * read-only until it says otherwise by taking a submit again.
   */
  onFailure(fromSeq: number, error: StoreError): void;
}

/** What is wrong with a store, for people: it takes no writes, or its commits take long. */
export interface StoreTrouble {
  readonly kind: 'read_only' | 'slow';
  readonly message: string;
}

/** Return false to stop the walk here. `value` is borrowed: valid during the call. */
export type Visitor = (hashHi: number, hashLo: number, key: string, value: Uint8Array) => boolean;

export interface Store {
  /** Drawn when the store was created: a wiped or exchanged directory shows as another id. */
  readonly storeId: string;
  /** It ends with the process: what would only make the next start quicker need not be stored. */
  readonly volatile?: boolean;
  /** Undefined: nothing is wrong now, or it does not say. */
  readonly trouble?: StoreTrouble | undefined;
  /** Called once, before the first submit. */
  start(handler: StoreHandler): void;
  /**
   * An atomic batch; `late` rides along with it. Returns its sequence number, one more than the last.
   * A store that commits at once (memory) has grown `committedSeq` when this returns.
   * Undefined when the store takes no writes (full, failed, closed).
   */
  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined;
  readonly committedSeq: number;
  readonly flushedSeq: number;
  /** The committed value; borrowed, valid until the next call into the store. */
  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined;
  /**
   * Visit committed records of one place in hash order, after `after` (exclusive; from the first when
   * undefined), until the visitor stops it, `limit` records were visited, or the end. True when there may be more.
   */
  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean;
  /** Places that hold at least one record of this space, in order. Used at start. */
  places(space: Space): Place[];
  /** Commit and flush what was submitted, then close. Later submits answer undefined. */
  close(done: () => void): void;
}
