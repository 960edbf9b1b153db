/** Buckets that change while members come, and while whoever has it agreed dies. */
import { bucketOf, type AdminRequest, type BucketChange, type RequestResult } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { MemberCluster } from './member-cluster.ts';

const THREE = ['n1', 'n2', 'n3'];

function threeAndOne(seed = 1): MemberCluster {
  const cluster = new MemberCluster({ seed });
  cluster.form('n1', 'n2', 'n3');
  cluster.start('n4');
  expect(cluster.join('n4', 'n1')).toMatchObject({ kind: 'staged' });
  return cluster;
}

/** As asked by an operator at this node, who has just looked at its ring. */
function changeAt(cluster: MemberCluster, name: string, change: BucketChange): AdminRequest {
  return { kind: 'bucket', ...change, was: bucketOf(cluster.node(name).document, change.prefix) };
}

const bucketsAt = (cluster: MemberCluster, name: string): string =>
  cluster
    .node(name)
    .document.buckets.map(({ prefix, n, level }) => `${prefix}/${n}/${level}`)
    .join(' ');

describe('a change of the buckets', () => {
  it('asked of any member is agreed by all, and outlives all of them', () => {
    const cluster = new MemberCluster();
    cluster.form('n1', 'n2', 'n3');
    const change: BucketChange = { prefix: 'orders:\xe9', to: { n: 5, level: 'strict' } };
    const done = cluster.request('n3', changeAt(cluster, 'n3', change));
    expect(done).toMatchObject({ kind: 'done' });
    const wanted = '/3/eventual orders:\xe9/5/strict';
    cluster.until('all know', () => THREE.every((name) => bucketsAt(cluster, name) === wanted));
    const { epoch } = cluster.node('n1').document;
    expect(cluster.request('n2', changeAt(cluster, 'n2', change))).toEqual({ kind: 'done', epoch });
    for (const name of THREE) cluster.machines.crash(name);
    for (const name of THREE) cluster.machines.restart(name);
    cluster.until('they are back', () => THREE.every((name) => cluster.machines.node(name)?.ready === true));
    for (const name of THREE) expect(bucketsAt(cluster, name)).toBe(wanted);
  });

  it('makes a plan void that was shown before it, and waits until what was committed has moved', () => {
    const cluster = threeAndOne();
    const planned = cluster.request('n1', { kind: 'plan' });
    if (planned.kind !== 'planned') throw new Error('not planned');
    const change: BucketChange = { prefix: 'a', to: { n: 2, level: 'eventual' } };
    expect(cluster.request('n1', changeAt(cluster, 'n1', change))).toMatchObject({ kind: 'done' });
    expect(cluster.request('n1', { kind: 'commit', planId: planned.plan.planId })).toMatchObject({
      code: 'plan_changed',
    });
    expect(cluster.planAndCommit('n1')).toMatchObject({ kind: 'committed' });
    const unset = changeAt(cluster, 'n1', { prefix: 'a', to: null });
    expect(cluster.request('n1', unset)).toMatchObject({ code: 'pending_changes' });
    cluster.settle(...THREE, 'n4');
    expect(cluster.request('n4', unset)).toMatchObject({ kind: 'done' });
    cluster.until('all know', () =>
      [...THREE, 'n4'].every((name) => bucketsAt(cluster, name) === '/3/eventual'),
    );
  });

  it('of two at one time one is made, and the other looks again', () => {
    const cluster = new MemberCluster();
    cluster.form('n1', 'n2', 'n3');
    const wanted = (n: number): AdminRequest =>
      changeAt(cluster, 'n1', { prefix: 'a', to: { n, level: 'eventual' } });
    const results: RequestResult[] = [];
    const [first, second] = [wanted(2), wanted(4)];
    cluster.within(() => {
      cluster.node('n2').request(first, (result) => results.push(result));
      cluster.node('n3').request(second, (result) => results.push(result));
    });
    cluster.until('both are answered', () => results.length === 2);
    expect(results.map((result) => ('code' in result ? result.code : result.kind)).toSorted()).toEqual([
      'bucket_changed',
      'done',
    ]);
  });

  it('without a majority is not made', () => {
    const cluster = new MemberCluster();
    cluster.form('n1', 'n2', 'n3');
    for (const name of ['n2', 'n3']) cluster.machines.crash(name);
    const change = changeAt(cluster, 'n1', { prefix: 'a', to: { n: 2, level: 'eventual' } });
    cluster.until('they are missed', () =>
      cluster
        .node('n1')
        .document.members.every(({ id, name }) => name === 'n1' || !cluster.node('n1').isUp(id)),
    );
    expect(cluster.request('n1', change)).toMatchObject({ code: 'no_majority', definite: true });
    expect(bucketsAt(cluster, 'n1')).toBe('/3/eventual');
  });
});

/** While a member joins, with the claimant, the asker or the joiner dying after so many milliseconds. */
describe('a change of the buckets with a crash at any moment', () => {
  it.each(['n1', 'n2', 'n4'])('of %s', (mortal) => {
    for (let after = 0; after <= 60; after += 5) {
      const cluster = threeAndOne(after + 1);
      const change: BucketChange = { prefix: 'a', to: { n: 2, level: 'strict' } };
      const request = changeAt(cluster, 'n2', change);
      let told: RequestResult | undefined;
      cluster.within(() => {
        cluster.node('n2').request(request, (result) => {
          told = result;
          cluster.machines.node('n2')?.request({ kind: 'plan' }, (planned) => {
            if (planned.kind === 'planned')
              cluster.machines.node('n2')?.request({ kind: 'commit', planId: planned.plan.planId }, () => {});
          });
        });
      });
      cluster.world.runFor(after);
      cluster.machines.crash(mortal);
      cluster.world.runFor(2_000);
      cluster.machines.restart(mortal);
      cluster.until('it is back', () => cluster.machines.node(mortal)?.ready === true);
      const names = [...THREE, 'n4'];
      const when = `${mortal} died after ${after} ms`;
      // Who was told that it is done finds it done, as soon as it has heard of the others; who was told nothing certain asks again.
      if (told?.kind === 'done')
        cluster.until(`${when}: what was done is known`, () =>
          bucketsAt(cluster, 'n2').endsWith(' a/2/strict'),
        );
      for (let round = 0; round < 20 && !bucketsAt(cluster, 'n2').endsWith(' a/2/strict'); round++) {
        cluster.request('n2', changeAt(cluster, 'n2', change));
        cluster.world.runFor(1_000);
      }
      for (
        let round = 0;
        round < 20 && cluster.node('n1').document.members.at(-1)?.status !== 'valid';
        round++
      ) {
        const planned = cluster.request('n1', { kind: 'plan' });
        if (planned.kind === 'planned')
          cluster.request('n1', { kind: 'commit', planId: planned.plan.planId });
        cluster.world.runFor(1_000);
      }
      cluster.settle(...names);
      for (const name of names) expect(bucketsAt(cluster, name), when).toBe('/3/eventual a/2/strict');
    }
  });
});
