/**
 * What the garbage collector did while something was measured, as Node.js tells it.
 *
 * A major collection begins when V8 starts to mark, which it does beside the program and in small steps of its own, and
 * ends with the pause that finishes it. Node.js tells the start as an entry of the kind `incremental`, the pause as one
 * of the kind `major`. Pauses are wall time: others on the machine make them longer.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';

export class Collections {
  #entries = [];
  #observer = new PerformanceObserver((list) => this.#entries.push(...list.getEntries()));

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  end() {
    this.#entries.push(...this.#observer.takeRecords());
    this.#observer.disconnect();
    const of = (kind) => this.#entries.filter(({ detail }) => detail.kind === kind);
    const majors = of(constants.NODE_PERFORMANCE_GC_MAJOR);
    const minors = of(constants.NODE_PERFORMANCE_GC_MINOR);
    const spans = spansOf(majors, of(constants.NODE_PERFORMANCE_GC_INCREMENTAL));
    return {
      majors: majors.length,
      longestMajorMs: longest(majors),
      minors: minors.length,
      longestMinorMs: longest(minors),
      minorMs: minors.reduce((sum, { duration }) => sum + duration, 0) / minors.length,
      isDuringMajor: (from, to) => spans.some((span) => from < span.to && to > span.from),
    };
  }
}

/** Each from the start of its marking, where that was told, to the end of its pause. */
function spansOf(majors, starts) {
  let last = 0;
  return majors.map(({ startTime, duration }) => {
    const begun = starts.find((start) => start.startTime > last && start.startTime <= startTime);
    last = startTime + duration;
    return { from: begun?.startTime ?? startTime, to: last };
  });
}

/** Of none there is no longest. */
function longest(entries) {
  return entries.length === 0 ? undefined : Math.max(...entries.map(({ duration }) => duration));
}
