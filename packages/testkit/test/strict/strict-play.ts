/**
 * Strict keys under faults: clients read, write, delete, compare and set, and count, at any node, while machines die, links
 * are cut, clocks jump, disks fail, and nodes join and leave. What the clients were told must be linearizable, key by key.
 *
 * Everything is drawn from the seed. At the end all is healed, every key is read once more, and each must answer.
 */
import { Prng } from '@rkv/core';
import {
  checkLinearizable,
  describeFaults,
  drawFaults,
  FAULT_KINDS,
  History,
  unleash,
  type Fault,
  type FaultKind,
  type LinearizableVerdict,
  type Outcome,
} from '@rkv/testkit';
import { KvCluster, type Citizen, type KvPlant } from '../kv/kv-cluster.ts';
import { StrictOperations, type StrictOperation, type Told } from './strict-operations.ts';

export interface StrictPlayInit {
  readonly seed: number;
  /** How long clients are at it, ms. */
  readonly lastsMs?: number;
  readonly kinds?: readonly FaultKind[];
  /** A node is let in meanwhile. Left out: as the seed says. */
  readonly late?: boolean;
  /** Faults of its own in the place of those that the seed draws. */
  readonly nemesis?: (scene: Scene) => readonly Fault[];
  readonly plant?: KvPlant | undefined;
}

/** What a nemesis sees of a play that begins. */
export interface Scene {
  readonly cluster: KvCluster;
  readonly dice: Prng;
  readonly founders: readonly string[];
  /** Let in some time later, if there is one. */
  readonly late: readonly string[];
  readonly keys: readonly string[];
  readonly fromMs: number;
  /** Something is asked of this key through this node. */
  readonly ask: (node: string, key: string) => void;
}

export interface StrictResult {
  readonly verdict: LinearizableVerdict;
  readonly history: History;
  readonly faults: readonly Fault[];
  /** Operations that were answered. */
  readonly answered: number;
  /** How many nodes joined and left. */
  readonly ringChanges: number;
  /** What did not come to its end after all was healed. */
  readonly stuck: readonly string[];
}

const REGISTERS = ['r0', 'r1', 'r2', 'r3'];
const COUNTERS = ['c0', 'c1'];
const KEYS = [...REGISTERS, ...COUNTERS];
const CLIENTS = 5;
const QUIET_MS = 60_000;

export function playStrict(init: StrictPlayInit): StrictResult {
  const { seed, lastsMs = 20_000, kinds, nemesis, plant } = init;
  const dice = new Prng(seed);
  const founders = ['n1', 'n2', 'n3', 'n4', 'n5'].slice(0, dice.between(3, 5));
  const late = (init.late ?? dice.chance(0.6)) ? ['late'] : [];
  const cluster = new KvCluster({
    seed,
    level: 'strict',
    ringSize: dice.pick([8, 16, 32]),
    durability: dice.pick(['process', 'power']),
    plant,
  });
  cluster.form(...(founders as [string, ...string[]]));
  if (late.length > 0) cluster.start('late');
  const { world, machines } = cluster;
  const names = [...founders, ...late];
  const begin = world.now();
  const gapMs = dice.pick([300, 1_000, 3_000]);
  const askOf = (node: string, key: string): void =>
    ask('nemesis', node, operations.drawFor(key, `nemesis.${history.count}`));
  const faults =
    nemesis?.({ cluster, dice: new Prng(seed + 1), founders, late, keys: KEYS, fromMs: begin, ask: askOf }) ??
    drawFaults(new Prng(seed + 1), {
      nodes: names,
      fromMs: begin + 500,
      untilMs: begin + lastsMs,
      gapMs,
      kinds: kinds ?? FAULT_KINDS,
    });
  unleash(machines, faults);

  const history = new History({ now: () => world.now() });
  /** Operations under way, and the life of the node that was asked: one that has ended answers no more. */
  const open = new Map<object, { readonly node: string; readonly life: Citizen | undefined }>();
  let answered = 0;
  let clientsEnd = false;
  const operations = new StrictOperations(dice, { registers: REGISTERS, counters: COUNTERS });
  const { clusterId } = cluster.node('n1').document;
  /** A node that has not been let in yet is a cluster of its own. */
  const kvOf = (name: string) => {
    const citizen = machines.node(name);
    return citizen?.kv !== undefined && citizen.node.document.clusterId === clusterId
      ? citizen.kv
      : undefined;
  };
  const ask = (
    client: string,
    node: string,
    { key, kind, input, ask: send }: StrictOperation,
    then: (outcome: Outcome) => void = () => {},
  ): void => {
    const operation = history.begin({ client, node, key, kind, ...(input !== undefined && { input }) });
    open.set(operation, { node, life: machines.node(node) });
    const told: Told = (outcome, answer) => {
      open.delete(operation);
      if (outcome === 'ok') {
        answered++;
        history.ok(operation, answer);
      } else history[outcome](operation);
      then(outcome);
    };
    const kv = kvOf(node);
    if (kv === undefined) told('failed');
    else send(kv, told);
  };

  const act = (client: string): void => {
    if (clientsEnd) return;
    const node = dice.pick(names);
    ask(client, node, operations.draw(`${client}.${history.count}`));
    world.schedule(dice.between(5, 120), () => act(client), 'client');
  };
  for (let i = 1; i <= CLIENTS; i++) world.schedule(dice.below(100), () => act(`client${i}`), 'client');

  const operator = new Operator(cluster, founders, late, dice);
  operator.begin(lastsMs);
  world.runFor(lastsMs);
  clientsEnd = true;
  cluster.machines.heal();
  for (const name of machines.names) if (!operator.hasGone(name)) machines.restart(name);

  const stuck: string[] = [];
  const owed = (): number =>
    [...open.values()].filter(({ node, life }) => machines.node(node) === life).length;
  if (!world.runUntilHolds(() => owed() === 0, QUIET_MS))
    stuck.push(`${owed()} operations were never answered`);
  for (const key of KEYS) {
    let last: Outcome | undefined;
    const again = (): void =>
      ask('last', dice.pick(founders), operations.readOf(key), (outcome) => (last = outcome));
    for (let tries = 0; tries < 60 && last !== 'ok'; tries++) {
      last = undefined;
      cluster.within(again);
      world.runUntilHolds(() => last !== undefined, QUIET_MS);
      if (last !== 'ok') world.runFor(500);
    }
    if (last !== 'ok') stuck.push(`${key} cannot be read after all was healed`);
  }
  return {
    verdict: checkLinearizable(history),
    history,
    faults,
    answered,
    ringChanges: operator.changes,
    stuck,
  };
}

/** Has the late node let in, and a founder leave again, whatever else happens. */
class Operator {
  readonly #cluster: KvCluster;
  readonly #founders: readonly string[];
  readonly #late: readonly string[];
  readonly #dice: Prng;
  #isOver = false;
  changes = 0;

  constructor(cluster: KvCluster, founders: readonly string[], late: readonly string[], dice: Prng) {
    this.#cluster = cluster;
    this.#founders = founders;
    this.#late = late;
    this.#dice = dice;
  }

  begin(lastsMs: number): void {
    if (this.#late.length === 0) return;
    const { world } = this.#cluster;
    world.schedule(this.#dice.below(lastsMs / 3), () => this.#join(), 'operator');
    if (this.#founders.length > 3)
      world.schedule(lastsMs / 2 + this.#dice.below(lastsMs / 4), () => this.#leave(), 'operator');
    world.schedule(lastsMs, () => (this.#isOver = true), 'operator');
    this.#commitNowAndThen();
  }

  hasGone(name: string): boolean {
    return this.#cluster.endings.some((ending) => ending.startsWith(`${name} `));
  }

  #join(): void {
    const { machines, world } = this.#cluster;
    const node = readyNode(machines.node('late'));
    if (node !== undefined && node.document.members.length === 1)
      node.join(machines.addressOf(this.#dice.pick(this.#founders)), () => {});
    if (!this.#isOver && (node === undefined || node.document.members.length === 1))
      world.schedule(700, () => this.#join(), 'operator');
  }

  #leave(): void {
    const { machines } = this.#cluster;
    const leaver = readyNode(machines.node(this.#founders.at(-1) as string));
    const desk = readyNode(machines.node(this.#founders[0] as string));
    if (leaver === undefined || desk === undefined) return;
    desk.request({ kind: 'leave', node: leaver.id }, () => {});
  }

  #commitNowAndThen(): void {
    if (this.#isOver) return;
    const { machines, world } = this.#cluster;
    world.schedule(300, () => this.#commitNowAndThen(), 'operator');
    const desk = readyNode(machines.node(this.#dice.pick(this.#founders)));
    if (desk === undefined || desk.document.staged.length + joiningOf(desk.document.members) === 0) return;
    desk.request({ kind: 'plan' }, (planned) => {
      if (planned.kind !== 'planned') return;
      desk.request({ kind: 'commit', planId: planned.plan.planId }, ({ kind }) => {
        if (kind === 'committed') this.changes++;
      });
    });
  }
}

function readyNode(citizen: Citizen | undefined): Citizen['node'] | undefined {
  return citizen?.kv === undefined ? undefined : citizen.node;
}

function joiningOf(members: readonly { readonly status: string }[]): number {
  return members.filter(({ status }) => status === 'joining').length;
}

export function describeStrict({ faults, answered, ringChanges, stuck, verdict }: StrictResult): string {
  return [
    `${answered} answers, ${ringChanges} changes of the ring`,
    describeFaults(faults),
    ...stuck,
    verdict.impossible.length > 0 ? `not linearizable: ${verdict.impossible.join(' ')}` : 'linearizable',
  ].join('\n');
}
