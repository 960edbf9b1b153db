/**
 * Many seeds, one after the other or shared out among processes, and what came of all of them together.
 *
 * A worker is this program again; it is sent a seed, answers with what came of it, and is sent the next.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { MISHAPS, Toll, type FaultKind, type Mishap } from '@rkv/testkit';
import { runScenario, type Count, type ScenarioOptions, type ScenarioResult } from './scenario.ts';

/** What is kept of a seed. */
export interface Outcome extends Pick<
  ScenarioResult,
  'seed' | 'problems' | 'traceHash' | 'counts' | 'toll' | 'lastedMs'
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
  onOutcome(outcome: Outcome, totals: Totals): void;
}

export async function runCampaign({ from, seeds, jobs, kinds, onOutcome }: CampaignInit): Promise<Totals> {
  const totals = noTotals();
  const take = (outcome: Outcome): void => {
    add(totals, outcome);
    onOutcome(outcome, totals);
  };
  if (jobs === 1) for (let seed = from; seed < from + seeds; seed++) take(play({ seed, kinds }));
  else await shareOut({ from, seeds, jobs, kinds }, take);
  return totals;
}

/** The same in a process of its own, where nothing is left of what was played here. */
export async function playElsewhere(seeds: Omit<CampaignInit, 'jobs' | 'onOutcome'>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await shareOut({ ...seeds, jobs: 1 }, (outcome) => outcomes.push(outcome));
  return outcomes;
}

/** What a worker does: plays what it is sent until its parent hangs up. */
export function serveSeeds(): void {
  process.on('message', (options: ScenarioOptions) => process.send?.(play(options)));
}

function play(options: ScenarioOptions): Outcome {
  const started = process.cpuUsage();
  const { seed, problems, traceHash, counts, toll, lastedMs } = runScenario(options);
  const { user, system } = process.cpuUsage(started);
  return { seed, problems, traceHash, counts, toll, lastedMs, busyMs: (user + system) / 1000 };
}

function shareOut(
  { from, seeds, jobs, kinds }: Omit<CampaignInit, 'onOutcome'>,
  take: (outcome: Outcome) => void,
): Promise<void> {
  let next = from;
  const work = (worker: ChildProcess): void => {
    if (next < from + seeds) worker.send({ seed: next++, kinds } satisfies ScenarioOptions);
    else worker.disconnect();
  };
  const workers = Array.from({ length: Math.min(jobs, seeds) }, () =>
    fork(process.argv[1] as string, ['--worker']),
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
    commits: 0,
    leaves: 0,
    epochs: 0,
    faults: 0,
    lostStores: 0,
    lostDisks: 0,
  };
  return { seeds: 0, broken: [], counts, toll: new Toll().all(), lastedMs: 0, busyMs: 0 };
}

function add(totals: Totals, { seed, problems, counts, toll, lastedMs, busyMs }: Outcome): void {
  totals.seeds++;
  totals.lastedMs += lastedMs;
  totals.busyMs += busyMs;
  for (const name of Object.keys(counts) as Count[]) totals.counts[name] += counts[name];
  for (const mishap of MISHAPS) totals.toll[mishap] += toll[mishap];
  if (problems.length > 0) totals.broken.push(seed);
}
