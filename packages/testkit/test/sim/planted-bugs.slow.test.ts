/**
 * A simulation that cannot fail proves nothing: each planted bug must be caught within 100 seeds, as itself, the seed
 * that catches it must show it again, and the shipped code must be clean on that seed.
 */
import { describe, expect, it } from 'vitest';
import { PLANTED, type PlantedBug } from './planted-bugs.ts';
import { catchBug, SEEDS_MAX } from './planted-table.ts';
import { runScenario } from './scenario.ts';

describe('a planted bug is caught', () => {
  it.each(Object.entries(PLANTED))('%s', { timeout: 600_000 }, (name, bug) => {
    const caught = catchBug(bug);
    expect(caught, `caught within ${SEEDS_MAX} seeds`).toBeDefined();
    expect(caught?.shipped, 'the shipped code is clean on the same seed').toEqual([]);
    console.log(`${name}: caught by seed ${caught?.seed}`);
  });

  it('and its seed shows it again', { timeout: 180_000 }, () => {
    const { plant } = PLANTED['W counts the same partition twice'] as PlantedBug;
    const [first, again] = [runScenario({ seed: 1, plant }), runScenario({ seed: 1, plant })];
    expect(first.problems).not.toEqual([]);
    expect([again.problems, again.traceHash]).toEqual([first.problems, first.traceHash]);
  });
});
