// A rate limiter on a simulated ring: exact while nothing breaks, and never forgetful when something does.
import { simulate, simulateSeeds } from '@rkv/testkit';
import { calm, LIMIT, play } from './play.ts';

const exact = simulate({ ...calm, seed: 1, durationMs: 10_000, keys: ['door'] });
exact.verify();
const passed = exact.history.operations.filter(
  ({ kind, outcome }) => kind === 'increment' && outcome === 'ok',
);
if (passed.length !== LIMIT) throw new Error(`${passed.length} passed, and ${LIMIT} may`);
console.log(`nothing broke: ${passed.length} of ${LIMIT} passed`);

const seeds = simulateSeeds({ ...play, durationMs: 5_000, seeds: 3 });
seeds.verify();
console.log(
  `${seeds.played} seeds of faults, ${seeds.answered} requests answered, all that passed is counted`,
);
