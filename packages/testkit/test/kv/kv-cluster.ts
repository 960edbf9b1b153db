/** Nodes of the store in a simulated world, and calls on them that are answered while the world runs. */
import {
  DRIFT_LIMIT_MS,
  HybridClock,
  latin1Decode,
  latin1Encode,
  Node,
  sha1Hex,
  sha1Latin1,
  type NodeId,
  type PartitionId,
  type StableName,
  type StableStore,
} from '@rkv/core';
import {
  KV_SERVICE,
  ChangeDesk,
  placeKey,
  QuorumStore,
  Service,
  ValuesUnderWay,
  type Coordinator,
  type HeldReply,
  type PutOptions,
  type RequestOptions,
} from '@rkv/store';
import { SimCluster, World, type NodeLife } from '@rkv/testkit';
import { moduleWith, type Plant } from '../sim/rkv-cluster.ts';

export interface Citizen {
  readonly node: Node;
  /** Undefined until the node is ready. */
  kv: QuorumStore | undefined;
  service: Service | undefined;
}

/** Something else in the place of something shipped: a planted bug. */
export type KvPlant = Pick<Plant, 'openVnode' | 'module' | 'transport' | 'port'>;

export interface KvClusterInit {
  readonly seed?: number;
  readonly ringSize?: number;
  readonly n?: number;
  readonly level?: 'eventual' | 'strict';
  readonly durability?: 'process' | 'power';
  readonly plant?: KvPlant | undefined;
}

export class KvCluster {
  readonly world: World;
  readonly machines: SimCluster<Citizen>;
  readonly #init: KvClusterInit;
  /** Documents that an operator removed, by node; until they are saved anew. */
  readonly #removed = new Map<string, Set<StableName>>();
  /** Who ended because it was in its ring no more, and how. */
  readonly endings: string[] = [];

  constructor(init: KvClusterInit = {}) {
    this.#init = init;
    this.world = new World({ seed: init.seed ?? 1 });
    this.machines = new SimCluster<Citizen>({
      world: this.world,
      boot: (life) => this.#boot(life),
      stop: ({ node }, done) => node.stop(done),
    });
  }

  citizen(name: string): Citizen {
    return this.machines.node(name) as Citizen;
  }

  node(name: string): Node {
    return this.citizen(name).node;
  }

  /** Start nodes that know nothing of each other. */
  start(...names: string[]): void {
    for (const name of names) this.machines.start(name);
    this.until('they are ready', () => names.every((name) => this.citizen(name).kv !== undefined));
  }

  /** All nodes ask the first to be let in, and a plan for all of them is committed; what moves is on its way. */
  join(first: string, ...others: string[]): void {
    const answers: string[] = [];
    this.within(() => {
      for (const name of others)
        this.node(name).join(this.machines.addressOf(first), ({ kind }) => answers.push(kind));
    });
    this.until('all have asked', () => answers.length === others.length);
    let outcome = '';
    const commit = (): void => {
      if (outcome === 'committed') return;
      this.world.schedule(300, commit, 'operator');
      this.node(first).request({ kind: 'plan' }, (planned) => {
        if (planned.kind !== 'planned') return;
        this.node(first).request(
          { kind: 'commit', planId: planned.plan.planId },
          ({ kind }) => (outcome = kind),
        );
      });
    };
    this.within(commit);
    this.until('the plan is committed', () => outcome === 'committed');
  }

  /** Every member is up and has one ring on which nothing moves. */
  isSettled(...names: string[]): boolean {
    const rings = names.map((name) => this.node(name).document);
    return rings.every(
      ({ epoch, members, pending }, at) =>
        epoch === rings[0]?.epoch &&
        members.length === names.length &&
        pending.length === 0 &&
        members.every(({ id, status }) => status === 'valid' && this.node(names[at] as string).isUp(id)) &&
        this.node(names[at] as string).handoff.active().length === 0 &&
        this.node(names[at] as string).handoff.waiting().length === 0,
    );
  }

  /** A cluster of these nodes that has settled. */
  form(first: string, ...others: string[]): void {
    this.start(first, ...others);
    this.join(first, ...others);
    this.until('the ring has settled', () => this.isSettled(first, ...others));
  }

  put(name: string, key: string, value: string, options?: PutOptions): string {
    return this.ask((done) => this.beginPut(name, key, value, done, options));
  }

  delete(name: string, key: string): string {
    return this.ask((done) =>
      this.citizen(name).kv?.delete(key, undefined, {
        onWritten: () => done('deleted'),
        onFailure: ({ code }) => done(code),
      }),
    );
  }

  beginPut(
    name: string,
    key: string,
    value: string,
    done: (outcome: string) => void,
    options?: PutOptions,
  ): void {
    this.citizen(name).kv?.put(key, latin1Encode(value), options, {
      onWritten: () => done('written'),
      onFailure: ({ code }) => done(code),
    });
  }

  get(name: string, key: string, options?: RequestOptions): string {
    return this.ask((done) =>
      this.citizen(name).kv?.get(key, options, {
        onValue: (bytes, start, end) => done(`value ${latin1Decode(bytes, start, end)}`),
        onMissing: () => done('missing'),
        onFailure: ({ code }) => done(code),
      }),
    );
  }

  /** Every key, walked through by one node, with so much time between the pages. */
  scan(name: string, { count = 10, pauseMs = 0 } = {}): string[] {
    const found: string[] = [];
    for (let cursor: bigint | undefined = 0n; cursor !== undefined;) {
      const page = this.page(name, cursor, count);
      found.push(...page.keys);
      cursor = page.next === 0n ? undefined : page.next;
      this.world.runFor(pauseMs);
    }
    return found;
  }

  count(name: string): string {
    return this.ask((done) =>
      this.citizen(name).kv?.count({
        onCount: (count) => done(String(count)),
        onFailure: ({ code }) => done(code),
      }),
    );
  }

  /** What the vnode of one node holds of a key, seen from inside. */
  held(name: string, partition: PartitionId, key: string): Uint8Array | undefined {
    let held: Uint8Array | undefined;
    this.node(name)
      .vnode(KV_SERVICE, partition)
      ?.vnode.handleCommand(
        { kind: 'get', ...placeKey(key), whole: true },
        { reply: (reply) => (held = (reply as HeldReply).entry?.slice()), refuse() {}, fail() {} },
      );
    return held;
  }

  /** From the directory of a node that is down. */
  removeDocuments(name: string, ...documents: StableName[]): void {
    this.#removed.set(name, new Set(documents));
  }

  #stable({ name, stable }: NodeLife): StableStore {
    const removed = this.#removed.get(name);
    if (removed === undefined) return stable;
    return {
      load: (document) => (removed.has(document) ? undefined : stable.load(document)),
      save: (document, bytes, done) =>
        stable.save(document, bytes, (error) => {
          if (error === undefined) removed.delete(document);
          done(error);
        }),
    };
  }

  /** Within an event of the world, as everything must be that a node does. */
  within(run: () => void): void {
    this.world.schedule(0, run, 'test');
    this.world.runFor(0);
  }

  ask(begin: (done: (outcome: string) => void) => void): string {
    let outcome: string | undefined;
    this.within(() => begin((answer) => (outcome = answer)));
    this.until('there is an answer', () => outcome !== undefined);
    return outcome as string;
  }

  until(what: string, holds: () => boolean, withinMs = 60_000): void {
    if (!this.world.runUntilHolds(holds, withinMs))
      throw new Error(`waited in vain until ${what}\n${this.machines.describe()}`);
  }

  page(name: string, cursor: bigint, count: number): { keys: string[]; next: bigint } {
    let page = { keys: [] as string[], next: 0n };
    const outcome = this.ask((done) =>
      this.citizen(name).kv?.scan(cursor, count, {
        onPage: (keys, next) => {
          page = { keys, next };
          done('page');
        },
        onFailure: ({ code }) => done(code),
      }),
    );
    if (outcome !== 'page') throw new Error(`the walk failed: ${outcome}`);
    return page;
  }

  #boot(life: NodeLife): Citizen {
    const { name, number, address, bootId, host, transport, store, logger } = life;
    const clock = new HybridClock({
      now: () => host.now(),
      random: () => host.random(),
      driftLimitMs: DRIFT_LIMIT_MS,
    });
    const { plant = {} } = this.#init;
    const desk = new ChangeDesk();
    const module = moduleWith(plant, clock, desk);
    const node = new Node({
      id: nodeIdOf(name),
      name,
      address,
      location: '',
      birth: {
        ringSize: this.#init.ringSize ?? 16,
        n: this.#init.n ?? 3,
        level: this.#init.level ?? 'eventual',
      },
      host,
      transport: plant.transport?.(transport) ?? transport,
      store,
      stable: this.#stable(life),
      logger,
      durability: this.#init.durability ?? 'power',
      bootId,
      modules: [module],
      onReady: () => {
        const coordinator: Coordinator = {
          host,
          clock,
          clusterTime: () => node.clusterTime(),
          port: plant.port?.(node.port(module)) ?? node.port(module),
          defaults: { timeoutMs: 1_000, valueBytesMax: 1 << 20 },
          values: new ValuesUnderWay(),
        };
        desk.attach(coordinator);
        citizen.kv = new QuorumStore(coordinator);
        citizen.service = new Service(coordinator);
      },
      onRemoved: (why) => this.endings.push(`${name} ${why}`),
    });
    const citizen: Citizen = { node, kv: undefined, service: undefined };
    logger.info({ life: number }, 'starts');
    node.start();
    return citizen;
  }
}

function nodeIdOf(name: string): NodeId {
  const words = new Uint32Array(5);
  sha1Latin1('node ', name, words);
  return sha1Hex(words).slice(0, 32) as NodeId;
}
