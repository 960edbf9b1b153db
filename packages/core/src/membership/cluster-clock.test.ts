import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import { ClusterClock } from './cluster-clock.ts';

const HOUR = 3_600_000;
const peer = (n: number): NodeId => `peer ${n}` as NodeId;

/** Our clock shows `ours`, those of the others `others`, when the monotonic one stands at `now`. */
function clockOf(ours: number, others: readonly number[], now = 0): ClusterClock {
  const clock = new ClusterClock(() => ours);
  const peers = new Set(others.map((_, at) => peer(at)));
  clock.follow({ nodes: peers, voters: peers, isVoter: true });
  others.forEach((wallMs, at) => clock.heard(peer(at), wallMs, now));
  return clock;
}

describe('the time of a cluster', () => {
  it.each<[string, number, number[], number]>([
    ['alone', 5, [], 5],
    ['one that is slow', 1000, [1001, 1000 - HOUR], 1000],
    ['one that is fast', 1000, [1001, 1000 + HOUR], 1001],
    ['this one is fast', 1000 + HOUR, [1001, 1000], 1001],
    ['this one is slow', 1000 - HOUR, [1001, 1000], 1000],
    ['of two the lower', 1000 + HOUR, [1000], 1000],
    ['of two the lower', 1000 - HOUR, [1000], 1000 - HOUR],
    ['of four, one fast', 1000, [1001, 1002, 1000 + HOUR], 1001],
    ['of four, one slow', 1000, [1001, 1002, 1000 - HOUR], 1000],
  ])('%s', (_, ours, others, median) => {
    expect(clockOf(ours, others).median(0)).toBe(median);
  });

  it('is the lower of the middle ones', () => {
    const moment = fc.integer({ min: 0, max: 1_000 });
    fc.assert(
      fc.property(moment, fc.array(moment, { maxLength: 9 }), (ours, others) => {
        const all = [ours, ...others].toSorted((a, b) => a - b);
        expect(clockOf(ours, others).median(0)).toBe(all[(all.length - 1) >> 1]);
      }),
    );
  });

  it('goes on between two heartbeats', () => {
    const clock = clockOf(0, [1_000_000, 1_000_001], 500);
    expect(clock.median(700)).toBe(1_000_200);
  });

  it('does not jump with our own clock', () => {
    let ours = 1_000_000;
    const clock = new ClusterClock(() => ours);
    const peers = new Set([peer(1), peer(2)]);
    clock.follow({ nodes: peers, voters: peers, isVoter: true });
    for (const at of [1, 2]) clock.heard(peer(at), 1_000_000, 100);
    ours += HOUR;
    expect(clock.median(100)).toBe(1_000_000);
  });

  it('is told by voters', () => {
    const clock = clockOf(1000, [2000, 3000]);
    clock.follow({ nodes: new Set([peer(0), peer(1)]), voters: new Set([peer(0)]), isVoter: true });
    expect(clock.median(0)).toBe(1000);
    expect(clock.lowest([peer(1)], 0)).toBe(1000);
    clock.follow({ nodes: new Set(), voters: new Set(), isVoter: true });
    expect(clock.lowest([peer(1)], 0)).toBeUndefined();
  });

  it.each<[string, number[], number]>([
    ['as long as it has heard none', [], 1000],
    ['one', [2000], 2000],
    ['the lower of two', [3000, 2000], 2000],
    ['the middle of three', [3000, 500, 2000], 2000],
  ])('is, for a node that is no voter, its own or that of others: %s', (_, others, median) => {
    const clock = clockOf(1000, others);
    const peers = new Set(others.map((_wallMs, at) => peer(at)));
    clock.follow({ nodes: peers, voters: peers, isVoter: false });
    expect(clock.median(0)).toBe(median);
  });
});

describe('the lowest clock', () => {
  it('is any of them', () => {
    expect(clockOf(1000, [999, 2000]).lowest([peer(0), peer(1)], 0)).toBe(999);
    expect(clockOf(998, [999, 2000]).lowest([peer(0), peer(1)], 10)).toBe(998);
  });

  it('is not known while somebody was not heard', () => {
    expect(clockOf(1000, [999]).lowest([peer(0), peer(1)], 0)).toBeUndefined();
  });
});

it('tells how far each clock is from it', () => {
  const clock = clockOf(1_000, [1_003, 1_000 - HOUR, 1_000 + HOUR, 1_001], 0);
  expect(clock.median(0)).toBe(1_001);
  expect([0, 1, 2].map((at) => clock.offset(peer(at), 500))).toEqual([2, -HOUR - 1, HOUR - 1]);
  expect(clock.offset(peer(9), 500)).toBeUndefined();
});
