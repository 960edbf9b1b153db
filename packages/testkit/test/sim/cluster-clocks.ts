/** What the clocks of a cluster show, for judges who need a time that is the cluster's and not a node's. */
import { votersOf, type Member, type RingDocument } from '@rkv/core';
import type { Fault } from '@rkv/testkit';
import { citizensOf, type Realm } from './peace.ts';

/** Until everybody has heard what the clocks show. */
const TOLD_WITHIN_MS = 2_000;

export class ClusterClocks {
  readonly #realm: Realm;
  /** Virtual times at which a clock is set, begins to go wrong, or is right again. */
  readonly #setAt: readonly number[];
  /** Whose clocks counted at the last look, and since when it has been just these. */
  #voters = '';
  #votersSince = 0;

  constructor(realm: Realm, faults: readonly Fault[], healedAt: number) {
    this.#realm = realm;
    const ofClocks = faults.filter(({ kind }) => kind.startsWith('clock'));
    this.#setAt = [healedAt, ...ofClocks.flatMap(({ at, until }) => [at, until])];
  }

  /** To be called often: who is there. */
  look(): void {
    const voters = this.#votersNow();
    if (voters === this.#voters) return;
    this.#voters = voters;
    this.#votersSince = this.#realm.cluster.world.now();
  }

  /**
   * What most of them show; undefined within two seconds of one being set, before or after, or of a member coming or going,
   * or when some are out of sight.
   */
  get agreed(): number | undefined {
    return this.#wereSet() || this.#haveChanged() || this.#isMemberAway() ? undefined : this.median;
  }

  get median(): number {
    const clocks = this.#wallsOf(votersOf);
    return clocks[(clocks.length - 1) >> 1] ?? 0;
  }

  /** Of all that are not put aside: a sweep waits for one that has not entered yet, too. */
  get lowest(): number {
    return this.#wallsOf(({ members }) => members.filter(({ status }) => status !== 'down'))[0] ?? 0;
  }

  /** What the clocks of these members show, each judged by its own ring; the lowest first. */
  #wallsOf(among: (document: RingDocument) => readonly Member[]): number[] {
    return citizensOf(this.#realm)
      .filter(({ node }) => among(node.document).some(({ id }) => id === node.id))
      .map(({ machine }) => this.#realm.cluster.clock(machine).wall())
      .toSorted((a, b) => a - b);
  }

  /** By each document: members hear of a ring one after the other. */
  #votersNow(): string {
    return citizensOf(this.#realm)
      .flatMap(({ node }) => [node.id, ...votersOf(node.document).map(({ id }) => id)])
      .join();
  }

  /** What a newcomer's clock shows comes with its first heartbeat; that of one who has gone is forgotten with the next ring. */
  #haveChanged(): boolean {
    const sinceMs = this.#realm.cluster.world.now() - this.#votersSince;
    return sinceMs < TOLD_WITHIN_MS || this.#votersNow() !== this.#voters;
  }

  /** Nodes hear of that with the next heartbeats. */
  #wereSet(): boolean {
    const now = this.#realm.cluster.world.now();
    return this.#setAt.some((at) => Math.abs(now - at) < TOLD_WITHIN_MS);
  }

  /** What its clock shows the others remember, and nobody else knows. */
  #isMemberAway(): boolean {
    const citizens = citizensOf(this.#realm);
    const here = new Set(citizens.map(({ node }) => node.id));
    return citizens.some(({ node }) => node.document.members.some(({ id }) => !here.has(id)));
  }
}
