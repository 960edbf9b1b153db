// A job queue on a simulated ring: nobody gets what another has while nothing breaks, and no job is lost when something does.
import { simulate, simulateSeeds } from '@rkv/testkit';
import { calm, inTwo, inTwoHands, play } from './play.ts';

const quiet = simulate({ ...calm, seed: 1, durationMs: 5_000 });
quiet.verify();
const shared = inTwoHands(quiet.history.operations);
if (shared.length > 0) throw new Error(shared.join('\n'));
const takes = quiet.history.operations.filter(({ kind, output }) => kind === 'take' && output);
console.log(`nothing broke: ${takes.length} times a job was taken, and never one that another had`);

const cut = simulate({ ...inTwo, seed: 1, durationMs: 5_000 });
cut.verify();
console.log(
  `the ring cut in two: ${inTwoHands(cut.history.operations).length} jobs were in two hands at once`,
);

const seeds = simulateSeeds({ ...play, durationMs: 3_000, seeds: 3 });
seeds.verify();
console.log(`${seeds.played} seeds of faults, ${seeds.answered} requests answered`);
console.log('each time: no job was lost, and none that was done came back');
