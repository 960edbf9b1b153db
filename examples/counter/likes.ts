/**
 * Likes of posts: a counter in copies, which any node counts up.
 *
 * A value is a sum of parts, one for each vnode that has counted. A part has one writer and only grows, so of two copies
 * of it the larger is the later: nothing is lost and nothing counted twice, whatever comes late, twice or in another order.
 */
import { keyedService } from '@rkv/core';

export interface Likes {
  like(by: number): number;
  total(): number;
}

export type Parts = Readonly<Record<string, number>>;

export const likes = keyedService<Likes, Parts>({
  name: 'likes',
  commands: {
    like: {
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
