/** Time series under faults: every acknowledged point is there, and the summary of all series tells of each. */
import { asking, set, type SimRing, type SimulateInit } from '@rkv/testkit';
import { series, type Point, type Summary } from './series.ts';

const END = 2 ** 40;
const between = asking(series, 'between', () => [0, END]);

export const play: SimulateInit = {
  vnode: series,
  model: set,
  operations: {
    add: {
      weight: 3,
      input: (dice) => String(dice.u32()),
      ask: asking(series, 'add', (at) => [Number(at), Number(at) % 10]),
    },
    members: {
      ask: (request, done) =>
        between(request, (told) => {
          if (!('ok' in told)) return done(told);
          done({ ok: (told.ok as unknown as Point[]).map(({ at }) => String(at)) });
        }),
    },
  },
  read: 'members',
  check: (ring) => {
    const [all, one] = [summaryOf(ring, 0, 0), summaryOf(ring, 0, END)];
    if (all.length > 0) return ['nothing is asked for, and something is told'];
    const names = one.map(({ series }) => series);
    return new Set(names).size === names.length ? [] : [`a series is told of twice: ${names.join(', ')}`];
  },
};

/** Of all series, through some node. */
export function summaryOf(ring: SimRing, from: number, to: number): Summary[] {
  const [door] = ring.doors();
  if (door === undefined) throw new Error('nobody can be asked');
  const found: Summary[] = [];
  let isOver = false;
  door.host.setTimer(0, () =>
    series.query(
      door.node,
      door.host,
      'summary',
      [from, to],
      (rows) => found.push(...rows),
      (told) => {
        if (!('ok' in told)) throw new Error(`the summary failed: ${told.error}`);
        isOver = true;
      },
    ),
  );
  ring.machines.world.runUntilHolds(() => isOver, 60_000);
  return found.toSorted((a, b) => (a.series < b.series ? -1 : 1));
}
