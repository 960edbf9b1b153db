/**
 * The shipped node in the simulated world: a sample of the seeds that `npm run sim` runs by the thousand.
 * That it can fail is shown by planted-bugs.slow.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { runScenario } from './scenario.ts';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 8);
const PLAYED_TWICE = 5;

describe('rkv in the simulated world', () => {
  const hashes = new Map<number, string>();

  it(
    `keeps its promises in ${SEEDS} seeds of joins, leaves and faults of all kinds`,
    { timeout: 600_000 },
    () => {
      let [strictAnswers, exact] = [0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { problems, description, traceHash, counts } = runScenario({ seed });
        expect(problems, `npm run sim -- --seed ${seed}\n${description}`).toEqual([]);
        hashes.set(seed, traceHash);
        strictAnswers += counts.strictAnswers;
        exact += counts.exact;
      }
      expect(new Set(hashes.values()).size).toBe(SEEDS);
      expect(strictAnswers).toBeGreaterThan(100 * SEEDS);
      expect(exact, 'counts and claims at peace').toBeGreaterThan(0);
    },
  );

  it(`plays ${PLAYED_TWICE} of them the same way again`, { timeout: 120_000 }, () => {
    for (let seed = 1; seed <= PLAYED_TWICE; seed++)
      expect(runScenario({ seed }).traceHash).toBe(hashes.get(seed));
  });
});
