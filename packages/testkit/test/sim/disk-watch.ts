/**
 * What must hold of the disks while a run goes on: looked at whenever one commits, and at every acknowledgement.
 *
 * One stamp of a key is one state, on whatever disk and in whatever capacity: two writes under one stamp, or one that was
 * damaged on its way, show here even if nobody reads the key. A value lies under the key that it was written to, and
 * nowhere if its writer was told that it surely was not written. And a write that is acknowledged lies on w
 * partitions of its key at that very moment, as durable as its level says - before anybody could repair it.
 */
import { latin1Decode, partitionOf, ringBits, SPACE_ENTRY, stampHex, type StoreRecord } from '@rkv/core';
import { payloadStart, placeKey, STRING, typeOf, VERSION_AT } from '@rkv/store';
import { digestBytes, type SimCluster } from '@rkv/testkit';
import { N, W } from './copies.ts';
import type { History, Write } from './history.ts';
import type { SimNode } from './rkv-cluster.ts';

export interface DiskWatchInit {
  readonly history: History;
  /** Of rings of these sizes the partitions may be; what is acknowledged is so under one of them. */
  readonly ringSizes: ReadonlySet<number>;
  readonly durability: 'process' | 'power';
  report(problem: string): void;
}

export class DiskWatch {
  readonly #init: DiskWatchInit;
  /** Digest of the entry by its key and stamp. */
  readonly #states = new Map<string, number>();

  constructor(init: DiskWatchInit) {
    this.#init = init;
  }

  committed(machine: string, records: readonly StoreRecord[]): void {
    for (const { space, key, value } of records)
      if (space === SPACE_ENTRY && value !== undefined) this.#lies(machine, key, value);
  }

  /** Called as the client hears of it. */
  acknowledged(cluster: SimCluster<SimNode>, { key, value, version }: Write): void {
    const good = Math.max(
      ...[...this.#init.ringSizes].map((ringSize) => this.#copies(cluster, ringSize, key, version)),
    );
    if (good < W)
      this.#init.report(
        `${key}: ${value ?? 'a delete'} was acknowledged when it lay on ${good} partitions, not on ${W}`,
      );
  }

  #copies(cluster: SimCluster<SimNode>, ringSize: number, key: string, version: string): number {
    const { durability } = this.#init;
    const at = placeKey(key);
    const first = partitionOf(at.hashHi, ringBits(ringSize));
    let good = 0;
    for (let i = 0; i < N; i++) {
      const place = { ringBits: ringBits(ringSize), partition: ((first + i) % ringSize) as typeof first };
      const lies = cluster.names.some((machine) => {
        const entry = cluster.disk(machine).survivor(durability, SPACE_ENTRY, place, at);
        return entry !== undefined && stampHex(entry, VERSION_AT) >= version;
      });
      if (lies) good++;
    }
    return good;
  }

  #lies(machine: string, key: string, entry: Uint8Array): void {
    const { history, report } = this.#init;
    const name = key + latin1Decode(entry, VERSION_AT, VERSION_AT + 16);
    const digest = digestBytes(entry);
    const known = this.#states.get(name);
    if (known === digest) return;
    if (known !== undefined)
      return report(`${key}: ${machine} holds another state under the stamp ${stampHex(entry, VERSION_AT)}`);
    this.#states.set(name, digest);
    if (typeOf(entry) !== STRING) return;
    const problem = history.stored(key, latin1Decode(entry, payloadStart(entry), entry.length));
    if (problem !== undefined) report(`on the disk of ${machine}, ${problem}`);
  }
}
