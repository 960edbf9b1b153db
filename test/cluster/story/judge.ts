/**
 * What a story is judged by in the end: for each kind of bucket what it promises, from all that its clients were told.
 *
 *     eventual   what was acknowledged is there, or something later; what was deleted stays away; nobody wrote what is not known
 *     strict     linearizable, key by key, whatever befell. The last reads are part of that: with a change missing that was
 *                acknowledged before them they have no order. So each key must have been read after its last change
 */
import {
  checkLinearizable,
  checkSettled,
  describeLinearizability,
  describeSettled,
  isLinearizable,
  isSettled,
  type LinearizableVerdict,
  type Operation,
  type Operations,
  type SettledVerdict,
} from '@rkv/testkit';

export interface StoryVerdict {
  readonly eventual: SettledVerdict;
  readonly strict: LinearizableVerdict;
  /** Strict operations that were answered, by their kind; of conditional ones those that were done. */
  readonly strictDone: Readonly<Record<string, number>>;
  /** Strict keys that nobody has read after their last change. */
  readonly unread: readonly string[];
}

export function judgeStory(eventual: Operations, strict: Operations): StoryVerdict {
  return {
    eventual: checkSettled(eventual),
    strict: checkLinearizable(strict),
    strictDone: countedByKind(strict.operations),
    unread: unreadKeys(strict.operations),
  };
}

export function isRight({ eventual, strict, unread }: StoryVerdict): boolean {
  return isSettled(eventual) && isLinearizable(strict) && unread.length === 0;
}

export function describeVerdict({ eventual, strict, strictDone, unread }: StoryVerdict): string {
  const done = Object.entries(strictDone).map(([kind, count]) => `${count} ${kind}`);
  const lines = [
    describeSettled(eventual),
    `strict keys: ${describeLinearizability(strict)}`,
    `of these: ${done.join(', ')}`,
  ];
  if (unread.length > 0) lines.push(`strict keys that nobody has read in the end: ${unread.join(', ')}`);
  return lines.join('\n');
}

function countedByKind(operations: readonly Operation[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, outcome, output } of operations)
    if (outcome === 'ok' && output !== false) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const READS: readonly string[] = ['read', 'total', 'text'];

function unreadKeys(operations: readonly Operation[]): string[] {
  const lastRead = new Map<string, number>();
  const lastChange = new Map<string, number>();
  for (const { key, kind, outcome, begin, end } of operations) {
    if (READS.includes(kind)) {
      if (outcome === 'ok') lastRead.set(key, Math.max(begin, lastRead.get(key) ?? -Infinity));
    } else if (outcome === 'ok') lastChange.set(key, Math.max(end, lastChange.get(key) ?? -Infinity));
  }
  return [...lastChange].flatMap(([key, end]) => ((lastRead.get(key) ?? -Infinity) > end ? [] : [key]));
}
