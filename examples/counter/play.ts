/** The counter under faults: clients that like and look, nodes that die, join and leave, and a judge who counts with them. */
import { asking, counter, type SimulateInit } from '@rkv/testkit';
import { likes } from './likes.ts';

export const play: SimulateInit = {
  vnode: likes,
  model: counter,
  operations: {
    increment: { weight: 3, input: (dice) => dice.between(1, 3), ask: asking(likes, 'like') },
    total: { ask: asking(likes, 'total') },
  },
  read: 'total',
};
