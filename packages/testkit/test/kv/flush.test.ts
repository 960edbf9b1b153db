/**
 * A flush on whole nodes, while rings change and machines die: what was acknowledged before it began is dead once it is answered,
 * on every replica in the end, and what is written after that lives.
 */
import type { PartitionId } from '@rkv/core';
import { TOMBSTONE, typeOf } from '@rkv/store';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const NODES = ['n1', 'n2', 'n3'] as const;
const INCREMENT = { kind: 'increment', by: 1n } as const;
const UNHEARD = { onChanged: () => {}, onFailure: () => {} };
const keysOf = (who: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${who} ${i}`);

class Flushing extends KvCluster {
  putAll(keys: readonly string[], through = 'n1'): void {
    for (const key of keys) expect(this.put(through, key, key)).toBe('written');
  }

  beginFlush(name: string, done: (outcome: string) => void): void {
    this.citizen(name).kv?.flush({ onFlushed: () => done('flushed'), onFailure: ({ code }) => done(code) });
  }

  flush(name: string): string {
    return this.ask((done) => this.beginFlush(name, done));
  }

  /** Vnodes of live nodes that hold a value of one of these keys: `n1/3 key 7`. */
  holdersOf(keys: readonly string[]): string[] {
    return NODES.filter((name) => this.machines.node(name)?.kv !== undefined).flatMap((name) =>
      Array.from({ length: this.node(name).document.ringSize }, (_, p) => p as PartitionId).flatMap((p) =>
        keys
          .filter((key) => {
            const held = this.held(name, p, key);
            return held !== undefined && typeOf(held) !== TOMBSTONE;
          })
          .map((key) => `${name}/${p} ${key}`),
      ),
    );
  }

  expectGone(keys: readonly string[], names: readonly string[] = NODES): void {
    for (const name of names) {
      const read = keys.map((key) => this.get(name, key));
      expect(read.filter((value) => value !== 'missing')).toEqual([]);
      expect(this.scan(name, { count: 50 }).filter((key) => keys.includes(key))).toEqual([]);
    }
  }

  allHear(): boolean {
    return NODES.map((name) => this.node(name)).every((node) =>
      node.document.members.every(({ id }) => node.isUp(id)),
    );
  }

  expectThere(keys: readonly string[]): void {
    for (const name of NODES)
      expect(keys.filter((key) => this.get(name, key) === 'missing').map((key) => `${name} ${key}`)).toEqual(
        [],
      );
  }
}

describe('a flush', () => {
  it('leaves the same tombstones with all replicas, and nothing to mend', () => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    const keys = keysOf('old', 60);
    cluster.putAll(keys);
    expect(cluster.flush('n2')).toBe('flushed');
    expect(cluster.holdersOf(keys)).toEqual([]);
    cluster.expectGone(keys);
    expect(cluster.count('n3')).toBe('0');
    cluster.putAll(keys.slice(0, 20), 'n3');
    cluster.world.runFor(15_000);
    cluster.expectThere(keys.slice(0, 20));
    cluster.expectGone(keys.slice(20));
    expect(NODES.map((name) => cluster.node(name).exchange.status().differing)).toEqual([0, 0, 0]);
  });

  it.each([
    ['fast', 40_000],
    ['slow', -40_000],
    ['beyond all bounds', 3_600_000],
  ])('where one clock is %s takes what was written by it, and not what is written afterwards', (_, ms) => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    cluster.machines.clock('n3').jump(ms);
    cluster.world.runFor(2_000);
    const [old, young] = [keysOf('old', 20), keysOf('young', 20)];
    cluster.putAll(old, 'n3');
    expect(cluster.flush('n1')).toBe('flushed');
    cluster.expectGone(old);
    for (const name of NODES) cluster.putAll([...young, ...old], name);
    cluster.world.runFor(15_000);
    cluster.expectThere([...young, ...old]);
  });

  it.each([61_000, 75_000, 3_600_000])('deletes what a clock %i ms ahead has stamped', (aheadMs) => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    cluster.machines.clock('n3').jump(aheadMs);
    cluster.world.runFor(2_000);
    const old = keysOf('old', 20);
    cluster.putAll(old, 'n3');
    cluster.world.runFor(45_000);
    expect(cluster.flush('n1')).toBe('flushed');
    cluster.expectGone(old);
  });

  it('lets nothing through in the values of changes that are made while it goes on', () => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    const counters = keysOf('count', 60);
    for (const key of counters) expect(cluster.put('n1', key, '1000')).toBe('written');
    let outcome = '';
    cluster.within(() => cluster.beginFlush('n1', (how) => (outcome = how)));
    // Each member must have heard of it: docs/limits.md.
    cluster.world.runFor(2);
    for (const key of counters) {
      cluster.within(() => cluster.citizen('n2').kv?.change(key, INCREMENT, undefined, UNHEARD));
      cluster.world.runFor(0.1);
    }
    cluster.until('it is answered', () => outcome !== '');
    cluster.world.runFor(5_000);
    const left = counters.map((key) => cluster.get('n3', key)).filter((value) => value !== 'missing');
    expect([...new Set(left)]).toEqual(['value 1']);
  });

  it('deletes strict keys as well', () => {
    const cluster = new Flushing({ level: 'strict' });
    cluster.form(...NODES);
    const keys = keysOf('strict', 20);
    cluster.putAll(keys);
    expect(cluster.flush('n2')).toBe('flushed');
    cluster.expectGone(keys);
  });
});

describe('with one of three away', () => {
  const deaths = (): { cluster: Flushing; keys: string[] } => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    const keys = keysOf('old', 60);
    cluster.putAll(keys.slice(0, 30));
    // Of these the replica on n2 knows nothing.
    cluster.machines.crash('n2');
    cluster.world.runFor(3_000);
    cluster.putAll(keys.slice(30));
    return { cluster, keys };
  };

  it('those that were there take it to the one that comes back', () => {
    const { cluster, keys } = deaths();
    expect(cluster.flush('n1')).toBe('flushed');
    cluster.machines.restart('n2');
    cluster.until('it is back', () => cluster.citizen('n2')?.kv !== undefined);
    cluster.expectGone(keys);
    cluster.until('no replica holds a value', () => cluster.holdersOf(keys).length === 0);
    cluster.world.runFor(20_000);
    expect(cluster.holdersOf(keys)).toEqual([]);
  });

  it('and clocks that were set back meanwhile, it is stamped above the reap floor: whoever comes back brings nothing back', () => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    const old = keysOf('old', 20);
    cluster.putAll([...old, 'k']);
    expect(cluster.delete('n1', 'k')).toBe('deleted');
    // The floor has passed all of it.
    cluster.world.runFor(60_000);
    for (const name of NODES) cluster.machines.crash(name);
    for (const name of NODES) cluster.machines.clock(name).jump(-3_600_000);
    for (const name of ['n1', 'n2']) cluster.machines.restart(name);
    cluster.until('they are back', () =>
      ['n1', 'n2'].every((name) => cluster.citizen(name)?.kv !== undefined),
    );
    cluster.until('they hear each other', () => cluster.node('n1').isUp(cluster.node('n2').id));
    expect(cluster.flush('n1')).toBe('flushed');
    cluster.world.runFor(30_000);
    cluster.machines.restart('n3');
    cluster.until('all hear each other', () => cluster.citizen('n3')?.kv !== undefined && cluster.allHear());
    cluster.world.runFor(60_000);
    expect(cluster.holdersOf(old)).toEqual([]);
    cluster.expectGone(old);
  });

  it('two of three away refuse it, and nothing is deleted', () => {
    const cluster = new Flushing();
    cluster.form(...NODES);
    const keys = keysOf('old', 10);
    cluster.putAll(keys);
    cluster.machines.crash('n2');
    cluster.machines.crash('n3');
    cluster.world.runFor(3_000);
    expect(cluster.flush('n1')).toBe('unreachable');
    for (const name of ['n2', 'n3']) cluster.machines.restart(name);
    cluster.until('they are back', () => NODES.every((name) => cluster.citizen(name)?.kv !== undefined));
    cluster.world.runFor(3_000);
    cluster.expectThere(keys);
  });
});

/** A flush while partitions move to two nodes that have joined, and clients write other keys. */
function flushWhileMoving(seed: number): Flushing {
  const cluster = new Flushing({ seed });
  cluster.start(...NODES);
  const old = keysOf('old', 120);
  const young = keysOf('young', 40);
  cluster.putAll(old);
  for (const name of NODES) cluster.node(name).handoff.limitTo({ out: 1 });
  cluster.join(...NODES);
  cluster.world.runFor(seed * 7);
  let outcome = '';
  cluster.within(() => cluster.beginFlush('n1', (answer) => (outcome = answer)));
  cluster.until('it is answered', () => outcome !== '');
  expect(outcome).toBe('flushed');
  cluster.putAll(young);
  cluster.until('the ring has settled', () => cluster.isSettled(...NODES));
  cluster.expectGone(old);
  cluster.expectThere(young);
  expect(cluster.count('n2')).toBe(String(young.length));
  return cluster;
}

describe('while partitions move', () => {
  it.each([1, 4, 9])('nothing of it arrives behind the flush: seed %i', (seed) => {
    const cluster = flushWhileMoving(seed);
    expect(cluster.holdersOf(keysOf('old', 120))).toEqual([]);
  });
});

describe('machines that die during a flush', () => {
  it.each([1, 2, 3])('and come back have nothing of it left in the end: seed %i', (seed) => {
    const cluster = new Flushing({ seed });
    cluster.form(...NODES);
    const old = keysOf('old', 100);
    cluster.putAll(old);
    const dice = cluster.world.prng('deaths');
    let outcome = '';
    cluster.within(() => cluster.beginFlush('n1', (answer) => (outcome = answer)));
    cluster.world.runFor(dice.between(1, 60));
    const victim = dice.pick(['n2', 'n3']);
    cluster.machines.crash(victim);
    cluster.until('it is answered', () => outcome !== '');
    expect(outcome).toBe('flushed');
    cluster.machines.restart(victim);
    cluster.until('it is back', () => cluster.citizen(victim)?.kv !== undefined);
    cluster.until('all hear each other', () => cluster.allHear());
    cluster.expectGone(old);
    cluster.world.runFor(20_000);
    expect(cluster.holdersOf(old)).toEqual([]);
  });
});
