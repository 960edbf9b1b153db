/**
 * What must hold of the disks while a run goes on: looked at whenever one commits, and at every acknowledgement.
 *
 * One stamp of a key is one state, on whatever disk and in whatever capacity: two writes under one stamp, or one that was
 * damaged on its way, show here even if nobody reads the key. A value lies under the key that it was written to, and
 * nowhere if its writer was told that it surely was not written. And a write that is acknowledged lies at w
 * positions of its key's list at that very moment, as durable as its level says, and on as many nodes as its list allows; with pw
 * on so many of those that own them by the ring of whoever counted - before anybody could repair it (levels.ts).
 */
import {
  latin1Decode,
  partitionOf,
  ringBits,
  SPACE_ENTRY,
  stampHex,
  stampMs,
  type NodeId,
  type Place,
  type RingDocument,
  type StoreRecord,
} from '@rkv/core';
import {
  payloadStart,
  placeKey,
  STATE_AT,
  STATE_END,
  STRING,
  sumHi,
  sumLo,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
} from '@rkv/store';
import { digestBytes, type SimCluster } from '@rkv/testkit';
import { COUNTER_PREFIX, isStrict, N, placementOf, primariesOfKey } from './copies.ts';
import type { Acknowledged, History } from './history.ts';
import { USUAL } from './levels.ts';
import type { SimNode } from './rkv-cluster.ts';

type Durability = 'process' | 'power';

export interface DiskWatchInit {
  readonly history: History;
  /** Of an entry of a strict key. */
  strictStored(key: string, entry: Uint8Array): string | undefined;
  /** Sizes that a ring has had: a copy may lie under any of them. */
  readonly ringSizes: ReadonlySet<number>;
  readonly durability: Durability;
  report(problem: string): void;
}

export class DiskWatch {
  readonly #init: DiskWatchInit;
  /** By key and stamp: the digest of the entry, and the machines that have ever stored it. */
  readonly #states = new Map<string, { readonly digest: number; readonly machines: Set<string> }>();
  /** Where each node runs, or ran. */
  readonly #machineOf = new Map<NodeId, string>();

  constructor(init: DiskWatchInit) {
    this.#init = init;
  }

  committed(machine: string, records: readonly StoreRecord[]): void {
    for (const { space, key, value } of records)
      if (space === SPACE_ENTRY && value !== undefined) this.#lies(machine, key, value);
  }

  runs({ node, machine }: SimNode): void {
    this.#machineOf.set(node.id, machine);
  }

  /** Called as the client hears of it. */
  acknowledged(cluster: SimCluster<SimNode>, write: Acknowledged): void {
    const { copies, isFlushed } = write.promised ?? USUAL;
    const durability = isFlushed ? 'power' : this.#init.durability;
    const good = this.#positionsHolding(cluster, write, durability);
    if (good < copies) this.#reportTooFew(write, `${good} partitions, not on ${copies}`);
    // The ring has changed meanwhile: who knows under which of the two it was counted.
    if (write.placement === '') return;
    this.#checkNodes(cluster, write);
    this.#checkPrimaries(cluster, write);
  }

  #reportTooFew({ key, value }: Acknowledged, where: string): void {
    this.#init.report(`${key}: ${value ?? 'a delete'} was acknowledged when it lay on ${where}`);
  }

  /** A hint may have been handed over since it was counted, so whoever has stored it counts as well. */
  #checkNodes(cluster: SimCluster<SimNode>, write: Acknowledged): void {
    const { key, version, placement } = write;
    const { copies } = write.promised ?? USUAL;
    const placements = ringsOf(cluster, write).map((ring) => placementOf(key, ring));
    const owners = [placement, ...placements].map((names) => new Set(names.split(' ')).size);
    const needed = Math.min(copies, ...owners);
    const holders = this.#everStored(key, version);
    for (const machine of cluster.names) {
      const isHeld = [...this.#init.ringSizes].some((ringSize) =>
        placesOf(key, ringSize).some((place) => liesAt(cluster, machine, place, write, 'process')),
      );
      if (isHeld) holders.add(machine);
    }
    if (holders.size < needed) this.#reportTooFew(write, `${holders.size} nodes, not on ${needed}`);
  }

  /** What lay there may have been handed over since it was counted. */
  #checkPrimaries(cluster: SimCluster<SimNode>, write: Acknowledged): void {
    const { primaries } = write.promised ?? USUAL;
    if (primaries === 0) return;
    const { key, version } = write;
    const stored = this.#everStored(key, version);
    const good = ringsOf(cluster, write).map((ring) => {
      const bits = ringBits(ring.ringSize);
      const holders = primariesOfKey(key, ring).filter(({ node, partition }) => {
        const machine = this.#machineOf.get(node);
        if (machine === undefined) return false;
        return (
          stored.has(machine) || liesAt(cluster, machine, { ringBits: bits, partition }, write, 'process')
        );
      });
      return holders.length;
    });
    const most = Math.max(...good);
    if (most < primaries) this.#reportTooFew(write, `${most} of its primaries, not on ${primaries}`);
  }

  /** The machines that have. */
  #everStored(key: string, version: string): Set<string> {
    return new Set(this.#states.get(key + latin1Decode(bytesOf(version), 0, 16))?.machines);
  }

  /**
   * At how many positions of the key's list it lies. Each has a place in a ring of each size, and a resize copies from the one
   * to the other (decision 0009), so either counts.
   */
  #positionsHolding(cluster: SimCluster<SimNode>, write: Acknowledged, durability: Durability): number {
    const lists = [...this.#init.ringSizes].map((ringSize) => placesOf(write.key, ringSize));
    const isAt = (place: Place | undefined): boolean =>
      place !== undefined &&
      cluster.names.some((machine) => liesAt(cluster, machine, place, write, durability));
    return Array.from({ length: N }, (_, at) => at).filter((at) => lists.some((places) => isAt(places[at])))
      .length;
  }

  #lies(machine: string, key: string, entry: Uint8Array): void {
    const { history, strictStored, report } = this.#init;
    // Somebody was promised something, and nothing was accepted yet.
    if (stampMs(entry, VERSION_AT) === 0) return;
    // What an expired entry was swept into is its state in another form.
    if (typeOf(entry) === TOMBSTONE && (sumHi(entry) !== 0 || sumLo(entry) !== 0)) return;
    const name = key + latin1Decode(entry, VERSION_AT, VERSION_AT + 16);
    // Under one ballot one state is accepted; what is promised goes on.
    const digest = digestBytes(isStrict(key) ? entry.subarray(STATE_AT, STATE_END) : entry);
    const known = this.#states.get(name);
    if (known?.digest === digest) {
      known.machines.add(machine);
      return;
    }
    if (known !== undefined)
      return report(`${key}: ${machine} holds another state under the stamp ${stampHex(entry, VERSION_AT)}`);
    this.#states.set(name, { digest, machines: new Set([machine]) });
    if (typeOf(entry) !== STRING || key.startsWith(COUNTER_PREFIX)) return;
    const problem = isStrict(key)
      ? strictStored(key, entry)
      : history.stored(key, latin1Decode(entry, payloadStart(entry), entry.length));
    if (problem !== undefined) report(`on the disk of ${machine}, ${problem}`);
  }
}

/**
 * Under which it may have been counted: the rings that the nodes of its cluster have. A change is counted under that of its
 * proposer, which may be another than the asked node has.
 */
function ringsOf(cluster: SimCluster<SimNode>, { through }: Acknowledged): RingDocument[] {
  const nodes = cluster.running
    .map((machine) => cluster.node(machine)?.node)
    .filter((node) => node?.ready === true) as SimNode['node'][];
  const asked = nodes.find(({ id }) => id === through);
  return nodes
    .map(({ document }) => document)
    .filter(({ clusterId }) => clusterId === asked?.document.clusterId);
}

/** This write, or a later one, as durable as that. */
function liesAt(
  cluster: SimCluster<SimNode>,
  machine: string,
  place: Place,
  { key, version }: Acknowledged,
  durability: Durability,
): boolean {
  const entry = cluster.disk(machine).survivor(durability, SPACE_ENTRY, place, placeKey(key));
  return entry !== undefined && stampHex(entry, VERSION_AT) >= version;
}

/** Where the copies of a key lie on a ring of this size. */
function placesOf(key: string, ringSize: number): Place[] {
  const bits = ringBits(ringSize);
  const first = partitionOf(placeKey(key).hashHi, bits);
  return Array.from({ length: N }, (_, i) => ({
    ringBits: bits,
    partition: ((first + i) % ringSize) as typeof first,
  }));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
