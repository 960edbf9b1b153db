/**
 * How late the event loop is: a node is one thread, and whatever holds it holds everything.
 *
 * Node.js lets a timer ring every few milliseconds and notes when it did. Figures are of the last window that has
 * ended, so that several monitors may ask, each as often as it likes, and all read the same.
 *
 * Not here: who was to blame (a profile tells), and a delay that begins within the first interval of a window, which is
 * one in a thousand.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late the event loop was since it was last asked, milliseconds. */
export interface LoopDelayFigures {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The timer's interval: delays well below it are not seen, and each ring is a little work for an idle node. */
const RESOLUTION_MS = 10;
/** Long enough for a thousand rings, short enough to be news. */
const WINDOW_MS = 10_000;

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #windowMs: number;
  #timer: NodeJS.Timeout | undefined;
  #last: LoopDelayFigures | undefined;

  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  start(): void {
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#turnWindow(), this.#windowMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#histogram.disable();
    clearInterval(this.#timer);
  }

  /** Of the last window that has ended; of the present one while there is none. */
  get recent(): LoopDelayFigures {
    return this.#last ?? this.#figures();
  }

  #turnWindow(): void {
    this.#last = this.#figures();
    this.#histogram.reset();
  }

  /** The histogram holds whole intervals between two rings, in nanoseconds. */
  #figures(): LoopDelayFigures {
    const { count, mean, max } = this.#histogram;
    if (count === 0) return { meanMs: 0, p99Ms: 0, maxMs: 0 };
    return {
      meanMs: delayMs(mean),
      p99Ms: delayMs(this.#histogram.percentile(99)),
      maxMs: delayMs(max),
    };
  }
}

function delayMs(intervalNs: number): number {
  return Math.max(0, intervalNs / 1e6 - RESOLUTION_MS);
}
