/** What an operator asks of a node is carried out by the claimant, however far away: its own words come back. */
import { membershipPresets, type PresetName } from '@rkv/core';
import { expect, it } from 'vitest';
import { MemberCluster } from './member-cluster.ts';

const DELAYS_MS: Readonly<Record<PresetName, number>> = { local: 1, lan: 10, wan: 150 };

it.each(Object.keys(DELAYS_MS) as PresetName[])('preset %s: the longest wait for members', (preset) => {
  const cluster = new MemberCluster({ preset });
  const names = ['n1', 'n2', 'n3'];
  cluster.machines.network.setLinks(names, names, { delayMs: DELAYS_MS[preset] });
  cluster.form('n1', 'n2');
  cluster.start('n3');
  const joiner = cluster.node('n3').id;
  expect(cluster.join('n3', 'n1')).toMatchObject({ kind: 'staged' });
  cluster.machines.crash('n3');
  cluster.until('it is missed', () => !cluster.node('n1').isUp(joiner));
  expect(cluster.request('n2', { kind: 'plan' })).toMatchObject({
    code: 'ring_not_ready',
    message: 'n3 asked to join and is down',
  });
});

it.each(Object.entries(membershipPresets))(
  'preset %s: there is time for all that a change may take',
  (_, preset) => {
    const { readyWaitMs, proposalLimitMs, requestTimeoutMs } = preset;
    expect(requestTimeoutMs).toBeGreaterThanOrEqual(readyWaitMs + proposalLimitMs);
    expect(requestTimeoutMs).toBeLessThan(60_000);
  },
);
