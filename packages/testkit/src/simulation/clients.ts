/**
 * Clients of a simulated ring: each does one thing after the other, through any node, and writes down what it was told.
 *
 * One that is not answered in its patience calls it indefinite and goes on. What a client does is drawn from the seed by
 * dice of its own, so that a fault taken out of a schedule changes as little as it can.
 */
import type { Node, Prng } from '@rkv/core';
import type { History } from '../history/history.ts';
import type { Json } from '../history/operation.ts';
import type { World } from '../world/world.ts';
import type { Door, SimRing } from './sim-ring.ts';

/** What came of one request. `definite`: it surely has no effect, neither now nor later. */
export type Told = { readonly ok: Json | undefined } | { readonly error: string; readonly definite: boolean };

/** One request of a client. */
export interface SimRequest {
  /** The node that is asked; it need not hold the key. */
  readonly node: Node;
  readonly key: string;
  readonly input: Json | undefined;
  /** Who asks. */
  readonly client: string;
  readonly memory: ClientMemory;
}

/** What one client remembers of one key from one of its requests to the next: a token, a lease. Empty when a play begins. */
export type ClientMemory = Map<string, Json>;

/** One kind of thing that clients do. */
export interface SimOperation {
  /** How often, beside the others. Default 1. */
  readonly weight?: number;
  /** What goes in, as the model has it. Undefined: there is nothing to be done now, and the client does something else later. */
  input?(dice: Prng, client: string, memory: ClientMemory): Json | undefined;
  /**
   * Carry it out. `done` is to be called once, now or later, from what the node calls back; after the client has lost its
   * patience it is not listened to. A throw is a problem of its own and ends the play.
   */
  ask(request: SimRequest, done: (told: Told) => void): void;
}

/** By kind: in `operations` those of the model, in `beside` any others. */
export type SimOperations = Readonly<Record<string, SimOperation>>;

export interface ClientsInit {
  readonly world: World;
  readonly ring: SimRing;
  readonly history: History;
  readonly operations: SimOperations;
  readonly keys: readonly string[];
  readonly clients: number;
  readonly thinkMs: number;
  readonly patienceMs: number;
  report(problem: string): void;
}

export class Clients {
  readonly #init: ClientsInit;
  /** By client and key. */
  readonly #memories = new Map<string, ClientMemory>();
  #resting = false;

  constructor(init: ClientsInit) {
    this.#init = init;
    for (let i = 1; i <= init.clients; i++) this.#goOn(`c${i}`, init.world.prng(`client ${i}`));
  }

  /** Nobody begins anything new. */
  rest(): void {
    this.#resting = true;
  }

  #goOn(client: string, dice: Prng): void {
    const { world, thinkMs, ring, keys } = this.#init;
    const act = (): void => {
      if (this.#resting) return;
      const kind = pickKind(dice, this.#init.operations);
      const key = dice.pick(keys);
      const operation = this.#init.operations[kind] as SimOperation;
      const input = operation.input?.(dice, client, this.#memoryOf(client, key));
      const at = dice.u32();
      const doors = ring.doors();
      const door = doors[at % doors.length];
      const isIdle = operation.input !== undefined && input === undefined;
      if (door === undefined || isIdle) this.#goOn(client, dice);
      else this.ask({ door, kind, key, input, client }, () => this.#goOn(client, dice));
    };
    world.schedule(dice.between(1, 2 * thinkMs), act, 'client');
  }

  /** One request; `then` gets what was told, undefined when nothing was. */
  ask(
    {
      door,
      kind,
      ...asked
    }: Omit<SimRequest, 'node' | 'memory'> & { readonly door: Door; readonly kind: string },
    then: (told: Told | undefined) => void,
  ): void {
    const { world, history, patienceMs, operations, report } = this.#init;
    const { client, key, input } = asked;
    const operation = operations[kind] as SimOperation;
    const invocation = { client, key, kind, node: door.name };
    const open = history.begin(input === undefined ? invocation : { ...invocation, input });
    let answers = 0;
    let waits = true;
    const patience = world.schedule(
      patienceMs,
      () => {
        waits = false;
        history.indefinite(open, 'no answer');
        then(undefined);
      },
      'client',
    );
    const done = (told: Told): void => {
      if (++answers > 1) report(`${kind} of ${key} through ${door.name} was answered ${answers} times`);
      if (!waits) return;
      waits = false;
      patience.cancel();
      if ('ok' in told) history.ok(open, told.ok === undefined ? {} : { output: told.ok });
      else if (told.definite) history.failed(open, told.error);
      else history.indefinite(open, told.error);
      then(told);
    };
    // What is asked of a process that stands still reaches it when that goes on; of one that has died, never.
    const request = { ...asked, node: door.node, memory: this.#memoryOf(client, key) };
    door.host.setTimer(0, () => operation.ask(request, done));
  }

  #memoryOf(client: string, key: string): ClientMemory {
    const name = JSON.stringify([client, key]);
    const memory = this.#memories.get(name) ?? new Map<string, Json>();
    this.#memories.set(name, memory);
    return memory;
  }
}

function pickKind(dice: Prng, operations: SimOperations): string {
  const entries = Object.entries(operations);
  const total = entries.reduce((sum, [, { weight = 1 }]) => sum + weight, 0);
  let left = (dice.u32() / 2 ** 32) * total;
  for (const [kind, { weight = 1 }] of entries) {
    left -= weight;
    if (left < 0) return kind;
  }
  return (entries.at(-1) as [string, SimOperation])[0];
}
