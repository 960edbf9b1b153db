/**
 * A worker: one state of the driver, one operation at a time, from the start to the end.
 *
 * It takes the next due time from its schedule, waits for it, draws an operation, runs it, and tells how long that took
 * from when it was sent and from when it was due. The same loop serves the closed and the open kinds of load; what makes
 * one open is that its due times do not depend on how the last operation went.
 *
 * A `run` that throws is an error of the kind `crash: CODE`, and the worker begins anew with another state. Three crashes
 * within ten seconds end the run, as in the original: a driver that cannot work shall not fill a report with errors.
 */
import type { Clock } from '../contracts/clock.ts';
import {
  type Driver,
  type Key,
  KeysExhausted,
  type Outcome,
  type Value,
  type WorkerContext,
} from '../contracts/driver.ts';
import type { SampleSink } from '../contracts/sample.ts';
import type { WeightedOperation } from '../generators/mix.ts';
import type { Schedule } from './schedule.ts';

export interface WorkerInit {
  readonly context: WorkerContext;
  readonly driver: Driver;
  readonly operations: readonly WeightedOperation[];
  /** Draws the index of an operation. */
  readonly draw: () => number;
  readonly nextKey: () => Key;
  readonly nextValue: () => Value;
  readonly clock: Clock;
  readonly sink: SampleSink;
  /** An operation failed; `crashed` once too often: the run cannot go on. */
  readonly onTrouble: (reason: string, crashed: boolean) => void;
}

export interface Shift {
  readonly schedule: Schedule;
  /** Nothing that is due later is sent. It may be moved forward while the shift lasts. */
  readonly endsAtUs: () => number;
  /** From then on nothing is sent at all. */
  readonly givesUpAtUs: () => number;
}

const CRASHES_MAX = 2;
const CRASHES_WITHIN_US = 10e6;
/** A loop that never waits gives way to timers and sockets this often. */
const TURN_EVERY_US = 5_000;

export class Worker {
  readonly #init: WorkerInit;
  #state: unknown;
  #alive = false;
  #label = -1;
  #turnedAtUs = 0;
  readonly #crashes: number[] = [];

  constructor(init: WorkerInit) {
    this.#init = init;
  }

  get id(): number {
    return this.#init.context.id;
  }

  /** The label of the operation that is under way. */
  get underWay(): number | undefined {
    return this.#label < 0 ? undefined : this.#label;
  }

  async begin(): Promise<void> {
    this.#state = await this.#init.driver.new(this.#init.context);
    this.#alive = true;
  }

  /** Until what is due next is due after the end, or there is a reason to stop before that, which is given. */
  async work({ schedule, endsAtUs, givesUpAtUs }: Shift): Promise<string | undefined> {
    const { clock } = this.#init;
    for (;;) {
      const askedUs = clock.now();
      if (askedUs >= givesUpAtUs()) return undefined;
      const dueUs = schedule.next(askedUs);
      const waits = dueUs > askedUs;
      if (waits) await this.#waitUntil(dueUs, endsAtUs);
      else if (askedUs - this.#turnedAtUs > TURN_EVERY_US) await this.#turn();
      if (dueUs >= endsAtUs()) return undefined;
      const stop = await this.#operate(schedule.open ? dueUs : undefined, waits);
      if (stop !== undefined) return stop;
    }
  }

  async end(): Promise<void> {
    if (this.#alive) await this.#init.driver.terminate('finished', this.#state);
    this.#alive = false;
  }

  async #waitUntil(dueUs: number, endsAtUs: () => number): Promise<void> {
    const { clock } = this.#init;
    while (clock.now() < dueUs && dueUs < endsAtUs()) await clock.sleepUntil(dueUs);
    this.#turnedAtUs = clock.now();
  }

  async #turn(): Promise<void> {
    await this.#init.clock.turn();
    this.#turnedAtUs = this.#init.clock.now();
  }

  /** Returns why the worker shall stop. Without `dueUs` it is due when it is sent. */
  async #operate(dueUs: number | undefined, waited: boolean): Promise<string | undefined> {
    const { driver, operations, draw, nextKey, nextValue, clock, sink } = this.#init;
    const label = draw();
    const { operation } = operations[label] as WeightedOperation;
    this.#label = label;
    const sentUs = clock.now();
    let outcome: Outcome;
    try {
      outcome = await driver.run(operation, nextKey, nextValue, this.#state);
    } catch (error) {
      this.#label = -1;
      return this.#crashed(label, error);
    }
    const doneUs = clock.now();
    this.#label = -1;
    if (outcome === 'ok') {
      sink.succeeded(label, doneUs, doneUs - sentUs, doneUs - (dueUs ?? sentUs), waited);
    } else if (outcome !== 'silent') {
      if ('stop' in outcome) return outcome.stop;
      sink.failed(label, doneUs, outcome.error);
      this.#init.onTrouble(outcome.error, false);
    }
    return undefined;
  }

  async #crashed(label: number, error: unknown): Promise<string | undefined> {
    if (error instanceof KeysExhausted) return error.message;
    const { context, driver, clock, sink, onTrouble } = this.#init;
    const kind = `crash: ${codeOf(error)}`;
    const nowUs = clock.now();
    sink.failed(label, nowUs, kind);
    this.#crashes.push(nowUs);
    while ((this.#crashes[0] ?? nowUs) < nowUs - CRASHES_WITHIN_US) this.#crashes.shift();
    const isTooOften = this.#crashes.length > CRASHES_MAX;
    onTrouble(
      isTooOften ? `worker ${context.id} crashed again and again: ${describe(error)}` : kind,
      isTooOften,
    );
    if (isTooOften) return kind;
    this.#alive = false;
    await driver.terminate('crash', this.#state);
    try {
      await this.begin();
    } catch (again) {
      onTrouble(`worker ${context.id} cannot begin anew: ${describe(again)}`, true);
      return kind;
    }
    return undefined;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
