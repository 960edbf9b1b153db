/**
 * Two services on one ring, the store and counters of one's own: what each node runs, what moves, who covers what, and how a
 * node goes. Whole nodes on virtual time.
 */
import {
  collect,
  coverage,
  HybridClock,
  latin1Encode,
  partitionOf,
  ringBits,
  type CoverageOptions,
  type CoverageOutcome,
  type PartitionId,
  type VnodeModule,
} from '@rkv/core';
import { encodeString, kvModule, placeKey, type KvCommand, type KvReply } from '@rkv/store';
import type { NodeLife } from '@rkv/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemberCluster } from '../membership/member-cluster.ts';
import { counter } from './counter.ts';

/** Each life of a node has modules of its own, whose clocks are that life's. */
function moduleOf(service: string, { host }: NodeLife): VnodeModule<never, never> {
  if (service === 'counter') return counter as VnodeModule<never, never>;
  const clock = new HybridClock({ now: () => host.now(), random: () => host.random(), driftLimitMs: 60_000 });
  return kvModule(clock) as VnodeModule<never, never>;
}

const BOTH = ['rkv', 'counter'];
const NAMES = ['n1', 'n2', 'n3', 'n4'] as const;
const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`);

let cluster: MemberCluster;
beforeEach(() => {
  cluster = new MemberCluster({ module: moduleOf });
  for (const name of [...NAMES, 'n5']) cluster.services[name] = BOTH;
});

/** A command to the replicas of a key's counter; how many answered. */
function command(via: string, verb: string, key: string, count = 0): string[] {
  const port = cluster.node(via).port(counter);
  const first = partitionOf(placeKey(key).hashHi, ringBits(port.document.ringSize));
  return cluster.answer<string[]>((done) =>
    collect(port, {
      list: port.list(first, 3),
      quorum: { needed: 3, neededNodes: 1, neededPrimaries: 0 },
      command: `${verb} ${key} ${count}`,
      timeoutMs: 1_000,
      keep: (reply: string) => reply,
      counts: () => true,
      done: ({ answers }) => done(answers.map(({ answer }) => answer)),
    }),
  );
}

function count(via: string): void {
  for (const [i, key] of KEYS.entries()) expect(command(via, 'add', key, i)).toHaveLength(3);
}

interface Coverage {
  readonly outcome: CoverageOutcome;
  readonly counters: readonly string[];
}

/** All counters; `pauseMs` is how long its asker takes over each page. */
function cover(via: string, options: Partial<CoverageOptions<string, string>> = {}, pauseMs = 0): Coverage {
  const counters: string[] = [];
  const node = cluster.node(via);
  const host = {
    monotonic: () => cluster.world.now(),
    random: () => 7,
    defer: (run: () => void) => cluster.world.schedule(0, run, 'test'),
  };
  const outcome = cluster.answer<CoverageOutcome>((done) =>
    coverage(
      { port: node.coveragePort(counter), host },
      {
        command: 'keys',
        n: 3,
        mode: 'all',
        timeoutMs: 60_000,
        onPage: (reply, _from, more) => {
          counters.push(...reply.split(' ').filter((one) => one !== ''));
          cluster.world.schedule(pauseMs, more, 'test');
        },
        done,
        ...options,
      },
    ),
  );
  return { outcome, counters: counters.toSorted() };
}

const EVERYTHING: Coverage = {
  outcome: { kind: 'complete', missing: [], refusal: undefined },
  counters: KEYS.map((key, i) => `${key}=${i}`).toSorted(),
};

function putKv(via: string, key: string): number {
  const port = cluster
    .node(via)
    .port(
      moduleOf('rkv', { host: { now: () => 0, random: () => 0 } } as NodeLife) as unknown as VnodeModule<
        KvCommand,
        KvReply
      >,
    );
  const placed = placeKey(key);
  const first = partitionOf(placed.hashHi, ringBits(port.document.ringSize));
  const entry = encodeString(key, new Uint8Array(16).fill(1), latin1Encode('v'));
  return cluster.answer<number>((done) =>
    collect<KvCommand, KvReply, string>(port, {
      list: port.list(first, 3),
      quorum: { needed: 3, neededNodes: 1, neededPrimaries: 0 },
      command: { kind: 'merge', ...placed, entry },
      timeoutMs: 1_000,
      keep: ({ kind }) => kind,
      counts: () => true,
      done: ({ answers }) => done(answers.filter(({ answer }) => answer === 'merged').length),
    }),
  );
}

describe('coverage', () => {
  beforeEach(() => {
    cluster.form(...NAMES);
    count('n1');
  });

  it('gives every counter once, whoever asks', () => {
    for (const name of NAMES) expect(cover(name)).toEqual(EVERYTHING);
  });

  it('page by page too', () => {
    expect(cover('n2', { limit: 1 })).toEqual(EVERYTHING);
  });

  it('also with a node down, before and after the others have noticed', () => {
    cluster.machines.crash('n3');
    expect(cover('n1').counters).toEqual(EVERYTHING.counters);
    cluster.world.runFor(5_000);
    expect(cover('n1')).toEqual(EVERYTHING);
  });

  it('also while a node goes down in the middle of it', () => {
    cluster.world.schedule(100, () => cluster.machines.crash('n3'), 'test');
    expect(cover('n1', { limit: 1 }, 30).counters).toEqual(EVERYTHING.counters);
  });

  it('with too many down the ranges are named; who takes what can be had gets the rest', () => {
    for (const name of ['n2', 'n3', 'n4']) cluster.machines.crash(name);
    cluster.world.runFor(5_000);
    const all = cover('n1');
    expect(all.outcome.kind).toBe('insufficient');
    expect(all.outcome.missing.length).toBeGreaterThan(0);
    expect(all.counters).toEqual([]);
    const rest = cover('n1', { mode: 'allUp' });
    expect(rest.outcome).toEqual(all.outcome);
    const isMissing = (key: string): boolean =>
      all.outcome.missing.some(({ start, end }) => {
        const { hashHi } = placeKey(key);
        return hashHi >= start && hashHi < end;
      });
    expect(rest.counters).toEqual(
      KEYS.flatMap((key, i) => (isMissing(key) ? [] : [`${key}=${i}`])).toSorted(),
    );
  });

  it('also while a node joins and partitions move to it', () => {
    cluster.start('n5');
    cluster.join('n5', 'n1');
    cluster.planAndCommit('n1');
    const { epoch } = cluster.node('n1').document;
    expect(cover('n1', { limit: 1 }, 100).counters).toEqual(EVERYTHING.counters);
    expect(cluster.node('n1').document.epoch).toBeGreaterThan(epoch);
    cluster.settle(...NAMES, 'n5');
    expect(cover('n5')).toEqual(EVERYTHING);
  });
});

describe('hints', () => {
  it('are handed back though their stand-in is polled all the time, and then it closes', () => {
    cluster.form(...NAMES);
    const away = cluster.node('n3').id;
    cluster.machines.cut('n3', ['n1', 'n2', 'n4']);
    cluster.until('it is missed', () => !cluster.node('n1').isUp(away));
    count('n1');
    const standIns = (): number =>
      ['n1', 'n2', 'n4'].reduce((sum, name) => {
        const node = cluster.node(name);
        return (
          sum +
          node.document.owners.filter(
            (owner, p) => owner !== node.id && node.vnode('counter', p as PartitionId) !== undefined,
          ).length
        );
      }, 0);
    expect(standIns()).toBeGreaterThan(0);
    let polls = 0;
    const poll = (): void => {
      for (const name of ['n1', 'n2', 'n4']) {
        const { document } = cluster.node(name);
        for (let p = 0; p < document.ringSize; p++) {
          const port = cluster.node(name).port(counter);
          const id = port.open({
            onReply() {},
            onRefused() {},
            onFailed() {},
            onAlarm() {},
            onRingChanged() {},
          });
          if (cluster.node(name).vnode('counter', p as PartitionId) !== undefined)
            port.send(
              id,
              0,
              { partition: p as PartitionId, ringSize: document.ringSize, node: port.self, role: 'fallback' },
              'get k1',
              100,
            );
          port.close(id);
          polls++;
        }
      }
      cluster.world.schedule(5, poll, 'test');
    };
    cluster.world.schedule(0, poll, 'test');
    cluster.machines.heal();
    cluster.until('the stand-ins are gone', () => standIns() === 0, 20_000);
    expect(polls).toBeGreaterThan(1_000);
    const others = ['n1', 'n2', 'n4'].map((name) => cluster.node(name).id);
    cluster.until('n3 hears the others', () => others.every((id) => cluster.node('n3').isUp(id)));
    expect(cover('n3')).toEqual(EVERYTHING);
  });
});

describe('a node that lacks a service', () => {
  it('that it had before: it leaves with nothing of it lost, and not before', () => {
    cluster.form(...NAMES);
    count('n1');
    expect(putKv('n1', 'k1')).toBe(3);
    // The counters of n4 are in its memory and end with it; that it had some is on its disk. Others stand in for it.
    cluster.machines.crash('n4');
    cluster.services['n4'] = ['rkv'];
    cluster.start('n4');
    const { id } = cluster.node('n4');
    cluster.until('it is heard', () => cluster.node('n1').members.servicesOf(id)?.length === 1);
    count('n1');
    expect(cluster.lines('n4')).toContain('this node holds items of services that it does not run');
    expect(cluster.request('n1', { kind: 'leave', node: id }).kind).toBe('staged');
    expect(cluster.planAndCommit('n1').kind).toBe('committed');
    cluster.world.runFor(20_000);
    expect(cluster.removed).toEqual([]);
    expect(
      cluster
        .node('n4')
        .handoff.waiting()
        .map(({ reason }) => reason),
    ).toContain('this node holds items of counter, which it does not run: start it with that service');
    cluster.machines.stop('n4');
    cluster.until('it is down', () => cluster.machines.node('n4') === undefined);
    cluster.services['n4'] = BOTH;
    cluster.start('n4');
    cluster.until('it has left', () => cluster.removed.includes('n4'));
    cluster.settle('n1', 'n2', 'n3');
    expect(cover('n1').counters).toEqual(EVERYTHING.counters);
  });

  it('that nobody runs any more is not held up by what is left of it', () => {
    cluster.form(...NAMES);
    for (const name of NAMES) {
      cluster.machines.crash(name);
      cluster.services[name] = ['rkv'];
    }
    cluster.start(...NAMES);
    const { id } = cluster.node('n4');
    cluster.until('it is heard', () => cluster.node('n1').isUp(id));
    cluster.world.runFor(2_000);
    expect(cluster.request('n1', { kind: 'leave', node: id }).kind).toBe('staged');
    expect(cluster.planAndCommit('n1').kind).toBe('committed');
    cluster.until('it has left', () => cluster.removed.includes('n4'));
  });
});

describe('a node that drains and stops', () => {
  it('nobody at the others notices: every command is answered by three, all the time', () => {
    cluster.form(...NAMES);
    count('n1');
    let stopped = false;
    cluster.within(() => cluster.node('n2').drain(() => cluster.node('n2').stop(() => (stopped = true))));
    let commands = 0;
    const hasStopped = (): boolean => stopped;
    while (!hasStopped()) {
      for (const name of ['n1', 'n3'])
        expect(command(name, 'get', KEYS[commands++ % KEYS.length] as string)).toHaveLength(3);
      cluster.world.runFor(1);
    }
    expect(commands).toBeGreaterThan(20);
    cluster.machines.crash('n2');
    for (const key of KEYS) expect(command('n1', 'get', key)).toHaveLength(3);
  });
});
