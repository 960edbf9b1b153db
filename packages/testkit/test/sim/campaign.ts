/**
 * Many seeds, one after the other or shared out among processes, and what came of all of them together.
 *
 * A worker is this program again; it is sent a seed, answers with what came of it, and is sent the next.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { MISHAPS, Toll, type FaultKind, type Mishap } from '@rkv/testkit';
import { runScenario, type Count, type ScenarioOptions, type ScenarioResult } from './scenario.ts';

/** Most of what a run leaves behind is dead by the next collection, if that comes late enough: 8 % less work. */
const YOUNG_SPACE = ['--max-semi-space-size=128'];

/** What is kept of a seed. */
export interface Outcome extends Pick<
  ScenarioResult,
  'seed' | 'problems' | 'traceHash' | 'machines' | 'counts' | 'toll' | 'lastedMs'
> {
  /** Of one processor. On a busy machine it tells more than the clock on the wall. */
  readonly busyMs: number;
}

export interface Totals {
  seeds: number;
  readonly broken: number[];
  readonly counts: Record<Count, number>;
  readonly toll: Record<Mishap, number>;
  /** Virtual milliseconds. */
  lastedMs: number;
  /** The same, times the machines of each seed. */
  machineMs: number;
  /** Of all processors. */
  busyMs: number;
}

export interface CampaignInit {
  readonly from: number;
  readonly seeds: number;
  /** Processes; 1 is this one. */
  readonly jobs: number;
  /** Storms of these kinds only. */
  readonly kinds?: readonly FaultKind[] | undefined;
  readonly minutes?: number | undefined;
  /** What is known already: these seeds are counted and not played again. */
  readonly known?: readonly Outcome[] | undefined;
  onOutcome(outcome: Outcome, totals: Totals): void;
}

export async function runCampaign({ jobs, onOutcome, known = [], ...range }: CampaignInit): Promise<Totals> {
  const { from, kinds, minutes } = range;
  const totals = noTotals();
  for (const outcome of known) add(totals, outcome);
  const done = new Set(known.map(({ seed }) => seed));
  const seeds = Array.from({ length: range.seeds }, (_, i) => from + i).filter((seed) => !done.has(seed));
  const take = (outcome: Outcome): void => {
    add(totals, outcome);
    onOutcome(outcome, totals);
  };
  if (jobs === 1) for (const seed of seeds) take(play({ seed, kinds, minutes }));
  else await shareOut({ seeds, jobs, kinds, minutes }, take);
  return totals;
}

/** The same in a process of its own, where nothing is left of what was played here. */
export async function playElsewhere(shared: Omit<Share, 'jobs'>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await shareOut({ ...shared, jobs: 1 }, (outcome) => outcomes.push(outcome));
  return outcomes;
}

/** What a worker does: plays what it is sent until its parent hangs up. */
export function serveSeeds(): void {
  process.on('message', (options: ScenarioOptions) => process.send?.(play(options)));
}

function play(options: ScenarioOptions): Outcome {
  const started = process.cpuUsage();
  const { seed, problems, traceHash, machines, counts, toll, lastedMs } = runScenario(options);
  const { user, system } = process.cpuUsage(started);
  return { seed, problems, traceHash, machines, counts, toll, lastedMs, busyMs: (user + system) / 1000 };
}

interface Share extends Pick<CampaignInit, 'jobs' | 'kinds' | 'minutes'> {
  readonly seeds: readonly number[];
}

function shareOut({ seeds, jobs, kinds, minutes }: Share, take: (outcome: Outcome) => void): Promise<void> {
  let next = 0;
  const work = (worker: ChildProcess): void => {
    const seed = seeds[next++];
    if (seed !== undefined) worker.send({ seed, kinds, minutes } satisfies ScenarioOptions);
    else worker.disconnect();
  };
  const workers = Array.from({ length: Math.min(jobs, seeds.length) }, () =>
    fork(process.argv[1] as string, ['--worker'], { execArgv: [...process.execArgv, ...YOUNG_SPACE] }),
  );
  const ended = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('message', (outcome: Outcome) => {
          take(outcome);
          work(worker);
        });
        worker.on('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`)),
        );
        work(worker);
      }),
  );
  return Promise.all(ended).then(() => {});
}

function noTotals(): Totals {
  const counts: Record<Count, number> = {
    acknowledged: 0,
    failed: 0,
    reads: 0,
    unmet: 0,
    exact: 0,
    strictAnswers: 0,
    strictDoubts: 0,
    commits: 0,
    leaves: 0,
    resizes: 0,
    epochs: 0,
    faults: 0,
    lostStores: 0,
    lostDisks: 0,
    excused: 0,
  };
  return { seeds: 0, broken: [], counts, toll: new Toll().all(), lastedMs: 0, machineMs: 0, busyMs: 0 };
}

function add(totals: Totals, { seed, problems, machines, counts, toll, lastedMs, busyMs }: Outcome): void {
  totals.seeds++;
  totals.lastedMs += lastedMs;
  totals.machineMs += lastedMs * machines;
  totals.busyMs += busyMs;
  for (const name of Object.keys(counts) as Count[]) totals.counts[name] += counts[name];
  for (const mishap of MISHAPS) totals.toll[mishap] += toll[mishap];
  if (problems.length > 0) totals.broken.push(seed);
}
