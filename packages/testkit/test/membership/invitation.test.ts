/** A member invites a node that it knows by address only. */
import type { RequestResult } from '@rkv/core';
import { expect, it } from 'vitest';
import { MemberCluster } from './member-cluster.ts';

function invite(cluster: MemberCluster, host: string, guest: string): RequestResult {
  return cluster.answer((done) => cluster.node(host).invite(cluster.machines.addressOf(guest), done));
}

it('who is invited asks to be let in, whoever is the claimant', () => {
  const cluster = new MemberCluster();
  cluster.form('n1', 'n2');
  cluster.start('n3');
  expect(invite(cluster, 'n2', 'n3')).toMatchObject({ kind: 'staged', via: cluster.node('n1').id });
  cluster.planAndCommit('n2');
  cluster.settle('n1', 'n2', 'n3');
});

it('asked again before the commit it is staged still, and after it a member already', () => {
  const cluster = new MemberCluster();
  cluster.start('n1', 'n2');
  expect(invite(cluster, 'n1', 'n2')).toMatchObject({ kind: 'staged' });
  expect(invite(cluster, 'n1', 'n2')).toMatchObject({ kind: 'staged' });
  cluster.planAndCommit('n1');
  cluster.settle('n1', 'n2');
  expect(invite(cluster, 'n1', 'n2')).toMatchObject({ kind: 'refused', code: 'not_single_node' });
});

it('a member of another cluster stays where it is', () => {
  const cluster = new MemberCluster();
  cluster.form('n1', 'n2');
  cluster.form('n3', 'n4');
  expect(invite(cluster, 'n1', 'n3')).toMatchObject({ kind: 'refused', code: 'not_single_node' });
});

it('nobody is there, or it is the host itself', () => {
  const cluster = new MemberCluster();
  cluster.start('n1');
  expect(invite(cluster, 'n1', 'n1')).toMatchObject({ kind: 'refused', code: 'self_join' });
  expect(invite(cluster, 'n1', 'n9')).toMatchObject({ kind: 'refused', code: 'not_reachable' });
});
