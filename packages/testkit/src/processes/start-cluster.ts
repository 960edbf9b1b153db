/**
 * A cluster of real processes on this machine, for tests: started, joined, killed, stopped, paused, cut, started again.
 *
 *     const cluster = await startCluster({ nodes: 3 });
 *     try {
 *       await cluster.node('n1').tell('/api/put?key=k', 'v');
 *       await cluster.kill('n2');
 *       ...
 *       await cluster.restart('n2');
 *       await cluster.cut(['n1'], ['n2', 'n3']);
 *       ...
 *       await cluster.heal();
 *       await cluster.settled();
 *     } finally {
 *       await cluster.end();
 *     }
 *
 * A node is any program with the HTTP door of `rkv` (/readyz, /api/status, /api/transfers, /api/cluster/...). By default it is the `rkv`
 * of @rkv/store, where that is installed; `command` says what else.
 *
 * Promises: ports are free ones; nothing is left behind, also when the test is killed outright (guard.ts). What fails is told with the
 * last lines of the node's log.
 *
 * Nodes reach each other by wires that can be cut (wires.ts says how, and what of a real network they are not); clients reach every node all the
 * while.
 */
import { existsSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from '../cluster/contract.ts';
import { Guard } from './guard.ts';
import { freePort } from './ports.ts';
import { ProcessNode, type Seat } from './process-node.ts';
import { Wires, type OneWay } from './wires.ts';

/** How many nodes, and of what. */
export interface StartClusterInit {
  /** How many, or what they are called. They are one ring, at rest, when it resolves. */
  readonly nodes: number | readonly string[];
  /** Default 16. */
  readonly ringSize?: number;
  /** Default `lmdb`: what it holds is there when it is started again. */
  readonly storage?: 'memory' | 'lmdb';
  /** Program and arguments of a node. Default: `rkv start`; `ringSize`, `storage` and `flags` are for that only. */
  readonly command?: (seat: Seat) => readonly string[];
  /** Further flags of `rkv start`. */
  readonly flags?: readonly string[];
  /** Default 60,000. */
  readonly readyWithinMs?: number;
}

const READY_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 120_000;
const POLL_MS = 50;

export async function startCluster(init: StartClusterInit): Promise<ProcessCluster> {
  const { nodes } = init;
  const names = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, i) => `n${i + 1}`) : nodes;
  const cluster = new ProcessCluster(init);
  try {
    await Promise.all(names.map((name) => cluster.start(name)));
    await cluster.join(...names.slice(1));
    return cluster;
  } catch (error) {
    await cluster.end();
    throw error;
  }
}

interface Status {
  readonly members: readonly { readonly name: string; readonly status: string; readonly up: boolean }[];
  readonly ready: boolean;
  readonly epoch: number;
  readonly pending: number;
}

interface Transfers {
  readonly active: readonly unknown[];
  readonly waiting: readonly unknown[];
}

/** Some nodes, and the folder that their data lies in. */
export class ProcessCluster implements Cluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'rkv-cluster-'));
  readonly #init: StartClusterInit;
  readonly #guard = new Guard(this.folder);
  readonly #wires = new Wires(this.folder);
  readonly #nodes = new Map<string, ProcessNode>();

  constructor(init: StartClusterInit) {
    this.#init = init;
  }

  get nodes(): readonly ProcessNode[] {
    return [...this.#nodes.values()];
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  node(name: string): ProcessNode {
    const node = this.#nodes.get(name);
    if (node === undefined)
      throw new Error(`no node is called ${name}; there are ${[...this.#nodes.keys()].join(', ')}`);
    return node;
  }

  /** A new node, a ring of its own until it joins. */
  async start(name: string): Promise<ProcessNode> {
    if (this.#nodes.has(name))
      throw new Error(`${name} is there already; node('${name}').start() starts it again`);
    const ports = { cluster: await freePort(), redis: await freePort(), http: await freePort() };
    const seat: Seat = { name, dataDir: join(this.folder, name), ports };
    const { command = (seat: Seat) => this.#rkv(seat), readyWithinMs = READY_WITHIN_MS } = this.#init;
    const environment = this.#guard.ended ? {} : await this.#wires.add(name, ports.cluster);
    const node = new ProcessNode({
      ...{ seat, readyWithinMs, environment, guard: this.#guard },
      command: command(seat),
    });
    this.#nodes.set(name, node);
    await node.start();
    return node;
  }

  /** Have these let in by the first node that runs and is none of them, and wait until nothing moves. */
  async join(...names: string[]): Promise<void> {
    if (names.length === 0) return;
    const first = this.#anyone(names);
    for (const name of names)
      await this.node(name).tell('/api/cluster/join', { address: first.clusterAddress });
    await this.#commit(first);
    await this.settled();
  }

  /** Have a member leave, and wait until it is gone and nothing moves. Its process ends. */
  async leave(name: string): Promise<void> {
    const first = this.#anyone([name]);
    await first.tell('/api/cluster/leave', { name });
    await this.#commit(first);
    await this.until(
      `${name} has left`,
      async () => !(await statusOf(first)).members.some((one) => one.name === name),
    );
    await this.node(name).stop();
    this.#nodes.delete(name);
    await this.settled();
  }

  /** kill -9. */
  async kill(name: string): Promise<void> {
    await this.node(name).kill();
  }

  /** A new process on the data directory of the one before. */
  async restart(name: string): Promise<void> {
    await this.node(name).start();
  }

  /** SIGSTOP. */
  async pause(name: string): Promise<void> {
    this.node(name).pause();
    return Promise.resolve();
  }

  /** SIGCONT. */
  async resume(name: string): Promise<void> {
    this.node(name).resume();
    return Promise.resolve();
  }

  async cut(a: readonly string[], b: readonly string[]): Promise<void> {
    return this.#wires.cut([...this.#ways(a, b), ...this.#ways(b, a)]);
  }

  async cutOneWay(from: readonly string[], to: readonly string[]): Promise<void> {
    return this.#wires.cut(this.#ways(from, to));
  }

  heal(): Promise<void> {
    return this.#wires.heal();
  }

  /** All members run, are ready, agree, hear each other, and nothing moves. Rejects with the logs after two minutes. */
  settled(): Promise<void> {
    return this.until('the cluster has settled', async () => (await this.unrest()) === undefined);
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + SETTLED_WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > deadline)
        throw new Error(`waited in vain until ${what}: ${await this.unrest()}\n${this.describe()}`);
      await pause(POLL_MS);
    }
  }

  /** Why it is not at rest, or undefined. */
  async unrest(): Promise<string | undefined> {
    const running = this.nodes.filter((node) => node.runs && !node.isPaused);
    if (running.length === 0) return 'nobody runs';
    const epochs = new Set<number>();
    for (const node of running) {
      if (!(await node.isReady())) return `${node.name} is not ready`;
      const { members, ready, epoch, pending } = await statusOf(node);
      epochs.add(epoch);
      const dead = members.find(({ name }) => this.#nodes.get(name)?.runs === false);
      if (dead !== undefined) return `${dead.name} is a member and does not run`;
      const other = members.find(({ status, up }) => status !== 'valid' || !up);
      if (other !== undefined) return `${other.name} is ${other.status}${other.up ? '' : ', and not up'}`;
      const missing = running.find(({ name }) => !members.some((one) => one.name === name));
      if (missing !== undefined) return `${missing.name} is no member, says ${node.name}`;
      if (!ready || pending > 0) return `${node.name}: ${pending} partitions are pending`;
      const { active, waiting } = (await node.tell('/api/transfers')) as Transfers;
      if (active.length + waiting.length > 0) return `${node.name}: transfers are active or waiting`;
    }
    return epochs.size > 1 ? 'not all have the same ring' : undefined;
  }

  /** What every node said last, for a failed test. */
  describe(): string {
    return this.nodes.map((node) => node.describe()).join('\n');
  }

  /** Kill all of it and remove what it wrote. */
  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all([this.#guard.end(), this.#wires.end()]);
  }

  #anyone(except: readonly string[]): ProcessNode {
    const first = this.nodes.find((node) => node.runs && !node.isPaused && !except.includes(node.name));
    if (first === undefined) throw new Error(`nobody runs but ${except.join(', ')}`);
    return first;
  }

  async #commit(node: ProcessNode): Promise<void> {
    const { id } = (await node.tell('/api/cluster/plan', '')) as { readonly id: string };
    await node.tell('/api/cluster/commit', { planId: id });
  }

  /** Every pair, by names that are known. */
  #ways(from: readonly string[], to: readonly string[]): OneWay[] {
    const all = to.map((name) => this.node(name).name);
    return from.flatMap((name) => all.map((other): OneWay => [this.node(name).name, other]));
  }

  #rkv({ name, dataDir, ports }: Seat): string[] {
    const { ringSize = 16, storage = 'lmdb', flags = [] } = this.#init;
    const at = (port: number): string => `127.0.0.1:${port}`;
    const doors = ['--cluster', at(ports.cluster), '--redis', at(ports.redis), '--http', at(ports.http)];
    const kept = ['--data-dir', dataDir, '--ring-size', String(ringSize), '--storage', storage];
    return [process.execPath, rkvProgram(), 'start', '--name', name, ...kept, ...doors, ...flags];
  }
}

async function statusOf(node: ProcessNode): Promise<Status> {
  return (await node.tell('/api/status')) as Status;
}

/** The command of the @rkv/store that the project of this test has installed. */
function rkvProgram(): string {
  const require = createRequire(join(process.cwd(), 'package.json'));
  let main: string;
  try {
    main = require.resolve('@rkv/store');
  } catch {
    throw new Error('@rkv/store is not installed here: install it, or give `command`');
  }
  const program = join(dirname(main), '..', 'bin', 'rkv.js');
  if (!existsSync(program)) throw new Error(`${program} is not there: is @rkv/store built?`);
  return program;
}
