/**
 * Time series: points by the moment that they are of, one series to a key, and questions that go to all series at once.
 *
 * A point is written once. Of two values for one moment the larger stays, so copies come together in any order.
 */
import { keyedService } from '@rkv/core';

export interface Series {
  add(at: number, value: number): void;
  between(from: number, to: number): Point[];
}

/** Asked of every series, each through one of its copies. */
export interface Overall {
  summary(from: number, to: number): Summary;
}

export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Summary {
  readonly series: string;
  readonly points: number;
  readonly sum: number;
}

type Points = Readonly<Record<string, number>>;

export const series = keyedService<Series, Points, Overall>({
  name: 'series',
  commands: {
    add: { change: (held = {}, _, at, value) => ({ value: { ...held, [at]: value }, reply: undefined }) },
    between: { read: (held = {}, _, from, to) => pointsOf(held, from, to) },
  },
  queries: {
    summary: (held, { key }, from, to) => {
      const points = pointsOf(held, from, to);
      const sum = points.reduce((total, { value }) => total + value, 0);
      return points.length === 0 ? undefined : { series: key, points: points.length, sum };
    },
  },
  merge: (a, b) => {
    const moments = Object.keys({ ...a, ...b });
    return Object.fromEntries(moments.map((at) => [at, Math.max(a[at] ?? -Infinity, b[at] ?? -Infinity)]));
  },
});

function pointsOf(held: Points, from: number, to: number): Point[] {
  const points = Object.entries(held).map(([at, value]) => ({ at: Number(at), value }));
  return points.filter(({ at }) => at >= from && at < to).toSorted((a, b) => a.at - b.at);
}
