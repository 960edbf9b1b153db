/**
 * Why the answers on a key have no order: the few operations that contradict each other, and what went on around.
 *
 * First the answer is found with which it becomes impossible: what had ended before it can be ordered, with it it cannot.
 * Then one operation after the other is left aside - a read is forgotten, anything else may have happened at any time since
 * or not at all - as long as what is left is impossible still. So the picture is a proof: whatever became of the
 * operations that are not in it, these answers cannot all be right.
 */
import { describeOperation, type Operation } from '../history/operation.ts';
import { linearize, type SearchInit, type SearchResult } from './linearization.ts';
import type { PrimitiveState } from './model.ts';
import { shrink } from './shrink.ts';
import { describeStates, drawTimeLines } from './time-lines.ts';

export interface Explanation {
  readonly key: string;
  /** So many operations had ended, and can be ordered; of so many in all. */
  readonly prefix: number;
  readonly total: number;
  /** The answer that cannot be explained any more. */
  readonly stuckAt: Operation;
  /** What the key could hold then, in words; some of it if that is much, nothing if it was not found out. */
  readonly possible: readonly string[];
  /** These contradict each other; in the order of their begins. Empty when they were not found in reasonable time. */
  readonly core: readonly Operation[];
  /** Others at about that time. */
  readonly around: readonly Operation[];
}

export interface ExplanationInit extends Omit<SearchInit, 'placesMax'> {
  readonly key: string;
}

/** Searches in all, and the steps of all of them together, which take a second or some. */
const TRIES_MAX = 400;
const STEPS_MAX = 2_000_000;
/** To set out with an operation costs as much as so many steps, whether or not it is looked at. */
const STEPS_PER_OPERATION = 2;
const PLACES_MAX = 200_000;
const AROUND_MAX = 6;
/** A core that was not made small in time is drawn from here on. */
const CORE_DRAWN_MAX = 12;

/** Only what is impossible is explained. */
export function explain(init: ExplanationInit): Explanation {
  return new Inquiry(init).run();
}

class Inquiry {
  readonly #init: ExplanationInit;
  #steps = STEPS_MAX;

  constructor(init: ExplanationInit) {
    this.#init = init;
  }

  run(): Explanation {
    const { key, certain, optional, ofKey } = this.#init;
    const stuckAt = this.#firstWrong();
    const ended = certain.filter(({ end }) => end < stuckAt.end);
    // What had not ended need not have happened yet.
    const open = [...certain.filter(({ end }) => end > stuckAt.end), ...optional].filter(
      ({ begin }) => begin <= stuckAt.end,
    );
    const core = this.#coreOf(stuckAt, ended, open);
    return {
      key,
      prefix: ended.length,
      total: certain.length + optional.length,
      stuckAt,
      possible: this.#statesAt(stuckAt, ended, open).map((state) => ofKey.describe(state)),
      core,
      around: aroundOf(stuckAt, [...ended, ...open], core),
    };
  }

  /** The operation with whose end it becomes impossible. */
  #firstWrong(): Operation {
    const { certain, optional } = this.#init;
    const byEnd = certain.toSorted((a, b) => a.end - b.end);
    let [low, high] = [0, byEnd.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isImpossible(byEnd.slice(0, middle + 1), [...byEnd.slice(middle + 1), ...optional]))
        high = middle;
      else low = middle + 1;
    }
    return byEnd[low] as Operation;
  }

  #coreOf(stuckAt: Operation, ended: readonly Operation[], open: readonly Operation[]): Operation[] {
    const { model } = this.#init;
    const isImpossible = (kept: readonly Operation[]): boolean => {
      const keeps = new Set(kept);
      const aside = ended.filter((operation) => !keeps.has(operation));
      return this.#isImpossible([...kept, stuckAt], [...aside, ...open]);
    };
    if (!isImpossible(ended)) return [];
    // Reads are left aside first: a write tells more about where a value is from than somebody who has seen it.
    const readsFirst = ended.toSorted((a, b) => Number(model.isRead(b)) - Number(model.isRead(a)));
    return [...shrink(readsFirst, isImpossible, { triesMax: TRIES_MAX }), stuckAt].toSorted(byBegin);
  }

  #statesAt(
    stuckAt: Operation,
    ended: readonly Operation[],
    open: readonly Operation[],
  ): readonly PrimitiveState[] {
    const result = this.#search([...ended, stuckAt], open, stuckAt);
    return result.kind === 'impossible' && result.stuckAt === stuckAt ? result.states : [];
  }

  /** What was not found out is not. */
  #isImpossible(certain: readonly Operation[], optional: readonly Operation[]): boolean {
    if (this.#steps <= 0) return false;
    const result = this.#search(certain, optional);
    this.#steps -= result.steps + STEPS_PER_OPERATION * (certain.length + optional.length);
    return result.kind === 'impossible';
  }

  #search(certain: readonly Operation[], optional: readonly Operation[], doubted?: Operation): SearchResult {
    const { ofKey, model } = this.#init;
    const until = Math.max(...certain.map(({ end }) => end));
    return linearize({
      certain: certain.toSorted(byBegin),
      optional: optional
        .filter((operation) => operation.begin <= until && !model.isRead(operation))
        .toSorted(byBegin),
      ofKey,
      model,
      placesMax: PLACES_MAX,
      stepsMax: Math.max(this.#steps, STEPS_MAX / 10),
      ...(doubted !== undefined && { doubted }),
    });
  }
}

function aroundOf(
  { end }: Operation,
  operations: readonly Operation[],
  core: readonly Operation[],
): Operation[] {
  return operations
    .filter((operation) => !core.includes(operation))
    .toSorted((a, b) => Math.min(b.end, end) - Math.min(a.end, end) || b.begin - a.begin)
    .slice(0, AROUND_MAX)
    .toSorted(byBegin);
}

function byBegin(a: Operation, b: Operation): number {
  return a.begin - b.begin;
}

export function describeExplanation(explanation: Explanation): string {
  const { key, prefix, total, stuckAt, possible, core, around } = explanation;
  const [others, those] = core.length === 0 ? [[...around, stuckAt], []] : [around, core];
  const lines = [
    `key ${JSON.stringify(key)}: ${prefix} of ${total} operations can be put in an order; this answer cannot follow:`,
    `  ${stuckAt.client}: ${describeOperation(stuckAt)}${possible.length === 0 ? '' : `, when the key could hold ${describeStates(possible)}`}`,
  ];
  if (those.length > 0) lines.push('these cannot all be right, whatever became of the others:');
  if (those.length > CORE_DRAWN_MAX) lines.push(`  (${those.length - CORE_DRAWN_MAX} before these)`);
  if (those.length > 0) lines.push(drawTimeLines(those.slice(-CORE_DRAWN_MAX), stuckAt));
  if (others.length > 0) lines.push('at about that time:', drawTimeLines(others, stuckAt));
  return lines.join('\n');
}
