/**
 * Whether a whole history is linearizable: each key by itself, by the model of its operations.
 *
 *     const verdict = checkLinearizable(history);
 *     if (!isLinearizable(verdict)) throw new Error(describeLinearizability(verdict));
 *
 * Keys stand alone: a history is linearizable just if that of each key is (Herlihy and Wing 1990, theorem 1).
 *
 * Promised by: one register per key with r + w > n, nothing broken and no read beside a write; a `strict` bucket, always. Not
 * by an eventual bucket in general: for that see settled.ts.
 */
import { groupedByKey, type Operation, type Operations } from '../history/operation.ts';
import { counter } from './counter.ts';
import { describeExplanation, explain, type Explanation } from './explanation.ts';
import { linearize, type SearchInit } from './linearization.ts';
import type { Model } from './model.ts';
import { register } from './register.ts';
import { set } from './set.ts';
import { text } from './text.ts';

/** Which models there are, and how hard to search. */
export interface LinearizableInit {
  /** Register, counter, set and text when left out. */
  readonly models?: readonly Model[];
  /**
   * How many places of a search are remembered at most, for one key: some 200 bytes each. A healthy history needs about one
   * for each operation. More find out more, and take longer where nothing is found out.
   */
  readonly placesMax?: number;
  /** Of so many keys at most it is told why; default 3. Each takes up to a few seconds. */
  readonly explanationsMax?: number;
}

/** What was found. A key that was given up is neither right nor wrong. */
export interface LinearizableVerdict {
  readonly keys: number;
  readonly operations: number;
  readonly indefinite: number;
  /** Keys with no order of their operations that would explain the answers. */
  readonly impossible: readonly string[];
  readonly explanations: readonly Explanation[];
  /** Keys of which it was not found out, and how far the search went. */
  readonly gaveUp: readonly { readonly key: string; readonly places: number }[];
}

export const MODELS: readonly Model[] = [register, counter, set, text] as readonly Model[];

const PLACES_MAX = 1_000_000;
const EXPLANATIONS_MAX = 3;

/** Look, key by key, for an order of the operations that explains every answer. It ends, also with a search given up. */
export function checkLinearizable(
  { operations }: Pick<Operations, 'operations'>,
  init: LinearizableInit = {},
): LinearizableVerdict {
  const { models = MODELS, placesMax = PLACES_MAX, explanationsMax = EXPLANATIONS_MAX } = init;
  const impossible: string[] = [];
  const explanations: Explanation[] = [];
  const gaveUp: { key: string; places: number }[] = [];
  const byKey = groupedByKey(operations);
  for (const [key, ofKey] of byKey) {
    const model = modelOf(key, ofKey, models);
    const question = questionOf(ofKey, model);
    const answer = linearize({ ...question, placesMax });
    if (answer.kind === 'gaveUp') gaveUp.push({ key, places: answer.places });
    if (answer.kind !== 'impossible') continue;
    impossible.push(key);
    if (explanations.length < explanationsMax) explanations.push(explain({ key, ...question }));
  }
  const indefinite = operations.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'failed').length;
  return { keys: byKey.size, operations: operations.length, indefinite, impossible, explanations, gaveUp };
}

/** What was not found out is not clean. */
export function isLinearizable({ impossible, gaveUp }: LinearizableVerdict): boolean {
  return impossible.length === 0 && gaveUp.length === 0;
}

/** In words, with a drawing of the answers that contradict each other. */
export function describeLinearizability(verdict: LinearizableVerdict): string {
  const { keys, operations, indefinite, impossible, explanations, gaveUp } = verdict;
  const lines = [`${operations} operations on ${keysInWords(keys)}, ${indefinite} of them indefinite`];
  if (isLinearizable(verdict)) lines.push('linearizable');
  if (impossible.length > 0) lines.push(`NOT LINEARIZABLE: ${listed(impossible)}`);
  lines.push(...explanations.map(describeExplanation));
  for (const { key, places } of gaveUp.slice(0, KEYS_LISTED))
    lines.push(`key ${JSON.stringify(key)}: gave up after ${places} places; not found out`);
  if (gaveUp.length > KEYS_LISTED) lines.push(`gave up on ${gaveUp.length - KEYS_LISTED} keys more`);
  return lines.join('\n');
}

const KEYS_LISTED = 10;

function listed(keys: readonly string[]): string {
  const shown = keys.slice(0, KEYS_LISTED).map((key) => JSON.stringify(key));
  return `${keysInWords(keys.length)}, ${shown.join(', ')}${keys.length > shown.length ? ', ...' : ''}`;
}

function keysInWords(count: number): string {
  return count === 1 ? '1 key' : `${count} keys`;
}

/** Throws when the operations of a key are of two models, or of none. */
export function modelOf(key: string, operations: readonly Operation[], models: readonly Model[]): Model {
  const [{ kind: first }] = operations as [Operation];
  const model = models.find(({ kinds }) => kinds.includes(first));
  if (model === undefined) throw new Error(`${key}: no model has an operation "${first}"`);
  const other = operations.find(({ kind }) => !model.kinds.includes(kind));
  if (other !== undefined) throw new Error(`${key}: "${other.kind}" is no operation of a ${model.name}`);
  return model;
}

/** What a search is asked about a key. What failed is nothing, and so is a read that nobody heard the answer of. */
function questionOf(operations: readonly Operation[], model: Model): Omit<SearchInit, 'placesMax'> {
  const inOrder = operations.toSorted((a, b) => a.begin - b.begin);
  return {
    certain: inOrder.filter(({ outcome }) => outcome === 'ok'),
    optional: inOrder.filter(
      (operation) => operation.outcome !== 'ok' && operation.outcome !== 'failed' && !model.isRead(operation),
    ),
    ofKey: model.open(operations),
    model,
  };
}
