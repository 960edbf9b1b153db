/** A machine is lost for good: others take its partitions over at once, and fetch what they held from the other replicas. */
import type { AdminRequest, NodeId, PartitionId, RequestResult } from '@rkv/core';
import { KV_SERVICE } from '@rkv/store';
import { beforeEach, describe, expect, it } from 'vitest';
import { KvCluster } from '../kv/kv-cluster.ts';

const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`);
let cluster: KvCluster;
let ids: Record<string, NodeId>;

beforeEach(() => {
  cluster = new KvCluster({ ringSize: 16 });
  cluster.form('n1', 'n2', 'n3', 'n4');
  cluster.start('n5');
  for (const key of KEYS) expect(cluster.put('n1', key, 'v')).toBe('written');
  expect(cluster.put('n5', 'own', 'v'), 'n5 has served alone').toBe('written');
  cluster.world.runFor(2_000);
  ids = Object.fromEntries(['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => [name, cluster.node(name).id]));
});

const id = (name: string): NodeId => ids[name] as NodeId;

function request(name: string, asked: AdminRequest): RequestResult {
  let result: RequestResult | undefined;
  cluster.within(() => cluster.node(name).request(asked, (answer) => (result = answer)));
  cluster.until('there is an answer', () => result !== undefined);
  return result as RequestResult;
}

function joinFifth(): void {
  let kind = '';
  cluster.within(() =>
    cluster.node('n5').join(cluster.machines.addressOf('n1'), (answer) => (kind = answer.kind)),
  );
  cluster.until('it has asked', () => kind !== '');
  expect(kind).toBe('staged');
}

function planAndCommit(name: string): void {
  const planned = request(name, { kind: 'plan' });
  expect(planned).toMatchObject({ kind: 'planned' });
  if (planned.kind !== 'planned') return;
  expect(request(name, { kind: 'commit', planId: planned.plan.planId })).toMatchObject({ kind: 'committed' });
}

/** n3 is lost, and the others have noticed. */
function lose(): void {
  cluster.machines.crash('n3');
  cluster.until(
    'it is missed',
    () => !cluster.node('n1').isUp(id('n3')) && !cluster.node('n2').isUp(id('n3')),
  );
  expect(request('n2', { kind: 'down', nodes: [id('n3')], force: false })).toMatchObject({ kind: 'done' });
}

const partialOf = (name: string): number => cluster.node(name).partialPartitions(KV_SERVICE).length;
const ownedBy = (name: string): PartitionId[] =>
  cluster.node('n1').document.owners.flatMap((owner, p) => (owner === id(name) ? [p as PartitionId] : []));

function expectAllThere(...names: string[]): void {
  cluster.until('they are whole', () => names.every((name) => partialOf(name) === 0));
  cluster.until('the ring has settled', () => cluster.isSettled(...names));
  for (const name of names)
    for (const key of KEYS) expect(cluster.get(name, key, { r: 3 }), `${key} at ${name}`).toBe('value v');
}

describe('force-replace', () => {
  it('gives its places to the new node, which is partial until it has fetched what lay there', () => {
    lose();
    joinFifth();
    const places = ownedBy('n3');
    expect(request('n1', { kind: 'force-replace', node: id('n3'), by: id('n5') })).toMatchObject({
      kind: 'staged',
    });
    let atOnce: number | undefined;
    const before = cluster.node('n1').document.owners;
    planAndCommit('n1');
    cluster.until('it is in', () => {
      const isIn = cluster.node('n5').document.clusterId === cluster.node('n1').document.clusterId;
      if (isIn) atOnce ??= partialOf('n5');
      return isIn;
    });
    expect(atOnce, 'what it served alone makes none of them whole').toBe(places.length);
    expect(ownedBy('n5')).toEqual(places);
    expect(
      cluster.node('n1').document.owners.filter((owner, p) => owner !== before[p]),
      'nobody else',
    ).toEqual(places.map(() => id('n5')));
    expectAllThere('n1', 'n2', 'n4', 'n5');
    expect(cluster.get('n1', 'own'), 'and brings what it had').toBe('value v');
  });
});

describe('force-remove', () => {
  it('gives its places to those who stay', () => {
    lose();
    const places = ownedBy('n3');
    expect(request('n1', { kind: 'force-remove', node: id('n3') })).toMatchObject({ kind: 'staged' });
    planAndCommit('n1');
    cluster.until('all know', () =>
      ['n1', 'n2', 'n4'].every((name) => cluster.node(name).document.members.length === 3),
    );
    for (const place of places) expect(cluster.node('n1').document.owners[place]).not.toBe(id('n3'));
    expectAllThere('n1', 'n2', 'n4');
  });
});
