/**
 * One row of the scale table: a cluster of so many nodes on a ring of such a size is formed in one plan, stands idle,
 * and lets one more node in.
 *
 * Times are virtual, of nodes with a processor each: what a turn costs does not make it late. So a row holds for
 * machines whose processors are not full, and the processor's share beside it tells whether they are.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PresetName } from '@rkv/core';
import { FRAME_KINDS, type FrameKind, type Meter, type Tally } from './meter.ts';
import { ScaleCluster } from './scale-cluster.ts';

export interface ScaleOptions {
  readonly nodes: number;
  readonly ringSize: number;
  readonly seed: number;
  readonly preset: PresetName;
  /** Of 100 bytes each. */
  readonly keys: number;
}

/** What all nodes together did in a span of virtual time. */
export interface Span {
  readonly seconds: number;
  readonly sent: Readonly<Record<FrameKind, Tally>>;
  readonly total: Tally;
  /** Of the node that sent most bytes. */
  readonly busiest: Tally;
  /** Milliseconds of the processor for each virtual second: of a node on average, and of the one that spent most. */
  readonly cpuMs: { readonly average: number; readonly busiest: number };
  /** The longest turn of an event loop, milliseconds of the processor. */
  readonly longestTurnMs: number;
}

export interface ScaleRow extends ScaleOptions {
  /** Of all nodes in one plan, from the commit on; `epochs` from the first node's birth on. */
  readonly formed: { readonly seconds: number; readonly epochs: number };
  readonly idle: Span;
  /** From the commit until all is quiet again. */
  readonly join: Span & { readonly epochs: number };
  /** A plan for one more node: milliseconds of the claimant's processor, and the longest turn of its event loop. */
  readonly plan: { readonly ms: number; readonly longestTurnMs: number };
  /** Ring document, bytes: at rest, and the largest on the way. */
  readonly documentBytes: number;
  readonly documentBytesMax: number;
  /** Bytes of the heap and of buffers for each node, what is simulated around it included. */
  readonly memoryPerNode: number;
}

const IDLE_MS = 5_000;
/** Heartbeats have become regular, and what joining left behind is cleared away. */
const REST_MS = 5_000;
const COLLECTIONS = 3;

export function measure(options: ScaleOptions): ScaleRow {
  const { nodes, ringSize, seed, preset, keys } = options;
  const before = memoryInUse();
  const cluster = new ScaleCluster({ seed, ringSize, preset });
  const { world } = cluster;
  const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
  for (const name of names) cluster.start(name);
  const others = names.slice(1);
  cluster.stage(others);
  const formed = join(cluster, cluster.plan());
  cluster.fill(keys);
  world.runFor(REST_MS);
  const memoryPerNode = (memoryInUse() - before) / nodes;
  const epochsFormed = cluster.epoch;

  reset(cluster);
  world.runFor(IDLE_MS);
  const idle = spanOf(cluster.meters, IDLE_MS);

  const newcomer = `n${nodes + 1}`;
  cluster.start(newcomer);
  cluster.stage([newcomer]);
  reset(cluster);
  const planId = cluster.plan();
  const plan = {
    ms: Math.max(...cluster.meters.map(({ busyUs }) => busyUs)) / 1000,
    longestTurnMs: longestTurnMs(cluster.meters),
  };
  const epochPlanned = cluster.epoch;
  const joined = join(cluster, planId);
  return {
    ...options,
    formed: { seconds: formed.seconds, epochs: epochsFormed },
    idle,
    join: { ...joined, epochs: cluster.epoch - epochPlanned },
    plan,
    documentBytes: cluster.documentBytes,
    documentBytesMax: cluster.documentBytesMax,
    memoryPerNode,
  };
}

function join(cluster: ScaleCluster, planId: string): Span {
  reset(cluster);
  const from = cluster.world.now();
  cluster.commit(planId);
  cluster.settle();
  return spanOf(cluster.meters, cluster.world.now() - from);
}

function reset({ meters }: ScaleCluster): void {
  for (const meter of meters) meter.reset();
}

function spanOf(meters: readonly Meter[], virtualMs: number): Span {
  const seconds = virtualMs / 1000;
  const busyMs = meters.map(({ busyUs }) => busyUs / 1000 / seconds);
  const totals = meters.map(({ total }) => total);
  const sent = Object.fromEntries(
    FRAME_KINDS.map((kind) => [kind, sum(meters.map((meter) => meter.sent[kind]))]),
  ) as Record<FrameKind, Tally>;
  return {
    seconds,
    sent,
    total: sum(totals),
    busiest: totals.reduce((most, each) => (each.bytes > most.bytes ? each : most)),
    cpuMs: { average: busyMs.reduce((a, b) => a + b, 0) / meters.length, busiest: Math.max(...busyMs) },
    longestTurnMs: longestTurnMs(meters),
  };
}

function longestTurnMs(meters: readonly Meter[]): number {
  return Math.max(...meters.map(({ longestUs }) => longestUs)) / 1000;
}

function sum(tallies: readonly Tally[]): Tally {
  return {
    frames: tallies.reduce((total, { frames }) => total + frames, 0),
    bytes: tallies.reduce((total, { bytes }) => total + bytes, 0),
  };
}

/**
 * What is left after a collection. Its door is opened here, so that no flag of the command line is needed. One collection
 * is not enough: what it found dead is swept a little later, and counts until then.
 */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < COLLECTIONS; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
