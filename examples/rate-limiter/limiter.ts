/**
 * A rate limiter: so many requests in each window of time, for each key, whichever node is asked.
 *
 * What counts is the latest window only. In it each vnode that has let something through keeps a part of its own. While the copy
 * that is asked first stays the same no more than the limit is let through; when nodes die and others stand in, each of
 * them may let through what it has not heard of yet: with n copies up to n times the limit, and never less than it.
 */
import { keyedService } from '@rkv/core';

export interface Limiter {
  /** Whether one more may pass. */
  allow(limit: number, windowMs: number): boolean;
  /** How many have passed in the window of now. */
  passed(windowMs: number): number;
}

export interface Window {
  readonly number: number;
  /** When nobody needs to know of it any more. */
  readonly endsAt: number;
  readonly parts: Readonly<Record<string, number>>;
}

export const limiter = keyedService<Limiter, Window>({
  name: 'limiter',
  commands: {
    allow: {
      change: (held, { now, actor }, limit, windowMs) => {
        const number = Math.floor(now / windowMs);
        // A window that another clock has begun already counts too.
        const latest = held === undefined || held.number < number ? undefined : held;
        const parts = latest?.parts ?? {};
        if (sum(parts) >= limit) return { reply: false };
        const current = latest ?? { number, endsAt: (number + 1) * windowMs };
        const value = { ...current, parts: { ...parts, [actor]: (parts[actor] ?? 0) + 1 } };
        return { value, reply: true };
      },
    },
    passed: {
      read: (held, { now }, windowMs) =>
        held !== undefined && held.number >= Math.floor(now / windowMs) ? sum(held.parts) : 0,
    },
  },
  merge: (a, b) => {
    if (a.number !== b.number) return a.number > b.number ? a : b;
    const actors = Object.keys({ ...a.parts, ...b.parts });
    const larger = actors.map((one) => [one, Math.max(a.parts[one] ?? 0, b.parts[one] ?? 0)]);
    return { ...a, endsAt: Math.max(a.endsAt, b.endsAt), parts: Object.fromEntries(larger) };
  },
  isPast: ({ endsAt }, now) => now > endsAt,
});

function sum(parts: Window['parts']): number {
  return Object.values(parts).reduce((total, part) => total + part, 0);
}
