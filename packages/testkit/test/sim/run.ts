/**
 * `npm run sim`: seeds of the simulated minute (scenario.ts), and one seed looked at closely.
 *
 *     npm run sim -- --seeds 300              seeds 1..300
 *     npm run sim -- --seeds 500 --from 501   the next five hundred
 *     npm run sim -- --seeds 300 --jobs 2     in two processes
 *     npm run sim -- --kinds crash,pause      storms of these kinds only
 *     npm run sim -- --twice 5                five seeds, each twice: the traces must be equal
 *     npm run sim -- --seed 42                one seed: its faults, what the operator did, the last events and log lines
 *     npm run sim -- --seed 42 --shrink       if it breaks: the fewest of its faults that still break it
 *     npm run sim -- --seed 42 --only 3,7     the same with some of its faults
 *
 * Exits with 1 when anything broke.
 */
import { parseArgs } from 'node:util';
import { describeFaults, shrink, type Fault, type FaultKind } from '@rkv/testkit';
import { runCampaign, serveSeeds, type Totals } from './campaign.ts';
import { ALL_KINDS } from './draw.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    twice: { type: 'string' },
    kinds: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
});

const kinds = values.kinds?.split(',').map(faultKind);
const SHRINKING_TRIES_MAX = 300;
const PROGRESS_EVERY = 100;

if (values.worker) serveSeeds();
else if (values.seed !== undefined) lookAt(Number(values.seed));
else if (values.twice !== undefined) runTwice(Number(values.from), Number(values.twice));
else await runMany(Number(values.from), Number(values.seeds), Number(values.jobs));

async function runMany(from: number, seeds: number, jobs: number): Promise<void> {
  const started = performance.now();
  const totals = await runCampaign({
    from,
    seeds,
    jobs,
    kinds,
    onOutcome: ({ seed, problems }, { seeds: done }) => {
      if (problems.length > 0) console.log(`seed ${seed} broke:\n  ${problems.slice(0, 3).join('\n  ')}`);
      if (done % PROGRESS_EVERY === 0 && done < seeds)
        console.log(`${done} seeds done; all before ${from + done - jobs + 1} for sure`);
    },
  });
  report(totals, from, (performance.now() - started) / 1000);
  process.exitCode = totals.broken.length === 0 ? 0 : 1;
}

function report({ seeds, broken, counts, lastedMs }: Totals, from: number, seconds: number): void {
  const n = (count: number): string => count.toLocaleString('en');
  const { acknowledged, failed, reads, commits, leaves, epochs, faults, lostStores, lostDisks } = counts;
  console.log(
    `${n(seeds)} seeds from ${from}: ${n(acknowledged)} writes acknowledged, ${n(failed)} not, ${n(reads)} reads judged; ` +
      `${n(commits)} commits, ${n(leaves)} leaves, ${n(epochs)} epochs; ${n(faults)} faults, ${lostStores} stores and ${lostDisks} disks lost`,
  );
  console.log(
    `${(lastedMs / 3_600_000).toFixed(1)} hours in ${seconds.toFixed(0)} s: ${(seeds / seconds).toFixed(1)} seeds a second, ` +
      `${(lastedMs / 1000 / seconds).toFixed(0)} times real time`,
  );
  console.log(
    broken.length === 0
      ? 'nothing broke'
      : `${broken.length} broke: ${broken.join(', ')}; look at one with --seed N`,
  );
}

function runTwice(from: number, seeds: number): void {
  const other: number[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const [first, second] = [runScenario({ seed, kinds }), runScenario({ seed, kinds })];
    const same = first.traceHash === second.traceHash;
    console.log(`seed ${seed}: ${first.traceHash}, again ${same ? 'the same' : second.traceHash}`);
    if (!same) other.push(seed);
  }
  process.exitCode = other.length === 0 ? 0 : 1;
}

function lookAt(seed: number): void {
  const drawn = runScenario({ seed, kinds, describe: true });
  const kept = values.only?.split(',').map((at) => drawn.faults[Number(at)] as Fault);
  const result = kept === undefined ? drawn : runScenario({ seed, kinds, faults: kept, describe: true });
  console.log(result.description);
  console.log(describeResult(result));
  if (values.shrink && result.problems.length > 0) shrinkFaults(seed, drawn.faults, result.faults);
  process.exitCode = result.problems.length === 0 ? 0 : 1;
}

function shrinkFaults(seed: number, drawn: readonly Fault[], faults: readonly Fault[]): void {
  const play = (some: readonly Fault[]): ScenarioResult => runScenario({ seed, kinds, faults: some });
  const fewest = shrink(faults, (some) => play(some).problems.length > 0, { triesMax: SHRINKING_TRIES_MAX });
  console.log(`--- ${fewest.length} of ${faults.length} faults still break it\n${describeFaults(fewest)}`);
  console.log(describeResult(play(fewest)));
  const numbers = fewest.map((fault) => drawn.indexOf(fault)).join(',');
  console.log(
    fewest.length === 0 ? 'it breaks without any fault' : `look at it with --seed ${seed} --only ${numbers}`,
  );
}

function faultKind(name: string): FaultKind {
  const kind = ALL_KINDS.find((known) => known === name);
  if (kind === undefined)
    throw new Error(`no kind of fault is called ${name}; there are ${ALL_KINDS.join(', ')}`);
  return kind;
}

function describeResult({ seed, machines, counts, traceHash, problems }: ScenarioResult): string {
  const { acknowledged, failed, commits, leaves, epochs, faults } = counts;
  return [
    `--- seed ${seed}: ${machines} machines, ${faults} faults, ${acknowledged} writes acknowledged, ${failed} not, ` +
      `${commits} commits, ${leaves} leaves, ${epochs} epochs, trace ${traceHash}`,
    ...(problems.length === 0 ? ['nothing broke'] : problems),
  ].join('\n');
}
