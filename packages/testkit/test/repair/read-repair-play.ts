/**
 * Read repair by itself: copies differ, nothing is exchanged, nobody holds a hint; each key is read once from all of its
 * copies, and then they are alike.
 *
 * They come to differ where a coordinator is killed after a copy did not arrive and before a hint for it is left: while links
 * are cut, machines die and clients write.
 */
import { Prng } from '@rkv/core';
import { describeFaults, drawFaults, unleash, type Fault } from '@rkv/testkit';
import { KvCluster, type KvPlant } from '../kv/kv-cluster.ts';
import { primariesOfKey } from '../sim/copies.ts';
import { withoutExchange } from '../sim/planted-frames.ts';

export interface ReadRepairResult {
  /** Keys whose copies differed before they were read. */
  readonly differed: number;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
  readonly faults: readonly Fault[];
}

const KEYS = 30;
const LASTS_MS = 8_000;
/** A late copy takes as long as the slowest link. */
const REPAIRED_WITHIN_MS = 1_500;

export function playReadRepair(seed: number, plant: KvPlant = {}): ReadRepairResult {
  const dice = new Prng(seed);
  const cluster = new KvCluster({
    seed,
    ringSize: dice.pick([8, 16]),
    plant: { ...plant, transport: withoutExchange },
  });
  const names = ['n1', 'n2', 'n3', 'n4'].slice(0, dice.between(3, 4));
  cluster.form(...(names as [string, ...string[]]));
  const { world, machines } = cluster;
  const fromMs = world.now();
  const untilMs = fromMs + LASTS_MS;
  const kinds = ['cut', 'cutOneWay', 'crash'] as const;
  const faults = drawFaults(new Prng(seed + 1), {
    nodes: names,
    fromMs,
    untilMs,
    kinds,
    gapMs: 300,
    calmShare: 0,
  });
  unleash(machines, faults);
  let writes = 0;
  const write = (): void => {
    if (world.now() > untilMs) return;
    world.schedule(dice.between(5, 50), write, 'client');
    const kv = machines.node(dice.pick(names))?.kv;
    if (kv !== undefined)
      kv.put(`k${dice.below(KEYS)}`, Uint8Array.of(++writes >> 8, writes), undefined, {
        onWritten: () => {},
        onFailure: () => {},
      });
  };
  world.schedule(0, write, 'client');
  world.runUntil(untilMs);
  machines.heal();
  for (const name of names) machines.restart(name);
  cluster.until(
    'the hints are home',
    () => names.every((name) => cluster.citizen(name).kv !== undefined) && cluster.isSettled(...names),
  );
  world.runFor(REPAIRED_WITHIN_MS);

  const problems: string[] = [];
  let differed = 0;
  for (let i = 0; i < KEYS; i++) {
    const key = `k${i}`;
    if (copiesOf(cluster, names, key).size > 1) differed++;
    const found = cluster.get(dice.pick(names), key, { r: 3 });
    world.runFor(REPAIRED_WITHIN_MS);
    const copies = copiesOf(cluster, names, key);
    if (copies.size > 1)
      problems.push(
        `${key} was read, ${found.slice(0, 5)}, and its copies differ: ${[...copies].join(', ')}`,
      );
  }
  return { differed, problems, faults };
}

/** What the primaries hold, each state once. */
function copiesOf(cluster: KvCluster, names: readonly string[], key: string): Set<string> {
  const { document } = cluster.node(names[0] as string);
  const nameOf = new Map(names.map((name) => [cluster.node(name).id, name]));
  const held = primariesOfKey(key, document).map(({ node, partition }) =>
    cluster.held(nameOf.get(node) as string, partition, key),
  );
  return new Set(held.map((entry) => (entry === undefined ? 'nothing' : Buffer.from(entry).toString('hex'))));
}

export function describeReadRepair({ differed, problems, faults }: ReadRepairResult): string {
  return [`${differed} keys differed`, describeFaults(faults), ...problems].join('\n');
}
