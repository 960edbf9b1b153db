/**
 * A minority of whole nodes goes on without the others, and all of them meet again: what either half acknowledged is
 * there, and a node that the other half let in brings home what only it has.
 */
import type { AdminRequest, RequestResult } from '@rkv/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { KvCluster } from '../kv/kv-cluster.ts';

const MEMBERS = ['n1', 'n2', 'n3'];
let cluster: KvCluster;
const keys = (half: string): string[] => Array.from({ length: 40 }, (_, i) => `${half}${i}`);

beforeEach(() => {
  cluster = new KvCluster({ ringSize: 16 });
  cluster.form('n1', 'n2', 'n3');
  cluster.start('n4');
  for (const key of keys('both')) expect(cluster.put('n1', key, 'v')).toBe('written');
  cluster.machines.cut(['n1', 'n2', 'n4'], 'n3');
  cluster.until('they miss each other', () => sees('n3', 'n1') + sees('n3', 'n2') + sees('n1', 'n3') === 0);
});

const idOf = (name: string) => cluster.node(name).id;
const sees = (name: string, other: string): number => Number(cluster.node(name).isUp(idOf(other)));
const lines = (name: string): string =>
  cluster.machines
    .log(name)
    .lines.map(({ message }) => message)
    .join('\n');

function request(name: string, asked: AdminRequest): RequestResult {
  let result: RequestResult | undefined;
  cluster.within(() => cluster.node(name).request(asked, (answer) => (result = answer)));
  cluster.until('there is an answer', () => result !== undefined);
  return result as RequestResult;
}

const force = (name: string, ...others: string[]): RequestResult =>
  request(name, { kind: 'down', nodes: others.map(idOf), force: true });

/** The majority moves partitions, and sources are deleted, under a ring that will be undone. */
function growBehindTheCut(): void {
  cluster.join('n1', 'n4');
  cluster.until('what moves has moved', () => {
    const { members, pending } = cluster.node('n1').document;
    return members.length === 4 && pending.every(({ from }) => from === idOf('n3'));
  });
  cluster.world.runFor(5_000);
}

function resize(name: string, ringSize: number): void {
  expect(request(name, { kind: 'resize', ringSize }).kind).toBe('staged');
  const planned = request(name, { kind: 'plan' });
  const planId = planned.kind === 'planned' ? planned.plan.planId : undefined;
  expect(request(name, { kind: 'commit', planId }).kind).toBe('committed');
}

const hasSize = (size: number, ...names: string[]): boolean =>
  names.every((name) => {
    const { ringSize, resize: begun } = cluster.node(name).document;
    return ringSize === size && begun === undefined;
  });

function heal(): void {
  cluster.machines.heal();
  cluster.until('there is one ring', () => cluster.isSettled(...MEMBERS), 120_000);
  cluster.world.runFor(5_000);
}

function expectAllThere(...halves: string[]): void {
  for (const name of MEMBERS)
    for (const key of halves.flatMap(keys))
      expect(cluster.get(name, key), `${key} at ${name}`).toBe('value v');
}

describe('after a minority was told to go on', () => {
  it('what either half acknowledged is there, though what moved meanwhile is undone', () => {
    growBehindTheCut();
    for (const key of keys('most')) expect(cluster.put('n1', key, 'v')).toBe('written');
    expect(force('n3', 'n1', 'n2')).toMatchObject({ kind: 'done', warnings: expect.anything() });
    for (const key of keys('few')) expect(cluster.put('n3', key, 'v', { w: 1 })).toBe('written');
    heal();
    expectAllThere('both', 'most', 'few');
    for (const name of MEMBERS) {
      const { owners } = cluster.node(name).document;
      expect(owners.includes(idOf('n4')), 'nobody owns anything by a ring that was undone').toBe(false);
      expect(cluster.node(name).document.members.map(({ status }) => status)).toEqual([
        'valid',
        'valid',
        'valid',
      ]);
    }
    for (const name of ['n1', 'n2']) expect(lines(name)).toContain('the ring was forced without a majority');
  });

  it('a node that the others let in is in no ring, keeps what it holds, and brings it home as a lone node', () => {
    growBehindTheCut();
    cluster.machines.cut('n4', ['n1', 'n2']);
    cluster.until('n4 is alone', () => sees('n4', 'n1') + sees('n4', 'n2') === 0);
    for (const key of keys('alone')) expect(cluster.put('n4', key, 'v', { w: 1 })).toBe('written');
    expect(force('n3', 'n1', 'n2')).toMatchObject({ kind: 'done' });
    heal();
    expect(cluster.endings).toEqual(['n4 stranded']);
    expect(lines('n4')).toContain('this node is in no ring any more and still holds data');

    cluster.machines.crash('n4');
    cluster.machines.start('n4');
    cluster.until('it says so again', () => cluster.endings.length === 2);
    cluster.machines.crash('n4');
    cluster.removeDocuments('n4', 'ring', 'agreement', 'plan', 'prospect');
    // Until nobody takes it for its last life any more.
    cluster.world.runFor(5_000);
    cluster.start('n4');
    expect(cluster.node('n4').document.members).toHaveLength(1);
    cluster.join('n3', 'n4');
    cluster.until('the ring has settled', () => cluster.isSettled(...MEMBERS, 'n4'), 120_000);
    expectAllThere('both', 'alone');
  });

  it('such a node takes the size of the ring first, should that have another by then', () => {
    growBehindTheCut();
    cluster.machines.cut('n4', ['n1', 'n2']);
    cluster.until('n4 is alone', () => sees('n4', 'n1') + sees('n4', 'n2') === 0);
    for (const key of keys('alone')) expect(cluster.put('n4', key, 'v', { w: 1 })).toBe('written');
    expect(force('n3', 'n1', 'n2')).toMatchObject({ kind: 'done' });
    heal();
    resize('n3', 32);
    cluster.until('the ring has its size', () => hasSize(32, ...MEMBERS), 120_000);

    cluster.machines.crash('n4');
    cluster.removeDocuments('n4', 'ring', 'agreement', 'plan', 'prospect');
    cluster.world.runFor(5_000);
    cluster.start('n4');
    resize('n4', 32);
    cluster.until('so has the lone node', () => hasSize(32, 'n4'), 120_000);
    cluster.join('n3', 'n4');
    cluster.until('the ring has settled', () => cluster.isSettled(...MEMBERS, 'n4'), 120_000);
    expectAllThere('both', 'alone');
  });

  it('and the others too, one ring is left, with what all acknowledged', () => {
    cluster.machines.cut('n1', 'n2');
    cluster.until('all are alone', () => sees('n1', 'n2') + sees('n2', 'n1') === 0);
    for (const name of MEMBERS) {
      expect(force(name, ...MEMBERS.filter((other) => other !== name))).toMatchObject({ kind: 'done' });
      for (const key of keys(name)) expect(cluster.put(name, key, 'v', { w: 1 })).toBe('written');
    }
    const epochs = MEMBERS.map((name) => cluster.node(name).document.epoch);
    expect(new Set(epochs).size).toBe(3);
    heal();
    expect(cluster.node('n1').document.epoch).toBeGreaterThanOrEqual(Math.max(...epochs));
    expectAllThere('both', ...MEMBERS);
  });
});
