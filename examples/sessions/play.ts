/**
 * The session store under faults. Who wins goes by the clocks, so they stay as they are here, and one client asks: two that write
 * within what clocks differ by are told apart by nobody.
 */
import { asking, FAULT_KINDS, register, type SimulateInit } from '@rkv/testkit';
import { sessions } from './sessions.ts';

const HOUR_MS = 3_600_000;

export const play: SimulateInit = {
  vnode: sessions,
  model: register,
  clients: 1,
  faults: FAULT_KINDS.filter((kind) => !kind.startsWith('clock')),
  operations: {
    write: {
      weight: 3,
      input: (dice) => `cart ${dice.u32()}`,
      ask: asking(sessions, 'put', (data) => [data, HOUR_MS]),
    },
    delete: { ask: asking(sessions, 'end') },
    read: { weight: 2, ask: asking(sessions, 'get') },
  },
  read: 'read',
};
