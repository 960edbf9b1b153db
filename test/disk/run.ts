/**
 * `npm run disk -- --rounds 500 --seed 1`: the long form of what the tests of this folder do for a minute.
 * Exit 1 when something that was acknowledged is missing.
 */
import { parseArgs } from 'node:util';
import { playKills } from './kills.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } },
});

// Leaving by the exit ends the nodes and removes their folder, however we come to it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const { rounds, acknowledged, lost } = await playKills({
  rounds: Number(flags.rounds),
  seed: Number(flags.seed),
  say: console.log,
});
console.log(`${rounds} lives, ${acknowledged} writes acknowledged, ${lost.length} lost: ${lost.join(' ')}`);
if (lost.length > 0) process.exitCode = 1;
