/**
 * The service: counters that any node can raise, in copies that may be apart for a while.
 *
 * A counter is a sum of parts, one for each vnode that has ever raised it. A part has one writer and only grows, so of two copies
 * of it the larger is the later: merging takes the larger of each, in whatever order copies meet, and however often.
 *
 * Source: Shapiro et al., "Conflict-free Replicated Data Types" (2011), the grow-only counter.
 */
import { keyedService } from '@rkv/core';

export interface Counter {
  /** The total then. */
  add(by: number): number;
  total(): number;
}

export type Parts = Readonly<Record<string, number>>;

export const counter = keyedService<Counter, Parts>({
  name: 'counter',
  commands: {
    add: {
      change: (held = {}, { actor }, by) => {
        const value = { ...held, [actor]: (held[actor] ?? 0) + by };
        return { value, reply: sum(value) };
      },
    },
    total: { read: (held = {}) => sum(held) },
  },
  merge: (a, b) => {
    const actors = Object.keys({ ...a, ...b });
    return Object.fromEntries(actors.map((actor) => [actor, Math.max(a[actor] ?? 0, b[actor] ?? 0)]));
  },
});

function sum(parts: Parts): number {
  return Object.values(parts).reduce((total, part) => total + part, 0);
}
