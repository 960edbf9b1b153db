/**
 * A node whose newest promises cannot be read, in whole clusters: it must not help to choose a second ring for an epoch.
 *
 * n1 has a change agreed with n2 alone. In the moment in which it knows, or at any other one, n1 is cut off and n2 loses
 * power, and its newest record of promises with it. Then n2 and n3 are asked for another change.
 */
import { describe, expect, it } from 'vitest';
import { MemberCluster } from './member-cluster.ts';

interface Outcome {
  readonly amnesic: boolean;
  readonly problem: string | undefined;
}

function play(seed: number, hidesDamage: boolean): Outcome {
  const cluster = new MemberCluster({ seed, hidesDamage });
  const { world, machines } = cluster;
  let problem: string | undefined;
  try {
    cluster.form('n1', 'n2', 'n3');
    const [n1, n3] = [cluster.node('n1').id, cluster.node('n3').id];
    machines.cut('n1', 'n3');
    const dice = world.prng('moment');
    const atOnce = dice.chance(0.5);
    let isDark = false;
    const goDark = (): void => {
      if (!isDark) machines.powerCut('n2');
      isDark = true;
    };
    cluster.onRing = (name) => {
      if (name === 'n1' && atOnce) world.schedule(0, goDark, 'test');
    };
    cluster.within(() => cluster.node('n1').request({ kind: 'leave', node: n3 }, () => {}));
    world.runFor(atOnce ? 1_000 : dice.below(300) / 10);
    goDark();
    machines.cut('n1', 'n2');
    cluster.damage('n2', 'agreement');
    machines.start('n2');
    world.runFor(4_000);
    cluster.within(() => cluster.node('n2').request({ kind: 'leave', node: n1 }, () => {}));
    world.runFor(8_000);
    machines.heal();
    world.runFor(10_000);
    const epochs = ['n1', 'n2', 'n3'].map((name) => cluster.node(name).document.epoch);
    if (new Set(epochs).size > 1) problem = `epochs ${epochs.join()}`;
    const staged = cluster.request('n1', { kind: 'clear' });
    if (staged.kind !== 'cleared') problem = `the ring cannot be changed any more: ${JSON.stringify(staged)}`;
  } catch (error) {
    problem = (error as Error).message.split('\n')[0];
  }
  return { amnesic: cluster.lines('n2').includes('it has no vote on the next ring'), problem };
}

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

describe('promises that are damaged', () => {
  it('let no second ring be chosen; the node votes again once the others have told it', () => {
    let amnesic = 0;
    for (const seed of SEEDS) {
      const outcome = play(seed, false);
      expect(outcome.problem, `seed ${seed}`).toBe(undefined);
      if (outcome.amnesic) amnesic++;
    }
    expect(amnesic).toBeGreaterThan(20);
  });

  it('would, if an older version were taken for the truth', () => {
    const problems = SEEDS.map((seed) => play(seed, true).problem).filter((problem) => problem !== undefined);
    expect(problems.join('\n')).toMatch(/no agreement on the ring of epoch/);
  });
});
