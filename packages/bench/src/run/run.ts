/**
 * One run from the first connection to the result: crews begin, all start at one moment, samples come in, all end.
 */
import type { Clock } from '../contracts/clock.ts';
import type { SampleSink } from '../contracts/sample.ts';
import type { Bench } from '../definition/bench.ts';
import { type Definition, loadBench, type Overrides, settle } from '../definition/settle.ts';
import { SystemClock } from '../load/system-clock.ts';
import { thisMachine } from '../results/machine.ts';
import { Recorder } from '../results/recorder.ts';
import type { BenchResult, Ending, WindowResult } from '../results/result.ts';
import { warningsFor } from '../results/warnings.ts';
import { type Hands, handsHere, type HandsInit, HandsOnThread } from './hands.ts';

/** Either a file, which threads can load too, or a benchmark, which then stays on this thread. */
export type Subject = { readonly file: string } | { readonly bench: Bench };

/** What a run may be given besides: words of the command line, who listens, what ends it, whose time it goes by. */
export interface RunOptions {
  readonly overrides?: Overrides;
  /** Hears of each window, about a second after its end. */
  readonly onWindow?: (window: WindowResult) => void;
  /** All workers have begun; the measuring begins at `fromUs` of the clock. */
  readonly onStart?: (definition: Definition, times: Times) => void;
  /** Hears of each sample as well; the warm-up's too. */
  readonly samples?: SampleSink;
  /** Ends the run early: nothing is sent any more, what is under way is waited for. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** When the run begins, is measured, and ends: microseconds of the clock; `startedAtMs` since 1970. */
export interface Times {
  readonly startUs: number;
  readonly fromUs: number;
  readonly endUs: number;
  readonly startedAtMs: number;
}

/** Threads need a moment to hear of the start. */
const START_IN_US = 50_000;
const CLOSE_EVERY_MS = 250;
/** Samples of other threads are at most this late, unless a thread is stuck. */
const SAMPLES_LATE_US = 500_000;

/** Run a benchmark, from a file or as it is given. Rejects with `BadBench` before anything runs when it makes no sense. */
export async function runBench(subject: Subject, options: RunOptions = {}): Promise<BenchResult> {
  const { overrides = {}, signal, clock = new SystemClock() } = options;
  const bench = 'file' in subject ? await loadBench(subject.file) : subject.bench;
  const definition = settle(bench, overrides);
  const run = new Run(definition, options, clock);
  const crews = run.hire(subject, overrides);
  const onAbort = (): void => run.interrupt();
  signal?.addEventListener('abort', onAbort);
  try {
    await Promise.all(crews.map((crew) => crew.begin()));
    if (signal?.aborted === true) run.interrupt();
    return await run.measure();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.allSettled(crews.map((crew) => crew.end()));
  }
}

class Run {
  readonly #definition: Definition;
  readonly #options: RunOptions;
  readonly #clock: Clock;
  #crews: readonly Hands[] = [];
  #recorder: Recorder | undefined;
  #ending: Ending | undefined;
  #stoppedAtUs = Infinity;

  constructor(definition: Definition, options: RunOptions, clock: Clock) {
    this.#definition = definition;
    this.#options = options;
    this.#clock = clock;
  }

  hire(subject: Subject, overrides: Overrides): readonly Hands[] {
    const { load } = this.#definition;
    const wanted = this.#definition.threads ?? ('file' in subject && load.driver.oneThread !== true ? 1 : 0);
    const threads = 'file' in subject ? Math.min(wanted, load.workers) : 0;
    const crews = Math.max(1, threads);
    const edge = (at: number): number => Math.floor((load.workers * at) / crews);
    this.#crews = Array.from({ length: crews }, (_, at) => {
      const init = this.#handsInit(edge(at) + 1, edge(at + 1) - edge(at));
      return 'file' in subject && threads > 0
        ? new HandsOnThread(subject.file, overrides, init)
        : handsHere(load, this.#clock, init);
    });
    return this.#crews;
  }

  interrupt(): void {
    this.#stop({ kind: 'interrupted' });
  }

  async measure(): Promise<BenchResult> {
    const { durationS, warmUpS, drainS, windowS, load } = this.#definition;
    const startUs = this.#clock.now() + START_IN_US;
    const fromUs = startUs + warmUpS * 1e6;
    const endUs = fromUs + durationS * 1e6;
    const startedAtMs = Date.now() + START_IN_US / 1e3;
    const { onWindow, onStart } = this.#options;
    const recorder = new Recorder({
      labels: load.operations.map(({ label }) => label),
      ...{ fromUs, endUs, windowUs: windowS * 1e6 },
      ...(onWindow === undefined ? {} : { onWindow }),
    });
    this.#recorder = recorder;
    onStart?.(this.#definition, { startUs, fromUs, endUs, startedAtMs });
    const closing = setInterval(
      () => recorder.closeUntil(this.#clock.now() - SAMPLES_LATE_US),
      CLOSE_EVERY_MS,
    );
    try {
      const times = { startUs, endUs, drainUs: drainS * 1e6 };
      const reasons = await Promise.all(this.#crews.map((crew) => crew.work(times)));
      const isEarly = reasons.every((reason) => reason !== undefined);
      if (isEarly) this.#stop({ kind: 'workers', reason: reasons[0] as string });
    } finally {
      clearInterval(closing);
    }
    recorder.endAt(this.#stoppedAtUs);
    return this.#result(recorder, recorder.finish(), startedAtMs);
  }

  #handsInit(firstId: number, size: number): HandsInit {
    const { samples } = this.#options;
    const sink: SampleSink = {
      succeeded: (...sample) => {
        this.#recorder?.succeeded(...sample);
        samples?.succeeded(...sample);
      },
      failed: (...sample) => {
        this.#recorder?.failed(...sample);
        samples?.failed(...sample);
      },
      unsent: (count) => this.#recorder?.unsent(count),
    };
    return { firstId, size, sink, onFatal: (reason) => this.#stop({ kind: 'error', reason }) };
  }

  /** The first reason is the one that is told. */
  #stop(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#stoppedAtUs = this.#clock.now();
    this.#recorder?.endAt(this.#stoppedAtUs);
    for (const crew of this.#crews) crew.stop();
  }

  #result(recorder: Recorder, measuredS: number, startedAtMs: number): BenchResult {
    const { name, load, setup } = this.#definition;
    const told = {
      loop: load.mode.kind === 'arrivals' ? 'open' : 'closed',
      ...recorder.results(measuredS),
      ...{ unsent: recorder.unsentCount, lateness: recorder.lateness },
    } as const;
    return {
      format: 1,
      name,
      driver: load.driver.name,
      startedAt: new Date(startedAtMs).toISOString(),
      setup: { ...setup, threads: this.#crews.length },
      machine: thisMachine(),
      measuredS,
      ended: this.#ending ?? { kind: 'duration' },
      ...told,
      windows: recorder.windows,
      warnings: warningsFor(told),
    };
  }
}
