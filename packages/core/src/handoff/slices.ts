/**
 * Work in the background: walking, merging, comparing and forgetting items, a slice at a time, so that requests never
 * wait for long. Jobs take turns; one turn is a small step of each.
 *
 * A slice ends when a millisecond has passed. Between two of them everything else has its turn, so this takes at most
 * about half of a node's time, and less when there is much else.
 */
import type { Host, Timer } from '../contracts/host.ts';

/** A small step, at most some tenths of a millisecond; true: there is more to do. */
export type Job = () => boolean;

export const SLICE_MS = 1;
/** Steps of a slice at most, whatever the clock says: on virtual time none passes within an event. */
const STEPS_MAX = 64;

export class Slices {
  readonly #host: Host;
  #jobs: Job[] = [];
  #timer: Timer | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Called again and again until it has no more to do; never within this call. */
  add(job: Job): void {
    this.#jobs.push(job);
    this.#timer ??= this.#host.setTimer(0, () => this.#run());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#jobs = [];
  }

  #run(): void {
    const until = this.#host.monotonic() + SLICE_MS;
    for (let steps = 0; steps < STEPS_MAX && this.#jobs.length > 0; steps++) {
      const job = this.#jobs.shift() as Job;
      if (job()) this.#jobs.push(job);
      if (this.#host.monotonic() >= until) break;
    }
    this.#timer = this.#jobs.length > 0 ? this.#host.setTimer(0, () => this.#run()) : undefined;
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
