/** How many questions two copies need until they are alike: each takes as long as an answer is on its way. */
import { describe, expect, it } from 'vitest';
import { ExchangeStage, RING_BITS } from '../../test/exchange-stage.ts';
import { encodeModelItem, ModelVnode, type ModelItem } from '../../test/model-vnode.ts';
import { Reader } from '../base/bytes.ts';
import { putStampMs, STAMP_BYTES } from '../base/hybrid-clock.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange } from '../contracts/store.ts';
import { rangeOf } from '../ring/ranges.ts';
import { Comparison } from './comparison.ts';
import { readQuestion } from './exchange-wire.ts';
import { leafWidth } from './leaves.ts';

const ROUND_MS = 12_000;

/** The copies of partition 1, at b, and of partition 2, at a: b asks. */
const [OURS, THEIRS] = [1, 2];
const range = rangeOf(OURS as PartitionId, RING_BITS);

/** What is asked, but for roots, until both hold all of so many items, evenly spread, of which either lacks some. */
function questionsAbout(items: number, isLackedBy: (at: number) => number | undefined): string[] {
  const stage = new ExchangeStage('abababab', 2);
  for (let at = 0; at < items; at++) {
    const held = [OURS, THEIRS].filter((copy) => copy !== isLackedBy(at));
    stage.put(itemAt(at, items, `k${at}`), held, 2);
  }
  stage.host.advance(ROUND_MS);
  for (const copy of [OURS, THEIRS]) expect(stage.vnode(copy).items).toHaveLength(items);
  return stage.frames
    .filter(({ from, kind }) => from === 'b' && kind === 'ask')
    .map(({ bytes }) => readQuestion(new Reader(bytes)).question.kind as string)
    .filter((kind) => kind !== 'roots');
}

/** Evenly spread over the range. */
function itemAt(at: number, of: number, name: string): ModelItem {
  const apart = Math.floor((range.end - range.start) / of);
  return { hashHi: range.start + at * apart, hashLo: 0, name, version: 1 };
}

function copyOf(items: number): ModelVnode {
  return new ModelVnode(Array.from({ length: items }, (_, at) => itemAt(at, items, `k${at}`)));
}

function comparisonOf(trees: ModelVnode, floor = (): Uint8Array => stampOf(0)): Comparison {
  return new Comparison({
    trees,
    partition: THEIRS as PartitionId,
    range,
    leafWidth: leafWidth(RING_BITS),
    floor,
  });
}

function stampOf(ms: number): Uint8Array {
  const stamp = new Uint8Array(STAMP_BYTES);
  putStampMs(stamp, 0, ms);
  return stamp;
}

describe('two copies are compared', () => {
  it('by their states where few items lie', () => {
    const asked = questionsAbout(50, (at) => (at === 7 ? THEIRS : undefined));
    expect(asked).toEqual(['sums', 'states', 'give']);
  });

  it('down the tree where one of many items differs', () => {
    const asked = questionsAbout(20_000, (at) => (at === 7_777 ? THEIRS : undefined));
    expect(asked).toEqual(['sums', 'sums', 'states', 'give']);
  });

  it('page by page where differences lie all over: in fewer questions than there are parts that differ', () => {
    const asked = questionsAbout(1_000, (at) => ({ 3: OURS, 7: THEIRS })[at % 10]);
    expect(asked.filter((kind) => kind === 'sums')).toHaveLength(1);
    expect(asked.length).toBeLessThan(16);
  });

  it('part by part where there are more pages than parts that differ', () => {
    const asked = questionsAbout(40_000, (at) => (at % 10_000 === 3 ? THEIRS : undefined));
    expect(asked.filter((kind) => kind === 'sums')).toHaveLength(5);
    expect(asked.filter((kind) => kind === 'states')).toHaveLength(4);
  });

  it.each([
    ['part by part where what differs was just being written', true],
    ['page by page where the same was there before', false],
  ])('%s', (_, isWritten) => {
    const [ours, theirs] = [copyOf(1_000), copyOf(1_000)];
    const sums = theirs.sums(range, 64);
    const machine = comparisonOf(ours);
    const write = (): void => {
      for (let part = 0; part < 64; part++) ours.put(itemAt(part, 64, `new ${part}`));
    };
    if (!isWritten) write();
    machine.begin();
    if (isWritten) write();
    const effect = machine.step({ kind: 'sums', sums });
    expect(effect).toMatchObject({ kind: 'ask', question: { kind: 'states' } });
    const { within } = (effect as { question: { within: HashRange } }).question;
    expect(within.end === range.end).toBe(!isWritten);
  });

  it('with the reap floor under which items were asked for, or read to be given', () => {
    const [ours, theirs] = [copyOf(10), copyOf(10)];
    theirs.put(itemAt(1, 100, 'theirs'));
    ours.put(itemAt(2, 100, 'ours'));
    let floorMs = 1;
    const machine = comparisonOf(ours, () => stampOf(floorMs));
    machine.begin();
    machine.step({ kind: 'sums', sums: theirs.sums(range, 64) });
    let effect = machine.step({ kind: 'states', ...theirs.states(range, undefined, 256) });
    expect(effect).toMatchObject({ question: { kind: 'items' } });
    floorMs = 2;
    const items = [encodeModelItem(itemAt(1, 100, 'theirs'))];
    effect = machine.step({ kind: 'items', answered: 1, items });
    expect(effect).toEqual({ kind: 'merge', items, asOf: stampOf(1) });
    effect = machine.step({ kind: 'merged', changed: 1, failed: 0 });
    expect(effect).toMatchObject({ question: { kind: 'give', asOf: stampOf(2) } });
  });

  it('by one who says what was asked: another answer ends it', () => {
    const machine = comparisonOf(copyOf(1_000));
    machine.begin();
    const reason = 'it was answered something else than was asked';
    expect(machine.step({ kind: 'given', changed: 3, failed: 0 })).toEqual({ kind: 'end', reason });
  });
});
