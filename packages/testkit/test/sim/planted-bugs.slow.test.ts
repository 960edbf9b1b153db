/**
 * A simulation that cannot fail proves nothing: each planted bug must be caught within 100 seeds, as itself, and the
 * seed that catches it must show it again. (`npm run sim` finds the same seeds without it clean.)
 */
import { describe, expect, it } from 'vitest';
import { PLANTED, type PlantedBug } from './planted-bugs.ts';
import { runScenario } from './scenario.ts';

const SEEDS_MAX = 100;

describe('a planted bug is caught', () => {
  it.each(Object.entries(PLANTED))('%s', { timeout: 300_000 }, (name, bug) => {
    const seed = firstCaught(bug);
    expect(seed, `caught within ${SEEDS_MAX} seeds`).toBeDefined();
    console.log(`${name}: caught by seed ${seed}`);
  });

  it('and its seed shows it again', { timeout: 60_000 }, () => {
    const { plant } = PLANTED['an acknowledgement counts for two partitions'] as PlantedBug;
    const [first, again] = [runScenario({ seed: 1, plant }), runScenario({ seed: 1, plant })];
    expect(first.problems).not.toEqual([]);
    expect([again.problems, again.traceHash]).toEqual([first.problems, first.traceHash]);
  });
});

function firstCaught({ plant, shows }: PlantedBug): number | undefined {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    if (runScenario({ seed, plant }).problems.some((problem) => shows.test(problem))) return seed;
  }
  return undefined;
}
