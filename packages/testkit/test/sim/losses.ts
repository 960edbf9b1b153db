/**
 * Disks that are lost for good, and what may be lost at all: nothing that would be missed.
 *
 * Copies are on three nodes, so one disk at a time, of a cluster that has been at peace for long enough that no write which
 * began before is on its way; and only when nothing lies on this disk alone.
 */
import type { NodeId, RingDocument } from '@rkv/core';
import { copiesOf } from './copies.ts';
import type { Acknowledged, History } from './history.ts';
import type { Latest } from './latest.ts';
import type { PeaceWatch } from './peace-watch.ts';
import { citizensOf, readyNodes, type Realm } from './peace.ts';
import type { SimNode } from './rkv-cluster.ts';

/** By then no write is under way that began before. */
const PEACE_BEFORE_LOSS_MS = 1_500;
/** A store is healed from two others; a member lost for good leaves a majority even when another is away. */
const MEMBERS_BEFORE_LOSS_MIN = { store: 3, everything: 4 } as const;

export type Loss = keyof typeof MEMBERS_BEFORE_LOSS_MIN;

export interface LossesInit {
  readonly realm: Realm;
  /** Of `realm`: members whose disk is gone for good. Kept here. */
  readonly lost: Set<NodeId>;
  readonly peace: PeaceWatch;
  readonly history: History;
  readonly latest: readonly Latest[];
}

export class Losses {
  readonly #init: LossesInit;
  /** Nodes that left in good order. */
  readonly #left = new Set<NodeId>();
  stores = 0;
  disks = 0;
  /** Virtual milliseconds; -1: never. */
  lastAt = -1;

  constructor(init: LossesInit) {
    this.#init = init;
  }

  mayLose(machine: string, loss: Loss): boolean {
    const { realm, lost, peace } = this.#init;
    if (peace.stretch === 0 || peace.lastedMs < PEACE_BEFORE_LOSS_MS) return false;
    if (lost.size > 0 || peace.restless() !== undefined) return false;
    const citizens = citizensOf(realm);
    const victim = citizens.find((citizen) => citizen.machine === machine);
    if (victim === undefined || citizens.length < readyNodes(realm).length) return false;
    return (
      victim.node.document.members.length >= MEMBERS_BEFORE_LOSS_MIN[loss] &&
      !this.#isAloneWithSomething(victim)
    );
  }

  lose(machine: string, loss: Loss): void {
    const { realm, lost, peace } = this.#init;
    const { cluster } = realm;
    const gone = cluster.node(machine)?.node.id as NodeId;
    peace.end();
    this.lastAt = cluster.world.now();
    cluster.loseDisk(machine, loss);
    if (loss === 'store') this.stores++;
    else {
      this.disks++;
      lost.add(gone);
    }
  }

  left(id: NodeId): void {
    this.#left.add(id);
  }

  /** Of members that were lost only those are waited for that the latest ring still has. */
  follow({ members }: RingDocument): void {
    const { lost } = this.#init;
    // It has handed over what it had and gone, under a ring that was undone.
    for (const { id } of members) if (this.#left.has(id)) lost.add(id);
    for (const id of lost) if (!members.some((member) => member.id === id)) lost.delete(id);
  }

  /**
   * Whether it is the only node with some acknowledged write. That may be so, rightly: the write was made when all its
   * primaries were on one node - in a lone ring, or in one of those that a ring passes through while partitions move -
   * and nothing but anti-entropy would copy it to another since.
   */
  #isAloneWithSomething({ node }: SimNode): boolean {
    const { realm, history, latest } = this.#init;
    const isAloneWith = (key: string, last: Acknowledged | undefined): boolean =>
      last !== undefined &&
      !copiesOf(realm, key, node.document).some(
        ({ replica, version }) => replica.node !== node.id && version >= last.version,
      );
    return (
      history.keys.some((key) => isAloneWith(key, history.settledOf(key))) ||
      latest.some((kind) => kind.keys.some((key) => isAloneWith(key, kind.neededOf(key))))
    );
  }
}
