/**
 * The dumb twin: on tiny rings every balanced ring is tried, and claim must have found one of the best by its
 * first wishes. The last of them, fewer moves within the bounds, is only held to the bounds.
 */
import { describe, expect, it } from 'vitest';
import { forEachBalancedRing } from '../../test/balanced-rings.ts';
import { Prng } from '../base/prng.ts';
import type { NodeId } from '../contracts/ids.ts';
import { leaversHeldBack } from './assignment.ts';
import { toTheEnd } from './steps.ts';
import { claim } from './claim.ts';
import { crampedOf } from './room.ts';
import { leastWindowsWithRepeat, windowsWithRepeat } from './spacing.ts';

interface Ranked {
  readonly owners: readonly NodeId[];
  readonly n3: number;
  readonly n4: number;
}

const membersOf = (count: number): NodeId[] => [...'abcdef'].slice(0, count) as NodeId[];

function allBalanced(size: number, members: readonly NodeId[]): Ranked[] {
  const found: Ranked[] = [];
  forEachBalancedRing(size, members, (owners) =>
    found.push({ owners: [...owners], n3: windowsWithRepeat(owners, 3), n4: windowsWithRepeat(owners, 4) }),
  );
  return found;
}

/** The wishes of claim after balance, in order: n3, moves beyond the bounds, room for the next leave (five members), n4. */
function bestOf(rings: readonly Ranked[], before: readonly NodeId[], members: readonly NodeId[]): number[] {
  const movesTo = ({ owners }: Ranked): number => owners.filter((owner, p) => owner !== before[p]).length;
  const leastMoves = Math.min(...rings.map(movesTo));
  const bound = leastMoves === 0 ? 0 : leastMoves + 1;
  const firstWishes = rings.map((ring) => [ring.n3, Math.max(0, movesTo(ring) - bound)]);
  const best = firstWishes.reduce((least, rank) => (compare(rank, least) < 0 ? rank : least));
  return rings
    .filter((_, at) => compare(firstWishes[at] as number[], best) === 0)
    .map((ring) => [...best, ...lastWishes(ring, leastMoves, members)])
    .reduce((least, rank) => (compare(rank, least) < 0 ? rank : least));
}

/** Most of the ring moves: the target comes first, and else room for the next leave. */
function lastWishes({ owners, n4 }: Ranked, leastMoves: number, members: readonly NodeId[]): number[] {
  const numbers = Int32Array.from(owners, (owner) => members.indexOf(owner));
  const held = toTheEnd(leaversHeldBack(numbers, members.length));
  const cramped = crampedOf(numbers, members.length);
  return leastMoves * 2 > owners.length ? [n4, held, cramped] : [held, cramped, n4];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

/** Rings to start from: of one owner, of members and strangers by lot, and balanced ones that must give something up. */
function startsFor(
  size: number,
  members: readonly NodeId[],
  rings: readonly Ranked[],
): (readonly NodeId[])[] {
  const dice = new Prng(size * 10 + members.length);
  const anyone = [...members, 'x' as NodeId, 'y' as NodeId];
  const byLot = Array.from({ length: 8 }, () => Array.from({ length: size }, () => dice.pick(anyone)));
  const leave = Array.from({ length: 8 }, () =>
    dice.pick(rings).owners.map((owner) => (dice.below(4) === 0 ? ('x' as NodeId) : owner)),
  );
  return [Array.from({ length: size }, () => 'a' as NodeId), ...byLot, ...leave];
}

describe.each([
  [6, 4],
  [7, 4],
  [8, 4],
  [7, 5],
  [8, 5],
])('ring %i, %i members', (size, memberCount) => {
  const members = membersOf(memberCount);
  const rings = allBalanced(size, members);

  it('claim finds one of the best of all balanced rings', () => {
    for (const before of startsFor(size, members, rings)) {
      const { owners, certificate } = claim({ owners: before, members });
      const { moves, leastMoves, violations } = certificate;
      const over = leastMoves === 0 ? moves : Math.max(0, moves - leastMoves - 1);
      const drawn = `${before.join('')} -> ${owners.join('')}`;
      const found = { owners, n3: violations.n3, n4: violations.n4 };
      expect([found.n3, over, ...lastWishes(found, leastMoves, members)], drawn).toEqual(
        bestOf(rings, before, members),
      );
    }
  });
});

describe.each([6, 7, 8, 9, 10])('ring %i', (size) => {
  it.each([1, 2, 3, 4].filter((count) => size < 10 || count < 4))(
    'the least n=3 windows with %i members',
    (count) => {
      const least = Math.min(...allBalanced(size, membersOf(count)).map(({ n3 }) => n3));
      expect(leastWindowsWithRepeat(size, count)).toBe(least);
      const { certificate } = claim({
        owners: Array.from({ length: size }, () => 'a' as NodeId),
        members: membersOf(count),
      });
      expect(certificate).toMatchObject({ violations: { n3: least }, avoidable: false });
    },
  );
});
