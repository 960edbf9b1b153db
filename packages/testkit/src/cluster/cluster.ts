/**
 * A cluster in a simulated world, whatever a node is: machines that outlive their processes, and the hands that
 * start, kill, stop and cut them.
 *
 *     const cluster = new SimCluster({ world, boot: (life) => new MyNode(life) });
 *     cluster.start('n1');
 *     world.runFor(1000);
 *
 * `boot` gets everything that a node may know of the world and nothing else. Names are places in the cluster:
 * address, clocks, disk and log stay with the name from life to life.
 *
 * Not here: what a node says to another before they know each other. `addressOf` tells where to dial.
 */
import { assert, type Host, type Logger, type StableStore, type Store, type Transport } from '@rkv/core';
import { SimDisk, type SimDiskInit } from '../disk/disk.ts';
import type { Breakable } from '../faults/nemesis.ts';
import { SimClock, type ClockInit } from '../life/clock.ts';
import { SimHost } from '../life/host.ts';
import { Life, type Ending } from '../life/life.ts';
import { SimNetwork, type SimNetworkInit } from '../network/network.ts';
import type { World } from '../world/world.ts';
import { NodeLog } from './node-log.ts';

/** What one life of a node is given. */
export interface NodeLife {
  readonly name: string;
  /** Counts the lives of this name from 1. */
  readonly number: number;
  /** Where the transport listens, `host:port`. */
  readonly address: string;
  /** Another one after every power cut. */
  readonly bootId: string;
  /** Counts the disks of this machine from 1: on another one nothing tells who was here before. */
  readonly diskNumber: number;
  readonly host: Host;
  readonly transport: Transport;
  readonly store: Store;
  readonly stable: StableStore;
  readonly logger: Logger;
}

/** How a node of the cluster is started and stopped, and what its network and disks are like. */
export interface SimClusterInit<Node> {
  readonly world: World;
  /** Start a node. When it throws, the life is over and the error goes to whoever called `start`. */
  boot(life: NodeLife): Node;
  /** Stop a node in good order and say when it is done; its process ends then. Without it, to stop is to kill. */
  stop?(node: Node, done: () => void): void;
  readonly network?: Omit<SimNetworkInit, 'world'>;
  readonly disk?: Omit<SimDiskInit, 'world' | 'machine'>;
  readonly clock?: Pick<ClockInit, 'skewMsMax'>;
  readonly timerLatenessMs?: number;
  /** Log lines kept per node. Default 200. */
  readonly keepLines?: number;
}

/** What stays with a name from life to life. */
interface Machine<Node> {
  readonly name: string;
  readonly clock: SimClock;
  readonly disk: SimDisk;
  readonly log: NodeLog;
  lives: number;
  boots: number;
  disks: number;
  running: { readonly life: Life; readonly node: Node } | undefined;
}

export class SimCluster<Node> implements Breakable {
  readonly world: World;
  readonly network: SimNetwork;
  readonly #init: SimClusterInit<Node>;
  readonly #machines = new Map<string, Machine<Node>>();

  constructor(init: SimClusterInit<Node>) {
    this.#init = init;
    this.world = init.world;
    this.network = new SimNetwork({ ...init.network, world: init.world });
  }

  /** Every name that was ever started, in that order. */
  get names(): string[] {
    return [...this.#machines.keys()];
  }

  /** The names whose process is there, paused or not. */
  get running(): string[] {
    return this.names.filter((name) => this.#machine(name).running !== undefined);
  }

  addressOf(name: string): string {
    return `${name}:8099`;
  }

  /** The next life of a node that is down. */
  start(name: string): Node {
    const machine = this.#machine(name);
    assert(machine.running === undefined, `${name} is down when it is started`);
    const life = new Life(this.world, name, ++machine.lives);
    machine.clock.noteStart();
    try {
      const node = this.#init.boot(this.#endow(machine, life));
      machine.running = { life, node };
      return node;
    } catch (error) {
      life.end('crash');
      throw error;
    }
  }

  /** The node of the present life, or undefined while it is down. */
  node(name: string): Node | undefined {
    return this.#machine(name).running?.node;
  }

  /** Start it unless it runs. */
  restart(name: string): void {
    if (this.#machine(name).running === undefined) this.start(name);
  }

  /** Stop in good order; it is down some virtual time later. Does nothing while it is down. */
  stop(name: string): void {
    const machine = this.#machine(name);
    const { running } = machine;
    if (running === undefined) return;
    const end = (): void => {
      if (machine.running === running) this.#end(name, 'crash');
    };
    if (this.#init.stop === undefined) end();
    else this.#init.stop(running.node, end);
  }

  /** kill -9: what was committed stays. Does nothing while it is down. */
  crash(name: string): void {
    if (this.node(name) !== undefined) this.world.toll.count('crash');
    this.#end(name, 'crash');
  }

  /** The machine goes dark: what was flushed stays. Does nothing while it is down. */
  powerCut(name: string): void {
    if (this.node(name) !== undefined) this.world.toll.count('power cut');
    this.#end(name, 'powerCut');
  }

  /** The machine goes dark, and its store or its whole disk is replaced by an empty one. It stays down. */
  loseDisk(name: string, lost: 'store' | 'everything'): void {
    this.#end(name, 'powerCut');
    const machine = this.#machine(name);
    machine.disk.wipe({ keepDocuments: lost === 'store' });
    if (lost === 'everything') machine.disks++;
  }

  /** SIGSTOP. */
  pause(name: string): void {
    this.#machine(name).running?.life.pause();
  }

  resume(name: string): void {
    this.#machine(name).running?.life.resume();
  }

  /** Nothing passes between these two sides, until `heal`. */
  cut(a: string | readonly string[], b: string | readonly string[]): void {
    this.network.cut([a].flat(), [b].flat());
  }

  /** All links are whole, all disks well, all clocks right, and nobody is paused. Who is down stays down. */
  heal(): void {
    this.network.healAll();
    for (const { name, disk, clock } of this.#machines.values()) {
      disk.heal();
      clock.correct();
      this.resume(name);
    }
  }

  disk(name: string): SimDisk {
    return this.#machine(name).disk;
  }

  clock(name: string): SimClock {
    return this.#machine(name).clock;
  }

  log(name: string): NodeLog {
    return this.#machine(name).log;
  }

  /** The last events of the world and the last lines of every node: what one wants to see of a failure. */
  describe(): string {
    const logs = [...this.#machines.values()].map(({ name, log }) => `--- log of ${name}\n${log.describe()}`);
    return [`--- seed ${this.world.seed}, last events`, this.world.describeTrace(), ...logs].join('\n');
  }

  #endow({ name, clock, disk, log, boots, disks }: Machine<Node>, life: Life): NodeLife {
    const { world } = this;
    const address = this.addressOf(name);
    const { timerLatenessMs } = this.#init;
    const prng = world.prng(`host ${name} ${life.number}`);
    return {
      name,
      number: life.number,
      address,
      bootId: `${name} boot ${boots}`,
      diskNumber: disks,
      host: new SimHost({
        world,
        life,
        clock,
        prng,
        ...(timerLatenessMs !== undefined && { timerLatenessMs }),
      }),
      transport: this.network.transport(life, address),
      store: disk.store(life),
      stable: disk.stable(life),
      logger: log.logger(life.number),
    };
  }

  #end(name: string, how: Ending): void {
    const machine = this.#machine(name);
    const { running } = machine;
    machine.running = undefined;
    if (how === 'powerCut') machine.boots++;
    running?.life.end(how);
  }

  #machine(name: string): Machine<Node> {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      const { world, disk, clock, keepLines = 200 } = this.#init;
      machine = {
        name,
        clock: new SimClock({ ...clock, world, prng: world.prng(`clock ${name}`) }),
        disk: new SimDisk({ ...disk, world, machine: name }),
        log: new NodeLog(world, name, keepLines),
        lives: 0,
        boots: 1,
        disks: 1,
        running: undefined,
      };
      this.#machines.set(name, machine);
    }
    return machine;
  }
}
