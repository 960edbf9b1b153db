/** How many questions two copies need until they are alike: each takes as long as an answer is on its way. */
import { describe, expect, it } from 'vitest';
import { ExchangeStage, RING_BITS } from '../../test/exchange-stage.ts';
import { Reader } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { rangeOf } from '../ring/ranges.ts';
import { readQuestion } from './exchange-wire.ts';

const ROUND_MS = 12_000;

/** The copies of partition 1, at b, and of partition 2, at a: b asks. */
const [OURS, THEIRS] = [1, 2];
const range = rangeOf(OURS as PartitionId, RING_BITS);

/** What is asked, but for roots, until both hold all of so many items, evenly spread, of which either lacks some. */
function questionsAbout(items: number, isLackedBy: (at: number) => number | undefined): string[] {
  const stage = new ExchangeStage('abababab', 2);
  const apart = Math.floor((range.end - range.start) / items);
  for (let at = 0; at < items; at++) {
    const held = [OURS, THEIRS].filter((copy) => copy !== isLackedBy(at));
    stage.put({ hashHi: range.start + at * apart, hashLo: 0, name: `k${at}`, version: 1 }, held, 2);
  }
  stage.host.advance(ROUND_MS);
  for (const copy of [OURS, THEIRS]) expect(stage.vnode(copy).items).toHaveLength(items);
  return stage.frames
    .filter(({ from, kind }) => from === 'b' && kind === 'ask')
    .map(({ bytes }) => readQuestion(new Reader(bytes)).question.kind as string)
    .filter((kind) => kind !== 'roots');
}

describe('two copies are compared', () => {
  it('by their states alone where few items lie', () => {
    expect(questionsAbout(50, (at) => (at === 7 ? THEIRS : undefined))).toEqual(['states', 'give']);
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
});
