/**
 * One simulated minute of rkv, drawn from a seed, and what broke in it.
 *
 *     0 s     lone nodes take writes
 *     1 s     the first storm: faults of some kinds; an operator lets the nodes in, and goes on changing the cluster
 *     16 s    calm, then a second storm from 24 s on
 *     40 s    everything heals; the operator only finishes what was begun; clients go on for a while
 *     52 s    quiet: the cluster must settle, and then what clients were promised is checked
 *
 * Drawn per seed: 3 to 7 machines and how many of them run at first, the ring size, durability, which kinds of faults
 * come at all and how densely. Power is cut only where acknowledgements wait for the platter (`power`). A disk is lost
 * only while the cluster is at peace: then every acknowledged write is on two machines, and losing one is survivable.
 *
 * Checked while it runs: ring-watch.ts, clients.ts (every answer), history.ts; in the end: final-check.ts.
 */
import type { NodeId, Prng } from '@rkv/core';
import {
  describeFaults,
  drawFaults,
  swarm,
  unleash,
  World,
  type Breakable,
  type Fault,
  type FaultKind,
  type SimCluster,
} from '@rkv/testkit';
import { Clients } from './clients.ts';
import { checkFinalStates } from './final-check.ts';
import { History } from './history.ts';
import { Operator } from './operator.ts';
import { citizensOf, readyNodes, unrest, type Realm } from './peace.ts';
import { rkvCluster, type Plant, type SimNode } from './rkv-cluster.ts';
import { RingWatch } from './ring-watch.ts';

export interface ScenarioOptions {
  readonly seed: number;
  readonly plant?: Plant | undefined;
  /** Play these instead of what the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
}

export interface ScenarioResult {
  readonly seed: number;
  /** What broke, one sentence each; empty: nothing. */
  readonly problems: string[];
  readonly traceHash: string;
  readonly faults: readonly Fault[];
  readonly acknowledged: number;
  readonly failed: number;
  readonly reads: number;
  readonly machines: number;
  readonly commits: number;
  readonly epochs: number;
  /** Virtual milliseconds. */
  readonly lastedMs: number;
  /** Faults, what the operator did, the keys concerned, the last events and log lines; made only when something broke. */
  readonly description: string;
}

const MACHINES_MIN = 3;
const MACHINES_MAX = 7;
/** Virtual milliseconds. */
const STORMS = [
  [1_000, 16_000],
  [24_000, 40_000],
] as const;
/** Between and after them the cluster may be at peace for long enough to lose a disk. */
const LULLS = [
  [18_500, 23_000],
  [43_000, 48_000],
] as const;
const HEALED_AT = 40_000;
const CLIENTS_UNTIL = 52_000;
const SETTLE_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;
/** A disk is lost only after so much peace: by then no write is under way that began before it. */
const PEACE_BEFORE_LOSS_MS = 1_500;
/** One lost for good leaves a majority even when another member is away. */
const MEMBERS_BEFORE_LOSS_MIN = 4;
const PROBLEMS_MAX = 20;

const KINDS: readonly FaultKind[] = [
  'cut',
  'cutOneWay',
  'reset',
  'slowLink',
  'lossyLink',
  'crash',
  'crashSaving',
  'pause',
  'slowDisk',
  'fullDisk',
  'failingDisk',
  'flakyDisk',
  'clockJump',
  'clockDrift',
  'lostStore',
  'lostDisk',
];

export function runScenario(options: ScenarioOptions): ScenarioResult {
  return new Scenario(options).run();
}

interface Draw {
  readonly machines: readonly string[];
  readonly atFirst: number;
  readonly ringSize: number;
  readonly durability: 'process' | 'power';
  readonly faults: readonly Fault[];
}

class Scenario {
  readonly #world: World;
  readonly #draw: Draw;
  readonly #cluster: SimCluster<SimNode>;
  readonly #history = new History();
  readonly #watch: RingWatch;
  readonly #operator: Operator;
  readonly #problems: string[] = [];
  readonly #lost = new Set<NodeId>();
  readonly #realm: Realm;
  #clusterId: string | undefined;
  /** Stretches of peace so far; the last one lasts while `#peaceSince` is set. */
  #stretches = 0;
  #peaceSince: number | undefined;

  constructor({ seed, plant, faults }: ScenarioOptions) {
    const world = new World({ seed });
    const draw = drawScenario(world, faults);
    this.#world = world;
    this.#draw = draw;
    this.#watch = new RingWatch(this.#report);
    const { ringSize, durability, machines, atFirst } = draw;
    this.#cluster = rkvCluster({
      world,
      ringSize,
      durability,
      plant,
      onRing: (citizen, agreed) => {
        if (citizen.machine === machines[0]) this.#clusterId ??= agreed.document.clusterId;
        this.#watch.adopted(citizen, agreed);
      },
      onRemoved: (citizen) => this.#operator.removed(citizen),
      onError: (machine, message, fields) => {
        if (!isOfDisk(message)) this.#report(`${machine} logs: ${message} ${JSON.stringify(fields)}`);
      },
    });
    this.#realm = this.#realmOf(this);
    this.#operator = new Operator({
      world,
      cluster: this.#cluster,
      realm: this.#realm,
      machines,
      atFirst,
      restlessUntilMs: HEALED_AT,
      epochOf: (digest) => this.#watch.epochOf(digest),
      report: this.#report,
    });
  }

  run(): ScenarioResult {
    try {
      this.#play();
    } catch (error) {
      this.#report(error instanceof Error ? error.message : String(error));
    }
    const { seed } = this.#world;
    const { faults, machines } = this.#draw;
    return {
      seed,
      problems: this.#problems,
      traceHash: this.#world.trace.digest,
      faults,
      acknowledged: this.#history.acknowledgedCount,
      failed: this.#history.failedCount,
      reads: this.#history.readCount,
      machines: machines.length,
      commits: this.#operator.commits,
      epochs: this.#watch.epochMax,
      lastedMs: this.#world.now(),
      description: this.#problems.length === 0 ? '' : this.#describe(),
    };
  }

  #play(): void {
    const world = this.#world;
    unleash(this.#victim(), this.#draw.faults);
    new Clients({
      world,
      history: this.#history,
      untilMs: CLIENTS_UNTIL,
      doors: () => (this.#lost.size === 0 ? readyNodes(this.#realm) : citizensOf(this.#realm)),
      peace: () => (this.#peaceSince === undefined ? 0 : this.#stretches),
      isIn: ({ node }) => node.document.clusterId === this.#clusterId,
      report: this.#report,
    });
    world.schedule(LOOK_EVERY_MS, this.#look, 'look');
    world.runUntil(HEALED_AT);
    this.#heal();
    world.runUntil(CLIENTS_UNTIL + 2_000);
    const settled = world.runUntilHolds(this.#every(LOOK_EVERY_MS, () => this.#unsettled() === undefined), SETTLE_WITHIN_MS);
    if (settled) checkFinalStates(this.#realm, this.#history, this.#report);
    else this.#report(`not settled ${SETTLE_WITHIN_MS / 1000} s after the last write: ${this.#unsettled()}`);
  }

  #heal(): void {
    this.#cluster.heal();
    for (const machine of this.#draw.machines) if (this.#operator.wants(machine)) this.#cluster.restart(machine);
  }

  #unsettled(): string | undefined {
    return unrest(this.#realm) ?? this.#operator.unfinished();
  }

  /** See whether the cluster is at peace, all the time and without doing anything to it. */
  readonly #look = (): void => {
    this.#world.schedule(LOOK_EVERY_MS, this.#look, 'look');
    if (this.#isBroken() || unrest(this.#realm) !== undefined) {
      this.#peaceSince = undefined;
      return;
    }
    if (this.#peaceSince === undefined) {
      this.#peaceSince = this.#world.now();
      this.#stretches++;
    }
    const members = new Set(citizensOf(this.#realm).map(({ node }) => node.id as string));
    const isIn = (through: string): boolean => members.has(through);
    for (const problem of this.#history.atPeace(this.#stretches, isIn, this.#world.now())) this.#report(problem);
  };

  /** Whether anything was broken since the last look. */
  #isBroken(): boolean {
    const now = this.#world.now();
    return this.#draw.faults.some(({ at, until }) => at <= now && until >= now - LOOK_EVERY_MS);
  }

  /** The cluster as faults may touch it: what is not to run is not started, and no disk is lost that would be missed. */
  #victim(): Breakable {
    const cluster = this.#cluster;
    return {
      world: this.#world,
      network: cluster.network,
      crash: (machine) => cluster.crash(machine),
      powerCut: (machine) => cluster.powerCut(machine),
      restart: (machine) => {
        if (this.#operator.wants(machine)) cluster.restart(machine);
      },
      pause: (machine) => cluster.pause(machine),
      resume: (machine) => cluster.resume(machine),
      disk: (machine) => cluster.disk(machine),
      clock: (machine) => cluster.clock(machine),
      loseDisk: (machine, lost) => {
        if (this.#maySpare(machine)) this.#loseDisk(machine, lost);
      },
    };
  }

  #maySpare(machine: string): boolean {
    const { peaceSince, realm } = { peaceSince: this.#peaceSince, realm: this.#realm };
    if (peaceSince === undefined || this.#world.now() - peaceSince < PEACE_BEFORE_LOSS_MS) return false;
    if (this.#lost.size > 0 || unrest(realm) !== undefined) return false;
    const citizens = citizensOf(realm);
    const { members } = (citizens[0] as SimNode).node.document;
    if (!citizens.some((citizen) => citizen.machine === machine)) return false;
    return citizens.length === readyNodes(realm).length && members.length >= MEMBERS_BEFORE_LOSS_MIN;
  }

  #loseDisk(machine: string, lost: 'store' | 'everything'): void {
    const gone = this.#cluster.node(machine)?.node.id as NodeId;
    this.#peaceSince = undefined;
    this.#cluster.loseDisk(machine, lost);
    if (lost === 'everything') this.#lost.add(gone);
  }

  #realmOf(scenario: Scenario): Realm {
    return {
      cluster: this.#cluster,
      lost: this.#lost,
      get clusterId() {
        return scenario.#clusterId;
      },
    };
  }

  readonly #report = (problem: string): void => {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(`${(this.#world.now() / 1000).toFixed(3)} s: ${problem}`);
  };

  /** Ask a costly question only every so often of virtual time. */
  #every(intervalMs: number, question: () => boolean): () => boolean {
    let next = 0;
    return () => {
      if (this.#world.now() < next) return false;
      next = this.#world.now() + intervalMs;
      return question();
    };
  }

  #describe(): string {
    const { ringSize, durability, machines, atFirst, faults } = this.#draw;
    const keys = this.#history.keys.filter((key) => this.#problems.some((problem) => problem.includes(key)));
    return [
      `ring of ${ringSize}, durability ${durability}, ${machines.length} machines, ${atFirst} at first`,
      `--- faults\n${describeFaults(faults)}`,
      `--- the operator\n${this.#operator.diary}`,
      ...keys.map((key) => this.#history.describe(key)),
      this.#cluster.describe(),
    ].join('\n');
  }
}

function drawScenario(world: World, given: readonly Fault[] | undefined): Draw {
  const dice = world.prng('scenario');
  const machines = Array.from({ length: dice.between(MACHINES_MIN, MACHINES_MAX) }, (_, i) => `n${i + 1}`);
  const atFirst = dice.between(MACHINES_MIN, machines.length);
  const ringSize = dice.pick([8, 16, 16, 32]);
  const durability = dice.chance(0.5) ? 'power' : 'process';
  const kinds = swarm(dice, durability === 'power' ? [...KINDS, 'powerCut' as const] : KINDS);
  const gapMs = dice.pick([600, 1_500, 4_000]);
  const calm = dice.chance(0.1);
  const storm = ([fromMs, untilMs]: readonly [number, number]): Fault[] =>
    drawFaults(world.prng(`faults from ${fromMs}`), { nodes: machines, fromMs, untilMs, kinds, gapMs, calmShare: 0 });
  const losses = kinds.filter((kind) => kind === 'lostStore' || kind === 'lostDisk');
  const lulls = LULLS.flatMap((lull) => drawLoss(dice, losses, machines, lull));
  return { machines, atFirst, ringSize, durability, faults: given ?? (calm ? [] : [...STORMS.flatMap(storm), ...lulls]) };
}

function drawLoss(
  dice: Prng,
  kinds: readonly ('lostStore' | 'lostDisk')[],
  machines: readonly string[],
  [fromMs, untilMs]: readonly [number, number],
): Fault[] {
  if (kinds.length === 0 || dice.chance(0.3)) return [];
  const at = dice.between(fromMs, untilMs);
  return [{ at, until: at + dice.between(1, 3_000), kind: dice.pick(kinds), node: dice.pick(machines) }];
}

/** Errors that come of a disk which was made to fail. */
function isOfDisk(message: string): boolean {
  return /could not be saved|the store failed/.test(message);
}
