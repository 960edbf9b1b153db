import { describe, expect, it } from 'vitest';
import { Prng } from '../base/prng.ts';
import { assignOpen, leaversHeldBack } from './assignment.ts';
import { toTheEnd } from './steps.ts';
import { LEAVER, countOwners } from './shares.ts';
import { windowsWithRepeat } from './spacing.ts';

const LETTERS = 'abcdefgh';
const ring = (drawn: string): Int32Array => Int32Array.from(drawn, (letter) => LETTERS.indexOf(letter));
const draw = (owners: Int32Array | undefined): string | undefined =>
  owners && Array.from(owners, (owner) => LETTERS[owner]).join('');

describe('what a leaver gives up', () => {
  it.each([
    ['goes to the only one who does not stand near', 'abc.abcdabcdabcd', 4, 0, 'abcdabcdabcdabcd'],
    [
      'goes to whom it must, so that others get theirs',
      '.bcd.bcdabcdabcdabcdabcdabcdabcd',
      4,
      0,
      'abcdabcdabcdabcdabcdabcdabcdabcd',
    ],
  ])('%s', (_, before, members, extra, after) => {
    expect(draw(assignOpen(ring(before), members, extra))).toBe(after);
  });

  it('members who take turns five by five are all held back, those who do so four by four are not', () => {
    expect(toTheEnd(leaversHeldBack(ring('abcde'.repeat(6) + 'abcd'.repeat(1)), 5))).toBe(5);
    expect(toTheEnd(leaversHeldBack(ring('abcdabcdabceabcd'), 5))).toBe(0);
  });
});

/** Every way to give the open partitions away, and to move one more. */
function dumbTwin(before: Int32Array, memberCount: number): boolean {
  const isGood = (owners: Int32Array): boolean => {
    const counts = countOwners(owners, memberCount);
    return Math.max(...counts) - Math.min(...counts) <= 1 && windowsWithRepeat(owners, 3) === 0;
  };
  const open = Array.from(before.keys()).filter((p) => before[p] === LEAVER);
  const fill = (owners: Int32Array, at: number): boolean => {
    if (at === open.length) return isGood(owners);
    return Array.from({ length: memberCount }, (_, member) => member).some((member) => {
      owners[open[at] as number] = member;
      return fill(owners, at + 1);
    });
  };
  if (fill(before.slice(), 0)) return true;
  return Array.from(before.keys()).some(
    (p) =>
      before[p] !== LEAVER &&
      Array.from({ length: memberCount }, (_, member) => member).some((member) =>
        fill(before.with(p, member), 0),
      ),
  );
}

/** Some ring whose lists of three have three owners, balanced or not. */
function anyRing(dice: Prng, size: number, memberCount: number): Int32Array {
  for (;;) {
    const owners = new Int32Array(size);
    for (let p = 0; p < size; p++) {
      const near = p < 2 ? [...owners.slice(0, p)] : [owners[p - 1], owners[p - 2]];
      const far = p < size - 2 ? [] : [owners[0], ...(p === size - 1 ? [owners[1]] : [])];
      const others = Array.from({ length: memberCount }, (_, member) => member);
      owners[p] = dice.pick(others.filter((member) => !near.includes(member) && !far.includes(member)));
    }
    const counts = countOwners(owners, memberCount);
    const isBalanced = Math.max(...counts) - Math.min(...counts) <= 1;
    if (isBalanced && windowsWithRepeat(owners, 3) === 0) return owners;
  }
}

describe('the twin that tries everything', () => {
  it.each([
    [10, 5],
    [12, 5],
    [16, 5],
    [12, 6],
  ])('agrees on ring %i, %i members', (size, memberCount) => {
    const dice = new Prng(size * memberCount);
    for (let round = 0; round < 25; round++) {
      const owners = anyRing(dice, size, memberCount).map((owner) =>
        owner === memberCount - 1 ? LEAVER : owner,
      );
      const assigned = assignOpen(owners, memberCount - 1, 1);
      expect(assigned !== undefined, owners.join(' ')).toBe(dumbTwin(owners, memberCount - 1));
      if (assigned === undefined) continue;
      expect(windowsWithRepeat(assigned, 3)).toBe(0);
      const moved = owners.filter((owner, p) => owner !== LEAVER && owner !== assigned[p]).length;
      expect(moved).toBe(assignOpen(owners, memberCount - 1, 0) === undefined ? 1 : 0);
    }
  });
});
