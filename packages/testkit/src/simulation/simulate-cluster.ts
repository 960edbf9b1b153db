/**
 * A simulated ring of one's own modules as a `Cluster`: what a test does step by step, where `simulate` draws by a seed.
 *
 *     const cluster = simulateCluster({ vnode: likes, nodes: 3, seed: 1 });
 *     await cluster.ask('n1', (node, done) => likes.ask(node, 'post-1', 'like', [1], done));
 *     await cluster.cut(['n1'], ['n2', 'n3']);
 *
 * All happens inside of these calls, on virtual time; their promises are resolved when they return, for the interface's sake. Nothing is
 * random but by the seed, and nothing outlives the object.
 */
import type { Node } from '@rkv/core';
import { World } from '../world/world.ts';
import type { Cluster } from '../cluster/contract.ts';
import { Operator } from './operator.ts';
import { SimRing, type Door, type Modules } from './sim-ring.ts';

/** How many nodes, and of what. */
export interface SimulateClusterInit {
  /** The module, several, or what makes them for each life of a node. */
  readonly vnode: Modules;
  /** How many, or what they are called. They are one ring, at rest, from the start. */
  readonly nodes: number | readonly string[];
  /** Default 1. */
  readonly seed?: number;
  /** Partitions. Default 16. */
  readonly ringSize?: number;
  /** Copies of each key. Default 3. */
  readonly n?: number;
  /** What an acknowledgement stands for. Default `power`. */
  readonly durability?: 'process' | 'power';
}

/** Virtual time: far more than a ring ever needs. */
const WITHIN_MS = 240_000;
const LOOK_MS = 100;

export function simulateCluster(init: SimulateClusterInit): SimulatedCluster {
  return new SimulatedCluster(init);
}

export class SimulatedCluster implements Cluster {
  readonly world: World;
  readonly ring: SimRing;
  readonly #operator: Operator;

  constructor({ nodes, seed = 1, ...init }: SimulateClusterInit) {
    const { vnode, ringSize = 16, n = 3, durability = 'power' } = init;
    this.world = new World({ seed });
    const { world } = this;
    const report = (problem: string): never => {
      throw new Error(problem);
    };
    this.ring = new SimRing({ world, vnode, ringSize, n, durability, report });
    this.ring.form(typeof nodes === 'number' ? Array.from({ length: nodes }, (_, i) => `n${i + 1}`) : nodes);
    this.#operator = new Operator(world, this.ring);
  }

  get names(): readonly string[] {
    return this.ring.machines.names.filter((name) => !this.ring.left.has(name));
  }

  /** One question to a node. Rejects when it has no process, or does not answer in four virtual minutes. */
  ask<Answer>(name: string, question: (node: Node, done: (answer: Answer) => void) => void): Promise<Answer> {
    return this.#now(() => {
      const { node, host } = this.#at(name);
      let told: { readonly answer: Answer } | undefined;
      host.setTimer(0, () => question(node, (answer) => (told = { answer })));
      this.#waitUntil(`${name} has answered`, () => told !== undefined, 1);
      return (told as unknown as { readonly answer: Answer }).answer;
    });
  }

  start(name: string): Promise<void> {
    return this.#now(() => {
      if (this.ring.machines.names.includes(name))
        throw new Error(`${name} was started before; restart starts it again`);
      this.#start(name);
    });
  }

  join(...names: string[]): Promise<void> {
    return this.#now(() => {
      for (const node of names) this.#operator.want({ at: this.world.now(), kind: 'join', node });
      this.#finish();
    });
  }

  leave(name: string): Promise<void> {
    return this.#now(() => {
      this.#operator.want({ at: this.world.now(), kind: 'leave', node: this.#known(name) });
      this.#finish();
    });
  }

  kill(name: string): Promise<void> {
    return this.#now(() => this.ring.machines.crash(this.#known(name)));
  }

  restart(name: string): Promise<void> {
    return this.#now(() => this.#start(this.#known(name)));
  }

  pause(name: string): Promise<void> {
    return this.#now(() => this.ring.machines.pause(this.#known(name)));
  }

  resume(name: string): Promise<void> {
    return this.#now(() => this.ring.machines.resume(this.#known(name)));
  }

  cut(a: readonly string[], b: readonly string[]): Promise<void> {
    return this.#now(() => this.ring.machines.network.cut(this.#allKnown(a), this.#allKnown(b)));
  }

  cutOneWay(from: readonly string[], to: readonly string[]): Promise<void> {
    return this.#now(() => this.ring.machines.network.cutOneWay(this.#allKnown(from), this.#allKnown(to)));
  }

  heal(): Promise<void> {
    return this.#now(() => this.ring.machines.network.healAll());
  }

  settled(): Promise<void> {
    return this.#now(() => this.#settle());
  }

  unrest(): Promise<string | undefined> {
    return this.#now(() => this.ring.unrest());
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const limit = this.world.now() + WITHIN_MS;
    while (!(await holds())) {
      if (this.world.now() >= limit) throw this.#inVain(what);
      this.world.runFor(LOOK_MS);
    }
  }

  describe(): string {
    return this.ring.machines.describe();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  /** A name that nobody has would make a machine of its own, and a test green for nothing. */
  #known(name: string): string {
    if (this.ring.machines.names.includes(name)) return name;
    throw new Error(`no node is called ${name}; there are ${this.ring.machines.names.join(', ')}`);
  }

  #allKnown(names: readonly string[]): readonly string[] {
    return names.map((name) => this.#known(name));
  }

  #at(name: string): Door {
    const door = this.ring.machines.node(name);
    if (door === undefined) throw new Error(`${name} does not run`);
    return door;
  }

  #start(name: string): void {
    this.ring.machines.start(name);
    this.#waitUntil(`${name} is ready`, () => this.#at(name).node.ready);
  }

  #finish(): void {
    this.#waitUntil('all have joined and left', () => this.#operator.unfinished() === undefined);
    this.#settle();
  }

  #settle(): void {
    this.#waitUntil('the cluster has settled', () => this.ring.unrest() === undefined);
  }

  #waitUntil(what: string, holds: () => boolean, lookMs = LOOK_MS): void {
    const limit = this.world.now() + WITHIN_MS;
    while (!holds()) {
      if (this.world.now() >= limit) throw this.#inVain(what);
      this.world.runFor(lookMs);
    }
  }

  #inVain(what: string): Error {
    return new Error(`waited in vain until ${what}: ${this.ring.unrest()}\n${this.describe()}`);
  }

  /** What throws here rejects there. */
  #now<Result>(act: () => Result): Promise<Result> {
    return new Promise((resolve) => resolve(act()));
  }
}
