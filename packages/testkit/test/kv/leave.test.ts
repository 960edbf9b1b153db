/** A node that leaves serves its clients until it ends, with and without data of its own. */
import { expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

/** As long as a farewell may take, and a request. */
const FAREWELL_MS = 6_000;

it('what clients ask of a node that leaves is done, before and after the ring names it no more', () => {
  const cluster = new KvCluster();
  cluster.form('n1', 'n2', 'n3', 'n4');
  const outcomes = new Map<string, number>();
  let begun = 0;
  const ask = (): void => {
    const key = `k${begun++ % 200}`;
    cluster.beginPut('n4', key, key, (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
    cluster.world.schedule(7, ask, 'client');
  };
  cluster.within(ask);
  let outcome = '';
  const [operator, leaver] = [cluster.node('n1'), cluster.node('n4').id];
  cluster.within(() =>
    operator.request({ kind: 'leave', node: leaver }, () =>
      operator.request({ kind: 'plan' }, (planned) => {
        if (planned.kind === 'planned')
          operator.request({ kind: 'commit', planId: planned.plan.planId }, ({ kind }) => (outcome = kind));
      }),
    ),
  );
  cluster.until('the leave is committed', () => outcome === 'committed');
  cluster.until('it is out', () => cluster.endings.length > 0);
  expect(cluster.endings).toEqual(['n4 left']);
  const before = begun;
  cluster.world.runFor(FAREWELL_MS);
  expect(begun - before).toBeGreaterThan(500);
  expect([...outcomes.keys()]).toEqual(['written']);
  for (let at = 0; at < 200; at++) expect(cluster.get('n1', `k${at}`)).toBe(`value k${at}`);
});
