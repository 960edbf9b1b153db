/**
 * A service of one's own under fire: its vnodes on a simulated ring, clients, faults, joins and leaves, and then the judge.
 *
 *     const likesOnARing: SimulateInit = {
 *       vnode: likes,
 *       model: counter,
 *       operations: {
 *         increment: { weight: 3, input: () => 1, ask: ({ node, key }, done) => likes.ask(node, key, 'like', [1], done) },
 *         total: { ask: ({ node, key }, done) => likes.ask(node, key, 'total', [], done) },
 *       },
 *       read: 'total',
 *     };
 *     simulate({ ...likesOnARing, seed: 42 }).verify();
 *     simulateSeeds({ ...likesOnARing, seeds: 50 }).verify();
 *
 * A play is a function of its seed and of the code. The ring is formed in peace; then clients ask while nodes die, links are
 * cut, disks fail and members come and go; then all is healed. When nothing moves any more, every key is read through
 * every node and the copies are compared.
 *
 * A problem is: an answer that the model has no place for, something acknowledged that is gone, copies that differ, a read that
 * depends on the node, a ring that does not come to rest, a request answered twice, a throw in a vnode, a broken invariant.
 *
 * Not promised: that a vnode without problems in a thousand seeds has none. And nothing of the modules may touch the world but
 * through what it is given (clock, dice and store of its `VnodeContext`), or a seed does not replay.
 */
import type { Prng } from '@rkv/core';
import type { FaultKind } from '../faults/fault.ts';
import { unleash } from '../faults/nemesis.ts';
import { History } from '../history/history.ts';
import type { Json } from '../history/operation.ts';
import { SimulationFailure, World } from '../world/world.ts';
import { Clients, type SimOperations, type Told } from './clients.ts';
import { differingCopies } from './copies.ts';
import { judge, type AnyModel, type Promised } from './judge.ts';
import { Operator } from './operator.ts';
import { drawEvents, isChange, parseEvents, type SimEvent } from './sim-event.ts';
import { SimRing, type Modules } from './sim-ring.ts';
import { Simulation } from './simulation.ts';

/** What is played, with what, and how it is judged. */
export interface SimulateInit {
  /** The module, several, or what makes them for each life of a node. */
  readonly vnode: Modules;
  /** All chance comes from it. Default: `RKV_SEED` of the environment, or 1. */
  readonly seed?: number;
  /** In the ring from the start. Default 4. */
  readonly nodes?: number;
  /** Partitions. Default 16. */
  readonly ringSize?: number;
  /** Copies of each key. Default 3. */
  readonly n?: number;
  /** What operations mean: `counter`, `set`, `register`, or a model of one's own. */
  readonly model: AnyModel;
  /** By kinds of the model: what clients do. */
  readonly operations: SimOperations;
  /** What clients do besides. It is in the history, and no model judges it. */
  readonly beside?: SimOperations;
  /** The kind by which every key is read in the end, through every node. */
  readonly read: string;
  /** What the service promises. Default `settled`. */
  readonly promises?: Promised;
  /** How many, or which. Default 5. */
  readonly keys?: number | readonly string[];
  /** Default 3, each with one request at a time. */
  readonly clients?: number;
  /** The mean time between an answer and the next request. Default 60. */
  readonly thinkMs?: number;
  /** After this without an answer a client goes on. Default 5,000. */
  readonly patienceMs?: number;
  /** How long clients ask and things break, in virtual time. Default 20,000. */
  readonly durationMs?: number;
  /** What the seed chooses from. Default: all that a correct service survives (`FAULT_KINDS`). `[]`: no faults. */
  readonly faults?: readonly FaultKind[];
  /** The mean time between the beginnings of two faults. Default 1,500. */
  readonly faultGapMs?: number;
  /** Nodes that may join meanwhile; as many may leave while three or more stay. Default 1; 0: nobody joins, nobody leaves. */
  readonly joins?: number;
  /** Exactly these in the place of those that the seed would draw, also as the lines that a failure prints. */
  readonly events?: readonly SimEvent[] | string;
  /** What an acknowledgement stands for. With `process` a power cut may lose what was acknowledged. Default `power`. */
  readonly durability?: 'process' | 'power';
  /** Further checks, once all is quiet: what is wrong, in words. */
  check?(ring: SimRing): readonly string[];
}

/** A moment for all to settle before the first fault. */
const CALM_MS = 500;
/** Far more than a ring ever needs to come to rest. */
const PEACE_WITHIN_MS = 240_000;
/** Some rounds of exchange. */
const ALIKE_WITHIN_MS = 45_000;
/** To compare all copies costs more than what happens between. */
const ALIKE_LOOK_MS = 5_000;
const LOOK_MS = 1_000;
const READS_MAX = 20;

/** The seed that the environment asks for. */
export function seedOfEnvironment(): number | undefined {
  const text = process.env['RKV_SEED'];
  if (text === undefined || text === '') return undefined;
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) throw new Error(`RKV_SEED=${text} is no seed`);
  return seed;
}

export function simulate(init: SimulateInit): Simulation {
  const seed = init.seed ?? seedOfEnvironment() ?? 1;
  const played = new Play(init, seed).run();
  return new Simulation(played, (events) => simulate({ ...init, seed, events }));
}

class Play {
  readonly #init: SimulateInit;
  readonly #world: World;
  readonly #ring: SimRing;
  readonly #history: History;
  readonly #problems: string[] = [];
  readonly #names: readonly string[];
  readonly #spares: readonly string[];
  #events: readonly SimEvent[] = [];

  constructor(init: SimulateInit, seed: number) {
    const { nodes = 4, joins = 1, vnode, ringSize = 16, n = 3, durability = 'power' } = init;
    checkKinds(init);
    this.#init = init;
    this.#world = new World({ seed });
    this.#history = new History({ now: () => this.#world.now() });
    this.#names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    this.#spares = Array.from({ length: joins }, (_, i) => `n${nodes + i + 1}`);
    const report = (problem: string): void => this.#report(problem);
    this.#ring = new SimRing({ world: this.#world, ...{ vnode, ringSize, n, durability, report } });
  }

  run(): ConstructorParameters<typeof Simulation>[0] {
    const world = this.#world;
    try {
      this.#play();
    } catch (error) {
      if (!(error instanceof SimulationFailure)) throw error;
      this.#report(error.message);
    }
    return {
      seed: world.seed,
      events: this.#events,
      problems: this.#problems,
      history: this.#history,
      toll: world.toll.all(),
      digest: world.trace.digest,
      durationMs: world.now(),
      log: this.#ring.machines.describe(),
    };
  }

  #play(): void {
    const world = this.#world;
    const { durationMs = 20_000 } = this.#init;
    this.#ring.form(this.#names);
    const fromMs = Math.ceil(world.now() + CALM_MS);
    const untilMs = fromMs + durationMs;
    this.#events = this.#eventsBetween(fromMs, untilMs);
    const operator = new Operator(world, this.#ring);
    this.#unleash(operator);
    const clients = this.#newClients();
    world.runUntil(untilMs);
    clients.rest();
    this.#makePeace();
    const unrest = (): string | undefined => operator.unfinished() ?? this.#ring.unrest();
    if (!this.#waitUntil(() => unrest() === undefined, PEACE_WITHIN_MS))
      return this.#report(`${PEACE_WITHIN_MS / 1000} s after the last fault: ${unrest()}`);
    const alike = (): boolean => differingCopies(this.#ring) === undefined;
    if (!this.#waitUntil(alike, ALIKE_WITHIN_MS, ALIKE_LOOK_MS))
      this.#report(`${ALIKE_WITHIN_MS / 1000} s after all had come to rest: ${differingCopies(this.#ring)}`);
    this.#readAll(clients);
    const { model, promises = 'settled', check } = this.#init;
    for (const problem of judge(this.#history, model, promises)) this.#report(problem);
    for (const problem of check?.(this.#ring) ?? []) this.#report(problem);
  }

  #eventsBetween(fromMs: number, untilMs: number): readonly SimEvent[] {
    const { events, faults, faultGapMs = 1_500, joins } = this.#init;
    const [nodes, spares] = [this.#names, this.#spares];
    if (typeof events === 'string') return parseEvents(events, [...nodes, ...spares]);
    if (events !== undefined) return events;
    const [faultDice, changeDice]: [Prng, Prng] = [this.#world.prng('faults'), this.#world.prng('changes')];
    const membersMin = joins === 0 ? Infinity : Math.max(3, this.#ring.n, nodes.length - (joins ?? 1));
    const span = { fromMs, untilMs, gapMs: faultGapMs };
    return drawEvents(faultDice, changeDice, { nodes, spares, kinds: faults, membersMin, ...span });
  }

  #unleash(operator: Operator): void {
    const world = this.#world;
    unleash(
      this.#ring.target,
      this.#events.flatMap((event) => (isChange(event) ? [] : [event])),
    );
    for (const event of this.#events)
      if (isChange(event))
        world.schedule(Math.max(0, event.at - world.now()), () => operator.want(event), 'operator');
  }

  #newClients(): Clients {
    const { operations, beside, keys = 5, clients = 3, thinkMs = 60, patienceMs = 5_000 } = this.#init;
    return new Clients({
      world: this.#world,
      ring: this.#ring,
      history: this.#history,
      operations: { ...operations, ...beside },
      keys: typeof keys === 'number' ? Array.from({ length: keys }, (_, i) => `k${i + 1}`) : keys,
      ...{ clients, thinkMs, patienceMs },
      report: (problem) => this.#report(problem),
    });
  }

  /** Faults that were given by hand may have no end. */
  #makePeace(): void {
    const { machines, left } = this.#ring;
    this.#world.schedule(
      0,
      () => {
        machines.heal();
        for (const name of machines.names)
          if (!left.has(name) && machines.node(name) === undefined) this.#ring.target.restart(name);
      },
      'peace',
    );
  }

  /** Every key through every node; all must tell the same. */
  #readAll(clients: Clients): void {
    const keys = new Set(this.#history.operations.map(({ key }) => key));
    const from = this.#history.moment();
    for (const key of keys) {
      const told = this.#ring.doors().map((door) => [door.name, this.#read(clients, door, key)] as const);
      const [first] = told;
      const other = told.find(([, output]) => output !== first?.[1]);
      if (first !== undefined && other !== undefined)
        this.#report(
          `${key} read through ${first[0]} is ${first[1]}, and through ${other[0]} it is ${other[1]}`,
        );
    }
    this.#history.addQuiet({ from, to: this.#history.moment() });
  }

  #read(clients: Clients, door: Parameters<Clients['ask']>[0]['door'], key: string): string {
    const { read: kind } = this.#init;
    for (let tries = 0; tries < READS_MAX; tries++) {
      let told: Told | undefined;
      let isOver = false;
      clients.ask({ door, kind, key, input: undefined, client: `last, through ${door.name}` }, (answer) => {
        told = answer;
        isOver = true;
      });
      this.#world.runUntilHolds(() => isOver, PEACE_WITHIN_MS);
      if (told !== undefined && 'ok' in told) return JSON.stringify(told.ok ?? (null satisfies Json));
      this.#world.runFor(LOOK_MS);
    }
    this.#report(`${key} cannot be read through ${door.name}, and nothing is wrong with the ring`);
    return 'not read';
  }

  /** Looked at now and then: to look costs more than what happens. */
  #waitUntil(holds: () => boolean, withinMs: number, lookMs = LOOK_MS): boolean {
    const limit = this.#world.now() + withinMs;
    while (!holds()) {
      if (this.#world.now() >= limit) return false;
      this.#world.runFor(lookMs);
    }
    return true;
  }

  #report(problem: string): void {
    if (!this.#problems.includes(problem)) this.#problems.push(problem);
  }
}

/** A name with a slip in it would be judged by nobody. */
function checkKinds({ model, operations, beside = {} }: SimulateInit): void {
  for (const kind of Object.keys(operations))
    if (!model.kinds.includes(kind))
      throw new Error(`a ${model.name} knows no "${kind}", but ${model.kinds.join(', ')}`);
  for (const kind of Object.keys(beside))
    if (model.kinds.includes(kind)) throw new Error(`"${kind}" is an operation of the ${model.name}`);
}
