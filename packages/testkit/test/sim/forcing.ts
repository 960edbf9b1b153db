/**
 * An operator who does not wait out a cut: at the smaller side he has those who are left go on without the others, and
 * after the cut he looks after the nodes that are in no ring any more (docs/operations.md, "A node that comes back").
 *
 * He forces at one node only, and not again once it may have happened: two minorities that force are another story.
 * Of a stranded disk he removes what binds it to the ring that was undone and starts it as a lone node with all its data; or, when all
 * the others are at peace and have what must not be lost, he empties it.
 */
import { votersOf, type NodeId, type Prng, type RequestResult } from '@rkv/core';
import type { SimCluster, World } from '@rkv/testkit';
import { citizensOf, type Realm } from './peace.ts';
import type { SimNode } from './rkv-cluster.ts';

export interface ForcingInit {
  readonly world: World;
  readonly cluster: SimCluster<SimNode>;
  readonly realm: Realm;
  readonly dice: Prng;
  /** Ask a node to call these down by force. Not answered when the node dies. */
  force(door: SimNode, nodes: readonly NodeId[], then: (result: RequestResult) => void): void;
  /** Whether everything is elsewhere that the disk of a stranded node must not take with it. */
  mayEmpty(): boolean;
  onEmptied(): void;
  /** The documents are gone: whoever starts there has the identity and the data, and no ring. */
  onFreed(id: NodeId): void;
  /** It is to run again. */
  start(machine: string): void;
  note(line: string): void;
}

const LOOK_EVERY_MS = 500;
/** An operator who was refused tries again so often. */
const TRIES_MAX = 24;
const EMPTIED_SHARE = 0.5;
/** Looks that a disk to be emptied is waited for before it is brought home after all. */
const PATIENCE = 40;
/** Until nobody takes it for its last life any more. */
const BEFORE_FREED_MS = 5_000;

export class Forcing {
  readonly #init: ForcingInit;
  readonly #stranded = new Set<string>();
  #isTrying = false;

  constructor(init: ForcingInit) {
    this.#init = init;
  }

  /** Machines whose node is in no ring, and that are not started again yet. */
  get stranded(): readonly string[] {
    return [...this.#stranded];
  }

  /** Two sides are cut off from each other; machines. */
  goOn(sides: readonly [readonly string[], readonly string[]]): void {
    const document = citizensOf(this.#init.realm)[0]?.node.document;
    if (document === undefined || this.#isTrying) return;
    const votes = (side: readonly string[]): number =>
      votersOf(document).filter(({ id }) => this.#machinesOf(side).has(id)).length;
    const [few] = votes(sides[0]) <= votes(sides[1]) ? sides : [sides[1]];
    this.#try(few, TRIES_MAX);
  }

  #try(few: readonly string[], triesLeft: number): void {
    const { world } = this.#init;
    this.#isTrying = triesLeft > 0;
    if (this.#isTrying) world.schedule(LOOK_EVERY_MS, () => this.#look(few, triesLeft), 'operator');
  }

  #look(few: readonly string[], triesLeft: number): void {
    const { realm, dice } = this.#init;
    const again = (): void => this.#try(few, triesLeft - 1);
    const doors = citizensOf(realm).filter(({ machine }) => few.includes(machine));
    if (doors.length === 0) return again();
    const door = dice.pick(doors);
    const away = votersOf(door.node.document).filter(({ id }) => !door.node.isUp(id));
    const isCutOff = votersOf(door.node.document).every(
      ({ id }) => this.#machinesOf(few).has(id) || !door.node.isUp(id),
    );
    if (away.length === 0 || !isCutOff) return again();
    this.#isTrying = false;
    this.#init.force(
      door,
      away.map(({ id }) => id),
      ({ kind }) => {
        if (kind === 'refused') again();
      },
    );
  }

  /** The nodes that run on these machines. */
  #machinesOf(machines: readonly string[]): Set<NodeId> {
    const { cluster } = this.#init;
    return new Set(machines.flatMap((machine) => cluster.node(machine)?.node.id ?? []));
  }

  /** Its process ends, and says why. */
  strand({ machine, node }: SimNode): void {
    const { world, cluster, dice, note } = this.#init;
    if (this.#stranded.has(machine)) return;
    note(`${machine} is in no ring any more and holds data`);
    world.toll.count('node stranded');
    this.#stranded.add(machine);
    world.schedule(0, () => cluster.stop(machine), 'operator');
    const whenDown = (then: () => void): void => {
      if (cluster.node(machine) === undefined) then();
      else world.schedule(LOOK_EVERY_MS, () => whenDown(then), 'operator');
    };
    const isEmptied = dice.chance(EMPTIED_SHARE);
    whenDown(() => (isEmptied ? this.#empty(machine, node.id, PATIENCE) : this.#bringHome(machine, node.id)));
  }

  #empty(machine: string, id: NodeId, patience: number): void {
    const { world, cluster, mayEmpty, onEmptied, note } = this.#init;
    if (patience === 0) return this.#bringHome(machine, id);
    if (!mayEmpty())
      return void world.schedule(LOOK_EVERY_MS, () => this.#empty(machine, id, patience - 1), 'operator');
    note(`the disk of ${machine} is emptied`);
    world.toll.count('stranded disk emptied');
    cluster.loseDisk(machine, 'everything');
    onEmptied();
    this.#startAgain(machine);
  }

  #bringHome(machine: string, id: NodeId): void {
    const { world, cluster, onFreed, note } = this.#init;
    const free = (): void => {
      note(`${machine} is started as a lone node with what it holds`);
      cluster.disk(machine).removeDocuments('ring', 'agreement', 'plan', 'prospect');
      onFreed(id);
      this.#startAgain(machine);
    };
    world.schedule(BEFORE_FREED_MS, free, 'operator');
  }

  #startAgain(machine: string): void {
    this.#stranded.delete(machine);
    this.#init.start(machine);
  }
}
