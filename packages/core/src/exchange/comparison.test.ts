/** How many questions two copies need until they are alike: each takes as long as an answer is on its way. */
import { describe, expect, it } from 'vitest';
import { ModelVnode } from '../../test/model-vnode.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { rangeOf } from '../ring/ranges.ts';
import { Comparison, type ComparisonEffect, type ComparisonEvent } from './comparison.ts';
import type { Answer, Question } from './exchange-wire.ts';
import { leafWidth } from './leaves.ts';
import { mergeAll } from './merge-all.ts';

const RING_BITS = 3;
const range = rangeOf(1 as PartitionId, RING_BITS);

/** So many items, evenly spread, but for those that are left out. */
function copyOf(items: number, isLeftOut: (at: number) => boolean = () => false): ModelVnode {
  const apart = Math.floor((range.end - range.start) / items);
  const vnode = new ModelVnode();
  for (let at = 0; at < items; at++)
    if (!isLeftOut(at))
      vnode.put({ hashHi: range.start + at * apart, hashLo: 0, name: `k${at}`, version: 1 });
  return vnode;
}

function merged(vnode: ModelVnode, items: readonly Uint8Array[]): { changed: number; failed: number } {
  let result = { changed: 0, failed: 0 };
  mergeAll(vnode, items, (changed, failed) => (result = { changed, failed }));
  return result;
}

function answerOf(vnode: ModelVnode, question: Question): Answer {
  switch (question.kind) {
    case 'sums':
      return { kind: 'sums', sums: vnode.sums(question.within, question.parts) };
    case 'states':
      return { kind: 'states', ...vnode.states(question.within, question.after, question.limit) };
    case 'items': {
      const items = [];
      for (let at = 0; at < question.positions.length; at += 2)
        items.push(...vnode.itemsAt(question.positions[at] as number, question.positions[at + 1] as number));
      return { kind: 'items', answered: question.positions.length / 2, items };
    }
    case 'give':
      return { kind: 'given', ...merged(vnode, question.items) };
    case 'roots':
      throw new Error('roots are asked for before');
  }
}

/** Makes them alike, and tells what was asked for that. */
function questionsBetween(ours: ModelVnode, theirs: ModelVnode): Question['kind'][] {
  const machine = new Comparison({
    trees: ours,
    partition: 2 as PartitionId,
    range,
    leafWidth: leafWidth(RING_BITS),
  });
  const asked: Question['kind'][] = [];
  let effect: ComparisonEffect = machine.begin();
  while (effect.kind !== 'end') {
    let event: ComparisonEvent;
    if (effect.kind === 'merge') event = { kind: 'merged', ...merged(ours, effect.items) };
    else {
      asked.push(effect.question.kind);
      event = answerOf(theirs, effect.question);
    }
    effect = machine.step(event);
  }
  expect(effect.reason).toBeUndefined();
  expect(ours.items).toEqual(theirs.items);
  return asked;
}

describe('two copies are compared', () => {
  it('by their states alone where few items lie', () => {
    expect(
      questionsBetween(
        copyOf(50),
        copyOf(50, (at) => at === 7),
      ),
    ).toEqual(['states', 'give']);
  });

  it('down the tree where one of many items differs', () => {
    const asked = questionsBetween(
      copyOf(20_000),
      copyOf(20_000, (at) => at === 7_777),
    );
    expect(asked).toEqual(['sums', 'sums', 'states', 'give']);
  });

  it('page by page where differences lie all over: in fewer questions than there are parts that differ', () => {
    const asked = questionsBetween(
      copyOf(1_000, (at) => at % 10 === 3),
      copyOf(1_000, (at) => at % 10 === 7),
    );
    expect(asked.filter((kind) => kind === 'sums')).toHaveLength(1);
    expect(asked.length).toBeLessThan(16);
  });

  it('part by part where a walk would be longer', () => {
    const asked = questionsBetween(
      copyOf(40_000),
      copyOf(40_000, (at) => at % 10_000 === 3),
    );
    expect(asked.filter((kind) => kind === 'sums')).toHaveLength(5);
    expect(asked.filter((kind) => kind === 'states')).toHaveLength(4);
  });
});
