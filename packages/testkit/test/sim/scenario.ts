/**
 * One simulated minute of rkv, or several, and what broke in it.
 *
 *     0 s     lone nodes take writes
 *     1 s     the first storm: faults of some kinds; an operator lets the nodes in, and goes on changing the cluster
 *     16 s    a lull, and a second storm from 24 s on
 *     40 s    everything heals; the operator only finishes what was begun; clients go on for a while
 *             with more minutes all of this happens in each, and the healing comes in the last
 *     52 s    quiet: the cluster must settle, and then what clients were promised is checked
 *
 * A disk is lost only while the cluster is at peace and every acknowledged write is on another machine as well, so
 * that nothing may be lost with it.
 *
 * In some seeds a minority is told to go on without the others in the midst of it (forcing.ts); what may be lost of that, and
 * what not, says schism.ts.
 *
 * A part of the keys is strict: what is promised of them, and when, says strict-keys.ts.
 *
 * `History`, `Clients` and `Operator` here are the store's own (versions, tombstones, strict keys), not those of `simulate`.
 *
 * Checked while it runs: ring-watch.ts, disk-watch.ts, clients.ts (every answer), history.ts; in the end: final-check.ts,
 * strict-final-check.ts.
 */
import { eraOf, type NodeId, type RingDocument, type WaitingTransfer } from '@rkv/core';
import {
  describeFaults,
  unleash,
  World,
  type Breakable,
  type Fault,
  type Mishap,
  type SimCluster,
} from '@rkv/testkit';
import { Clients, type ClientsInit } from './clients.ts';
import { ClusterClocks } from './cluster-clocks.ts';
import { ConditionalClients } from './conditional-clients.ts';
import { copiesOf, differingCopies, unreaped, W } from './copies.ts';
import { drawScenario, type Draw, type DrawOptions } from './draw.ts';
import { DiskWatch } from './disk-watch.ts';
import { checkFinalStates } from './final-check.ts';
import { History, isFirm, type Acknowledged } from './history.ts';
import type { Latest } from './latest.ts';
import { Losses } from './losses.ts';
import { Operator } from './operator.ts';
import { LOOK_EVERY_MS, PeaceWatch } from './peace-watch.ts';
import { citizensOf, readyNodes, unrest, type Realm } from './peace.ts';
import { rkvCluster, type Plant, type Removal, type SimNode } from './rkv-cluster.ts';
import { RingWatch } from './ring-watch.ts';
import { Schism } from './schism.ts';
import { checkLatest, checkStrictKeys } from './strict-final-check.ts';
import { StrictKeys } from './strict-keys.ts';

export interface ScenarioOptions extends DrawOptions {
  readonly seed: number;
  readonly plant?: Plant | undefined;
  /** Tell what happened also when nothing broke. */
  readonly describe?: boolean;
  /** It need not go on once there is a problem like this. */
  readonly enough?: RegExp | undefined;
}

export interface ScenarioResult {
  readonly seed: number;
  /** What broke, one sentence each; empty: nothing. */
  readonly problems: string[];
  readonly traceHash: string;
  readonly faults: readonly Fault[];
  readonly machines: number;
  /** How much of what happened. */
  readonly counts: Readonly<Record<Count, number>>;
  /** What the faults did. */
  readonly toll: Readonly<Record<Mishap, number>>;
  /** Virtual milliseconds. */
  readonly lastedMs: number;
  /** What the seed drew, what the operator did, the keys concerned, the last events and log lines; empty unless asked for. */
  readonly description: string;
}

export type Count =
  | 'acknowledged'
  | 'failed'
  | 'reads'
  | 'unmet'
  | 'exact'
  | 'strictAnswers'
  | 'strictDoubts'
  | 'commits'
  | 'leaves'
  | 'resizes'
  | 'epochs'
  | 'faults'
  | 'lostStores'
  | 'lostDisks'
  | 'excused';

/** Virtual milliseconds. */
const SETTLE_WITHIN_MS = 60_000;
/** A look compares all copies of all keys, which costs more of the processor than a simulated second. */
const LOOK_SETTLED_EVERY_MS = 1_000;
/** No tombstone is older than this once all is quiet, by the lowest clock. */
const LIES_MS_MAX = 30_000;
const PROBLEMS_MAX = 20;

export function runScenario(options: ScenarioOptions): ScenarioResult {
  return new Scenario(options).run();
}

class Scenario {
  readonly #world: World;
  readonly #draw: Draw;
  readonly #cluster: SimCluster<SimNode>;
  readonly #history = new History();
  readonly #watch: RingWatch;
  readonly #disks: DiskWatch;
  readonly #operator: Operator;
  readonly #clients: Clients;
  readonly #strict: StrictKeys;
  readonly #conditional: ConditionalClients;
  readonly #problems: string[] = [];
  readonly #describes: boolean;
  readonly #enough: RegExp | undefined;
  #hasEnough = false;
  readonly #losses: Losses;
  readonly #peace: PeaceWatch;
  readonly #clocks: ClusterClocks;
  readonly #realm: Realm;
  #clusterId: string | undefined;
  readonly #schism: Schism;
  /** Of the cluster's rings that anybody has adopted the one that wins. */
  #latest: RingDocument | undefined;

  constructor({ seed, plant, describe = false, enough, ...options }: ScenarioOptions) {
    const world = new World({ seed });
    const draw = drawScenario(world, options);
    this.#world = world;
    this.#draw = draw;
    this.#describes = describe;
    this.#enough = enough;
    this.#watch = new RingWatch(this.#report);
    const { ringSize, durability, machines, atFirst, link, skewMsMax } = draw;
    const { ringSizes } = this.#watch;
    this.#disks = new DiskWatch({
      history: this.#history,
      strictStored: (key, entry) => this.#strict.stored(key, entry),
      ringSizes,
      durability,
      report: this.#report,
    });
    this.#cluster = rkvCluster({
      world,
      ringSize,
      durability,
      link,
      skewMsMax,
      plant,
      onRing: (citizen, agreed) => {
        if (citizen.machine === machines[0]) this.#clusterId ??= agreed.document.clusterId;
        this.#disks.runs(citizen);
        this.#watch.adopted(citizen, agreed);
        if (agreed.document.clusterId === this.#clusterId) this.#follow(agreed.document);
      },
      onCommit: (machine, records) => this.#disks.committed(machine, records),
      onReady: (citizen) => {
        if (this.#mayServe(citizen)) this.#clients.doorOpens(citizen);
      },
      onRemoved: (citizen, why, holds) => this.#removed(citizen, why, holds),
      onError: (machine, message, fields) => {
        if (!isOfDisk(message)) this.#report(`${machine} logs: ${message} ${JSON.stringify(fields)}`);
      },
    });
    const lost = new Set<NodeId>();
    this.#realm = this.#realmOf(this, lost);
    this.#clocks = new ClusterClocks(this.#realm, draw.faults, draw.healedAt);
    const clients = this.#clientsInit();
    this.#clients = new Clients(clients);
    this.#conditional = new ConditionalClients(clients);
    this.#strict = new StrictKeys({ ...clients, doors: () => citizensOf(this.#realm) });
    this.#schism = new Schism(this.#history, this.#conditional.latest, this.#strict.latest);
    this.#operator = new Operator({
      world,
      cluster: this.#cluster,
      realm: this.#realm,
      machines,
      atFirst,
      ringSize,
      restlessUntilMs: draw.healedAt,
      epochOf: (digest) => this.#watch.epochOf(digest),
      mayEmpty: () => this.#mayEmpty(),
      onEmptied: () => this.#schism.emptied(),
      onFreed: (id) => {
        this.#watch.freed(id);
        this.#peace.awaits(id);
      },
      isDivided: () => this.#schism.isOpen,
      report: this.#report,
    });
    const [realm, schism, operator] = [this.#realm, this.#schism, this.#operator];
    this.#peace = new PeaceWatch({ world, realm, machines, faults: draw.faults, schism, operator });
    this.#losses = new Losses({
      realm,
      lost,
      peace: this.#peace,
      history: this.#history,
      latest: [this.#strict.latest, this.#conditional.latest],
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
      machines: machines.length,
      counts: this.#counts(),
      toll: this.#world.toll.all(),
      lastedMs: this.#world.now(),
      description: this.#describes || this.#problems.length > 0 ? this.#describe() : '',
    };
  }

  #counts(): Record<Count, number> {
    return {
      acknowledged: this.#history.acknowledgedCount,
      failed: this.#history.failedCount,
      reads: this.#history.readCount,
      unmet: this.#history.unmetCount,
      exact: this.#conditional.judgedCount,
      strictAnswers: this.#strict.answeredCount,
      strictDoubts: this.#strict.indefiniteCount,
      commits: this.#operator.commits,
      leaves: this.#operator.leaves,
      resizes: this.#watch.resizes,
      epochs: this.#watch.rings,
      faults: this.#draw.faults.length,
      lostStores: this.#losses.stores,
      lostDisks: this.#losses.disks,
      excused: this.#schism.excusedCount,
    };
  }

  #play(): void {
    const world = this.#world;
    this.#skewOneClock();
    unleash(this.#victim(), this.#draw.faults);
    world.schedule(LOOK_EVERY_MS, this.#look, 'look');
    this.#runUntil(this.#draw.healedAt);
    this.#heal();
    this.#runUntil(this.#draw.clientsUntil + 2_000);
    if (this.#hasEnough) return;
    const settled = world.runUntilHolds(
      this.#every(LOOK_SETTLED_EVERY_MS, () => this.#unsettled() === undefined),
      SETTLE_WITHIN_MS,
    );
    if (!settled)
      return this.#report(
        `not settled ${SETTLE_WITHIN_MS / 1000} s after the last write: ${this.#unsettled()}`,
      );
    this.#endSchism();
    if (this.#losses.lastAt >= 0) this.#history.excuse((write) => !isFirm(write));
    for (const problem of this.#conditional.check()) this.#report(problem);
    checkLatest(this.#realm, this.#conditional.latest, this.#report);
    checkStrictKeys(this.#realm, this.#strict, this.#report);
    checkFinalStates(this.#realm, this.#history, () => this.#clocks.median, this.#report);
  }

  #runUntil(ms: number): void {
    const world = this.#world;
    if (this.#enough === undefined) world.runUntil(ms);
    else world.runUntilHolds(() => this.#hasEnough, ms - world.now());
  }

  /** By an hour, from the beginning until all is healed. */
  #skewOneClock(): void {
    const { hourOff } = this.#draw;
    if (hourOff !== undefined) this.#cluster.clock(hourOff.machine).jump(hourOff.byMs);
  }

  /** Once a member is lost for good nobody else gets in, and what is written elsewhere stays there. */
  #mayServe({ node }: SimNode): boolean {
    return this.#realm.lost.size === 0 || node.document.clusterId === this.#clusterId;
  }

  #clientsInit(): ClientsInit {
    return {
      world: this.#world,
      history: this.#history,
      untilMs: this.#draw.clientsUntil,
      pace: this.#draw.pace,
      doors: () => readyNodes(this.#realm).filter((citizen) => this.#mayServe(citizen)),
      peace: () => this.#peace.stretch,
      clusterTime: () => this.#clocks.agreed,
      onAcknowledged: this.#onAcknowledged,
      // What those hold that a forced ring has put aside is missing until they are back, as the operator was warned.
      isIn: ({ node: { document } }) =>
        document.clusterId === this.#clusterId &&
        document.epoch >= (this.#schism.epoch ?? 0) &&
        (eraOf(document.epoch) === 0 || document.members.every(({ status }) => status !== 'down')),
      report: this.#report,
    };
  }

  readonly #onAcknowledged = (write: Acknowledged): void => {
    // What a disk that was lost since has acknowledged is on it no more.
    if (write.begunAt > this.#losses.lastAt) this.#disks.acknowledged(this.#cluster, write);
  };

  #endSchism(): void {
    this.#schism.end();
    this.#strict.unite();
  }

  #heal(): void {
    this.#cluster.heal();
    for (const machine of this.#draw.machines)
      if (this.#operator.wants(machine)) this.#cluster.restart(machine);
  }

  /** In the end the copies of every key are alike as well, though nobody reads. */
  #unsettled(): string | undefined {
    return (
      this.#peace.restless() ??
      this.#operator.unfinished() ??
      (this.#realm.lost.size === 0
        ? (differingCopies(this.#realm, [
            ...this.#history.keys,
            ...this.#strict.latest.keys,
            ...this.#conditional.latest.keys,
          ]) ?? this.#unreaped())
        : undefined)
    );
  }

  get #wasForced(): boolean {
    return eraOf(this.#latest?.epoch ?? 0) > 0;
  }

  /** In a ring that was forced tombstones stay. */
  #unreaped(): string | undefined {
    if (this.#wasForced) return undefined;
    return unreaped(this.#realm, this.#history.keys, this.#clocks.lowest - LIES_MS_MAX);
  }

  readonly #look = (): void => {
    this.#world.schedule(LOOK_EVERY_MS, this.#look, 'look');
    this.#clocks.look();
    this.#history.sweepsReached(this.#clocks.lowest);
    if (!this.#peace.look()) return;
    this.#endSchism();
    const { stretch } = this.#peace;
    this.#conditional.atPeace(stretch);
    const isIn = (through: string): boolean => this.#watch.wasIn(through, this.#clusterId);
    for (const problem of this.#history.atPeace(stretch, isIn, this.#world.now())) this.#report(problem);
  };

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
        if (this.#losses.mayLose(machine, lost)) this.#losses.lose(machine, lost);
      },
      goOnWithout: (...sides) => {
        if (this.#realm.lost.size === 0 && !this.#schism.isOpen) this.#operator.goOn(sides);
      },
    };
  }

  #follow(document: RingDocument): void {
    if (document.epoch < (this.#latest?.epoch ?? 0)) return;
    this.#latest = document;
    if (this.#schism.adopted(document, this.#world.now())) {
      this.#world.toll.count('ring forced');
      this.#strict.divide();
    }
    this.#losses.follow(document);
  }

  #removed(citizen: SimNode, why: Removal, holds: boolean): void {
    // Who has left is emptied: what it holds then is lost.
    if (why === 'left' && holds)
      this.#report(`${citizen.machine} is said to have left its cluster while it holds entries`);
    if (why === 'stranded') return this.#operator.strand(citizen);
    this.#operator.removed(citizen);
    this.#losses.left(citizen.node.id);
  }

  /** The disk of a stranded node, now that all others are at peace: whether what must not be lost is on enough others. */
  #mayEmpty(): boolean {
    const document = citizensOf(this.#realm)[0]?.node.document;
    if (document === undefined || unrest(this.#realm) !== undefined) return false;
    const isElsewhere = (history: History | Latest): boolean =>
      history.keys.every((key) => {
        const needed = history.neededOf(key, (write) => this.#schism.mayGo(write));
        if (needed === undefined) return true;
        const copies = copiesOf(this.#realm, key, document);
        return copies.filter(({ version }) => version >= needed.version).length >= W;
      });
    return [this.#history, this.#strict.latest, this.#conditional.latest].every(isElsewhere);
  }

  #realmOf(scenario: Scenario, lost: ReadonlySet<NodeId>): Realm {
    return {
      cluster: this.#cluster,
      lost,
      get clusterId() {
        return scenario.#clusterId;
      },
    };
  }

  readonly #report = (problem: string): void => {
    if (this.#problems.length >= PROBLEMS_MAX) return;
    this.#problems.push(`${(this.#world.now() / 1000).toFixed(3)} s: ${problem}`);
    this.#hasEnough ||= this.#enough?.test(problem) === true;
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

  #describeTransfers(): string[] {
    return citizensOf(this.#realm).flatMap(({ machine, node }) => {
      const { handoff } = node;
      const lines = [...handoff.active().map((one) => ({ ...one, reason: 'runs' })), ...handoff.waiting()]
        .map((transfer) => describeTransfer(transfer as WaitingTransfer))
        .filter((line) => !line.includes(': all items are there'));
      return [`--- transfers of ${machine} (${node.id.slice(0, 4)}), filled: ${handoff.filled}`, ...lines];
    });
  }

  #describe(): string {
    const { ringSize, durability, machines, atFirst, link, skewMsMax, hourOff, faults } = this.#draw;
    const keys = this.#history.keys.filter((key) =>
      this.#problems.some((problem) => new RegExp(`\\b${key}\\b`).test(problem)),
    );
    return [
      `ring of ${ringSize}, durability ${durability}, ${machines.length} machines, ${atFirst} at first, ` +
        `${link.delayMs}..${link.delayMs + link.jitterMs} ms apart, clocks off by up to ${skewMsMax} ms${hourOff === undefined ? '' : `, that of ${hourOff.machine} by ${hourOff.byMs} ms`}`,
      `--- faults\n${describeFaults(faults)}`,
      `--- the operator\n${this.#operator.diary}`,
      ...this.#describeTransfers(),
      ...keys.map((key) => this.#history.describe(key)),
      this.#cluster.describe(),
    ].join('\n');
  }
}

/** What is not done in the end is mostly waiting for something. */
function describeTransfer(transfer: WaitingTransfer): string {
  const { kind, sourcePartition, partition, from, to, reason } = transfer;
  return `${kind} ${sourcePartition}>${partition} ${from.slice(0, 4)}>${to.slice(0, 4)}: ${reason}`;
}

/** Errors that come of a disk which was made to fail. */
function isOfDisk(message: string): boolean {
  return /could not be saved|the store failed/.test(message);
}
