// A counter on a simulated ring: some seeds of faults, joins and leaves, and what came of them.
import { simulateSeeds } from '@rkv/testkit';
import { play } from './play.ts';

const seeds = simulateSeeds({ ...play, durationMs: 5_000, seeds: 3 });
seeds.verify();
console.log(`${seeds.played} seeds, ${seeds.answered} requests answered, every like counted once`);
console.log('what happened meanwhile:', seeds.toll);
