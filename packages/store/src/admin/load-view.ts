/** How busy a node is, for a monitor: what `Admin.load` tells and `/metrics` writes out. */
import type { ComparedPartition, ExchangeTotals, LimitUse, LoopDelayFigures } from '@rkv/core';

/** Since the door opened, or since CONFIG RESETSTAT. */
export interface RedisTraffic {
  readonly connections: number;
  readonly commands: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly hits: number;
  readonly misses: number;
}

/** Since the start of the node. */
export interface ClusterTraffic {
  readonly framesSent: number;
  readonly framesReceived: number;
  /** Not taken for want of a connection, or of room in its lane. */
  readonly framesNotTaken: number;
  readonly peersUp: number;
  readonly peersDown: number;
}

/** What this node has compared with others since it started. */
export interface ExchangeLoad extends Readonly<ExchangeTotals> {
  /** Of the pairs of copies that this node compares. */
  readonly partitions: readonly ComparedPartition[];
  readonly differing: number;
  /** How long ago the copies were found alike that have waited longest for it; undefined: some never were. */
  readonly oldestMs: number | undefined;
}

/** How busy this node is, known without asking another one. */
export interface LoadView {
  readonly limits: readonly LimitUse[];
  readonly loopDelay: LoopDelayFigures;
  /** Requests that this node coordinates. */
  readonly openRequests: number;
  /** Of this node to others. */
  readonly transfers: { readonly active: number; readonly waiting: number };
  readonly exchange: ExchangeLoad;
  /** Entries that were over, since the node started: expired ones that became tombstones, tombstones that were removed. */
  readonly tidied: { readonly swept: number; readonly reaped: number };
  /** While it has a Redis door. */
  readonly redis?: RedisTraffic;
  readonly cluster: ClusterTraffic;
  /** Where the store is on disk. */
  readonly store?: StoreLoad;
}

/** What this node's store has committed since it was opened, and how long that took in the last ten seconds. */
export interface StoreLoad {
  readonly commits: number;
  readonly seconds: number;
  readonly meanMs: number;
  readonly maxMs: number;
  readonly trouble: string | undefined;
}
