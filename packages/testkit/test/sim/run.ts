/**
 * `npm run sim`: seeds of the simulated minute (scenario.ts), and one seed looked at closely.
 *
 *     npm run sim -- --seeds 300              seeds 1..300
 *     npm run sim -- --seeds 500 --from 501   the next five hundred
 *     npm run sim -- --seeds 300 --jobs 2     in two processes
 *     npm run sim -- --minutes 10             ten minutes of each seed in place of one
 *     npm run sim -- --resume FILE            what came of each seed is kept in FILE; begun again, it goes on there
 *     npm run sim -- --kinds crash,pause      storms of these kinds only
 *     npm run sim -- --twice 5                five seeds, each twice here and once in another process: equal traces
 *     npm run sim -- --planted                bugs planted on purpose: which seed catches each
 *     npm run sim -- --seed 42                one seed: its faults, what the operator did, the last events and log lines
 *     npm run sim -- --seed 42 --shrink       if it breaks: the fewest of its faults that still break it
 *     npm run sim -- --seed 42 --only 3,7     the same with some of its faults
 *     npm run sim -- --seed 4 --plant 'NAME'  the same with a planted bug; also with --shrink and --only
 *     npm run sim -- --script FILE            the faults of a file (script.ts) in place of those drawn; also with --shrink
 *
 * `--shrink` writes such a file, to be kept, changed and played again.
 *
 * Exits with 1 when anything broke.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeFaults, MISHAPS, shrink, type Fault } from '@rkv/testkit';
import { playElsewhere, runCampaign, serveSeeds, type Totals } from './campaign.ts';
import { Diary } from './diary.ts';
import { PLANTED, type PlantedBug } from './planted-bugs.ts';
import { printPlanted } from './planted-table.ts';
import { runScenario, type ScenarioOptions, type ScenarioResult } from './scenario.ts';
import { describeScript, faultKind, parseScript, plantedName, type Script } from './script.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    twice: { type: 'string' },
    kinds: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    resume: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    plant: { type: 'string' },
    script: { type: 'string' },
    worker: { type: 'boolean', default: false },
  },
});

const kinds = values.kinds?.split(',').map(faultKind);
const minutes = Number(values.minutes);
const plant = values.plant === undefined ? undefined : plantedName(values.plant);
/** Scripts of shrunk cases go there. */
const KEPT_IN = 'data';
const SHRINKING_TRIES_MAX = 300;
const PROGRESS_EVERY = 100;
/** In so many seeds every kind of mishap comes; one that does not is broken itself. */
const TELLING_SEEDS = 200;
const TOLL_COLUMNS = 3;

if (values.worker) serveSeeds();
else if (values.planted) process.exitCode = printPlanted(console.log) ? 0 : 1;
else if (values.script !== undefined) playScript(values.script);
else if (values.seed !== undefined) lookAt(Number(values.seed));
else if (values.twice !== undefined) await runTwice(Number(values.from), Number(values.twice));
else await runMany(Number(values.from), Number(values.seeds), Number(values.jobs));

async function runMany(from: number, seeds: number, jobs: number): Promise<void> {
  const started = performance.now();
  const diary = values.resume === undefined ? undefined : new Diary(values.resume, { minutes, kinds });
  const known = (diary?.outcomes ?? []).filter(({ seed }) => seed >= from && seed < from + seeds);
  if (known.length > 0) console.log(`${known.length} of ${seeds} seeds are known from ${values.resume}`);
  const totals = await runCampaign({
    from,
    seeds,
    jobs,
    kinds,
    minutes,
    known,
    onOutcome: (outcome, { seeds: done }) => {
      const { seed, problems } = outcome;
      diary?.add(outcome);
      if (problems.length > 0) console.log(`seed ${seed} broke:\n  ${problems.slice(0, 3).join('\n  ')}`);
      if (done % PROGRESS_EVERY === 0 && done < seeds)
        console.log(`${done} seeds done; all before ${from + done - jobs + 1} for sure`);
    },
  });
  report(totals, from, (performance.now() - started) / 1000, totals.seeds - known.length);
  const never = MISHAPS.filter((mishap) => totals.toll[mishap] === 0);
  const isTelling = kinds === undefined && seeds >= TELLING_SEEDS && never.length > 0;
  if (isTelling) console.log(`in ${seeds} seeds none of these came: ${never.join(', ')}`);
  process.exitCode = totals.broken.length === 0 && !isTelling ? 0 : 1;
}

function report(
  { seeds, broken, counts, toll, lastedMs, machineMs, busyMs }: Totals,
  from: number,
  seconds: number,
  playedNow: number,
): void {
  const n = (count: number): string => count.toLocaleString('en');
  const { acknowledged, failed, reads, commits, leaves, resizes, epochs, faults } = counts;
  const { lostStores, lostDisks, excused, unmet, exact, strictAnswers, strictDoubts } = counts;
  console.log(
    `${n(seeds)} seeds from ${from}: ${n(acknowledged)} writes acknowledged, ${n(failed)} not, ${n(reads)} reads judged, ${n(unmet)} conditions unmet, ${n(exact)} counts and claims exact, ${n(strictAnswers)} answers of strict keys, ${n(strictDoubts)} in doubt; ` +
      `${n(commits)} commits, ${n(leaves)} leaves, ${n(resizes)} resizes, ${n(epochs)} epochs; ${n(faults)} faults, ${lostStores} stores and ${lostDisks} disks lost, ` +
      `${n(excused)} writes excused`,
  );
  console.log(`what the faults did:\n${describeToll(toll)}`);
  console.log(
    `${(lastedMs / 3_600_000).toFixed(1)} hours, ${(machineMs / 3_600_000).toFixed(1)} of machines, ` +
      `${(lastedMs / busyMs).toFixed(0)} times real time for each processor; ` +
      `now ${n(playedNow)} seeds in ${seconds.toFixed(0)} s, ${(playedNow / seconds).toFixed(2)} a second`,
  );
  console.log(
    broken.length === 0
      ? 'nothing broke'
      : `${broken.length} broke: ${broken.join(', ')}; look at one with --seed N`,
  );
}

function describeToll(toll: Totals['toll']): string {
  const cells = MISHAPS.map(
    (mishap) => `${toll[mishap].toLocaleString('en').padStart(11)} ${mishap.padEnd(32)}`,
  );
  const rows = Math.ceil(cells.length / TOLL_COLUMNS);
  const row = (at: number): string => cells.filter((_, i) => i % rows === at).join('');
  return Array.from({ length: rows }, (_, at) => row(at).trimEnd()).join('\n');
}

async function runTwice(from: number, seeds: number): Promise<void> {
  const numbers = Array.from({ length: seeds }, (_, i) => from + i);
  const elsewhere = await playElsewhere({ seeds: numbers, kinds, minutes });
  let equal = elsewhere.length === seeds;
  for (const { seed, traceHash: inAnother } of elsewhere) {
    const play = (): string => runScenario({ seed, kinds, minutes }).traceHash;
    const [first, second] = [play(), play()];
    const same = first === second && first === inAnother;
    console.log(
      `seed ${seed}: ${first}${same ? ', again and elsewhere' : `, again ${second}, elsewhere ${inAnother}`}`,
    );
    equal &&= same;
  }
  process.exitCode = equal ? 0 : 1;
}

function lookAt(seed: number): void {
  const drawn = { seed, kinds, minutes, plant };
  const result = runScenario(optionsOf(drawn, { describe: true }));
  const kept = values.only?.split(',').map((at) => result.faults[Number(at)] as Fault);
  if (kept === undefined) judge({ ...drawn, faults: result.faults }, result);
  else play({ ...drawn, faults: kept });
}

function playScript(path: string): void {
  let script: Script;
  try {
    script = parseScript(readFileSync(path, 'utf8'));
  } catch (error) {
    console.error(`${path}: ${(error as Error).message}`);
    process.exitCode = 2;
    return;
  }
  play(script);
}

function play(script: Script): void {
  judge(script, runScenario(optionsOf(script, { faults: script.faults, describe: true })));
}

function judge(script: Script, result: ScenarioResult): void {
  console.log(result.description);
  console.log(describeResult(result));
  if (values.shrink && result.problems.length > 0) shrinkFaults(script);
  process.exitCode = result.problems.length === 0 ? 0 : 1;
}

function shrinkFaults(script: Script): void {
  const { seed, faults } = script;
  const playSome = (some: readonly Fault[]): ScenarioResult =>
    runScenario(optionsOf(script, { faults: some }));
  const fewest = shrink(faults, (some) => playSome(some).problems.length > 0, {
    triesMax: SHRINKING_TRIES_MAX,
  });
  console.log(`--- ${fewest.length} of ${faults.length} faults still break it\n${describeFaults(fewest)}`);
  console.log(describeResult(playSome(fewest)));
  const path = `${KEPT_IN}/seed-${seed}.faults`;
  mkdirSync(KEPT_IN, { recursive: true });
  writeFileSync(path, describeScript({ ...script, faults: fewest }));
  const without = fewest.length === 0 ? 'it breaks without any fault; ' : '';
  console.log(`${without}look at it with npm run sim -- --script ${path}`);
}

function optionsOf(
  { plant: name, ...options }: Omit<Script, 'faults'>,
  others: Pick<ScenarioOptions, 'faults' | 'describe'>,
): ScenarioOptions {
  const { seed, minutes, kinds } = options;
  const bug = name === undefined ? undefined : (PLANTED[name] as PlantedBug);
  return { seed, minutes, kinds, plant: bug?.plant, ...others };
}

function describeResult({ seed, machines, counts, traceHash, problems }: ScenarioResult): string {
  const { acknowledged, failed, commits, leaves, epochs, faults } = counts;
  return [
    `--- seed ${seed}: ${machines} machines, ${faults} faults, ${acknowledged} writes acknowledged, ${failed} not, ` +
      `${commits} commits, ${leaves} leaves, ${epochs} epochs, trace ${traceHash}`,
    ...(problems.length === 0 ? ['nothing broke'] : problems),
  ].join('\n');
}
