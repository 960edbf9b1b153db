/**
 * Why the answers on a key have no order: the few operations that contradict each other, and what went on around.
 *
 * The search tells how far it came: what had ended before a certain answer can be ordered, with that answer it cannot. Then
 * one operation after the other is left aside - a read is forgotten, anything else may have happened at any time since
 * or not at all - as long as what is left is impossible still. So the picture is a proof: whatever became of the
 * operations that are not in it, these answers cannot all be right.
 */
import type { Operation } from '../history/operation.ts';
import { linearize, type SearchInit, type SearchResult } from './linearization.ts';
import { shrink } from './shrink.ts';
import { describeStates, drawTimeLines } from './time-lines.ts';

export interface Explanation {
  readonly key: string;
  /** So many operations had ended, and can be ordered; of so many in all. */
  readonly prefix: number;
  readonly total: number;
  /** The answer that cannot be explained any more. */
  readonly stuckAt: Operation;
  /** What the key could hold then, in words; some of it if that is much. */
  readonly possible: readonly string[];
  /** These contradict each other; in the order of their begins. Empty when they were not found in reasonable time. */
  readonly core: readonly Operation[];
  /** Others at about that time. */
  readonly around: readonly Operation[];
}

export interface ExplanationInit extends Omit<SearchInit, 'placesMax'> {
  readonly key: string;
  readonly answer: Extract<SearchResult, { kind: 'impossible' }>;
}

/** For finding the core: searches, and the steps of all of them together, which take some seconds. */
const TRIES_MAX = 400;
const STEPS_MAX = 10_000_000;
const PLACES_MAX = 200_000;
const AROUND_MAX = 6;

export function explain(init: ExplanationInit): Explanation {
  const { key, answer, certain, optional, ofKey } = init;
  const { stuckAt, states } = answer;
  return {
    key,
    prefix: certain.filter(({ end }) => end < stuckAt.end).length,
    total: certain.length + optional.length,
    stuckAt,
    possible: states.map((state) => ofKey.describe(state)),
    ...picture(init),
  };
}

function picture(init: ExplanationInit): Pick<Explanation, 'core' | 'around'> {
  const { certain, optional, answer, model } = init;
  const { stuckAt } = answer;
  const begun = certain.filter(({ begin }) => begin <= stuckAt.end);
  const ended = begun.filter((operation) => operation !== stuckAt && operation.end <= stuckAt.end);
  // What had not ended need not have happened yet.
  const open = [...begun.filter(({ end }) => end > stuckAt.end), ...optional].filter(
    (operation) => operation.begin <= stuckAt.end && !model.isRead(operation),
  );
  const core = coreOf(init, ended, open);
  const others = [...ended, ...open]
    .filter((operation) => !core.includes(operation))
    .toSorted((a, b) => Math.min(b.end, stuckAt.end) - Math.min(a.end, stuckAt.end) || b.begin - a.begin);
  return { core, around: others.slice(0, AROUND_MAX).toSorted(byBegin) };
}

function coreOf(
  { ofKey, model, answer }: ExplanationInit,
  ended: readonly Operation[],
  open: readonly Operation[],
): Operation[] {
  let steps = STEPS_MAX;
  const isImpossible = (kept: readonly Operation[]): boolean => {
    if (steps <= 0) return false;
    const keeps = new Set(kept);
    const aside = ended.filter((operation) => !keeps.has(operation) && !model.isRead(operation));
    const certain = [...kept, answer.stuckAt].toSorted(byBegin);
    const optional = [...aside, ...open].toSorted(byBegin);
    const limits = { placesMax: PLACES_MAX, stepsMax: steps };
    const result = linearize({ certain, optional, ofKey, model, ...limits });
    steps -= result.steps;
    return result.kind === 'impossible';
  };
  if (!isImpossible(ended)) return [];
  // Reads are left aside first: a write tells more about where a value is from than somebody who has seen it.
  const readsFirst = ended.toSorted((a, b) => Number(model.isRead(b)) - Number(model.isRead(a)));
  return [...shrink(readsFirst, isImpossible, { triesMax: TRIES_MAX }), answer.stuckAt].toSorted(byBegin);
}

function byBegin(a: Operation, b: Operation): number {
  return a.begin - b.begin;
}

export function describeExplanation(explanation: Explanation): string {
  const { key, prefix, total, stuckAt, possible, core, around } = explanation;
  const [others, those] = core.length === 0 ? [[...around, stuckAt], []] : [around, core];
  const lines = [
    `key ${JSON.stringify(key)}: ${prefix} of ${total} operations can be put in an order; this answer cannot follow:`,
    `  ${stuckAt.client} was told ${JSON.stringify(stuckAt.output ?? null)}, when the key could hold ${describeStates(possible)}`,
  ];
  if (those.length > 0)
    lines.push('these cannot all be right, whatever became of the others:', drawTimeLines(those, stuckAt));
  if (others.length > 0) lines.push('at about that time:', drawTimeLines(others, stuckAt));
  return lines.join('\n');
}
