/** A simulated cluster of the shipped node with the shipped store, every node of it with a meter, and no faults. */
import { latin1Encode, membershipPresets, type AgreedDocument, type PresetName } from '@rkv/core';
import { World, type SimCluster } from '@rkv/testkit';
import { rkvCluster, type SimNode } from '../sim/rkv-cluster.ts';
import { Meter } from './meter.ts';

export interface ScaleClusterInit {
  readonly seed: number;
  readonly ringSize: number;
  readonly preset: PresetName;
}

/** So finely it is known when a cluster has settled, virtual milliseconds. */
const LOOK_EVERY_MS = 10;
/** An operator who is refused asks again. */
const ASK_AGAIN_MS = 500;
const PATIENCE_MS = 3_600_000;
const PUTS_AT_ONCE = 100;

export class ScaleCluster {
  readonly world: World;
  /** Of the largest ring document so far. */
  documentBytesMax = 0;
  /** Of the newest. */
  documentBytes = 0;
  epoch = 0;
  readonly #machines: SimCluster<SimNode>;
  readonly #meters = new Map<string, Meter>();

  constructor({ seed, ringSize, preset }: ScaleClusterInit) {
    this.world = new World({ seed, keepEvents: 0 });
    this.#machines = rkvCluster({
      world: this.world,
      ringSize,
      durability: 'process',
      preset: membershipPresets[preset],
      endow: (life) => this.meter(life.name).endow(life),
      onRing: (_, agreed) => this.#noteRing(agreed),
      onReady: () => {},
      onRemoved: () => {},
      onCommit: () => {},
      onError: (machine, message) => {
        throw new Error(`${machine} logged an error: ${message}`);
      },
    });
  }

  get names(): string[] {
    return this.#machines.names;
  }

  meter(name: string): Meter {
    let meter = this.#meters.get(name);
    if (meter === undefined) this.#meters.set(name, (meter = new Meter()));
    return meter;
  }

  get meters(): Meter[] {
    return [...this.#meters.values()];
  }

  start(name: string): void {
    this.meter(name).turn(() => this.#machines.start(name));
    this.#until(`${name} is ready`, () => this.#citizen(name).kv !== undefined);
  }

  /** These ask the first node to be let in; done when all are staged. */
  stage(names: readonly string[]): void {
    const first = this.names[0] as string;
    let staged = 0;
    const ask = (name: string): void =>
      this.#within(name, ({ node }) =>
        node.join(this.#machines.addressOf(first), ({ kind }) => {
          if (kind === 'staged') staged++;
          else this.world.schedule(ASK_AGAIN_MS, () => ask(name), 'operator');
        }),
      );
    for (const name of names) ask(name);
    this.#until('all are staged', () => staged === names.length);
  }

  /** The plan for all that is staged; its id. */
  plan(): string {
    return this.#insist((ask) =>
      this.#first.node.request({ kind: 'plan' }, (result) =>
        ask(result.kind === 'planned' ? result.plan.planId : undefined),
      ),
    );
  }

  commit(planId: string): void {
    this.#insist((ask) =>
      this.#first.node.request({ kind: 'commit', planId }, ({ kind }) =>
        ask(kind === 'committed' ? kind : undefined),
      ),
    );
  }

  /** Every node has the one ring, everybody hears everybody, nothing moves and nothing waits. */
  settle(): void {
    this.#until('the ring has settled', () => this.#isSettled());
  }

  /** So many keys of 100 bytes, through every node in turn. */
  fill(keys: number): void {
    const { names } = this;
    let written = 0;
    for (let from = 0; from < keys; from += PUTS_AT_ONCE) {
      const until = Math.min(from + PUTS_AT_ONCE, keys);
      for (let i = from; i < until; i++)
        this.#within(names[i % names.length] as string, ({ kv }) =>
          kv?.put(`key:${i}`, latin1Encode('v'.repeat(100)), undefined, {
            onWritten: () => written++,
            onFailure: ({ message }) => {
              throw new Error(`key ${i} was not written: ${message}`);
            },
          }),
        );
      this.#until('the keys are written', () => written === until);
    }
  }

  get #first(): SimNode {
    return this.#citizen(this.names[0] as string);
  }

  #citizen(name: string): SimNode {
    return this.#machines.node(name) as SimNode;
  }

  #noteRing({ bytes, document: { epoch } }: AgreedDocument): void {
    if (epoch < this.epoch) return;
    this.epoch = epoch;
    this.documentBytes = bytes.length;
    this.documentBytesMax = Math.max(this.documentBytesMax, bytes.length);
  }

  #isSettled(): boolean {
    const { epoch, members, pending } = this.#first.node.document;
    if (pending.length > 0 || members.length !== this.names.length) return false;
    if (members.some(({ status }) => status !== 'valid')) return false;
    const citizens = this.names.map((name) => this.#citizen(name));
    return (
      citizens.every(({ node }) => node.ready && node.document.epoch === epoch) &&
      citizens.every(({ node }) => node.handoff.active().length + node.handoff.waiting().length === 0) &&
      citizens.every(({ node }) => members.every(({ id }) => node.isUp(id)))
    );
  }

  /** Ask the first node until there is an answer. */
  #insist(request: (ask: (answer: string | undefined) => void) => void): string {
    let outcome: string | undefined;
    const ask = (): void =>
      this.#within(this.names[0] as string, () =>
        request((answer) => {
          if (answer === undefined) this.world.schedule(ASK_AGAIN_MS, ask, 'operator');
          else outcome = answer;
        }),
      );
    ask();
    this.#until('there is an answer', () => outcome !== undefined);
    return outcome as unknown as string;
  }

  /** Within an event of the world, as everything must be that a node does. */
  #within(name: string, run: (citizen: SimNode) => void): void {
    this.world.schedule(0, () => this.meter(name).turn(() => run(this.#citizen(name))), 'operator');
  }

  #until(what: string, holds: () => boolean): void {
    const limit = this.world.now() + PATIENCE_MS;
    while (!holds()) {
      if (this.world.now() > limit) throw new Error(`waited in vain until ${what}`);
      this.world.runFor(LOOK_EVERY_MS);
    }
  }
}
