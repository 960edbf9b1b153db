/**
 * `npm run sim`: many seeds, one after the other; the first that breaks is printed with what led to it.
 *
 *     npm run sim -- --seeds 300            seeds 1..300
 *     npm run sim -- --seed 42              one seed, twice, and its trace hash
 */
import { parseArgs } from 'node:util';
import { runScenario } from './scenario.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' }, seed: { type: 'string' } },
});

const started = performance.now();
if (values.seed === undefined) runMany(Number(values.from), Number(values.seeds));
else replay(Number(values.seed));

function runMany(from: number, count: number): void {
  let acknowledged = 0;
  const broken: number[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const result = runScenario({ seed });
    acknowledged += result.acknowledged;
    if (result.problems.length === 0) continue;
    broken.push(seed);
    console.log(`seed ${seed}: ${result.problems.slice(0, 3).join('\n  ')}`);
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${count} seeds, ${acknowledged} acknowledged writes, ${broken.length} seeds broke` +
      (broken.length > 0 ? ` (${broken.join(', ')}; replay one with --seed N)` : '') +
      `; ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(1)} seeds a second`,
  );
  process.exitCode = broken.length === 0 ? 0 : 1;
}

function replay(seed: number): void {
  const first = runScenario({ seed });
  const again = runScenario({ seed });
  console.log(first.description);
  for (const problem of first.problems) console.log(problem);
  const same = first.traceHash === again.traceHash;
  console.log(
    `seed ${seed}: ${first.nodes} nodes, ${first.faults.length} faults, ${first.acknowledged} acknowledged, ${first.failed} failed, ` +
      `epoch ${first.epochs}, trace ${first.traceHash}, again ${same ? 'the same' : `OTHER ${again.traceHash}`}`,
  );
  process.exitCode = first.problems.length === 0 && same ? 0 : 1;
}
