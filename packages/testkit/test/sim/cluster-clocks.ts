/** What the clocks of a cluster show, for judges who need a time that is the cluster's and not a node's. */
import { memberOf, type Member, type NodeId, type RingDocument } from '@rkv/core';
import type { Fault } from '@rkv/testkit';
import { citizensOf, type Realm } from './peace.ts';

/** Until everybody has heard what the clocks show. */
const TOLD_WITHIN_MS = 2_000;

export class ClusterClocks {
  readonly #realm: Realm;
  /** Virtual times at which a clock is set or begins to go right again. */
  readonly #setAt: readonly number[];
  /** Whose clocks counted at the last look, and since when it has been just these. */
  #voices = '';
  #voicesSince = 0;

  constructor(realm: Realm, faults: readonly Fault[], healedAt: number) {
    this.#realm = realm;
    const ofClocks = faults.filter(({ kind }) => kind.startsWith('clock'));
    this.#setAt = [healedAt, ...ofClocks.map(({ until }) => until)];
  }

  /** To be called often: who is there. */
  look(): void {
    const voices = this.#voicesNow();
    if (voices === this.#voices) return;
    this.#voices = voices;
    this.#voicesSince = this.#realm.cluster.world.now();
  }

  /**
   * What most of them show; undefined within two seconds of one being set, before or after, or of a member coming or going,
   * or when some are out of sight.
   */
  get agreed(): number | undefined {
    return this.#wereSet() || this.#haveChanged() || this.#isMemberAway() ? undefined : this.median;
  }

  get median(): number {
    const clocks = this.#wallsOf(hasVoice);
    return clocks[(clocks.length - 1) >> 1] ?? 0;
  }

  /** Of all that are not put aside: a sweep waits for one that has not entered yet, too. */
  get lowest(): number {
    return this.#wallsOf(({ status }) => status !== 'down')[0] ?? 0;
  }

  /** What the clocks of these members show, each judged by its own ring; the lowest first. */
  #wallsOf(counts: (member: Member) => boolean): number[] {
    return citizensOf(this.#realm)
      .filter(({ node }) => {
        const member = memberOf(node.document, node.id);
        return member !== undefined && counts(member);
      })
      .map(({ machine }) => this.#realm.cluster.clock(machine).wall())
      .toSorted((a, b) => a - b);
  }

  /** By each document: members hear of a ring one after the other. */
  #voicesNow(): string {
    return citizensOf(this.#realm)
      .flatMap(({ node }) => [node.id, ...voicesOf(node.document)])
      .join();
  }

  /** What a newcomer's clock shows comes with its first heartbeat; that of one who has gone is forgotten with the next ring. */
  #haveChanged(): boolean {
    const sinceMs = this.#realm.cluster.world.now() - this.#voicesSince;
    return sinceMs < TOLD_WITHIN_MS || this.#voicesNow() !== this.#voices;
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

function voicesOf({ members }: RingDocument): NodeId[] {
  return members.filter(hasVoice).map(({ id }) => id);
}

/** Neither put aside, nor let in without having entered. */
function hasVoice({ status }: Member): boolean {
  return status !== 'joining' && status !== 'down';
}
