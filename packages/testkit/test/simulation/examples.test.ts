/** The services of examples/ under a few seeds of faults each. */
import { keyedService, type ChangeHandler } from '@rkv/core';
import { asking, simulate, simulateSeeds } from '@rkv/testkit';
import { expect, it } from 'vitest';
import { jobs, type Job, type Jobs, type Queue, type Taken } from '../../../../examples/job-queue/jobs.ts';
import { calm as quietQueue, inTwo, inTwoHands, play as queue } from '../../../../examples/job-queue/play.ts';
import { play as series, summaryOf } from '../../../../examples/time-series/play.ts';
import { calm, LIMIT, play as limits } from '../../../../examples/rate-limiter/play.ts';
import { sessions, type Session, type Sessions } from '../../../../examples/sessions/sessions.ts';
import { play as visits } from '../../../../examples/sessions/play.ts';

const SHORT = { durationMs: 4_000, faultGapMs: 500 };

it('the limiter forgets nothing that it has let through', () => {
  simulateSeeds({ ...limits, ...SHORT, seeds: 3 }).verify();
});

it('the limiter is exact while nothing breaks', () => {
  const result = simulate({ ...calm, seed: 1, durationMs: 10_000, keys: ['door'] });
  result.verify();
  const passed = result.history.operations.filter(
    ({ kind, outcome }) => kind === 'increment' && outcome === 'ok',
  );
  expect(passed).toHaveLength(LIMIT);
});

it('the session store keeps the last write', () => {
  simulateSeeds({ ...visits, ...SHORT, seeds: 3 }).verify();
});

it('the time series keep their points, and a question to all of them is answered once for each', () => {
  const keys = Array.from({ length: 60 }, (_, i) => `series ${i}`);
  let told: string[] = [];
  const result = simulate({
    ...series,
    ...SHORT,
    keys,
    seed: 2,
    check: (ring) => {
      told = summaryOf(ring, 0, 2 ** 40).map(({ series: name, points }) => `${name}: ${points}`);
      return [];
    },
  });
  result.verify();
  const last = new Map(
    result.history.operations
      .filter(({ kind, client }) => kind === 'members' && client.startsWith('last'))
      .map(({ key, output }) => [key, (output as string[]).length]),
  );
  const expected = [...last].filter(([, points]) => points > 0).map(([key, points]) => `${key}: ${points}`);
  expect(expected.length).toBeGreaterThan(20);
  expect(told.toSorted()).toEqual(expected.toSorted());
});

it('the job queue loses no job, and none that is done comes back', () => {
  simulateSeeds({ ...queue, ...SHORT, seeds: 3 }).verify();
});

it('no job of the queue is in two hands while nothing breaks', () => {
  const result = simulate({ ...quietQueue, seed: 1, durationMs: 5_000 });
  result.verify();
  const { operations } = result.history;
  expect(operations.filter(({ kind, output }) => kind === 'take' && output).length).toBeGreaterThan(30);
  expect(inTwoHands(operations)).toEqual([]);
});

it('a job of the queue is in two hands where the ring is cut in two, and none is lost', () => {
  const result = simulate({ ...inTwo, seed: 1, durationMs: 5_000 });
  result.verify();
  expect(inTwoHands(result.history.operations)).not.toEqual([]);
});

it('a job queue that gives out what another has is found', () => {
  const { commands } = jobs.definition;
  const { change } = commands.take as ChangeHandler<Queue, [number], Taken | null>;
  const isFree = ([id, job]: [string, Job]): [string, Job] => [id, { ...job, until: 0 }];
  const take: typeof commands.take = {
    change: (held, context, leaseMs) =>
      change(
        held && { ...held, jobs: Object.fromEntries(Object.entries(held.jobs).map(isFree)) },
        context,
        leaseMs,
      ),
  };
  const service = keyedService<Jobs, Queue>({ ...jobs.definition, commands: { ...commands, take } });
  const { operations } = simulate({ ...quietQueue, vnode: service, seed: 1, durationMs: 4_000 }).history;
  expect(inTwoHands(operations)).not.toEqual([]);
});

it('a job queue in which a lease brings back what is done is found', () => {
  const merge = (a: Queue, b: Queue): Queue => {
    const merged = jobs.definition.merge(a, b);
    const leased = Object.entries({ ...a.jobs, ...b.jobs }).filter(([, { tries }]) => tries > 1);
    return { ...merged, jobs: { ...merged.jobs, ...Object.fromEntries(leased) } };
  };
  const service = keyedService<Jobs, Queue>({ ...jobs.definition, merge });
  const { problems } = simulate({ ...queue, ...SHORT, vnode: service, seed: 1 });
  expect(problems.join('\n')).toContain('resurrected');
});

it('a session store that takes the earlier of two writes is found', () => {
  const merge = (a: Session, b: Session): Session => (a.at < b.at ? a : b);
  const service = keyedService<Sessions, Session>({ ...sessions.definition, merge });
  const { write, read } = visits.operations;
  const operations = {
    write: { ...write, ask: asking(service, 'put', (data) => [data, 3_600_000]) },
    read: { ...read, ask: asking(service, 'get') },
  };
  expect(simulate({ ...visits, ...SHORT, vnode: service, operations, seed: 1 }).ok).toBe(false);
});
