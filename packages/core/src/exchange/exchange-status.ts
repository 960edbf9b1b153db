/** What is told of the exchange: of each partition's range, since when its copies are known to be alike. */
import type { PartitionId } from '../contracts/ids.ts';
import type { Pair } from './pairs.ts';

/** Two copies of a range, and what is known of how they stand to each other. */
export interface ComparedPair extends Pair {
  readonly service: string;
  /** When they were last found alike, or made so, by the monotonic clock; undefined: not in this life of the node. */
  alikeAt: number | undefined;
  /** What either held at that moment both hold, or something later. Somewhat before `alikeAt`: comparing takes its time. */
  provenAt: number | undefined;
  /** Why the last attempt came to nothing. */
  reason: string | undefined;
  /** Items that were mended so far: on this node, and on the other as far as its answers came. */
  mendedHere: number;
  mendedThere: number;
}

/** The pairs of one range that one node asks about; other nodes may ask about more. */
export interface ComparedPartition {
  readonly service: string;
  /** Whose range it is. */
  readonly partition: PartitionId;
  readonly pairs: number;
  /** How long ago all of the pairs were alike; null: some have not been compared since the node started. */
  readonly alikeMs: number | null;
  /** Items that were mended since the node started. */
  readonly mended: number;
  /** Why some pair could not be compared when that was last tried. */
  readonly reason?: string;
}

export interface ExchangeStatus {
  readonly paused: boolean;
  /** Pairs that were found to differ and are being mended, or wait for that. */
  readonly differing: number;
  readonly partitions: readonly ComparedPartition[];
}

export function partitionsCompared(pairs: readonly ComparedPair[], now: number): ComparedPartition[] {
  return combineByPartition(pairs.map((pair) => comparedPartition(pair, now)));
}

/** What several have to tell, one for each partition of a service. */
export function combineByPartition(all: readonly ComparedPartition[]): ComparedPartition[] {
  const partitions = new Map<string, ComparedPartition>();
  for (const one of all) {
    const key = `${one.service}/${one.partition}`;
    const before = partitions.get(key);
    partitions.set(key, before === undefined ? one : combined(before, one));
  }
  return [...partitions.values()];
}

function combined(a: ComparedPartition, b: ComparedPartition): ComparedPartition {
  const reason = a.reason ?? b.reason;
  return {
    service: a.service,
    partition: a.partition,
    pairs: a.pairs + b.pairs,
    alikeMs: a.alikeMs === null || b.alikeMs === null ? null : Math.max(a.alikeMs, b.alikeMs),
    mended: a.mended + b.mended,
    ...(reason !== undefined && { reason }),
  };
}

function comparedPartition(pair: ComparedPair, now: number): ComparedPartition {
  const { service, range, alikeAt, mendedHere, mendedThere, reason } = pair;
  return {
    service,
    partition: range,
    pairs: 1,
    alikeMs: alikeAt === undefined ? null : Math.round(now - alikeAt),
    mended: mendedHere + mendedThere,
    ...(reason !== undefined && { reason }),
  };
}
