import {
  assert,
  Reader,
  Writer,
  type Hello,
  type Lane,
  type NodeId,
  type PartitionId,
  type StartNumber,
  type TransportHandler,
} from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { Agreement } from '../check/agreement.ts';
import { checkDeterminism } from '../check/determinism.ts';
import { drawFaults } from '../faults/draw-faults.ts';
import { unleash } from '../faults/nemesis.ts';
import { World } from '../world/world.ts';
import { SimCluster, type NodeLife } from './cluster.ts';

const NAMES = ['n1', 'n2', 'n3'];
const STORM = { nodes: NAMES, fromMs: 1000, untilMs: 60_000, calmShare: 0 };
const COUNT = {
  space: 0,
  place: { ringBits: 4, partition: 0 as PartitionId },
  hashHi: 0,
  hashLo: 0,
  key: 'beats',
} as const;

/** A node that greets the others all the time and stores how often it was greeted. */
class Greeter implements TransportHandler {
  readonly life: NodeLife;
  greetings = 0;
  readonly lastHeard = new Map<NodeId, number>();
  readonly #last = new Map<NodeId, { life: number; number: number }>();
  #sent = 0;

  constructor(life: NodeLife) {
    this.life = life;
    const { transport, store, logger } = life;
    const count = store.get(0, COUNT.place, COUNT);
    if (count !== undefined) this.greetings = new Reader(count).u32();
    transport.start(this);
    transport.setPeers(NAMES.map((name) => ({ id: name as NodeId, address: `${name}:8099` })));
    store.start({ onProgress: () => {}, onFailure: (_, { message }) => logger.warn({}, message) });
    this.#greetLater();
    logger.info({ greetings: this.greetings }, 'started');
  }

  stop(done: () => void): void {
    this.life.transport.stop();
    this.life.store.close(done);
  }

  hello(purpose: Hello['purpose']): Hello {
    const { name, address, number } = this.life;
    return {
      nodeId: name as NodeId,
      start: number as StartNumber,
      name,
      address,
      clusterId: 'c',
      purpose,
      features: [],
    };
  }

  admit(): undefined {
    return undefined;
  }

  onFrame(from: NodeId, _lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    const frame = new Reader(bytes, start, end);
    this.#expectNewer(from, frame.u32(), frame.u32());
    assert(frame.string() === 'hello', 'a frame arrives unchanged');
    this.lastHeard.set(from, this.life.host.monotonic());
    this.greetings++;
    const count = new Writer();
    count.u32(this.greetings);
    this.life.store.submit([{ ...COUNT, value: count.copy() }]);
  }

  onPeerUp(peer: Hello): void {
    this.life.logger.info({ peer: peer.name }, 'up');
  }

  onPeerDown(peer: NodeId, reason: string): void {
    this.life.logger.info({ peer, reason }, 'down');
  }

  /** Whether everyone else was heard within the last second. */
  hearsAll(): boolean {
    const now = this.life.host.monotonic();
    return NAMES.every(
      (name) => name === this.life.name || (this.lastHeard.get(name as NodeId) ?? -1e9) > now - 1000,
    );
  }

  /** What a transport promises: in order, each at most once, and nothing of an earlier life after a later one. */
  #expectNewer(from: NodeId, life: number, number: number): void {
    const last = this.#last.get(from) ?? { life: 0, number: 0 };
    assert(life > last.life || (life === last.life && number > last.number), 'frames come in order, once');
    this.#last.set(from, { life, number });
  }

  #greetLater(): void {
    const { host, transport, number } = this.life;
    host.setTimer(host.random() % 200, () => {
      const frame = new Writer();
      frame.u32(number);
      frame.u32(++this.#sent);
      frame.string('hello');
      for (const name of NAMES) transport.send(name as NodeId, 'control', frame.buffer, 0, frame.length);
      this.#greetLater();
    });
  }
}

function startAll(seed: number) {
  const world = new World({ seed });
  const cluster = new SimCluster<Greeter>({
    world,
    boot: (life) => new Greeter(life),
    stop: (node, done) => node.stop(done),
  });
  for (const name of NAMES) cluster.start(name);
  return { world, cluster };
}

const allHear = (cluster: SimCluster<Greeter>) => () =>
  NAMES.every((name) => cluster.node(name)?.hearsAll() === true);

/** A stormy minute and what is left of it. */
function storm(seed: number): World {
  const { world, cluster } = startAll(seed);
  unleash(cluster, drawFaults(world.prng('faults'), STORM));
  world.runUntil(60_000);
  return world;
}

describe('a cluster', () => {
  it('runs the same from the same seed, through faults, and otherwise from another', () => {
    const runs = [1, 2, 3].map((seed) => checkDeterminism(() => storm(seed)));
    for (const run of runs) expect(run.kind).toBe('same');
    expect(new Set(runs.map((run) => run.kind === 'same' && run.digest)).size).toBe(3);
  });

  it('is shown to be otherwise when something hidden differs', () => {
    let hidden = 0;
    const result = checkDeterminism(() => {
      const world = new World({ seed: 1 });
      world.schedule(hidden++, () => {}, 'x');
      world.runToQuiescence();
      return world;
    });
    expect(result.kind).toBe('different');
  });

  it('is whole again soon after the last fault of any schedule', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { world, cluster } = startAll(seed);
      const schedule = drawFaults(world.prng('faults'), STORM);
      unleash(cluster, schedule);
      world.runUntil(60_000);
      expect(cluster.running).toEqual(NAMES);
      expect(world.runUntilHolds(allHear(cluster), 30_000), `seed ${seed}`).toBe(true);
      for (const name of NAMES) expect(cluster.node(name)?.life.store.submit([])).toBeDefined();
    }
  });

  it('keeps what a killed node had committed, and gives its next life a name of its own', () => {
    const { world, cluster } = startAll(1);
    world.runFor(5000);
    const before = cluster.node('n1')?.greetings ?? 0;
    expect(before).toBeGreaterThan(50);
    cluster.crash('n1');
    cluster.crash('n1');
    expect([cluster.node('n1'), cluster.running]).toEqual([undefined, ['n2', 'n3']]);
    world.runFor(1000);
    const again = cluster.start('n1');
    expect(again.life.number).toBe(2);
    expect(again.greetings).toBeGreaterThan(before - 5);
  });

  it('stops a node in good order: nothing that it took is lost', () => {
    const { world, cluster } = startAll(1);
    world.runFor(5000);
    const node = cluster.node('n1') as Greeter;
    cluster.stop('n1');
    expect(world.runUntilHolds(() => cluster.node('n1') === undefined, 1000)).toBe(true);
    expect(cluster.start('n1').greetings).toBe(node.greetings);
    world.runFor(100);
    expect(cluster.log('n2').describe()).toContain('down {"peer":"n1","reason":"closed by the peer"}');
  });

  it('can be cut, paused and healed', () => {
    const { world, cluster } = startAll(1);
    world.runFor(2000);
    expect(allHear(cluster)()).toBe(true);
    cluster.cut('n1', ['n2', 'n3']);
    world.runFor(5000);
    expect(NAMES.map((name) => cluster.node(name)?.hearsAll())).toEqual([false, false, false]);
    cluster.heal();
    expect(world.runUntilHolds(allHear(cluster), 10_000)).toBe(true);
    cluster.pause('n2');
    world.runFor(5000);
    expect(cluster.node('n1')?.hearsAll()).toBe(false);
    cluster.heal();
    expect(world.runUntilHolds(allHear(cluster), 10_000)).toBe(true);
  });

  it('that loses its disk starts on another one, as whoever it then is', () => {
    const { world, cluster } = startAll(1);
    world.runFor(1000);
    const { store, diskNumber } = (cluster.node('n1') as Greeter).life;
    for (const [lost, disk] of [
      ['store', diskNumber],
      ['everything', diskNumber + 1],
    ] as const) {
      cluster.loseDisk('n1', lost);
      expect(cluster.node('n1')).toBeUndefined();
      const { life } = cluster.start('n1');
      expect(life.store.storeId).not.toBe(store.storeId);
      expect(life.diskNumber).toBe(disk);
    }
  });

  it('keeps the logs of every life, with the time and the fields', () => {
    const { world, cluster } = startAll(1);
    world.runFor(1000);
    cluster.crash('n1');
    cluster.restart('n1');
    cluster.restart('n1');
    const starts = cluster.log('n1').lines.filter((line) => line.message === 'started');
    expect(starts.map(({ life, at }) => [life, at])).toEqual([
      [1, 0],
      [2, 1000],
    ]);
    expect(cluster.describe()).toContain('n1.2 info started {"greetings":');
  });
});

describe('agreement', () => {
  it('holds while all report the same, and names those who do not', () => {
    const agreement = new Agreement('the ring of epoch');
    agreement.report(4, 'aa', 'n1');
    agreement.report(4, 'aa', 'n2');
    agreement.report(5, 'bb', 'n2');
    expect(agreement.size).toBe(2);
    expect(() => agreement.report(4, 'bb', 'n3')).toThrow(
      'no agreement on the ring of epoch 4: n1 has aa, n3 has bb',
    );
  });
});
