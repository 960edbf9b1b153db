/** What is told of the exchange: of each partition's range, since when its copies are known to be alike. */
import type { PartitionId } from '../contracts/ids.ts';
import type { Pair } from './pairs.ts';

/** Two copies of a range, and what is known of how they stand to each other. */
export interface ComparedPair extends Pair {
  readonly service: string;
  /** When they were last found alike, or made so, by the monotonic clock; undefined: not in this life of the node. */
  readonly comparedAt: number | undefined;
  /** Why the last attempt came to nothing. */
  readonly reason: string | undefined;
  /** Items that were mended so far: on this node, and on the other. */
  readonly mendedHere: number;
  readonly mendedThere: number;
}

/** The pairs of one range that one node asks about; other nodes may ask about more. */
export interface ComparedPartition {
  readonly service: string;
  /** Whose range it is. */
  readonly partition: PartitionId;
  readonly pairs: number;
  /** How long ago all of the pairs were alike; null: some have not been compared since the node started. */
  readonly comparedMs: number | null;
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
  const partitions = new Map<string, ComparedPartition>();
  for (const pair of pairs) {
    const key = `${pair.service}/${pair.range}`;
    const before = partitions.get(key);
    const own = comparedPartition(pair, now);
    partitions.set(key, before === undefined ? own : bothCompared(before, own));
  }
  return [...partitions.values()];
}

/** Of one partition, what two have to tell. */
export function bothCompared(a: ComparedPartition, b: ComparedPartition): ComparedPartition {
  const reason = a.reason ?? b.reason;
  return {
    service: a.service,
    partition: a.partition,
    pairs: a.pairs + b.pairs,
    comparedMs: a.comparedMs === null || b.comparedMs === null ? null : Math.max(a.comparedMs, b.comparedMs),
    mended: a.mended + b.mended,
    ...(reason !== undefined && { reason }),
  };
}

function comparedPartition(pair: ComparedPair, now: number): ComparedPartition {
  const { service, range, comparedAt, mendedHere, mendedThere, reason } = pair;
  return {
    service,
    partition: range,
    pairs: 1,
    comparedMs: comparedAt === undefined ? null : Math.round(now - comparedAt),
    mended: mendedHere + mendedThere,
    ...(reason !== undefined && { reason }),
  };
}
