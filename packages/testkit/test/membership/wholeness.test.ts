/** What a vnode may claim after its node went down, in whole clusters: whole, or partial until it has healed. */
import { partitionOf, ringBits, type PartitionId } from '@rkv/core';
import { KV_SERVICE, placeKey } from '@rkv/store';
import { beforeEach, describe, expect, it } from 'vitest';
import { KvCluster } from '../kv/kv-cluster.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;
const LOSS = /have declared themselves whole together/;

let cluster: KvCluster;
beforeEach(() => {
  cluster = new KvCluster({ durability: 'process', ringSize: 8 });
  cluster.form(...NAMES);
  for (let i = 0; i < 20; i++) expect(cluster.put('n1', `k${i}`, 'v')).toBe('written');
  cluster.world.runFor(2_000);
});

function startAgain(...names: string[]): void {
  for (const name of names) cluster.machines.start(name);
  cluster.until('they are ready', () => names.every((name) => cluster.citizen(name).kv !== undefined));
}

const partialOf = (name: string): number => cluster.node(name).partialPartitions(KV_SERVICE).length;
const lines = (name: string): string =>
  cluster.machines
    .log(name)
    .lines.map(({ message }) => message)
    .join('\n');
const allLines = (): string => NAMES.map(lines).join('\n');
const actors = (name: string): string[] => {
  const { document, id } = cluster.node(name);
  return document.owners.flatMap((owner, partition) => {
    const vnode = cluster.node(name).vnode(KV_SERVICE, partition as PartitionId);
    return owner === id && vnode !== undefined ? [vnode.actor] : [];
  });
};

/** A key of which this node has a copy. */
function keyAt(name: string): string {
  const { document, id } = cluster.node(name);
  const { owners, ringSize } = document;
  for (let i = 0; ; i++) {
    const first = partitionOf(placeKey(`k${i}`).hashHi, ringBits(ringSize));
    if ([0, 1, 2].some((at) => owners[(first + at) % ringSize] === id)) return `k${i}`;
  }
}

function expectHealed(...names: string[]): void {
  cluster.until('they are whole', () => names.every((name) => partialOf(name) === 0));
  cluster.world.runFor(3_000);
  for (const name of NAMES) for (let i = 0; i < 20; i++) expect(cluster.get(name, `k${i}`)).toBe('value v');
}

describe('after kill -9 under one boot of the machine', () => {
  it('all vnodes are whole, as the same actors', () => {
    const before = actors('n3');
    cluster.machines.crash('n3');
    startAgain('n3');
    expect(partialOf('n3')).toBe(0);
    expect(actors('n3')).toEqual(before);
  });
});

describe('after a power cut, with acknowledgements that were not flushed', () => {
  it('they are partial as other actors, count for no pw, are known as such to all, and heal', () => {
    const before = actors('n3');
    cluster.machines.powerCut('n3');
    startAgain('n3');
    const owned = partialOf('n3');
    expect(owned).toBe(before.length);
    expect(actors('n3').filter((actor) => before.includes(actor))).toEqual([]);
    cluster.until('it is heard', () => cluster.node('n1').isUp(cluster.node('n3').id));
    expect(cluster.put('n1', keyAt('n3'), 'v', { pw: 3 }), 'a partial vnode is no primary').not.toBe(
      'written',
    );
    const { id } = cluster.node('n3');
    expect(NAMES.map((name) => cluster.node(name).members.partialOf(id))).toEqual([owned, owned, owned]);
    expectHealed('n3');
    expect(NAMES.map((name) => cluster.node(name).members.partialOf(id))).toEqual([0, 0, 0]);
    expect(cluster.put('n1', keyAt('n3'), 'v', { pw: 3 })).toBe('written');
    expect(allLines(), 'the others had everything').not.toMatch(LOSS);
  });

  it('of all machines at once they declare themselves whole together, and the possible loss is told', () => {
    for (const name of NAMES) cluster.machines.powerCut(name);
    startAgain(...NAMES);
    for (const name of NAMES) expect(partialOf(name)).toBeGreaterThan(0);
    expectHealed(...NAMES);
    expect(allLines()).toMatch(LOSS);
    const told = NAMES.flatMap((name) => cluster.machines.log(name).lines).filter(({ message }) =>
      LOSS.test(message),
    );
    expect(told.length, 'in few lines').toBeLessThan(12);
    const partitions = told.flatMap(({ fields }) => (fields as { partitions: number[] }).partitions);
    expect(new Set(partitions).size, 'all that were partial').toBe(8);
  });

  it('of one after the other nothing is lost, though each was partial once', () => {
    for (const name of NAMES) {
      cluster.machines.powerCut(name);
      startAgain(name);
      expectHealed(name);
    }
    expect(allLines()).not.toMatch(LOSS);
  });
});

describe('on another store', () => {
  it('they are partial, however well the last life ended, and the ring hears of the new one', () => {
    const knownTo = (name: string): string | undefined =>
      cluster.node(name).document.members.find((member) => member.name === 'n3')?.storeId;
    const before = knownTo('n1');
    expect(before).toBe(cluster.machines.disk('n3').storeId);
    cluster.machines.stop('n3');
    cluster.until('it has ended', () => cluster.machines.node('n3') === undefined);
    cluster.machines.loseDisk('n3', 'store');
    startAgain('n3');
    expect(lines('n3')).toMatch(/the store is not the one that the ring knows/);
    expect(partialOf('n3')).toBeGreaterThan(0);
    expectHealed('n3');
    cluster.until('all know the new store', () =>
      NAMES.every((name) => knownTo(name) === cluster.machines.disk('n3').storeId),
    );
    expect(knownTo('n1')).not.toBe(before);
    cluster.machines.crash('n3');
    startAgain('n3');
    expect(partialOf('n3'), 'from then on it is its own').toBe(0);
  });
});
