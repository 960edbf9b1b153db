/**
 * The sweep behind the promises in claim.ts: every ring size up to 256, up to twelve members, every join and leave. Where a
 * leave moves more than the least and one, a twin of the assignment proves that no ring would do with so few.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import { claim, type ClaimResult } from './claim.ts';

const letters = [...'abcdefghijklm'] as NodeId[];
const MEMBERS_MAX = 12;
/** A leave that leaves more has room for least moves and spacing at once, on our rings. */
const LEFT_TIGHT = 4;

/** Counted the dumb way, from the owners alone. */
function windowsWithRepeat(owners: readonly NodeId[], n: number): number {
  const round = [...owners, ...owners.slice(0, n)];
  return owners.filter((_, p) => new Set(round.slice(p, p + n)).size < n).length;
}

function leastN3(ringSize: number, memberCount: number): number {
  if (memberCount < 3) return ringSize;
  return memberCount === 3 ? 2 : 0;
}

function check(result: ClaimResult, ringSize: number, wanted: readonly NodeId[], name: string): void {
  const counts = wanted.map((member) => result.owners.filter((owner) => owner === member).length);
  expect(
    counts.reduce((a, b) => a + b),
    `${name}: members own all`,
  ).toBe(ringSize);
  expect(
    Math.max(...counts) - Math.min(...counts),
    `${name}: counts ${counts.join(' ')}`,
  ).toBeLessThanOrEqual(1);
  expect(windowsWithRepeat(result.owners, 3), `${name}: n3`).toBe(leastN3(ringSize, wanted.length));
}

function checkMoves({ certificate }: ClaimResult, name: string): void {
  expect(certificate.moves, `${name}: moves`).toBeLessThanOrEqual(certificate.leastMoves + 1);
}

/** Up to three left, spacing decides. More moves than the least and one must be proven to be needed, and only four left may need them. */
function checkLeave(
  result: ClaimResult,
  before: readonly NodeId[],
  left: readonly NodeId[],
  name: string,
): void {
  if (left.length < LEFT_TIGHT || result.certificate.moves <= result.certificate.leastMoves + 1) return;
  expect(left.length, `${name}: moves ${result.certificate.moves}`).toBe(LEFT_TIGHT);
  expect(canLeave(before, left), `${name}: could do with ${result.certificate.leastMoves + 1} moves`).toBe(
    false,
  );
}

/**
 * Whether some balanced ring without a repeat in three keeps all but what the leaver owns, and one partition more: every
 * other partition, with every owner it could have, is tried as that one. What the leaver owns lies three or more
 * apart, so nothing but the counts ties one choice to another, and all counts that can be reached are listed.
 */
function canLeave(before: readonly NodeId[], left: readonly NodeId[]): boolean {
  const open = before.flatMap((owner, p) => (left.includes(owner) ? [] : [p]));
  if (canFill(before, open, left)) return true;
  return before.some((owner, p) => {
    if (!left.includes(owner)) return false;
    return allowedAt(before, p, left).some(
      (other) => other !== owner && canFill(before.with(p, other), open, left),
    );
  });
}

function allowedAt(owners: readonly NodeId[], p: number, members: readonly NodeId[]): NodeId[] {
  const near = [-2, -1, 1, 2].map((offset) => owners.at((p + offset) % owners.length));
  return members.filter((member) => !near.includes(member));
}

function canFill(owners: readonly NodeId[], open: readonly number[], members: readonly NodeId[]): boolean {
  const choices = open.map((p) => allowedAt(owners, p, members));
  if (choices.some((choice) => choice.length === 0)) return false;
  const start = members.map((member) => owners.filter((owner) => owner === member).length);
  const most = Math.ceil(owners.length / members.length);
  const least = Math.floor(owners.length / members.length);
  let reached = new Map([[start.join(' '), start]]);
  for (const choice of choices) {
    const next = new Map<string, number[]>();
    for (const counts of reached.values()) {
      for (const member of choice) {
        const at = members.indexOf(member);
        const count = counts[at] as number;
        if (count < most) {
          const more = counts.with(at, count + 1);
          next.set(more.join(' '), more);
        }
      }
    }
    reached = next;
  }
  return [...reached.values()].some((counts) => counts.every((count) => count >= least && count <= most));
}

describe.each([8, 16, 32, 64, 128, 256])('ring %i', (ringSize) => {
  const alone = Array.from({ length: ringSize }, () => 'a' as NodeId);
  let grown: readonly NodeId[] = alone;

  for (let count = 1; count <= MEMBERS_MAX; count++) {
    it(`${count} members, all at once and one by one, then one more and one less`, () => {
      const wanted = letters.slice(0, count);
      const fresh = claim({ owners: alone, members: wanted });
      check(fresh, ringSize, wanted, 'at once');
      if (count > 3) expect(windowsWithRepeat(fresh.owners, 4), 'at once: n4').toBe(0);
      const joined = claim({ owners: grown, members: wanted });
      check(joined, ringSize, wanted, 'one by one');
      if (count > 3) checkMoves(joined, 'one by one');
      grown = joined.owners;

      for (const ring of [fresh.owners, grown]) {
        const more = letters.slice(0, count + 1);
        const join = claim({ owners: ring, members: more });
        check(join, ringSize, more, 'join');
        if (count >= 3) checkMoves(join, 'join');
        for (const leaver of count > 1 ? wanted : []) {
          const fewer = wanted.filter((member) => member !== leaver);
          const leave = claim({ owners: ring, members: fewer });
          check(leave, ringSize, fewer, `${leaver} leaves`);
          checkLeave(leave, ring, fewer, `${leaver} leaves`);
        }
      }
    });
  }
});

describe('large rings', () => {
  it.each([4, 5, 12, 30, 100])('ring 1024, %i members', (count) => {
    const wanted = Array.from({ length: count }, (_, i) => `n${i}` as NodeId);
    const fresh = claim({ owners: Array.from({ length: 1024 }, () => 'n0' as NodeId), members: wanted });
    check(fresh, 1024, wanted, 'at once');
    const join = claim({ owners: fresh.owners, members: [...wanted, 'new' as NodeId] });
    check(join, 1024, [...wanted, 'new' as NodeId], 'join');
    checkMoves(join, 'join');
    const leave = claim({ owners: fresh.owners, members: wanted.slice(1) });
    check(leave, 1024, wanted.slice(1), 'leave');
    checkLeave(leave, fresh.owners, wanted.slice(1), 'leave');
  });
});
