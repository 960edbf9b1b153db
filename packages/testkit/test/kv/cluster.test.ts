/** The store on whole nodes: what only shows when rings, transfers, lives and requests meet. */
import { partitionOf, ringBits, type PartitionId } from '@rkv/core';
import { placeKey } from '@rkv/store';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const keysOf = (who: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${who} ${i}`);

describe('three lone nodes become one cluster (tutorial, chapter 10)', () => {
  it('keys written to each before are on every node afterwards, by read, walk and count', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3');
    const keys = ['n1', 'n2', 'n3'].flatMap((name) => {
      const own = keysOf(name, 20);
      for (const key of own) expect(cluster.put(name, key, key)).toBe('written');
      return own;
    });
    cluster.join('n1', 'n2', 'n3');
    cluster.until('the ring has settled', () => cluster.isSettled('n1', 'n2', 'n3'));
    for (const name of ['n1', 'n2', 'n3']) {
      expect(keys.map((key) => cluster.get(name, key))).toEqual(keys.map((key) => `value ${key}`));
      expect(cluster.scan(name).toSorted()).toEqual(keys.toSorted());
      expect(cluster.count(name)).toBe('60');
    }
  });

  it('a key that all of them wrote has one value, the latest', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3');
    for (const name of ['n3', 'n1', 'n2']) {
      cluster.put(name, 'k', `of ${name}`);
      cluster.world.runFor(1_000);
    }
    cluster.join('n1', 'n2', 'n3');
    cluster.until('the ring has settled', () => cluster.isSettled('n1', 'n2', 'n3'));
    const read = ['n1', 'n2', 'n3'].map((name) => cluster.get(name, 'k'));
    expect(new Set(read).size).toBe(1);
  });
});

describe('nodes that ask at one moment to be let in', () => {
  it('all get their answer: the ring that lets one in does not cut off the others', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3', 'n4');
    const answers: string[] = [];
    cluster.within(() => {
      for (const name of ['n2', 'n3', 'n4'])
        cluster.node(name).join('n1:8099', ({ kind }) => answers.push(`${name} ${kind}`));
    });
    cluster.until('all are answered', () => answers.length === 3, 3_000);
    expect(answers.toSorted()).toEqual(['n2 staged', 'n3 staged', 'n4 staged']);
  });
});

describe('while partitions move', () => {
  it('each walk finds all keys that are there throughout', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3');
    const keys = keysOf('key', 150);
    for (const key of keys) cluster.put('n1', key, key);
    // One after the other, so that the ring switches many times.
    for (const name of ['n1', 'n2', 'n3']) cluster.node(name).handoff.limitTo({ out: 1 });
    cluster.join('n1', 'n2', 'n3');
    const epochs = new Set<number>();
    for (let walks = 0; walks < 40 || !cluster.isSettled('n1', 'n2', 'n3'); walks++) {
      const name = ['n1', 'n2', 'n3'][walks % 3] as string;
      if (!cluster.node(name).document.members.some(({ name }) => name === 'n1')) continue;
      expect(new Set(cluster.scan(name, { pauseMs: 1 }))).toEqual(new Set(keys));
      expect(cluster.count(name)).toBe('150');
      epochs.add(cluster.node(name).document.epoch);
    }
    expect(epochs.size).toBeGreaterThan(2);
  });

  it('all moves though one key is written without a pause', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3');
    let [sent, written] = [0, 0];
    const write = (): void => {
      cluster.world.schedule(0.2, write, 'writer');
      cluster.beginPut('n1', 'hot', `v${++sent}`, (outcome) => outcome === 'written' && written++);
    };
    cluster.within(write);
    cluster.join('n1', 'n2', 'n3');
    cluster.until(
      'the ring has settled',
      () =>
        cluster.node('n1').document.pending.length === 0 && cluster.node('n1').document.members.length === 3,
      20_000,
    );
    expect(written).toBeGreaterThan(300);
  });
});

describe('the lives of a coordinator', () => {
  it.each([1, 2, 4])(
    'what is said to its former life is not taken for an answer in this one (seed %i)',
    (seed) => {
      const cluster = new KvCluster({ seed, durability: 'process' });
      cluster.form('n1', 'n2', 'n3');
      const partition = placeOf(cluster, 'k 0');
      const [first, second] = keysOf('k', 1_000).filter((key) => placeOf(cluster, key) === partition) as [
        string,
        string,
      ];

      // n2 takes seconds to store the first key; by then n1 lives again and has sent the second.
      cluster.machines.disk('n2').slowDown(8_000);
      cluster.within(() => cluster.beginPut('n1', first, 'v', () => {}, { w: 3 }));
      cluster.world.runFor(5);
      cluster.machines.crash('n1');
      cluster.machines.restart('n1');
      cluster.until('n1 sees the others', () => seesAll(cluster, 'n1'));
      let outcome = '';
      cluster.within(() =>
        cluster.beginPut('n1', second, 'v', (what) => (outcome = what), { w: 3, timeoutMs: 30_000 }),
      );
      cluster.until('there is an answer', () => outcome !== '');
      expect(outcome).toBe('written');
      expect(copies(cluster, second, partition)).toBe(3);
    },
  );
});

function seesAll(cluster: KvCluster, name: string): boolean {
  const { node, kv } = cluster.citizen(name);
  return kv !== undefined && node.document.members.every(({ id }) => node.isUp(id));
}

function placeOf(cluster: KvCluster, key: string): PartitionId {
  return partitionOf(placeKey(key).hashHi, ringBits(cluster.node('n2').document.ringSize));
}

/** On how many of its primaries a key has been committed. */
function copies(cluster: KvCluster, key: string, first: PartitionId): number {
  const { owners } = cluster.node('n1').document;
  return [0, 1, 2].filter((i) => {
    const partition = ((first + i) % owners.length) as PartitionId;
    return ['n1', 'n2', 'n3'].some(
      (name) =>
        owners[partition] === cluster.node(name).id && cluster.held(name, partition, key) !== undefined,
    );
  }).length;
}
