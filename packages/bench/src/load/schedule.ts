/**
 * When operations are due.
 *
 * `max`, closed: the next one when the last has ended. `paced`, closed: the same after a drawn pause, which is what the
 * original calls a rate. `arrivals`, open: a stream that does not care how the system fares; workers of a thread take
 * from one stream, so an operation that finds all of them busy waits, and its waiting counts.
 */
import { exponential, type Random } from '../generators/random.ts';

export interface Schedule {
  /** When the operation that a worker takes now is due; it may be past. */
  next(nowUs: number): number;
  /** Latencies count from the due time. */
  readonly open: boolean;
}

export function maxSchedule(): Schedule {
  return { open: false, next: (nowUs) => nowUs };
}

/** Exponential pauses; `gapUs` is their mean, for one worker. */
export function pacedSchedule(gapUs: number, random: Random): Schedule {
  return { open: false, next: (nowUs) => nowUs + exponential(gapUs, random) };
}

export interface ArrivalsInit {
  readonly startUs: number;
  /** The mean between two arrivals. */
  readonly gapUs: number;
  /** As strangers come (a Poisson process), or as a metronome beats. */
  readonly spacing: 'poisson' | 'even';
  readonly random: Random;
}

export class Arrivals implements Schedule {
  readonly open = true;
  readonly #init: ArrivalsInit;
  #dueUs: number;

  constructor(init: ArrivalsInit) {
    this.#init = init;
    // The metronomes of several threads shall not beat at once.
    this.#dueUs = init.startUs + (init.spacing === 'even' ? init.gapUs * init.random() : this.#gap());
  }

  next(): number {
    const due = this.#dueUs;
    this.#dueUs += this.#gap();
    return due;
  }

  /** Takes what is due before that time off the stream, and says how many that were. */
  skipUntil(us: number): number {
    let skipped = 0;
    while (this.#dueUs < us) {
      this.next();
      skipped++;
    }
    return skipped;
  }

  #gap(): number {
    const { spacing, gapUs, random } = this.#init;
    return spacing === 'even' ? gapUs : exponential(gapUs, random);
  }
}
