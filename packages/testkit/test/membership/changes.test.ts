/** Whole nodes whose ring changes in every way that can be staged, and who die at any moment of it. */
import type { AdminRequest, NodeId } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { MemberCluster } from './member-cluster.ts';

const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** n1 to n4 are a cluster, and n5 has asked to join it. */
function fourAndOne(): MemberCluster {
  const cluster = new MemberCluster();
  cluster.form('n1', 'n2', 'n3', 'n4');
  cluster.start('n5');
  expect(cluster.join('n5', 'n1')).toMatchObject({ kind: 'staged' });
  return cluster;
}

const idOf = (cluster: MemberCluster, name: string): NodeId => cluster.node(name).id;
const membersAt = (cluster: MemberCluster, name: string): string =>
  cluster
    .node(name)
    .document.members.map((member) => `${member.name} ${member.status}`)
    .join(', ');

function crash(cluster: MemberCluster, name: string): void {
  const id = idOf(cluster, name);
  cluster.machines.crash(name);
  cluster.until('it is missed', () =>
    cluster.machines.running.every((other) => !cluster.node(other).isUp(id)),
  );
}

describe('a plan', () => {
  it('is computed in slices, between which the claimant has its turns, and not where it is refused anyway', () => {
    const cluster = fourAndOne();
    const { world } = cluster;
    const durationOf = (ask: () => unknown): number => {
      const from = world.now();
      ask();
      return world.now() - from;
    };
    const slow = durationOf(() => cluster.request('n1', { kind: 'plan' }));
    const quick = durationOf(() => cluster.request('n1', { kind: 'plan' }));
    expect(slow - quick, 'what was computed is kept').toBeGreaterThan(10);
    cluster.planAndCommit('n1');
    expect(
      durationOf(() => cluster.request('n1', { kind: 'plan' })),
      'partitions are moving',
    ).toBeLessThan(10);
    cluster.settle(...FIVE);
  });
});

describe('replace', () => {
  it('the new node has the places of the old, who leaves', () => {
    const cluster = fourAndOne();
    const [old, by] = [idOf(cluster, 'n3'), idOf(cluster, 'n5')];
    const wanted = cluster.node('n1').document.owners.map((owner) => (owner === old ? by : owner));
    cluster.request('n2', { kind: 'replace', node: old, by });
    expect(cluster.planAndCommit('n4')).toMatchObject({ kind: 'committed' });
    cluster.settle('n1', 'n2', 'n4', 'n5');
    expect(cluster.node('n5').document.owners).toEqual(wanted);
    cluster.until('the old one knows', () => cluster.removed.includes('n3'));
  });
});

describe('who is removed by force', () => {
  it('and lives, learns it from the others', () => {
    const cluster = fourAndOne();
    cluster.request('n1', { kind: 'force-remove', node: idOf(cluster, 'n3') });
    expect(cluster.planAndCommit('n1')).toMatchObject({ kind: 'committed' });
    cluster.until('it knows', () => cluster.removed.includes('n3'));
    cluster.settle('n1', 'n2', 'n4', 'n5');
  });

  it('while it was down, learns it when it is started again', () => {
    const cluster = fourAndOne();
    const [old, by] = [idOf(cluster, 'n3'), idOf(cluster, 'n5')];
    crash(cluster, 'n3');
    cluster.request('n1', { kind: 'force-replace', node: old, by });
    expect(cluster.planAndCommit('n1')).toMatchObject({ kind: 'committed' });
    cluster.settle('n1', 'n2', 'n4', 'n5');
    cluster.machines.restart('n3');
    cluster.until('it knows', () => cluster.removed.includes('n3'));
    expect(membersAt(cluster, 'n1')).toBe('n1 valid, n2 valid, n4 valid, n5 valid');
  });

  it('is not the claimant, unless another stands in for it', () => {
    const cluster = fourAndOne();
    const first = idOf(cluster, 'n1');
    expect(cluster.request('n1', { kind: 'force-remove', node: first })).toMatchObject({ kind: 'staged' });
    expect(cluster.request('n2', { kind: 'plan' })).toMatchObject({ code: 'is_claimant' });
    crash(cluster, 'n1');
    expect(cluster.planAndCommit('n3')).toMatchObject({ kind: 'committed' });
    cluster.settle('n2', 'n3', 'n4', 'n5');
    expect(cluster.node('n4').document.claimant).toBe(idOf(cluster, 'n2'));
  });
});

describe('down', () => {
  it('nothing waits for it; it comes back as what it was, and gets what it missed', () => {
    const cluster = fourAndOne();
    const away = idOf(cluster, 'n5');
    expect(cluster.planAndCommit('n1')).toMatchObject({ kind: 'committed' });
    cluster.until('it is in', () => cluster.node('n5').document.members.length === 5);
    crash(cluster, 'n5');
    expect(cluster.request('n2', { kind: 'down', nodes: [away], force: false })).toMatchObject({
      kind: 'done',
    });
    cluster.until('nothing is pending', () => cluster.node('n1').document.pending.length === 0);
    expect(membersAt(cluster, 'n1')).toMatch(/n5 down/);
    cluster.machines.restart('n5');
    cluster.until('it is back', () => FIVE.every((name) => /n5 valid/.test(membersAt(cluster, name))));
    expect(cluster.planAndCommit('n1')).toMatchObject({ kind: 'committed' });
    cluster.settle(...FIVE);
    expect(cluster.node('n1').document.owners.filter((owner) => owner === away)).toHaveLength(3);
  });
});

describe('another location at a restart', () => {
  it('is in the ring soon after, for all to see and claim to keep copies apart by', () => {
    const cluster = new MemberCluster();
    for (const [at, name] of ['n1', 'n2', 'n3', 'n4'].entries()) cluster.locations[name] = `rack-${at % 3}`;
    cluster.form('n1', 'n2', 'n3', 'n4');
    const locations = (): string =>
      cluster
        .node('n1')
        .document.members.map((member) => member.location)
        .join(' ');
    expect(locations()).toBe('rack-0 rack-1 rack-2 rack-0');
    cluster.locations['n2'] = 'rack-0';
    cluster.locations['n4'] = 'rack-1';
    for (const name of ['n2', 'n4']) {
      cluster.machines.crash(name);
      cluster.machines.restart(name);
    }
    cluster.until('all know', () => locations() === 'rack-0 rack-0 rack-2 rack-1');
  });
});

/** Each change, with the claimant and whoever is changed dying after so many milliseconds, and coming back where it may. */
describe('with a crash at any moment', () => {
  const changes = (cluster: MemberCluster): Record<string, AdminRequest> => ({
    replace: { kind: 'replace', node: idOf(cluster, 'n3'), by: idOf(cluster, 'n5') },
    'replace of the claimant': { kind: 'replace', node: idOf(cluster, 'n1'), by: idOf(cluster, 'n5') },
    'force-replace': { kind: 'force-replace', node: idOf(cluster, 'n3'), by: idOf(cluster, 'n5') },
    'force-remove': { kind: 'force-remove', node: idOf(cluster, 'n3') },
    leave: { kind: 'leave', node: idOf(cluster, 'n3') },
  });

  it.each(['replace', 'replace of the claimant', 'force-replace', 'force-remove', 'leave'])('%s', (which) => {
    for (const mortal of ['n1', 'n3', 'n5']) {
      for (let after = 0; after <= 60; after += 10) {
        const cluster = fourAndOne();
        const change = changes(cluster)[which] as Extract<AdminRequest, { node: NodeId }>;
        const goes = which === 'replace of the claimant' ? 'n1' : 'n3';
        expect(cluster.request('n2', change)).toMatchObject({ kind: 'staged' });
        cluster.within(() => {
          cluster.node('n2').request({ kind: 'plan' }, (planned) => {
            if (planned.kind === 'planned')
              cluster.node('n2').request({ kind: 'commit', planId: planned.plan.planId }, () => {});
          });
        });
        cluster.world.runFor(after);
        cluster.machines.crash(mortal);
        cluster.world.runFor(2_000);
        cluster.machines.restart(mortal);
        const stays = FIVE.filter((name) => name !== goes);
        const isDone = (): boolean =>
          stays.every((name) => cluster.machines.node(name)?.ready === true) &&
          !new RegExp(`${goes} |joining`).test(membersAt(cluster, 'n2')) &&
          cluster.node('n2').document.pending.length === 0;
        for (let round = 0; round < 20 && !isDone(); round++) {
          // An operator who looks again and plans anew.
          const planned = cluster.request('n2', { kind: 'plan' });
          if (planned.kind === 'planned')
            cluster.request('n2', { kind: 'commit', planId: planned.plan.planId });
          cluster.world.runFor(2_000);
        }
        const when = `${mortal} died after ${after} ms`;
        expect(isDone(), `${when}: ${membersAt(cluster, 'n2')}`).toBe(true);
        cluster.settle(...stays);
        if (!cluster.removed.includes(goes))
          cluster.until(`${goes} knows`, () => cluster.removed.includes(goes));
        expect(new Set(cluster.node('n2').document.owners)).toEqual(
          new Set(stays.map((name) => idOf(cluster, name))),
        );
      }
    }
  });
});
