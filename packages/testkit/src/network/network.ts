/**
 * The simulated network: machines by name, addresses, and a link each way between any two.
 *
 * `transport` gives each life of a node a transport held to the contract of the core; the rest is for whoever
 * breaks things. A cut stalls what it meets, as TCP does, and dials over it time out; a dead process refuses, a
 * machine without power is silent.
 *
 * What a node may see of disorder, and where it is modelled. The contract (contracts/transport.ts) says: on one lane, from
 * one life to another, in order, each frame at most once or not at all. Within it, on every link and in every run:
 *
 *     overtaking       lanes, and the two directions, are queues of their own with delays of their own; a slow link has jitter
 *     loss             a connection that ends takes along what was under way, on one side earlier than on the other
 *     late frames      those of a killed process that were already sent arrive after its death, replies after their requests
 *     twice            never one frame; but what upper machines send again - over the next connection, under the next
 *                      ring, to the stand-in - comes besides the first, which may have arrived
 *     silence          a link cut one way carries frames and no acknowledgement, or no frame and every reset
 *
 * TCP filters the packets' disorder and a record's number in the keyed wire (core/net) that of an attacker, so a node need
 * not survive worse. It is shown to do so all the same: a *lossy* link breaks the contract. Single frames on a connection
 * that stays open are dropped, come twice, or come up to 100 ms late behind younger ones, even after their connection
 * was replaced. No machine may rely on order or on a frame that came once: `lossyLink` is among the faults of `npm run sim`.
 *
 * Not here: a shared secret, TLS, wire formats, flipped bytes (core/net has tests for each). Hellos travel as they are.
 */
import type { Lane } from '@rkv/core';
import type { Gate } from '../world/event-queue.ts';
import type { World } from '../world/world.ts';
import type { Ending, Life } from '../life/life.ts';
import { Connection, type ConnectionInit, type ConnectionTimings } from './connection.ts';
import { Link, LOCAL_NETWORK, type LinkProperties } from './link.ts';
import { SimTransport } from './transport.ts';

/** How long connections take to be made, refused, missed and made anew. */
export interface NetworkTimings extends ConnectionTimings {
  /** A dial that nobody answers fails after this. */
  readonly dialTimeoutMs: number;
  /** The wait before the first new attempt; doubled each time, with jitter, up to the last. */
  readonly backoffMs: readonly [number, number];
}

/** What links are like, and how much they queue. */
export interface SimNetworkInit {
  readonly world: World;
  /** What links are like unless set otherwise. Default: a quick local network. */
  readonly link?: Partial<LinkProperties>;
  readonly timings?: Partial<NetworkTimings>;
  /** Per peer and lane; a lane takes nothing while this much is queued. */
  readonly queuedBytesMax?: Partial<Record<Lane, number>>;
}

const MIB = 1024 * 1024;
const TIMINGS: NetworkTimings = {
  giveUpMs: [5000, 15_000],
  resetAfterCut: 0.25,
  dialTimeoutMs: 5000,
  backoffMs: [50, 2000],
};
const QUEUED_BYTES_MAX: Record<Lane, number> = { data: 16 * MIB, control: 4 * MIB, bulk: 8 * MIB };

/** All machines, and the links between each two of them. */
export class SimNetwork {
  readonly world: World;
  readonly timings: NetworkTimings;
  readonly #linkDefaults: LinkProperties;
  readonly #queuedBytesMax: Readonly<Record<Lane, number>>;
  readonly #links = new Map<string, Link>();
  /** Which machine an address belongs to, remembered when nobody listens there any more. */
  readonly #machineAt = new Map<string, string>();
  readonly #listeners = new Map<string, SimTransport>();
  readonly #withoutPower = new Set<string>();
  readonly #connections = new Set<Connection>();

  constructor({ world, link = {}, timings = {}, queuedBytesMax = {} }: SimNetworkInit) {
    this.world = world;
    this.timings = { ...TIMINGS, ...timings };
    this.#linkDefaults = { ...LOCAL_NETWORK, ...link };
    this.#queuedBytesMax = { ...QUEUED_BYTES_MAX, ...queuedBytesMax };
  }

  /** The transport of a life; it listens on `address` (`host:port`) once it is started. Its machine has power again. */
  transport(life: Life, address: string): SimTransport {
    this.#withoutPower.delete(life.machine);
    this.#machineAt.set(address, life.machine);
    const transport = new SimTransport({ network: this, life, address });
    life.whenEnded((how) => this.#lifeEnded(transport, how));
    for (const connection of this.#connections) connection.machineBack(life.machine);
    return transport;
  }

  /** The way from one machine to another. */
  link(from: string, to: string): Link {
    const name = `${from}>${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = new Link(from, to, this.#linkDefaults, this.world.prng(`link ${name}`));
      this.#links.set(name, link);
    }
    return link;
  }

  /** Change what the links between these are like, both ways; no properties: as at the beginning. */
  setLinks(a: readonly string[], b: readonly string[], properties: Partial<LinkProperties> = {}): void {
    if (properties.delayMs !== undefined) this.world.toll.count('link slow');
    if (properties.lossy !== undefined) this.world.toll.count('link lossy');
    for (const link of [...this.#oneWay(a, b), ...this.#oneWay(b, a)]) {
      link.properties = { ...this.#linkDefaults, ...properties };
    }
  }

  /** Nothing gets from any of `from` to any of `to`. Cuts add up; each is healed once. */
  cutOneWay(from: readonly string[], to: readonly string[]): void {
    this.world.toll.count('cut one way');
    this.#cut(this.#oneWay(from, to));
  }

  healOneWay(from: readonly string[], to: readonly string[]): void {
    for (const link of this.#oneWay(from, to)) link.heal();
  }

  /** Nothing gets from one side to the other, either way. */
  cut(a: readonly string[], b: readonly string[]): void {
    this.world.toll.count('cut both ways');
    this.#cut([...this.#oneWay(a, b), ...this.#oneWay(b, a)]);
  }

  heal(a: readonly string[], b: readonly string[]): void {
    this.healOneWay(a, b);
    this.healOneWay(b, a);
  }

  /** Every link is whole and as at the beginning. */
  healAll(): void {
    for (const link of this.#links.values()) {
      link.properties = this.#linkDefaults;
      link.mend();
    }
  }

  /** Reset every connection between these two sides. What was in flight on them is lost. */
  reset(a: readonly string[], b: readonly string[]): void {
    for (const connection of this.#connections) {
      if (a.some((name) => connection.uses(name)) && b.some((name) => connection.uses(name))) {
        connection.reset('connection reset');
      }
    }
  }

  // What follows is for the transports of this network.

  /** Who answers at an address: a transport, `refused` by a machine without one, or `silent`. */
  answererAt(address: string): SimTransport | 'refused' | 'silent' {
    const machine = this.#machineAt.get(address);
    if (machine !== undefined && this.#withoutPower.has(machine)) return 'silent';
    return this.#listeners.get(address) ?? 'refused';
  }

  machineAt(address: string): string | undefined {
    return this.#machineAt.get(address);
  }

  listen(transport: SimTransport): void {
    this.#listeners.set(transport.address, transport);
  }

  unlisten(transport: SimTransport): void {
    if (this.#listeners.get(transport.address) === transport) this.#listeners.delete(transport.address);
  }

  /** One packet, outside of any connection: it arrives once, or a cut swallows it. */
  carry(link: Link, run: () => void, label: string, gate?: Gate): void {
    const { world } = this;
    const sentAt = world.now();
    const swallow = (): void => world.toll.count('packet swallowed by a cut');
    if (link.isCut) return swallow();
    const arrive = (): void => {
      if (!link.drawPasses(sentAt)) return swallow();
      if (gate === undefined) run();
      else gate.perform(run);
    };
    world.schedule(link.drawDelayMs(), arrive, label);
  }

  connect(ends: Pick<ConnectionInit, 'dialer' | 'acceptor'>): Connection {
    const connection = new Connection({
      ...ends,
      world: this.world,
      timings: this.timings,
      queuedBytesMax: this.#queuedBytesMax,
      forward: this.link(ends.dialer.party.life.machine, ends.acceptor.party.life.machine),
      backward: this.link(ends.acceptor.party.life.machine, ends.dialer.party.life.machine),
      onForgotten: (over) => this.#connections.delete(over),
    });
    this.#connections.add(connection);
    return connection;
  }

  #lifeEnded(transport: SimTransport, how: Ending): void {
    this.unlisten(transport);
    if (how === 'powerCut') this.#withoutPower.add(transport.life.machine);
    for (const connection of this.#connections) connection.lifeEnded(transport.life, how);
  }

  #cut(links: readonly Link[]): void {
    for (const link of links) link.cut(this.world.now());
  }

  #oneWay(from: readonly string[], to: readonly string[]): Link[] {
    return from.flatMap((a) => to.filter((b) => b !== a).map((b) => this.link(a, b)));
  }
}
