/**
 * One simulated minute of rkv: lone nodes take writes, join one another, and go on taking writes while links are cut
 * and nodes die; then everything heals, and what clients were promised is checked.
 */
import {
  latin1Decode,
  latin1Encode,
  partitionOf,
  primariesOf,
  ringBits,
  stampHex,
  type AgreedDocument,
} from '@rkv/core';
import { KV_SERVICE, placeKey, VERSION_AT, type HeldReply } from '@rkv/store';
import { Agreement, describeFaults, drawFaults, unleash, World, type Fault, type FaultKind, type SimCluster } from '@rkv/testkit';
import { History } from './history.ts';
import { rkvCluster, type RkvClusterInit, type SimNode } from './rkv-cluster.ts';

export interface ScenarioOptions {
  readonly seed: number;
  readonly openVnode?: NonNullable<RkvClusterInit['openVnode']>;
  /** Play these instead of what the seed draws. */
  readonly faults?: readonly Fault[];
}

export interface ScenarioResult {
  readonly seed: number;
  /** What broke, one sentence each; empty: nothing. */
  readonly problems: string[];
  readonly traceHash: string;
  readonly faults: readonly Fault[];
  readonly acknowledged: number;
  readonly failed: number;
  readonly nodes: number;
  readonly epochs: number;
  /** The last events and log lines, made only when something broke. */
  readonly description: string;
}

/** Virtual milliseconds. */
const FAULTS_FROM = 1_000;
const FAULTS_UNTIL = 45_000;
const WRITES_UNTIL = 50_000;
const SETTLE_WITHIN = 60_000;
const KEYS = 40;
const KINDS: readonly FaultKind[] = ['cut', 'cutOneWay', 'reset', 'slowLink', 'crash', 'powerCut', 'pause', 'slowDisk'];

export function runScenario({ seed, openVnode, faults: given }: ScenarioOptions): ScenarioResult {
  const world = new World({ seed });
  const agreement = new Agreement('the ring of epoch');
  const problems: string[] = [];
  let epochs = 0;
  const onRing = (name: string, { document, digest }: AgreedDocument): void => {
    epochs = Math.max(epochs, document.epoch);
    agreement.report(`${document.clusterId}/${document.epoch}`, digest, name);
  };
  const cluster = rkvCluster({ world, ringSize: 16, durability: 'power', onRing, ...(openVnode && { openVnode }) });
  const dice = world.prng('scenario');
  const names = Array.from({ length: dice.between(3, 5) }, (_, i) => `n${i + 1}`);
  for (const name of names) cluster.start(name);
  const faults = given ?? drawFaults(world.prng('faults'), { nodes: names, fromMs: FAULTS_FROM, untilMs: FAULTS_UNTIL, kinds: KINDS });
  unleash(cluster, faults);
  const history = new History();
  for (let client = 0; client < 3; client++) runClient(world, cluster, names, history, client);
  joinEverybody(world, cluster, names);
  world.runUntil(WRITES_UNTIL + 2_000);
  cluster.heal();
  for (const name of names) cluster.restart(name);
  const settled = world.runUntilHolds(every(world, 50, () => isSettled(cluster, names)), SETTLE_WITHIN);
  if (!settled) problems.push(`not settled ${SETTLE_WITHIN / 1000} s after the last fault: ${describeUnsettled(cluster, names)}`);
  else checkFinalStates(world, cluster, names, history, problems);
  return {
    seed,
    problems,
    traceHash: world.trace.digest,
    faults,
    acknowledged: history.acknowledgedCount,
    failed: history.failedCount,
    nodes: names.length,
    epochs,
    description: problems.length === 0 ? '' : `${describeFaults(faults)}\n${cluster.describe()}`,
  };
}

/** One client: now and then it writes or deletes a key of a small set through any node. */
function runClient(world: World, cluster: SimCluster<SimNode>, names: readonly string[], history: History, client: number): void {
  const dice = world.prng(`client ${client}`);
  let count = 0;
  const step = (): void => {
    if (world.now() > WRITES_UNTIL) return;
    world.schedule(dice.between(5, 120), step, 'client');
    const kv = cluster.node(dice.pick(names))?.kv;
    if (kv === undefined) return;
    const key = `key ${dice.below(KEYS)}`;
    const value = dice.chance(0.8) ? `c${client} v${++count}` : undefined;
    history.attempted(key, value);
    const sink = {
      onWritten: (_existed: boolean, entry: Uint8Array) => history.acknowledged(key, value, stampHex(entry, VERSION_AT)),
      onFailure: () => history.failed(),
    };
    if (value === undefined) kv.delete(key, undefined, sink);
    else kv.put(key, latin1Encode(value), undefined, sink);
  };
  world.schedule(dice.between(100, 300), step, 'client');
}

/** An operator who does not give up: joins every lone node to the first, plans and commits, again and again. */
function joinEverybody(world: World, cluster: SimCluster<SimNode>, names: readonly string[]): void {
  const dice = world.prng('operator');
  const founder = names[0] as string;
  const step = (): void => {
    world.schedule(dice.between(500, 3_000), step, 'operator');
    const first = cluster.node(founder)?.node;
    if (first === undefined || !first.ready) return;
    if (first.document.members.filter((member) => member.status === 'valid').length === names.length) return;
    const newcomer = cluster.node(dice.pick(names.slice(1)))?.node;
    if (newcomer?.ready === true && newcomer.document.members.length === 1 && newcomer.prospect === undefined) {
      newcomer.join(cluster.addressOf(founder), () => {});
    }
    first.request({ kind: 'plan' }, (result) => {
      if (result.kind === 'planned') first.request({ kind: 'commit', planId: result.plan.planId }, () => {});
    });
  };
  world.schedule(dice.between(1_000, 2_000), step, 'operator');
}

/** Ask a costly question only every so often of virtual time. */
function every(world: World, intervalMs: number, question: () => boolean): () => boolean {
  let next = 0;
  return () => {
    if (world.now() < next) return false;
    next = world.now() + intervalMs;
    return question();
  };
}

function isSettled(cluster: SimCluster<SimNode>, names: readonly string[]): boolean {
  const nodes = names.map((name) => cluster.node(name)?.node);
  const first = nodes[0];
  if (first === undefined || !first.ready) return false;
  return nodes.every((node) => {
    if (node === undefined || !node.ready || node.troubles.length > 0) return false;
    const { document } = node;
    return (
      document.clusterId === first.document.clusterId &&
      document.epoch === first.document.epoch &&
      document.members.length === names.length &&
      document.members.every((member) => member.status === 'valid' && node.isUp(member.id)) &&
      document.pending.length === 0 &&
      node.handoff.active().length === 0 &&
      node.handoff.waiting().length === 0
    );
  });
}

function describeUnsettled(cluster: SimCluster<SimNode>, names: readonly string[]): string {
  return names
    .map((name) => {
      const node = cluster.node(name)?.node;
      if (node === undefined || !node.ready) return `${name} not ready`;
      const { document } = node;
      const members = document.members.map((member) => `${member.name} ${member.status}${node.isUp(member.id) ? '' : ' down'}`).join(', ');
      const waiting = node.handoff.waiting().map((transfer) => `${transfer.kind} ${transfer.partition}: ${transfer.reason}`);
      return `${name}: epoch ${document.epoch} [${members}] pending ${document.pending.length} waiting ${waiting.join('; ') || 'nothing'}`;
    })
    .join(' | ');
}

/** Every key, read at quorum through every node, and as its replicas hold it. */
function checkFinalStates(
  world: World,
  cluster: SimCluster<SimNode>,
  names: readonly string[],
  history: History,
  problems: string[],
): void {
  for (const key of history.keys) {
    for (const name of names) {
      const problem = readFinal(world, cluster, name, key, history);
      if (problem !== undefined) problems.push(`read through ${name}: ${problem}`);
    }
  }
}

function readFinal(world: World, cluster: SimCluster<SimNode>, name: string, key: string, history: History): string | undefined {
  let problem: string | undefined = 'no answer';
  const { kv } = cluster.node(name) as SimNode;
  const read = (): void =>
    kv?.get(key, undefined, {
      onValue: (bytes, start, end) => {
        const final = { version: stampHex(bytes, VERSION_AT), value: latin1Decode(bytes, start, end) };
        problem = history.problemOf(key, final);
      },
      onMissing: () => (problem = history.problemOf(key, { version: highestVersion(cluster, key), value: undefined })),
      onFailure: (failure) => (problem = failure.message),
    });
  world.schedule(0, read, 'final read');
  world.runUntilHolds(() => problem !== 'no answer', 2_000);
  return problem;
}

/** The highest version of a key that any primary holds; empty when none does. */
function highestVersion(cluster: SimCluster<SimNode>, key: string): string {
  const placed = placeKey(key);
  let highest = '';
  for (const name of cluster.running) {
    const node = (cluster.node(name) as SimNode).node;
    const first = partitionOf(placed.hashHi, ringBits(node.document.ringSize));
    for (const { partition, node: owner } of primariesOf(first, 3, node.document.owners)) {
      if (owner !== node.id) continue;
      const ignore = { refuse: () => {}, fail: () => {} };
      node.vnode(KV_SERVICE, partition)?.vnode.handleCommand(
        { kind: 'get', ...placed, whole: true },
        {
          ...ignore,
          reply: (reply) => {
            const { entry } = reply as HeldReply;
            if (entry !== undefined && stampHex(entry, VERSION_AT) > highest) highest = stampHex(entry, VERSION_AT);
          },
        },
      );
    }
  }
  return highest;
}
