/**
 * Real nodes for tests: processes of the built `rkv`, on free ports of this machine, in a temporary folder.
 *
 * What `startCluster` of @rkv/testkit does for its users, with more in the hands of the test: nodes are asked by the command line, stand
 * in places of their own, move to other ports, are started with flags for Node.js or by hand. Processes and guard are the same.
 *
 * Promises: nothing is left behind. `end()` kills every node that still runs and removes the folder; so does the guard when this process
 * ends, however that comes.
 *
 * Not here: asserting, and any library of tests, so that scripts can use it too. What went wrong is told with the
 * last lines of the node's log.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, Guard, NodeProcess, type Exit } from '@rkv/testkit';
import { BIN, rkvAt, type CliResult } from './cli.ts';
import { HERE, type HttpAnswer, type HttpInit, type Place } from './place.ts';

/** Far more than a start ever takes, also on a machine with much else to do. */
const READY_MS = 60_000;
const EXIT_MS = 30_000;
const POLL_MS = 10;
/** Of one node's output, all its lives together. */
const LOG_CHARS_MAX = 200_000;

export interface NodesInit {
  /** At the birth of each ring. Default 16. */
  readonly ringSize?: number;
  /** Default lmdb. */
  readonly storage?: 'memory' | 'lmdb';
  /** Further flags of `rkv start`, for every node. */
  readonly flags?: readonly string[];
  /** Of Node.js itself, for every node. */
  readonly nodeFlags?: readonly string[];
  /** By the name of the node; by default all are on this machine as it is. */
  readonly placeOf?: (name: string) => Place;
}

export interface NodeInit {
  /** Further flags of `rkv start`, for this node. */
  readonly flags?: readonly string[];
}

/** Some nodes and the folder that their data lies in. */
export class Nodes {
  readonly folder = mkdtempSync(join(tmpdir(), 'rkv-nodes-'));
  readonly #init: NodesInit;
  readonly #guard = new Guard(this.folder);
  readonly #nodes: TestNode[] = [];

  constructor(init: NodesInit = {}) {
    this.#init = init;
  }

  /** A node with ports and a data directory of its own, not yet started; of a flag given twice the later one rules. */
  async create(name: string, { flags: ownFlags = [] }: NodeInit = {}): Promise<TestNode> {
    const { ringSize = 16, storage = 'lmdb', flags = [], nodeFlags = [], placeOf } = this.#init;
    const settings = ['--name', name, '--ring-size', String(ringSize), '--storage', storage];
    const node = new TestNode({
      name,
      dataDir: join(this.folder, name),
      settings: [...settings, ...flags, ...ownFlags],
      ports: await choosePorts(),
      place: placeOf?.(name) ?? HERE,
      guard: this.#guard,
    });
    node.nodeFlags = nodeFlags;
    this.#nodes.push(node);
    return node;
  }

  /** Each a ring of its own, all ready. */
  async startLone<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ -readonly [at in keyof Names]: TestNode }> {
    const nodes: TestNode[] = [];
    for (const name of names) nodes.push(await this.create(name));
    await Promise.all(nodes.map((node) => node.start()));
    return nodes as { -readonly [at in keyof Names]: TestNode };
  }

  /** One cluster of all of them, at rest. */
  async startCluster<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ -readonly [at in keyof Names]: TestNode }> {
    const nodes = await this.startLone(...names);
    await joinAll(nodes);
    return nodes;
  }

  /** What every node has said, for a failed test. */
  describeLogs(): string {
    return this.#nodes
      .map((node) => `--- ${node.name} (${node.describeState()})\n${node.lastWords(30)}`)
      .join('\n');
  }

  async end(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill9()));
    await this.#guard.end();
  }
}

/** Through the doors that operators have: everyone joins the first, which plans, commits and waits. */
export async function joinAll([first, ...others]: readonly TestNode[]): Promise<void> {
  if (first === undefined) throw new Error('a cluster has at least one node');
  for (const other of others) await other.tell('cluster', 'join', first.clusterAddress);
  await commitAll(first);
}

/** Plan what is staged, commit it, and wait until the cluster is at rest. */
export async function commitAll(node: TestNode): Promise<void> {
  await node.tell('cluster', 'plan');
  await node.tell('cluster', 'commit', '--wait');
}

export interface Ports {
  readonly cluster: number;
  readonly redis: number;
  readonly http: number;
}

async function choosePorts(): Promise<Ports> {
  return { cluster: await freePort(), redis: await freePort(), http: await freePort() };
}

interface TestNodeInit {
  readonly name: string;
  readonly dataDir: string;
  readonly settings: readonly string[];
  readonly ports: Ports;
  readonly place: Place;
  readonly guard: Guard;
}

/** One node: its data directory and ports stay, its processes come and go. */
export class TestNode {
  readonly name: string;
  readonly dataDir: string;
  readonly place: Place;
  readonly #settings: readonly string[];
  readonly #guard: Guard;
  #ports: Ports;
  #life: NodeProcess | undefined;
  /** What the present process has written until it said that its doors are open. */
  #beginning = '';
  #log = '';
  #linesLogged = 0;
  /** Flags of Node.js itself, from the next start on. */
  nodeFlags: readonly string[] = [];

  constructor({ name, dataDir, settings, ports, place, guard }: TestNodeInit) {
    this.name = name;
    this.dataDir = dataDir;
    this.#settings = settings;
    this.#ports = ports;
    this.place = place;
    this.#guard = guard;
  }

  get ports(): Ports {
    return this.#ports;
  }

  /** Of its HTTP door, for whoever is in the same place. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports.http}`;
  }

  get clusterAddress(): string {
    return `${this.place.host}:${this.#ports.cluster}`;
  }

  get runs(): boolean {
    return this.#life?.isOver === false;
  }

  get pid(): number {
    return this.#living().pid ?? 0;
  }

  /** Of the present or last process; it has resolved when that is gone. */
  get exited(): Promise<Exit> {
    if (this.#life === undefined) throw new Error(`${this.name} was never started`);
    return this.#life.exited;
  }

  /** All that it has written to its log, the last `LOG_CHARS_MAX` characters. */
  get log(): string {
    return this.#log;
  }

  /** Of all its lives, those that `log` no longer holds too. */
  get linesLogged(): number {
    return this.#linesLogged;
  }

  /** The command line that starts this node, without `rkv`. */
  get args(): string[] {
    const { cluster, redis, http } = this.#ports;
    const at = (port: number): string => `${this.place.host}:${port}`;
    const doors = ['--cluster', at(cluster), '--redis', at(redis), '--http', `127.0.0.1:${http}`];
    return ['start', '--data-dir', this.dataDir, ...doors, ...this.#settings];
  }

  /** Resolves when its doors are open and /readyz says so; rejects with its log when it ends before or takes too long. */
  async start(): Promise<void> {
    this.spawn();
    await this.ready();
  }

  /** Starts the process and waits for nothing. */
  spawn(): void {
    if (this.runs) throw new Error(`${this.name} runs already`);
    const command = [...this.place.enter, process.execPath, ...this.nodeFlags, BIN, ...this.args];
    this.#beginning = '';
    const onText = (text: string): void => {
      this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
      this.#linesLogged += text.split('\n').length - 1;
      if (!this.#hasSaidItIsUp) this.#beginning += text;
    };
    this.#life = new NodeProcess({ command, guard: this.#guard, onText });
  }

  async ready(): Promise<void> {
    const life = this.#living();
    const deadline = performance.now() + READY_MS;
    for (;;) {
      if (this.#hasSaidItIsUp && (await this.isReady())) return;
      if (life.isOver) throw this.#failure(`ended while starting (${this.describeState()})`);
      if (performance.now() > deadline) throw this.#failure(`is not ready after ${READY_MS / 1000} s`);
      await pause(POLL_MS);
    }
  }

  /** What /readyz says now; false too when nobody answers. */
  async isReady(): Promise<boolean> {
    return this.ask('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** One request to its HTTP door; quicker than the command line, which must start first. */
  ask(path: string, init: HttpInit = {}): Promise<HttpAnswer> {
    return this.place.ask(`${this.url}${path}`, init);
  }

  signal(signal: NodeJS.Signals): void {
    this.#life?.signal(signal);
  }

  /** As if the machine had taken it away: no drain, no flush. Resolves when it is gone; nothing to do when it is. */
  async kill9(): Promise<void> {
    this.signal('SIGKILL');
    await this.#life?.exited;
  }

  /** Asks it to end, and tells how it did. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.untilExit();
  }

  /** Rejects with its log when it does not end of its own accord. */
  async untilExit(): Promise<Exit> {
    const patience = new AbortController();
    const late = pause(EXIT_MS, undefined, { signal: patience.signal }).then(
      () => Promise.reject(this.#failure(`has not ended after ${EXIT_MS / 1000} s`)),
      () => new Promise<never>(() => {}), // it ended in time
    );
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      patience.abort();
    }
  }

  /** From the next start on. */
  async moveToOtherPorts(): Promise<void> {
    this.#ports = await choosePorts();
  }

  /** The command line, asking this node. */
  rkv(...args: readonly string[]): Promise<CliResult> {
    return rkvAt(this.place.enter, ...args, '--node', this.url);
  }

  /** The same, which must succeed, answered in JSON. */
  async tell<T = unknown>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await this.rkv(...args, '--json');
    if (code !== 0)
      throw this.#failure(`was asked \`rkv ${args.join(' ')}\` and refused it (exit ${code}): ${err}`);
    return JSON.parse(out) as T;
  }

  describeState(): string {
    return this.#life?.describe() ?? 'never started';
  }

  lastWords(lines = 15): string {
    return this.#log.trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** All its doors are open. */
  get #hasSaidItIsUp(): boolean {
    return / is up"/.test(this.#beginning);
  }

  #living(): NodeProcess {
    if (this.#life === undefined || this.#life.isOver) throw new Error(`${this.name} does not run`);
    return this.#life;
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}; its last words:\n${this.lastWords()}`);
  }
}
