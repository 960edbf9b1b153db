/** Strict keys under faults (strict-play.ts), a few seeds of it; and bugs planted on purpose, each of which is caught. */
import { describeLinearizability, isLinearizable } from '@rkv/testkit';
import { describe, expect, it } from 'vitest';
import type { KvPlant } from '../kv/kv-cluster.ts';
import { drawLostVoter } from './lost-voter.ts';
import { PLANTED_STRICT, VOTES_OF_ANYBODY, VOTES_UNDER_ANY_RING } from './planted.ts';
import { cutOffDuringAJoin } from './stale-ring.ts';
import { describeStrict, playStrict, type StrictPlayInit } from './strict-play.ts';

const SEEDS = 12;
const SEEDS_MAX = 100;

function expectLinearizable(play: StrictPlayInit): void {
  const result = playStrict(play);
  expect(isLinearizable(result.verdict), describeLinearizability(result.verdict)).toBe(true);
  expect(result.stuck, describeStrict(result)).toEqual([]);
  expect(result.answered).toBeGreaterThan(100);
}

/** The seed whose history shows it. */
function caughtBy(play: Omit<StrictPlayInit, 'seed'>): number | undefined {
  const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1);
  return seeds.find((seed) => !isLinearizable(playStrict({ seed, ...play }).verdict));
}

describe('strict keys under faults', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('are linearizable with seed %i', (seed) =>
    expectLinearizable({ seed }),
  );
});

describe('a planted bug', () => {
  it.each(Object.entries(PLANTED_STRICT))(
    'is caught: %s',
    (_name, plant) => expect(caughtBy({ plant }), `caught within ${SEEDS_MAX} seeds`).toBeDefined(),
    300_000,
  );
});

/** Each with faults of its own, which hardly ever come together by themselves. */
const SCENES: Readonly<Record<string, { scene: Omit<StrictPlayInit, 'seed'>; plant: KvPlant }>> = {
  'whoever holds a copy votes': { scene: { nemesis: drawLostVoter }, plant: VOTES_OF_ANYBODY },
  'a vote counts under whatever ring it is asked for': {
    scene: { nemesis: cutOffDuringAJoin, late: true },
    plant: VOTES_UNDER_ANY_RING,
  },
};

describe.each(Object.entries(SCENES))('a planted bug: %s', (_name, { scene, plant }) => {
  it('is caught, and the shipped code is not on that seed', { timeout: 300_000 }, () => {
    const seed = caughtBy({ ...scene, plant });
    expect(seed, `caught within ${SEEDS_MAX} seeds`).toBeDefined();
    expectLinearizable({ seed: seed as number, ...scene });
  });

  it.each([1, 2, 3])('is not there: strict keys are linearizable with seed %i', (seed) =>
    expectLinearizable({ seed, ...scene }),
  );
});

it('the two who have not heard of the same rings do meet, and are asked', () => {
  const { scene } = SCENES['a vote counts under whatever ring it is asked for'] as {
    scene: Omit<StrictPlayInit, 'seed'>;
  };
  const { history } = playStrict({ seed: 1, ...scene });
  expect(history.operations.some(({ client }) => client === 'nemesis')).toBe(true);
});
