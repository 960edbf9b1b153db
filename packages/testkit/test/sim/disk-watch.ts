/**
 * What must hold of the disks while a run goes on: looked at whenever one commits, and at every acknowledgement.
 *
 * One stamp of a key is one state, on whatever disk and in whatever capacity: two writes under one stamp, or one that was
 * damaged on its way, show here even if nobody reads the key. A value lies under the key that it was written to, and
 * nowhere if its writer was told that it surely was not written. And a write that is acknowledged lies on w
 * partitions of its key at that very moment, as durable as its level says, and on as many nodes as its list allows - before
 * anybody could repair it.
 */
import {
  latin1Decode,
  partitionOf,
  ringBits,
  SPACE_ENTRY,
  stampHex,
  stampMs,
  type Place,
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
import { COUNTER_PREFIX, isStrict, N, placementOf, W } from './copies.ts';
import type { Acknowledged, History } from './history.ts';
import type { SimNode } from './rkv-cluster.ts';

export interface DiskWatchInit {
  readonly history: History;
  /** Of an entry of a strict key. */
  strictStored(key: string, entry: Uint8Array): string | undefined;
  /** Of rings of these sizes the partitions may be; what is acknowledged is so under one of them. */
  readonly ringSizes: ReadonlySet<number>;
  readonly durability: 'process' | 'power';
  report(problem: string): void;
}

export class DiskWatch {
  readonly #init: DiskWatchInit;
  /** By key and stamp: the digest of the entry, and the machines that have ever stored it. */
  readonly #states = new Map<string, { readonly digest: number; readonly machines: Set<string> }>();

  constructor(init: DiskWatchInit) {
    this.#init = init;
  }

  committed(machine: string, records: readonly StoreRecord[]): void {
    for (const { space, key, value } of records)
      if (space === SPACE_ENTRY && value !== undefined) this.#lies(machine, key, value);
  }

  /** Called as the client hears of it. */
  acknowledged(cluster: SimCluster<SimNode>, write: Acknowledged): void {
    const { key, value, version } = write;
    this.#checkNodes(cluster, write);
    const good = Math.max(
      ...[...this.#init.ringSizes].map((ringSize) => this.#copies(cluster, ringSize, key, version)),
    );
    if (good < W)
      this.#init.report(
        `${key}: ${value ?? 'a delete'} was acknowledged when it lay on ${good} partitions, not on ${W}`,
      );
  }

  /** A hint may have been handed over since it was counted, so whoever has stored it counts as well. */
  #checkNodes(cluster: SimCluster<SimNode>, { key, value, version, placement, through }: Acknowledged): void {
    // The ring has changed meanwhile: who knows under which of the two it was counted.
    if (placement === '') return;
    // A change is counted under the ring of its proposer, which may be another than the asked node has.
    const nodes = cluster.running
      .map((machine) => cluster.node(machine)?.node)
      .filter((node) => node?.ready === true) as SimNode['node'][];
    const asked = nodes.find(({ id }) => id === through);
    const placements = nodes
      .filter(({ document }) => document.clusterId === asked?.document.clusterId)
      .map(({ document }) => placementOf(key, document));
    const owners = [placement, ...placements].map((names) => new Set(names.split(' ')).size);
    const needed = Math.min(W, ...owners);
    const at = placeKey(key);
    const holders = new Set(this.#states.get(key + latin1Decode(bytesOf(version), 0, 16))?.machines);
    for (const machine of cluster.names) {
      const disk = cluster.disk(machine);
      const isHeld = [...this.#init.ringSizes].some((ringSize) =>
        placesOf(at.hashHi, ringSize).some((place) => {
          const entry = disk.survivor('process', SPACE_ENTRY, place, at);
          return entry !== undefined && stampHex(entry, VERSION_AT) >= version;
        }),
      );
      if (isHeld) holders.add(machine);
    }
    if (holders.size < needed)
      this.#init.report(
        `${key}: ${value ?? 'a delete'} was acknowledged when it lay on ${holders.size} nodes, not on ${needed}`,
      );
  }

  #copies(cluster: SimCluster<SimNode>, ringSize: number, key: string, version: string): number {
    const { durability } = this.#init;
    const at = placeKey(key);
    let good = 0;
    for (const place of placesOf(at.hashHi, ringSize)) {
      const lies = cluster.names.some((machine) => {
        const entry = cluster.disk(machine).survivor(durability, SPACE_ENTRY, place, at);
        return entry !== undefined && stampHex(entry, VERSION_AT) >= version;
      });
      if (lies) good++;
    }
    return good;
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

/** Where the copies of a key lie on a ring of this size. */
function placesOf(hashHi: number, ringSize: number): Place[] {
  const bits = ringBits(ringSize);
  const first = partitionOf(hashHi, bits);
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
