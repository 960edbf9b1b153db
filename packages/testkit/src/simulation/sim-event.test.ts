import { Prng } from '@rkv/core';
import { expect, it } from 'vitest';
import { describeEvents, drawEvents, isChange, parseEvents } from './sim-event.ts';

const [nodes, spares] = [['n1', 'n2', 'n3', 'n4'], ['n5']];
const all = [...nodes, ...spares];

function draw(seed: number, membersMin = 3) {
  const span = { nodes, spares, fromMs: 1_000, untilMs: 20_000, gapMs: 1_000, membersMin };
  return drawEvents(new Prng(seed), new Prng(seed + 1_000), span);
}

it('are read back from their lines', () => {
  for (let seed = 0; seed < 50; seed++) {
    const events = draw(seed);
    expect(describeEvents(parseEvents(describeEvents(events), all))).toBe(describeEvents(events));
    expect(parseEvents(describeEvents(events), all)).toHaveLength(events.length);
  }
});

it('leave as many members as are to stay', () => {
  const leaves = (membersMin: number): number[] =>
    Array.from(
      { length: 50 },
      (_, seed) => draw(seed, membersMin).filter((event) => isChange(event) && event.kind === 'leave').length,
    );
  expect(Math.max(...leaves(3))).toBe(1);
  expect(Math.max(...leaves(4))).toBe(0);
});

it('names the line that makes no sense', () => {
  expect(() => parseEvents('100 ms  join n5\n200..100 ms  crash n1', all)).toThrow('line 2');
  expect(() => parseEvents('100 ms  sing n5', all)).toThrow('line 1');
});
