/**
 * What the doors (Redis, HTTP, embedding) ask of the store, and what they are told.
 *
 * Keys are latin1 strings, one char per byte; values are bytes. The calls of the data path answer through sinks
 * instead of promises: on a lone node with the memory engine the sink is called before the call returns.
 */

import type { Change } from '../entry/change.ts';
import type { VersionedAnswer } from './change-wire.ts';

/** Why a request failed. */
export type FailureCode =
  | 'timeout' // too few answers in time
  | 'unreachable' // too few replicas can be reached; said at once
  | 'overload' // a queue on the way is full; try again later
  | 'read_only' // too many replicas take no writes now
  | 'too_large' // the value is larger than this node allows
  | 'bad_request' // it asks for more replicas than there are of the key
  | 'stopping' // this node is draining
  | 'busy' // of a strict key: its range is moving, or its replicas heal; try again
  | 'conflict'; // of a strict key: another change came between, and this one may stand beneath it

/** Why a request did not succeed, and what is known of it. */
export interface Failure {
  readonly code: FailureCode;
  /** One sentence for a person. */
  readonly message: string;
  /** How many vnodes had to answer, and how many did. */
  readonly needed: number;
  readonly got: number;
  /** Names of the nodes that did answer. */
  readonly from: readonly string[];
  /** True only if the write surely did not happen: no replica was sent it, or every one refused it before storing. */
  readonly definite: boolean;
}

/** How many replicas a request needs. Left out: as the node's defaults say. A strict key has its majority whatever is asked. */
export interface RequestLevels {
  readonly r?: number;
  readonly w?: number;
  readonly pr?: number;
  readonly pw?: number;
  /** So many replicas must have flushed the write: it survives a power cut there. All of them then answer after the flush. */
  readonly dw?: number;
}

/** Per request, within the n and level of the key's bucket. A change reads at r and pr, and writes at w, pw and dw. */
export interface RequestOptions extends RequestLevels {
  /** False: a replica that holds nothing is no answer to a read while another may hold something. Left out: it is one. */
  readonly notfoundOk?: boolean;
  /** Every node that has to do with the request logs it by this name: up to 32 letters, digits, - and _. */
  readonly trace?: string;
  /** At most `TIMEOUT_MS_MAX`; the doors refuse more, and so should whoever takes it from outside. */
  readonly timeoutMs?: number;
}

export interface PutOptions extends RequestOptions {
  /** The value expires at this moment, ms since 1970, by the cluster's clock. Left out or 0: never. At most `EXPIRY_MS_MAX`. */
  readonly untilMs?: number;
}

/** The longest time for a request, ms: half of what the HTTP door waits for its answer, so that it ends with a reason. */
export const TIMEOUT_MS_MAX = 30_000;

/** Who waits for a change. One of its methods is called, once. */
export interface ChangeSink {
  /** Its value is borrowed: valid during the call only. */
  onChanged(answer: VersionedAnswer): void;
  onFailure(failure: Failure): void;
}

/** Who waits for a read. One of its methods is called, once. */
export interface ReadSink {
  /** In the place of the others: the whole entry, a tombstone's too; undefined: nothing is held. Borrowed. */
  onEntry?(entry: Uint8Array | undefined): void;
  /**
   * The value is `bytes[start..end)`, borrowed: valid during the call only. `untilMs`: when it expires, 0: never; it was
   * live at `nowMs`, which is 0 where that did not matter.
   */
  onValue(bytes: Uint8Array, start: number, end: number, untilMs: number, nowMs: number): void;
  onMissing(): void;
  onFailure(failure: Failure): void;
}

/** Who waits for a write. One of its methods is called, once. */
export interface WriteSink {
  /**
   * Done at the asked level. `existed`: whether a live value was there before, as the answering replicas saw it.
   * `entry`: what was written, its version at byte 8; borrowed.
   */
  onWritten(existed: boolean, entry: Uint8Array): void;
  onFailure(failure: Failure): void;
}

/** Who waits for a page of keys. One of its methods is called, once. */
export interface ScanSink {
  /**
   * Keys in hash order, none twice in a walk. `cursor` continues it; 0n when it is over. A cursor survives ring changes. A page
   * may be empty and the walk not over.
   */
  onPage(keys: string[], cursor: bigint): void;
  onFailure(failure: Failure): void;
}

/** Who waits for a flush. One of its methods is called, once. */
export interface FlushSink {
  onFlushed(): void;
  onFailure(failure: Failure): void;
}

/** Who waits for a count. One of its methods is called, once. */
export interface CountSink {
  onCount(count: number): void;
  onFailure(failure: Failure): void;
}

/** The store as a door sees it: keys are latin1 strings, a byte each, and answers come to sinks, perhaps within the call. */
export interface KvStore {
  /** So much is held for requests under way that who waits for an answer had better not ask for more before it has come. */
  readonly crowded: boolean;
  /** True: writes under way hold too much for another one; `wake` is called, once, when some of them have ended. */
  awaitsRoom(wake: () => void): boolean;
  /** The cluster's clock, ms since 1970: keys expire by it. */
  now(): number;
  /** The latest version among r replicas. */
  get(key: string, options: RequestOptions | undefined, sink: ReadSink): void;
  /** `value` is borrowed until the call returns. */
  put(key: string, value: Uint8Array, options: PutOptions | undefined, sink: WriteSink): void;
  /** Write a tombstone: done when w replicas have it. */
  delete(key: string, options: RequestOptions | undefined, sink: WriteSink): void;
  /** Read-modify-write, run at one node of the key. `change` is borrowed until the sink is told. */
  change(key: string, change: Change, options: RequestOptions | undefined, sink: ChangeSink): void;
  /**
   * About `count` live keys of the whole cluster from `cursor` on (0n: from the beginning), each read at quorum.
   * A key present throughout a whole walk is returned once.
   */
  scan(cursor: bigint, count: number, sink: ScanSink): void;
  /** How many live keys the cluster holds, read at quorum. */
  count(sink: CountSink): void;
  /** Delete every key that is there now, on every replica. What is written meanwhile may stay or go. */
  flush(sink: FlushSink): void;
}
