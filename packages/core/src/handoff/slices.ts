/**
 * Work in the background: walking, merging, comparing and forgetting items, computing a plan, a slice at a time, so that
 * requests never wait for long. Jobs take turns; one turn is a small step of each.
 *
 * A slice ends after a millisecond, or after some where somebody waits for the end of it, and then everything else has its turn.
 * How long, the clock says: a pause of a millisecond that took longer shows a node, or a machine, with other things to do, and
 * the next pause is longer in proportion. So at a millisecond an idle node spends about half of its time here, and a busy one a
 * small part.
 */
import type { Host, Timer } from '../contracts/host.ts';

/** A small step, at most some tenths of a millisecond; true: there is more to do. */
export type Job = () => boolean;

export const SLICE_MS = 1;
/** Between two slices. */
const PAUSE_MS = 1;
/** A pause is longer by so many times the lateness of the one before, and not longer than so much. */
const LATENESS_FACTOR = 4;
const PAUSE_MS_MAX = 20;
/** As late as that a timer is anyway. */
const TIMER_MS = 1;
/** Steps of a slice at most, whatever the clock says: on virtual time none passes within an event. */
const STEPS_MAX = 64;

export class Slices {
  readonly #host: Host;
  readonly #sliceMs: number;
  #jobs: Job[] = [];
  #timer: Timer | undefined;
  #dueAt = 0;

  /** `sliceMs` is longer where somebody waits for the end of it. */
  constructor(host: Host, sliceMs = SLICE_MS) {
    this.#host = host;
    this.#sliceMs = sliceMs;
  }

  /** Called again and again until it has no more to do; never within this call. */
  add(job: Job): void {
    this.#jobs.push(job);
    if (this.#timer === undefined) this.#pause(0);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#jobs = [];
  }

  #pause(ms: number): void {
    this.#dueAt = this.#host.monotonic() + ms;
    this.#timer = this.#host.setTimer(ms, () => this.#run());
  }

  #run(): void {
    const now = this.#host.monotonic();
    const lateMs = Math.max(0, now - this.#dueAt - TIMER_MS);
    for (let steps = 0; steps < STEPS_MAX && this.#jobs.length > 0; steps++) {
      const job = this.#jobs.shift() as Job;
      if (job()) this.#jobs.push(job);
      if (this.#host.monotonic() - now >= this.#sliceMs) break;
    }
    this.#timer = undefined;
    if (this.#jobs.length > 0) this.#pause(Math.min(PAUSE_MS + LATENESS_FACTOR * lateMs, PAUSE_MS_MAX));
  }
}

/** Jobs of one owner, one after the other. */
export class WorkLine {
  readonly #slices: Slices;
  #jobs: Job[] = [];

  constructor(slices: Slices) {
    this.#slices = slices;
  }

  /** When all that was added before is done. */
  add(job: Job): void {
    if (this.#jobs.push(job) > 1) return;
    this.#slices.add(() => {
      const [first] = this.#jobs;
      if (first?.() === false && this.#jobs[0] === first) this.#jobs.shift();
      return this.#jobs.length > 0;
    });
  }

  get idle(): boolean {
    return this.#jobs.length === 0;
  }

  /** What was not done is not done any more. */
  stop(): void {
    this.#jobs = [];
  }
}

/** One call for each of them, so many in a step. */
export function jobForEach<T>(items: readonly T[], perStep: number, call: (item: T) => void): Job {
  let at = 0;
  return () => {
    for (const end = Math.min(at + perStep, items.length); at < end; at++) call(items[at] as T);
    return at < items.length;
  };
}
