// Time series on a simulated ring: points are written under faults, then all series are asked for their summaries.
import { simulateSeeds } from '@rkv/testkit';
import { play, summaryOf } from './play.ts';

let summaries: ReturnType<typeof summaryOf> = [];
const seeds = simulateSeeds({
  ...play,
  durationMs: 5_000,
  seeds: 3,
  check: (ring) => {
    summaries = summaryOf(ring, 0, 2 ** 40);
    return [];
  },
});
seeds.verify();
console.log(`${seeds.played} seeds, ${seeds.answered} requests answered; in the last one:`);
console.table(summaries);
