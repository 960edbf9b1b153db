import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import { claim } from './claim.ts';

const everyone = [...'abcdefghij'] as NodeId[];

/** Any ring at all, owned by members and strangers in any order. */
const anyInput = fc
  .record({
    ringSize: fc.constantFrom(8, 16, 32),
    members: fc.shuffledSubarray(everyone, { minLength: 1 }),
    racks: fc.array(fc.constantFrom('', 'r1', 'r2', 'r3', 'r4'), { minLength: 10, maxLength: 10 }),
  })
  .chain(({ ringSize, members, racks }) =>
    fc.record({
      owners: fc.array(fc.constantFrom(...everyone), { minLength: ringSize, maxLength: ringSize }),
      members: fc.constant(members),
      locations: fc.constant(new Map(everyone.map((node, i) => [node, racks[i] as string]))),
    }),
  );

const rename = (node: NodeId): NodeId => `${node}${node}` as NodeId;

describe('whatever the ring was', () => {
  it('members own all of it, in shares that differ by at most one', () => {
    fc.assert(
      fc.property(anyInput, ({ owners, members, locations }) => {
        const result = claim({ owners, members, locations });
        const counts = members.map((member) => result.owners.filter((owner) => owner === member).length);
        expect(counts.reduce((a, b) => a + b)).toBe(owners.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(result.certificate.moves).toBeGreaterThanOrEqual(result.certificate.leastMoves);
      }),
      { numRuns: 25 },
    );
  });

  it('no list of three has a node twice where arithmetic lets that be', () => {
    fc.assert(
      fc.property(anyInput, ({ owners, members }) => {
        expect(claim({ owners, members }).certificate.avoidable).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  it('names do not matter, only the order of the members does', () => {
    fc.assert(
      fc.property(anyInput, ({ owners, members }) => {
        const renamed = claim({ owners: owners.map(rename), members: members.map(rename) });
        expect(renamed.owners).toEqual(claim({ owners, members }).owners.map(rename));
      }),
      { numRuns: 20 },
    );
  });
});
