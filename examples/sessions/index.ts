// A session store on a simulated ring: the last write is there, on every copy, whatever broke meanwhile.
import { simulateSeeds } from '@rkv/testkit';
import { play } from './play.ts';

const seeds = simulateSeeds({ ...play, durationMs: 5_000, seeds: 3 });
seeds.verify();
console.log(
  `${seeds.played} seeds, ${seeds.answered} requests answered, every session as it was last written`,
);
