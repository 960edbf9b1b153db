/**
 * `npm run sim:strict`: seeds of strict keys under faults (strict-play.ts).
 *
 *     npm run sim:strict -- --seeds 200 --from 1     seeds 1..200
 *     npm run sim:strict -- --seed 7                 one seed: its faults, and why what was answered cannot be
 */
import { parseArgs } from 'node:util';
import { describeLinearizability, isLinearizable } from '@rkv/testkit';
import { describeStrict, playStrict } from './strict-play.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string' },
  },
});
const lastsMs = Number(values.seconds) * 1_000;

if (values.seed === undefined) playMany(Number(values.from), Number(values.seeds));
else lookAt(Number(values.seed));

function playMany(from: number, seeds: number): void {
  const begun = performance.now();
  let answered = 0;
  let ringChanges = 0;
  const broken: number[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const result = playStrict({ seed, lastsMs });
    answered += result.answered;
    ringChanges += result.ringChanges;
    if (isLinearizable(result.verdict) && result.stuck.length === 0) continue;
    broken.push(seed);
    console.log(`seed ${seed} broke: ${result.verdict.impossible.join(' ')} ${result.stuck.join('; ')}`);
  }
  const seconds = (performance.now() - begun) / 1_000;
  console.log(
    `${seeds} seeds of ${values.seconds} s: ${answered} operations answered, ${ringChanges} changes of the ring, ` +
      `${broken.length} seeds broke (${seconds.toFixed(0)} s)`,
  );
  process.exitCode = broken.length > 0 ? 1 : 0;
}

function lookAt(seed: number): void {
  const result = playStrict({ seed, lastsMs });
  console.log(describeStrict(result));
  if (!isLinearizable(result.verdict)) console.log(describeLinearizability(result.verdict));
}
