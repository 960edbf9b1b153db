/** Who is up with which service, in whole clusters: requests go to those that run it, and nobody else. */
import { collect, type PartitionId } from '@rkv/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { echo, MemberCluster } from './member-cluster.ts';

let cluster: MemberCluster;
beforeEach(() => {
  cluster = new MemberCluster();
  for (const name of ['n1', 'n2', 'n3']) cluster.services[name] = ['echo', 'locks'];
  cluster.form('n1', 'n2', 'n3');
});

/** Who answers for the three copies of each partition, when n1 asks. */
function answering(service: string): Set<string> {
  const port = cluster.node('n1').port(echo(service));
  const nameOf = new Map(port.document.members.map(({ id, name }) => [id as string, name]));
  const who = new Set<string>();
  for (let p = 0; p < port.document.ringSize; p++) {
    const list = port.list(p as PartitionId, 3);
    const answers = cluster.answer<string[]>((done) =>
      collect(port, {
        list,
        quorum: { needed: 3, neededNodes: 1, neededPrimaries: 0 },
        command: 'who',
        timeoutMs: 1_000,
        keep: (reply: string) => reply,
        counts: () => true,
        done: ({ answers: all }) => done(all.map(({ answer }) => answer)),
      }),
    );
    expect(answers, `all copies of ${p} are answered for`).toHaveLength(3);
    for (const answer of answers) who.add(nameOf.get(answer.split(' ')[1] as string) as string);
  }
  return who;
}

function restart(name: string, ...services: string[]): void {
  const { id } = cluster.node(name);
  const others = cluster.machines.running.filter((other) => other !== name);
  const isUp = (other: string): boolean => cluster.node(other).isUp(id);
  cluster.machines.crash(name);
  cluster.until('it is missed', () => !others.some(isUp));
  cluster.services[name] = services;
  cluster.start(name);
  cluster.until('it is heard', () => others.every(isUp));
}

describe('a node that does not run a service', () => {
  it('is stood in for, for this service only, and asked again once it runs it', () => {
    expect([...answering('locks')].toSorted()).toEqual(['n1', 'n2', 'n3']);
    restart('n3', 'echo');
    expect([...answering('locks')].toSorted()).toEqual(['n1', 'n2']);
    expect([...answering('echo')].toSorted()).toEqual(['n1', 'n2', 'n3']);
    expect(cluster.lines('n3')).not.toContain('unknown service');
    restart('n3', 'echo', 'locks');
    expect([...answering('locks')].toSorted()).toEqual(['n1', 'n2', 'n3']);
  });

  it('is no reason not to be ready, until a quorum is missing', () => {
    restart('n3', 'echo');
    expect(cluster.node('n1').troubles).toEqual([]);
    restart('n2', 'echo');
    expect(cluster.node('n1').troubles[0]).toMatch(/^too few nodes that run locks are up/);
    cluster.until('n2 sees the others', () => cluster.node('n2').troubles.length === 0);
  });

  it('gets partitions only once it runs all, and the plan says so', () => {
    cluster.services['n4'] = ['echo'];
    cluster.start('n4');
    expect(cluster.join('n4', 'n1').kind).toBe('staged');
    const planned = cluster.request('n1', { kind: 'plan' });
    const warnings = planned.kind === 'planned' ? planned.plan.transitions[0].warnings : [];
    expect(warnings).toContain('n4 does not run locks: 4 transfers wait until it does');
    expect(cluster.planAndCommit('n1').kind).toBe('committed');
    cluster.world.runFor(20_000);
    expect(cluster.node('n1').document.pending).toHaveLength(4);
    const reasons = ['n1', 'n2', 'n3'].flatMap((name) =>
      cluster
        .node(name)
        .handoff.waiting()
        .map(({ reason }) => reason),
    );
    expect(reasons).toContain('n4 does not run the service locks');
    restart('n4', 'echo', 'locks');
    cluster.settle('n1', 'n2', 'n3', 'n4');
    expect([...answering('locks')].toSorted()).toEqual(['n1', 'n2', 'n3', 'n4']);
  });
});
