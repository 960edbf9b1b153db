/**
 * The shipped node in the simulated world: a sample of the seeds that `npm run sim` runs by the hundred.
 *
 * A simulation that cannot fail proves nothing, so a known bug is planted and must be caught, and the seed that
 * catches it must show it again.
 */
import { describe, expect, it } from 'vitest';
import { OverwritingVnode } from './planted-bugs.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 30);

describe('rkv in the simulated world', () => {
  it(`loses no acknowledged write in ${SEEDS} seeds of cuts, crashes and joins`, { timeout: 600_000 }, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = runScenario({ seed });
      expect(result.problems, `npm run sim -- --seed ${seed}\n${result.description}`).toEqual([]);
    }
  });

  it('plays the same seed the same way', { timeout: 60_000 }, () => {
    const hashes = [7, 7, 8].map((seed) => runScenario({ seed }).traceHash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
  });

  it('catches a receiver that overwrites instead of merging, and its seed replays', { timeout: 300_000 }, () => {
    const caught = firstBroken((seed) => runScenario({ seed, openVnode: (context, clock) => new OverwritingVnode(context, clock) }));
    const again = runScenario({ seed: caught.seed, openVnode: (context, clock) => new OverwritingVnode(context, clock) });
    expect(again.problems).toEqual(caught.problems);
    expect(again.traceHash).toBe(caught.traceHash);
  });
});

function firstBroken(run: (seed: number) => ScenarioResult): ScenarioResult {
  for (let seed = 1; seed <= 100; seed++) {
    const result = run(seed);
    if (result.problems.length > 0) return result;
  }
  throw new Error('100 seeds did not catch the planted bug');
}
