/** A resize that is aborted and begun again at once: what was filled is being cleared while it is filled anew. */
import { partitionOf, type NodeId, type PartitionId } from '@rkv/core';
import { placeKey } from '@rkv/store';
import { expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;
type Request = Parameters<ReturnType<KvCluster['node']>['request']>[0];

function ask(cluster: KvCluster, name: string, request: Request, done: (kind: string) => void): void {
  cluster.node(name).request(request, (result) => {
    if (result.kind !== 'planned') return done(result.kind);
    ask(cluster, name, { kind: 'commit', planId: result.plan.planId }, done);
  });
}

function beginResize(cluster: KvCluster, ringSize: number): void {
  const answerTo = (request: Request): string => cluster.ask((done) => ask(cluster, 'n1', request, done));
  cluster.until('it is staged', () => answerTo({ kind: 'resize', ringSize }) === 'staged');
  cluster.until('it is committed', () => {
    cluster.world.runFor(20);
    return answerTo({ kind: 'plan' }) === 'committed';
  });
}

function isResizedTo(cluster: KvCluster, ringSize: number): boolean {
  const isDone = (name: string): boolean => {
    const { document, places } = cluster.node(name);
    return document.ringSize === ringSize && places.every(({ ringBits }) => 1 << ringBits === ringSize);
  };
  return NAMES.every(isDone) && cluster.isSettled(...NAMES);
}

/** Copies of these keys that an owner lacks. */
function missingCopies(cluster: KvCluster, keys: readonly string[], ringBits: number): string[] {
  const { owners } = cluster.node('n1').document;
  const names = new Map<NodeId, string>(NAMES.map((name) => [cluster.node(name).id, name]));
  return keys.flatMap((key) =>
    [0, 1, 2].flatMap((position) => {
      const first = partitionOf(placeKey(key).hashHi, ringBits);
      const partition = ((first + position) % (1 << ringBits)) as PartitionId;
      const owner = names.get(owners[partition] as NodeId) as string;
      return cluster.held(owner, partition, key) === undefined ? [`${key} at ${owner}/${partition}`] : [];
    }),
  );
}

// Of a hundred and fifty seeds the fifth alone once lost copies.
it.each([1, 2, 3, 4, 5, 6])('leaves every owner with all its copies: seed %i', (seed) => {
  const cluster = new KvCluster({ seed });
  cluster.form(...NAMES);
  const keys = Array.from({ length: 600 }, (_, i) => `key${i}`);
  for (const key of keys) expect(cluster.put('n1', key, 'v')).toBe('written');
  const dice = cluster.world.prng('x');
  beginResize(cluster, 64);
  cluster.world.runFor(dice.between(50, 400));
  const aborted = cluster.ask((done) => ask(cluster, 'n2', { kind: 'abortResize' }, done));
  if (aborted === 'done') {
    cluster.world.runFor(dice.between(0, 60));
    beginResize(cluster, 64);
  }
  cluster.until('all has settled', () => isResizedTo(cluster, 64), 200_000);
  expect(missingCopies(cluster, keys, 6)).toEqual([]);
});
