/** The counter under faults: nodes that die, are cut off, join and leave, and a judge who counts with the clients. */
import { test } from 'node:test';
import { asking, counter as counted, simulateSeeds } from '@rkv/testkit';
import { counter } from './counter.ts';

test('what was counted is counted once, whatever happens', () => {
  const plays = simulateSeeds({
    vnode: counter,
    model: counted,
    operations: {
      increment: { weight: 3, input: (dice) => dice.between(1, 3), ask: asking(counter, 'add') },
      total: { ask: asking(counter, 'total') },
    },
    read: 'total',
    durationMs: 5_000,
    seeds: 3,
  });
  plays.verify(); // when it throws, it names a seed, and the few events that are needed
});
