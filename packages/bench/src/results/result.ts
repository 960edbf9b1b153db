/**
 * What a run has to tell: the shape of `result.json`, which charts, reports and comparisons are made from.
 *
 * All latencies are whole microseconds, of operations that succeeded; how many failed, and how, stands beside them.
 */

export interface Latencies {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** How many failed, by kind. */
export type ErrorCounts = Readonly<Record<string, number>>;

/** What came of some operations: how many, which errors, how long they took. */
export interface Tally {
  readonly succeeded: number;
  readonly failed: number;
  readonly errors: ErrorCounts;
  /** From when it was sent. */
  readonly service: Latencies;
  /** From when it was due. In a closed loop that is the same. */
  readonly response: Latencies;
}

/** The whole run, of one kind of operation or of all. */
export interface LabelResult extends Tally {
  readonly label: string;
  /** Succeeded a second, before the end. */
  readonly throughput: number;
  /** The whole distribution: an HDR histogram, V2 encoded, compressed, in base64. */
  readonly histograms: { readonly service: string; readonly response: string };
}

/** One stretch of the run, `windowS` long. */
export interface WindowResult {
  /** Seconds since the end of the warm-up. */
  readonly fromS: number;
  readonly toS: number;
  readonly all: Tally;
  readonly labels: Readonly<Record<string, Tally>>;
}

/** All that a run found out, as `result.json` keeps it. Times of day are ISO 8601, latencies microseconds. */
export interface BenchResult {
  readonly format: 1;
  readonly name: string;
  readonly driver: string;
  /** ISO 8601 */
  readonly startedAt: string;
  /** open: operations came at their times. closed: each worker waited for its answer. */
  readonly loop: 'open' | 'closed';
  /** As it was given: mode, workers, generators and so on. */
  readonly setup: Readonly<Record<string, unknown>>;
  readonly machine: Machine;
  /** Without the warm-up. */
  readonly measuredS: number;
  readonly ended: Ending;
  readonly all: LabelResult;
  readonly labels: readonly LabelResult[];
  readonly windows: readonly WindowResult[];
  /** Due and never sent, since no worker was free until the end. Not in any percentile, and worse than all of them. */
  readonly unsent: number;
  /** How late operations were sent for which a worker stood ready: the load generator's own error. */
  readonly lateness: Latencies;
  /** Sentences on why the numbers may not be what they seem. */
  readonly warnings: readonly string[];
}

/** Where it ran; what `compare` looks at before it believes two results to be of one kind. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

/** Why the run was over. */
export type Ending =
  | { readonly kind: 'duration' }
  /** All workers ended: the keys were exhausted, or the driver said `stop`. */
  | { readonly kind: 'workers'; readonly reason?: string }
  /** Somebody asked for it. */
  | { readonly kind: 'interrupted' }
  /** An error and `shutdownOnError`, or a driver that crashed too often. */
  | { readonly kind: 'error'; readonly reason: string };
