/**
 * `npm run cluster -- --minutes 10 --seed 1`: real nodes under load, and a story of faults and changes drawn by the seed. In
 * the end everything that was acknowledged is at every node. Exit 1 when something is wrong; the history stays then.
 *
 *     --minutes N   how long steps are begun (default 5); the look at every key comes after that
 *     --seed S      default: drawn, and told
 *     --keys K      keys of 1 KiB before the story begins (default 20,000)
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { drawnStory } from './draw.ts';
import { isRight } from './judge.ts';
import { play } from './play.ts';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    keys: { type: 'string', default: '20000' },
  },
});

// Leaving by the exit ends the nodes and removes their folder, however we come to it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const seed = Number(flags.seed);
const deadline = performance.now() + Number(flags.minutes) * 60_000;
const draw = drawnStory(seed);
console.log(`seed ${seed}`);
try {
  const verdict = await play(
    {
      seed,
      keys: Number(flags.keys),
      members: ['n1', 'n2', 'n3'],
      next: (stage) => (performance.now() < deadline ? draw(stage) : undefined),
    },
    console.log,
  );
  if (!isRight(verdict)) process.exitCode = 1;
} catch (error) {
  console.error(`seed ${seed}: ${(error as Error).stack}`);
  process.exitCode = 1;
}
