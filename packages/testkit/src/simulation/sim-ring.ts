/**
 * A ring of simulated nodes that run somebody's modules: formed, asked, and looked at from outside.
 *
 * Who a node is lies on its disk: the same name on another disk is another node. One that has left is stopped and its disk
 * emptied, and nobody starts it again.
 */
import {
  bucketOf,
  Node,
  sha1Hex,
  sha1Latin1,
  type Host,
  type NodeId,
  type PartitionId,
  type RingDocument,
  type VnodeModule,
} from '@rkv/core';
import { Agreement } from '../check/agreement.ts';
import { SimCluster, type NodeLife } from '../cluster/cluster.ts';
import type { Breakable } from '../faults/nemesis.ts';
import type { World } from '../world/world.ts';

/** A vnode module of whatever commands. */
// Services of different command types lie in one list; each meets only its own commands.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyModule = VnodeModule<any, any>;

/** One module, several, or what makes them for each life of a node. */
export type Modules =
  AnyModule | readonly AnyModule[] | ((life: NodeLife) => AnyModule | readonly AnyModule[]);

/** What a simulated ring is made of. */
export interface SimRingInit {
  readonly world: World;
  readonly vnode: Modules;
  readonly ringSize: number;
  readonly n: number;
  readonly durability: 'process' | 'power';
  report(problem: string): void;
}

/** A node that can be asked now. */
export interface Door {
  readonly name: string;
  readonly node: Node;
  readonly host: Host;
}

const FORMED_WITHIN_MS = 60_000;
const LEFT_LOOK_MS = 500;

export class SimRing {
  readonly machines: SimCluster<Door>;
  /** Names whose node has left the ring. */
  readonly left = new Set<string>();
  readonly #init: SimRingInit;
  readonly #agreement = new Agreement('the ring of epoch');
  #clusterId: string | undefined;
  #services: readonly string[] = [];

  constructor(init: SimRingInit) {
    this.#init = init;
    this.machines = new SimCluster<Door>({
      world: init.world,
      boot: (life) => this.#boot(life),
      stop: ({ node }, done) => node.drain(() => node.stop(done)),
    });
  }

  /** One ring of all these, at rest. */
  form(names: readonly string[]): void {
    const [first, ...others] = names as [string, ...string[]];
    for (const name of names) this.machines.start(name);
    const { world } = this.#init;
    const until = (what: string, holds: () => boolean): void => {
      if (!world.runUntilHolds(holds, FORMED_WITHIN_MS))
        throw new Error(`the ring was not formed: waited in vain until ${what}\n${this.machines.describe()}`);
    };
    until('all are ready', () => names.every((name) => this.#at(name).node.ready));
    this.#clusterId = this.#at(first).node.document.clusterId;
    let asked = 0;
    for (const name of others)
      this.#at(name).host.setTimer(0, () =>
        this.#at(name).node.join(this.machines.addressOf(first), () => asked++),
      );
    until('all have asked', () => asked === others.length);
    const { host, node } = this.#at(first);
    const commit = (): void =>
      node.request({ kind: 'plan' }, () =>
        node.request({ kind: 'commit', planId: undefined }, ({ kind }) => {
          if (kind !== 'committed') host.setTimer(100, commit);
        }),
      );
    if (others.length > 0) host.setTimer(0, commit);
    until('all are members', () => this.document?.members.length === names.length);
    until('nothing moves', () => this.unrest() === undefined);
  }

  /** Those that run, are ready, and are in the ring. */
  doors(): Door[] {
    return this.machines.running
      .map((name) => this.#at(name))
      .filter(({ node }) => node.ready && node.document.clusterId === this.#clusterId);
  }

  /** The latest ring that anybody here has. */
  get document(): RingDocument | undefined {
    const documents = this.doors().map(({ node }) => node.document);
    return documents.toSorted((a, b) => b.epoch - a.epoch)[0];
  }

  /** The names of the modules. */
  get services(): readonly string[] {
    return this.#services;
  }

  get n(): number {
    return this.document === undefined ? this.#init.n : bucketOf(this.document, '').n;
  }

  /** For the nemesis. Who has left, or was never started, is not started by a healing. */
  get target(): Breakable {
    const { machines, left } = this;
    return {
      world: machines.world,
      network: machines.network,
      crash: (name) => machines.crash(name),
      powerCut: (name) => machines.powerCut(name),
      restart: (name) => {
        if (!left.has(name) && this.#started.has(name)) machines.restart(name);
      },
      pause: (name) => machines.pause(name),
      resume: (name) => machines.resume(name),
      loseDisk: (name, lost) => machines.loseDisk(name, lost),
      disk: (name) => machines.disk(name),
      clock: (name) => machines.clock(name),
    };
  }

  readonly #started = new Set<string>();

  /** Why the ring is not at rest, or undefined when it is: every member up, of one ring, and nobody standing in for anybody. */
  unrest(): string | undefined {
    const doors = this.doors();
    const document = this.document;
    if (document === undefined) return 'nobody is in the ring';
    const away = document.members.find(({ id }) => !doors.some(({ node }) => node.id === id));
    if (away !== undefined) return `${away.name} (${away.status}) is not there`;
    const other = document.members.find(({ status }) => status !== 'valid');
    if (other !== undefined) return `${other.name} is ${other.status}`;
    if (document.staged.length > 0) return `a ${document.staged[0]?.kind} is staged`;
    if (document.pending.length > 0) return `${document.pending.length} partitions are pending`;
    for (const door of doors) {
      const why = this.#unrestAt(door, document);
      if (why !== undefined) return `${door.name}: ${why}`;
    }
    return undefined;
  }

  #unrestAt({ node }: Door, document: RingDocument): string | undefined {
    if (node.document.epoch !== document.epoch)
      return `has epoch ${node.document.epoch} of ${document.epoch}`;
    const deaf = document.members.find(({ id }) => id !== node.id && !node.isUp(id));
    if (deaf !== undefined) return `does not hear ${deaf.name}`;
    for (const service of this.#services) {
      for (let p = 0; p < document.ringSize; p++) {
        const vnode = node.vnode(service, p as PartitionId);
        if (vnode === undefined) continue;
        if (vnode.standing !== 'owner') return `partition ${p} of ${service} is here as ${vnode.standing}`;
        if (!vnode.whole) return `partition ${p} of ${service} is partial`;
      }
    }
    return node.troubles.length > 0 ? node.troubles.join(', ') : undefined;
  }

  #at(name: string): Door {
    return this.machines.node(name) as Door;
  }

  #boot(life: NodeLife): Door {
    const { ringSize, n, durability, report } = this.#init;
    const { host, transport, store, stable, logger, address, bootId, name, diskNumber } = life;
    this.#started.add(name);
    const modules = modulesOf(this.#init.vnode, life);
    this.#services = modules.map((module) => module.name);
    const node = new Node({
      id: nodeIdOf(name, diskNumber),
      name: diskNumber === 1 ? name : `${name}-${diskNumber}`,
      address,
      location: '',
      birth: { ringSize, n, level: 'eventual' },
      ...{ host, transport, store, stable, bootId, durability, modules },
      logger: {
        ...logger,
        error: (fields, message) => {
          logger.error(fields, message);
          // What a disk cannot do is no bug of anybody's; what a module throws is.
          if ('service' in fields && 'error' in fields)
            report(`${name}: ${message}: ${describeError(fields.error)}`);
        },
      },
      onRing: ({ document, digest }) =>
        this.#agreement.report(`${document.clusterId} ${document.epoch}`, digest, name),
      onRemoved: () => this.#removed(name),
    });
    node.start();
    return { name, node, host };
  }

  #removed(name: string): void {
    const { world } = this.#init;
    this.left.add(name);
    world.schedule(0, () => this.machines.stop(name), 'removed');
    const look = (): void => {
      if (this.machines.node(name) === undefined) this.machines.loseDisk(name, 'everything');
      else world.schedule(LEFT_LOOK_MS, look, 'removed');
    };
    world.schedule(LEFT_LOOK_MS, look, 'removed');
  }
}

/** With the line that threw. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).split('\n').slice(0, 2).join('');
}

function modulesOf(vnode: Modules, life: NodeLife): readonly AnyModule[] {
  const modules = typeof vnode === 'function' ? vnode(life) : vnode;
  return Array.isArray(modules) ? (modules as readonly AnyModule[]) : [modules as AnyModule];
}

function nodeIdOf(name: string, diskNumber: number): NodeId {
  const words = new Uint32Array(5);
  sha1Latin1('node ', `${name} ${diskNumber}`, words);
  return sha1Hex(words).slice(0, 32) as NodeId;
}
