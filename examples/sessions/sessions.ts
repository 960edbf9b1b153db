/**
 * A session store: the last write of a session is the one that counts, and what nobody has touched for a while is gone.
 *
 * Each write bears the time of its request, or one more than what the copy holds where that is later; of two with one time the
 * one of the greater writer wins. So an end of a session is a write too, and wins over what came before it.
 */
import { keyedService } from '@rkv/core';

export interface Sessions {
  put(data: string, ttlMs: number): void;
  get(): string | null;
  end(): void;
}

export interface Session {
  readonly at: number;
  readonly by: string;
  /** null: it was ended. */
  readonly data: string | null;
  readonly until: number;
}

/** So long an ended session is remembered, for copies that have not heard of it. */
const ENDED_MS = 3_600_000;

export const sessions = keyedService<Sessions, Session>({
  name: 'sessions',
  commands: {
    put: {
      change: (held, { now, actor }, data, ttlMs) => ({
        value: { at: later(now, held), by: actor, data, until: now + ttlMs },
        reply: undefined,
      }),
    },
    get: { read: (held, { now }) => (held !== undefined && held.until > now ? held.data : null) },
    end: {
      change: (held, { now, actor }) => ({
        value: { at: later(now, held), by: actor, data: null, until: now + ENDED_MS },
        reply: undefined,
      }),
    },
  },
  merge: (a, b) => (a.at > b.at || (a.at === b.at && a.by >= b.by) ? a : b),
  isPast: ({ until }, now) => now > until,
});

function later(now: number, held: Session | undefined): number {
  return Math.max(now, (held?.at ?? 0) + 1);
}
