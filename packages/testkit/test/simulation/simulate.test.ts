/** `simulate` on a counter of one's own: it keeps its promises under faults, and bugs planted in it are found. */
import { keyedService } from '@rkv/core';
import { asking, simulate, simulateSeeds, SimulationBroken, type SimulateInit } from '@rkv/testkit';
import { expect, it } from 'vitest';
import { likes, type Likes, type Parts } from '../../../../examples/counter/likes.ts';
import { play } from '../../../../examples/counter/play.ts';

const short: SimulateInit = { ...play, durationMs: 6_000, faultGapMs: 600 };

/** The same play of another module. */
function playOf(planted: Partial<typeof likes.definition>): SimulateInit {
  const service = keyedService<Likes, Parts>({ ...likes.definition, ...planted });
  const { increment, total } = play.operations;
  const operations = {
    increment: { ...increment, ask: asking(service, 'like') },
    total: { ...total, ask: asking(service, 'total') },
  };
  // One change after the other: then it takes a fault to bring an old copy over a new one.
  return { ...short, vnode: service, operations, clients: 1, keys: 2 };
}

it('counts every acknowledged like once, through crashes, cuts, joins and leaves', () => {
  const seeds = simulateSeeds({ ...short, seeds: 3 });
  seeds.verify();
  expect(seeds.played).toBe(3);
  expect(seeds.answered).toBeGreaterThan(300);
});

it('plays a seed the same way twice', () => {
  const digests = [1, 2].map(() => simulate({ ...short, seed: 7, durationMs: 2_000 }).digest);
  expect(digests[0]).toBe(digests[1]);
});

// Shrinking takes some forty plays.
it('finds a merge that overwrites, and the few events that it takes', { timeout: 300_000 }, () => {
  const { broken } = simulateSeeds({ ...playOf({ merge: (_a, b) => b }), seeds: 20 });
  const [first] = broken;
  expect(first).toBeDefined();
  const shrunk = first?.shrink({ triesMax: 40 });
  expect(shrunk?.events.length).toBeGreaterThan(0);
  expect(shrunk?.events.length).toBeLessThan(10);
  expect(shrunk?.problems.join('\n')).toMatch(/lost|different copies/);
  // What is printed is all that it takes.
  const printed = /events: `\n([^`]*)\n/.exec(shrunk?.describe() ?? '')?.[1];
  const overwrites = playOf({ merge: (_a, b) => b });
  expect(simulate({ ...overwrites, seed: first?.seed ?? 0, events: printed ?? '' }).digest).toBe(
    shrunk?.digest,
  );
  expect(() => shrunk?.verify()).toThrow(SimulationBroken);
  expect(shrunk?.describe()).toContain(`RKV_SEED=${first?.seed}`);
});

it('finds a handler that throws', () => {
  const { commands } = likes.definition;
  const change = (): never => {
    throw new Error('not today');
  };
  const result = simulate({
    ...playOf({ commands: { ...commands, like: { change } } }),
    seed: 1,
    events: [],
  });
  expect(result.problems.join('\n')).toContain('not today');
});
