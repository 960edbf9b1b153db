/** Read repair without any help (read-repair-play.ts), a few seeds of it. */
import { expect, it } from 'vitest';
import { withoutReadRepair } from '../sim/planted-requests.ts';
import { describeReadRepair, playReadRepair } from './read-repair-play.ts';

const SEEDS = [1, 2, 3, 4, 5];
const SEEDS_MAX = 100;

it('copies that differ are alike once they are read', () => {
  const results = SEEDS.map((seed) => playReadRepair(seed));
  for (const result of results) expect(result.problems, describeReadRepair(result)).toEqual([]);
  expect(results.some(({ differed }) => differed > 0)).toBe(true);
});

it('a planted bug is caught: read repair is off', () => {
  const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1);
  const caught = seeds.find((seed) => playReadRepair(seed, { port: withoutReadRepair }).problems.length > 0);
  expect(caught).toBeDefined();
  expect(playReadRepair(caught as number).problems).toEqual([]);
});
