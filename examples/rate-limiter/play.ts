/** The limiter under faults: whatever was let through is counted, also by those who stand in. The clocks stay as they are. */
import { asking, counter, FAULT_KINDS, type SimulateInit } from '@rkv/testkit';
import { limiter } from './limiter.ts';

/** All of a play lies in one window. */
const DAY_MS = 86_400_000;
const LIMIT = 40;

const allow = asking(limiter, 'allow', () => [LIMIT, DAY_MS]);

export const play: SimulateInit = {
  vnode: limiter,
  model: counter,
  faults: FAULT_KINDS.filter((kind) => !kind.startsWith('clock')),
  operations: {
    increment: {
      weight: 3,
      input: () => 1,
      // Who is over the limit has surely done nothing.
      ask: (request, done) =>
        allow(request, (told) =>
          done('ok' in told && told.ok === false ? { error: 'over the limit', definite: true } : told),
        ),
    },
    total: { ask: asking(limiter, 'passed', () => [DAY_MS]) },
  },
  read: 'total',
};

/** And one that holds where nothing breaks: no more than the limit. */
export const calm: SimulateInit = { ...play, faults: [], joins: 0 };
export { LIMIT };
