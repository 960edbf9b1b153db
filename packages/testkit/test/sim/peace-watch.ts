/**
 * Stretches of peace: looked for all the time, without doing anything to the cluster.
 *
 * One lasts from a look that finds everything at rest (peace.ts) until the first look that does not. What judges say about a
 * cluster at peace they say about one stretch, by its number: whatever began in one and ended in another saw a disturbance.
 */
import type { NodeId } from '@rkv/core';
import type { Fault, World } from '@rkv/testkit';
import type { Operator } from './operator.ts';
import { citizensOf, readyNodes, unrest, type Realm } from './peace.ts';
import type { Schism } from './schism.ts';

export const LOOK_EVERY_MS = 100;

export interface PeaceWatchInit {
  readonly world: World;
  readonly realm: Realm;
  readonly machines: readonly string[];
  readonly faults: readonly Fault[];
  readonly schism: Schism;
  readonly operator: Pick<Operator, 'wants' | 'stranded'>;
}

export class PeaceWatch {
  readonly #init: PeaceWatchInit;
  /** So far; the last one lasts while `#since` is set. */
  #stretches = 0;
  #since: number | undefined;
  /** Nodes that were in no ring, have begun anew with what they hold, and have not come home since. */
  readonly #awaited = new Set<NodeId>();

  constructor(init: PeaceWatchInit) {
    this.#init = init;
  }

  /** The number of the stretch that lasts now, or 0. */
  get stretch(): number {
    return this.#since === undefined ? 0 : this.#stretches;
  }

  /** For how long it has lasted by now. */
  get lastedMs(): number {
    return this.#since === undefined ? 0 : this.#init.world.now() - this.#since;
  }

  /** Something is done to the cluster that ends it. */
  end(): void {
    this.#since = undefined;
  }

  /** A node that was in no ring begins anew with what it holds: until it is a member again, the others may lack that. */
  awaits(id: NodeId): void {
    this.#awaited.add(id);
  }

  /** Look once: begins or ends a stretch. Whether there is peace now. */
  look(): boolean {
    this.#welcome();
    if (this.#isBroken() || this.#isLone() || this.restless() !== undefined) {
      this.#since = undefined;
      return false;
    }
    if (this.#since === undefined) {
      this.#since = this.#init.world.now();
      this.#stretches++;
    }
    return true;
  }

  /** Why it is not, or undefined when it is. Whoever is out of sight may hold what all of it lacks. */
  restless(): string | undefined {
    const { realm, schism, operator, machines } = this.#init;
    const { epoch } = schism;
    const late = citizensOf(realm).find(({ node }) => node.document.epoch < (epoch ?? 0));
    if (late !== undefined)
      return `${late.machine} goes by epoch ${late.node.document.epoch}, which a forced ring has undone`;
    const why = unrest(realm);
    if (why !== undefined || !schism.isOpen) return why;
    const { stranded } = operator;
    if (stranded.length > 0) return `${stranded.join(', ')} in no ring`;
    if (this.#awaited.size > 0) return `${[...this.#awaited].join(', ')} not home`;
    const running = new Set(readyNodes(realm).map(({ machine }) => machine));
    const down = machines.find((machine) => operator.wants(machine) && !running.has(machine));
    return down === undefined ? undefined : `${down} is down, and the ring was forced`;
  }

  /** Who is a member again brings what it holds from now on: partitions are pending until it has. */
  #welcome(): void {
    const members = citizensOf(this.#init.realm)[0]?.node.document.members ?? [];
    for (const { id, status } of members) if (status !== 'joining') this.#awaited.delete(id);
  }

  /**
   * A node alone settles nothing: whoever joins it brings what it wrote by itself, and until that is handed over it may be
   * all that there is to read when the first one dies.
   */
  #isLone(): boolean {
    return (citizensOf(this.#init.realm)[0]?.node.document.members.length ?? 0) < 2;
  }

  /** Whether anything was broken since the last look. */
  #isBroken(): boolean {
    const now = this.#init.world.now();
    return this.#init.faults.some(({ at, until }) => at <= now && until >= now - LOOK_EVERY_MS);
  }
}
