import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import { Liveness, type LivenessTiming } from './liveness.ts';
import { membershipPresets } from './preset.ts';

/** Patience stays where it is: what it adapts to is played in test/scenarios/detector.txt. */
const timing: LivenessTiming = {
  ...membershipPresets.lan,
  suspectLeastMs: 2_500,
  suspectFirstMs: 2_500,
};
const p = 'p' as NodeId;

/** Moments at which p is heard (`h`), its connection ends (`x`), or only time passes; then what is reported. */
const cases: {
  name: string;
  heard?: number[];
  lost?: number[];
  stall?: [from: number, to: number];
  until: number;
  changes: string[];
}[] = [
  { name: 'a peer never heard is not up', until: 5_000, changes: [] },
  { name: 'up when first heard', heard: [100], until: 1_000, changes: ['100 up'] },
  { name: 'down after too long a silence', heard: [100], until: 5_000, changes: ['100 up', '2650 down'] },
  {
    name: 'steady heartbeats keep it up',
    heard: [0, 500, 1_000, 1_500, 2_000, 2_500, 3_000],
    until: 5_000,
    changes: ['0 up'],
  },
  {
    name: 'heard again after silence',
    heard: [0, 4_000],
    until: 5_000,
    changes: ['0 up', '2550 down', '4000 up'],
  },
  {
    name: 'a lost connection counts at once',
    heard: [0],
    lost: [700],
    until: 1_000,
    changes: ['0 up', '700 down'],
  },
  { name: 'a lost connection of one who is down is no news', lost: [700], until: 1_000, changes: [] },
  {
    name: 'heard on another connection',
    heard: [0, 750],
    lost: [700],
    until: 1_000,
    changes: ['0 up', '700 down', '750 up'],
  },
  {
    name: 'our own stall is not its silence',
    heard: [0, 500],
    stall: [600, 9_000],
    until: 9_500,
    changes: ['0 up'],
  },
  {
    name: 'silence before and after a stall adds up',
    heard: [0],
    stall: [1_000, 9_000],
    until: 12_000,
    changes: ['0 up', '10500 down'],
  },
];

describe('Liveness', () => {
  it.each(cases)('$name', ({ heard = [], lost = [], stall, until, changes }) => {
    const liveness = new Liveness(timing);
    liveness.watch(new Set([p]));
    const told: string[] = [];
    for (let now = 0; now <= until; now += 50) {
      if (stall !== undefined && now > stall[0] && now < stall[1]) continue;
      const news = [
        ...(heard.includes(now) ? liveness.heard(p, now) : []),
        ...(lost.includes(now) ? liveness.connectionLost(p, now) : []),
        ...liveness.tick(now),
      ];
      for (const { up } of news) told.push(`${now} ${up ? 'up' : 'down'}`);
    }
    expect(told).toEqual(changes);
    expect(liveness.isUp(p)).toBe(changes.at(-1)?.endsWith('up') ?? false);
  });

  it('tells of strangers only once they are watched', () => {
    const liveness = new Liveness(timing);
    expect(liveness.heard(p, 0)).toEqual([]);
    expect(liveness.isUp(p)).toBe(true);
    expect(liveness.watch(new Set([p]))).toEqual([{ node: p, up: true }]);
    expect(liveness.watch(new Set([p]))).toEqual([]);
  });
});
