/**
 * A crew: the workers of one thread, from the first `new` to the last `terminate`.
 *
 * The run ends at its time. Operations that were due before then are still sent and waited for until the drain has
 * passed, because those that are late are the ones that matter; what is under way after that counts as the error
 * `unfinished`, what was never sent as unsent.
 */
import type { Clock } from '../contracts/clock.ts';
import type { Driver, WorkerContext } from '../contracts/driver.ts';
import type { SampleSink } from '../contracts/sample.ts';
import { type KeySpec, keysOf } from '../generators/keys.ts';
import { drawFrom, type WeightedOperation } from '../generators/mix.ts';
import { diceFor, fraction } from '../generators/random.ts';
import { type ValueSpec, valuesOf } from '../generators/values.ts';
import { Arrivals, maxSchedule, pacedSchedule, type Schedule } from './schedule.ts';
import { Worker } from './worker.ts';

/** How soon it is noticed that the end was moved. */
const LOOK_AGAIN_US = 100_000;

/** `rate`: operations a second of all workers together. */
export type Mode =
  | { readonly kind: 'max' }
  | { readonly kind: 'paced'; readonly rate: number }
  | { readonly kind: 'arrivals'; readonly rate: number; readonly spacing: 'poisson' | 'even' };

/** What all threads must know of the load. */
export interface Load {
  readonly driver: Driver;
  readonly operations: readonly WeightedOperation[];
  readonly keys: KeySpec;
  readonly values: ValueSpec;
  readonly mode: Mode;
  /** Over all threads. */
  readonly workers: number;
  readonly seed: number;
  readonly shutdownOnError: boolean;
}

export interface CrewInit {
  readonly load: Load;
  /** The workers of this thread: `firstId` and those that follow. */
  readonly firstId: number;
  readonly size: number;
  readonly clock: Clock;
  readonly sink: SampleSink;
  /** The run must end, for all crews. */
  readonly onFatal: (reason: string) => void;
}

export interface CrewTimes {
  readonly startUs: number;
  readonly endUs: number;
  /** How long after the end what was due before is still sent and waited for. */
  readonly drainUs: number;
}

export class Crew {
  readonly #init: CrewInit;
  readonly #workers: readonly Worker[];
  #endUs = Infinity;
  #isOver = false;

  constructor(init: CrewInit) {
    this.#init = init;
    this.#workers = Array.from({ length: init.size }, (_, at) => this.#worker(init.firstId + at));
  }

  /** Makes the states. What connects does so now. */
  async begin(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.begin()));
  }

  /** Resolves when nothing is told to the sink any more; with a worker's reason to stop, if all have stopped early. */
  async work({ startUs, endUs, drainUs }: CrewTimes): Promise<string | undefined> {
    const { clock, sink } = this.#init;
    this.#endUs = Math.min(this.#endUs, endUs);
    const arrivals = this.#arrivals(startUs);
    const shift = { endsAtUs: () => this.#endUs, givesUpAtUs: () => this.#endUs + drainUs };
    await clock.sleepUntil(startUs);
    const shifts = Promise.all(
      this.#workers.map((worker) =>
        worker.work({ ...shift, schedule: arrivals ?? this.#schedule(worker.id) }),
      ),
    );
    const reasons = await Promise.race([shifts, this.#drained(drainUs)]);
    this.#isOver = true;
    for (const { underWay } of this.#workers) {
      if (underWay !== undefined) sink.failed(underWay, clock.now(), 'unfinished');
    }
    const isEarly = reasons?.every((reason) => reason !== undefined) === true;
    if (arrivals !== undefined && !isEarly) sink.unsent(arrivals.skipUntil(this.#endUs));
    return isEarly ? reasons[0] : undefined;
  }

  /** Nothing is sent from now on. */
  stop(): void {
    const { clock } = this.#init;
    this.#endUs = Math.min(this.#endUs, clock.now());
    clock.wakeAll();
  }

  /** Those that are still under way are left alone: their states are in use. */
  async end(): Promise<void> {
    await Promise.all(
      this.#workers.map((worker) => (worker.underWay === undefined ? worker.end() : undefined)),
    );
  }

  async #drained(drainUs: number): Promise<undefined> {
    const { clock } = this.#init;
    // The end may be moved forward meanwhile, but not back.
    while (clock.now() < this.#endUs + drainUs && !this.#isOver) {
      await clock.sleepUntil(Math.min(this.#endUs + drainUs, clock.now() + LOOK_AGAIN_US));
    }
    return undefined;
  }

  #worker(id: number): Worker {
    const { load, clock, sink, onFatal } = this.#init;
    const { driver, operations, keys, values, seed, workers, shutdownOnError } = load;
    const random = fraction(diceFor(seed, 'worker', id));
    const context: WorkerContext = { id, workers, random };
    return new Worker({
      ...{ context, driver, operations, clock },
      draw: drawFrom(operations, random),
      nextKey: keysOf(keys, context),
      nextValue: valuesOf(values, context),
      sink: {
        succeeded: (...sample) => this.#isOver || sink.succeeded(...sample),
        failed: (...sample) => this.#isOver || sink.failed(...sample),
        unsent: () => {},
      },
      onTrouble: (reason, crashed) => {
        if (!crashed && !shutdownOnError) return;
        this.stop(); // the other crews hear of it later
        onFatal(reason);
      },
    });
  }

  /** One stream for the crew, as large as its part of all workers. */
  #arrivals(startUs: number): Arrivals | undefined {
    const { load, size, firstId } = this.#init;
    const { mode, workers, seed } = load;
    if (mode.kind !== 'arrivals') return undefined;
    const gapUs = (1e6 / mode.rate) * (workers / size);
    return new Arrivals({
      startUs,
      gapUs,
      spacing: mode.spacing,
      random: fraction(diceFor(seed, 'arrivals', firstId)),
    });
  }

  #schedule(id: number): Schedule {
    const { mode, workers, seed } = this.#init.load;
    if (mode.kind !== 'paced') return maxSchedule();
    return pacedSchedule((1e6 / mode.rate) * workers, fraction(diceFor(seed, 'pauses', id)));
  }
}
