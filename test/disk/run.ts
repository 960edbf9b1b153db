/**
 * `npm run disk -- --play kills --rounds 500 --seed 1`: the long forms of what the tests of this folder do for a minute.
 *
 *     --play P      kills (default): a node killed while clients write; flips: bits that turn over in its data file, ten a round
 *     --rounds N    default: 500 kills, or 20 times ten flips
 *     --aimed       of flips: only in what lmdb keeps of its pages and of where entries begin and end
 *     --seed S      default 1
 *
 * Exit 1 when something that was acknowledged is missing, or something was told that nobody wrote.
 */
import { parseArgs } from 'node:util';
import { playFlips } from './flips.ts';
import { playKills } from './kills.ts';

const { values: flags } = parseArgs({
  options: {
    play: { type: 'string', default: 'kills' },
    rounds: { type: 'string' },
    aimed: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});

// Leaving by the exit ends the nodes and removes their folder, however we come to it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const seed = Number(flags.seed);
const isRight = flags.play === 'flips' ? await flips() : await kills();
if (!isRight) process.exitCode = 1;

async function kills(): Promise<boolean> {
  const report = await playKills({ rounds: Number(flags.rounds ?? 500), seed, say: console.log });
  console.log(report);
  return report.lost.length === 0;
}

async function flips(): Promise<boolean> {
  const rounds = Number(flags.rounds ?? 20);
  const report = await playFlips({ rounds, flipsPerRound: 10, seed, isAimed: flags.aimed, say: console.log });
  console.log(report);
  return report.wrong.length + report.lost.length === 0;
}
