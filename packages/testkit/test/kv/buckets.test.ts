/** Keys of buckets with another n, on whole simulated clusters: where their copies lie, and what is found of them. */
import {
  bucketOf,
  type AdminRequest,
  type BucketChange,
  type NodeId,
  type PartitionId,
  type RequestResult,
} from '@rkv/core';
import { firstPartition, placeKey } from '@rkv/store';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5'];

function request(cluster: KvCluster, name: string, wanted: AdminRequest): RequestResult {
  let result: RequestResult | undefined;
  cluster.within(() => cluster.node(name).request(wanted, (outcome) => (result = outcome)));
  cluster.until('it is answered', () => result !== undefined);
  return result as RequestResult;
}

function change(cluster: KvCluster, name: string, wanted: BucketChange): RequestResult {
  const was = bucketOf(cluster.node(name).document, wanted.prefix);
  return request(cluster, name, { kind: 'bucket', ...wanted, was });
}

/** Five nodes, and buckets of one and of five copies beside the default of three. */
function mixedCluster(): KvCluster {
  const cluster = new KvCluster({ ringSize: 16 });
  cluster.form(...(FIVE as [string, ...string[]]));
  for (const [prefix, n] of [
    ['one ', 1],
    ['five ', 5],
  ] as const)
    expect(change(cluster, 'n2', { prefix, to: { n, level: 'eventual' } })).toMatchObject({ kind: 'done' });
  cluster.until('all know', () => FIVE.every((name) => cluster.node(name).document.buckets.length === 3));
  return cluster;
}

const KEYS = ['one ', '', 'five '].flatMap((prefix) =>
  Array.from({ length: 40 }, (_, i) => `${prefix}key ${i}`),
);

/** How far down its list each owner stands that holds a value of the key; `012`. */
function positionsOf(cluster: KvCluster, key: string): string {
  const { owners, ringSize } = cluster.node('n1').document;
  const first = firstPartition({ port: { document: cluster.node('n1').document } } as never, placeKey(key));
  const names = new Map(FIVE.map((name) => [cluster.node(name).id, name]));
  let positions = '';
  for (let i = 0; i < ringSize; i++) {
    const partition = ((first + i) % ringSize) as PartitionId;
    const owner = names.get(owners[partition] as NodeId) as string;
    if (cluster.held(owner, partition, key) !== undefined) positions += String(i);
  }
  return positions;
}

const wantedOf = (key: string): string =>
  key.startsWith('one ') ? '0' : key.startsWith('five ') ? '01234' : '012';

function expectInPlace(cluster: KvCluster, keys: readonly string[]): void {
  const misplaced = keys.filter((key) => positionsOf(cluster, key) !== wantedOf(key));
  expect(misplaced.map((key) => `${key}: ${positionsOf(cluster, key)}`)).toEqual([]);
}

describe('buckets of one, three and five copies', () => {
  it('each key lies on its copies and on no other, and stays so while copies are compared', () => {
    const cluster = mixedCluster();
    for (const key of KEYS) expect(cluster.put('n1', key, key)).toBe('written');
    cluster.world.runFor(60_000);
    expectInPlace(cluster, KEYS);
    expect(cluster.scan('n3', { count: 20 }).toSorted()).toEqual(KEYS.toSorted());
    expect(cluster.count('n4')).toBe(String(KEYS.length));
    for (const key of KEYS) expect(cluster.get('n5', key)).toBe(`value ${key}`);
  });

  it('who was away gets what it missed, and nothing else', () => {
    const cluster = mixedCluster();
    cluster.machines.crash('n3');
    cluster.world.runFor(5_000);
    const keys = KEYS.filter((key) => !key.startsWith('one '));
    for (const key of keys) expect(cluster.put('n1', key, key)).toBe('written');
    cluster.machines.restart('n3');
    cluster.until('it is ready', () => cluster.citizen('n3').kv !== undefined);
    cluster.until('it is back', () => cluster.isSettled(...FIVE));
    cluster.world.runFor(60_000);
    expectInPlace(cluster, keys);
    for (const key of keys) expect(cluster.get('n3', key)).toBe(`value ${key}`);
  });

  it('a repair brings a partition its own copies, and nothing else', () => {
    const cluster = mixedCluster();
    for (const key of KEYS) expect(cluster.put('n1', key, key)).toBe('written');
    for (const [partition, owner] of cluster.node('n1').document.owners.entries()) {
      const name = FIVE.find((each) => cluster.node(each).id === owner) as string;
      cluster.within(() =>
        cluster.node(name).ask(owner, 'wish', { kind: 'repair', partition }, ({ kind }) => {
          expect(kind).toBe('answered');
        }),
      );
    }
    cluster.world.runFor(1_000);
    cluster.until('they are repaired', () => cluster.isSettled(...FIVE));
    expectInPlace(cluster, KEYS);
  });

  it('a ring of another size has each key on its copies and on no other', () => {
    const cluster = mixedCluster();
    for (const key of KEYS) expect(cluster.put('n1', key, key)).toBe('written');
    expect(request(cluster, 'n1', { kind: 'resize', ringSize: 32 })).toMatchObject({ kind: 'staged' });
    const planned = request(cluster, 'n1', { kind: 'plan' });
    if (planned.kind !== 'planned') throw new Error(JSON.stringify(planned));
    const commit = { kind: 'commit' as const, planId: planned.plan.planId };
    expect(request(cluster, 'n1', commit)).toMatchObject({ kind: 'committed' });
    const fewer = { prefix: 'none ', to: { n: 1, level: 'eventual' as const } };
    expect(change(cluster, 'n2', fewer)).toMatchObject({ code: 'pending_changes' });
    cluster.until('the ring has the other size', () =>
      FIVE.every((name) => cluster.node(name).document.ringSize === 32),
    );
    cluster.until('what is left is handed over', () => cluster.isSettled(...FIVE));
    cluster.world.runFor(60_000);
    expectInPlace(cluster, KEYS);
    expect(cluster.count('n4')).toBe(String(KEYS.length));
  });
});
