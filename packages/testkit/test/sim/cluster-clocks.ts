/** What the clocks of a cluster show, for judges who need a time that is the cluster's and not a node's. */
import { memberOf } from '@rkv/core';
import type { Fault } from '@rkv/testkit';
import { citizensOf, type Realm } from './peace.ts';

const CLOCKS_SET_MS = 2_000;

export class ClusterClocks {
  readonly #realm: Realm;
  /** Virtual times at which a clock is set or begins to go right again. */
  readonly #setAt: readonly number[];

  constructor(realm: Realm, faults: readonly Fault[], healedAt: number) {
    this.#realm = realm;
    const ofClocks = faults.filter(({ kind }) => kind.startsWith('clock'));
    this.#setAt = [healedAt, ...ofClocks.map(({ until }) => until)];
  }

  /** What most of them show; undefined within two seconds of one being set, before or after, or when some are out of sight. */
  get agreed(): number | undefined {
    return this.#wereSet() || this.#isMemberAway() ? undefined : this.median;
  }

  get median(): number {
    const clocks = this.#walls();
    return clocks[(clocks.length - 1) >> 1] ?? 0;
  }

  get lowest(): number {
    return this.#walls()[0] ?? 0;
  }

  /** Of those that have a voice: who was put aside has none. The lowest first. */
  #walls(): number[] {
    return citizensOf(this.#realm)
      .filter(({ node }) => memberOf(node.document, node.id)?.status !== 'down')
      .map(({ machine }) => this.#realm.cluster.clock(machine).wall())
      .toSorted((a, b) => a - b);
  }

  /** Nodes hear of that with the next heartbeats. */
  #wereSet(): boolean {
    const now = this.#realm.cluster.world.now();
    return this.#setAt.some((at) => Math.abs(now - at) < CLOCKS_SET_MS);
  }

  /** What its clock shows the others remember, and nobody else knows. */
  #isMemberAway(): boolean {
    const citizens = citizensOf(this.#realm);
    const here = new Set(citizens.map(({ node }) => node.id));
    return citizens.some(({ node }) => node.document.members.some(({ id }) => !here.has(id)));
  }
}
