/** A node that is killed while clients write to it has in its next life what it acknowledged in this one. */
import { expect, it } from 'vitest';
import { playKills } from './kills.ts';

const ROUNDS = Number(process.env['RKV_DISK_ROUNDS'] ?? 20);

it(
  `loses nothing that was acknowledged, killed ${ROUNDS} times`,
  async () => {
    const { acknowledged, lost } = await playKills({ rounds: ROUNDS });
    expect(lost).toEqual([]);
    expect(acknowledged).toBeGreaterThan(ROUNDS * 50);
  },
  60_000 + ROUNDS * 10_000,
);

it('and would be found out if it acknowledged before it has committed', async () => {
  const { lost } = await playKills({ rounds: 10, planted: true });
  expect(lost.length).toBeGreaterThan(0);
}, 120_000);
