import { describe, expect, it } from 'vitest';
import { loadVectors } from '../../test-vectors/load.ts';
import type { NodeId } from '../contracts/ids.ts';
import { certify } from './certificate.ts';
import { claim, type ClaimResult } from './claim.ts';

const ids = (letters: string): NodeId[] => [...letters] as NodeId[];
const members = (count: number): NodeId[] => ids('abcdefghijklmnopqrstuvwxyz'.slice(0, count));
const allOwnedByA = (ringSize: number): NodeId[] => ids('a'.repeat(ringSize));
const draw = ({ owners }: ClaimResult): string => owners.join('');
const spreadOf = ({ certificate }: ClaimResult): number =>
  Math.max(...certificate.counts.values()) - Math.min(...certificate.counts.values());

describe('the ring of the tutorial', () => {
  it('comes out when three claim it at once', () => {
    const three = claim({ owners: allOwnedByA(16), members: ids('abc') });
    expect(draw(three)).toBe('abcabcabcabcabca');
    expect(three.certificate).toEqual({
      counts: new Map(Object.entries({ a: 6, b: 5, c: 5 })),
      violations: { n3: 2, n4: 16 },
      moves: 10,
      leastMoves: 10,
      avoidable: false,
    });
  });

  it('comes out when they join one after the other', () => {
    const two = claim({ owners: allOwnedByA(16), members: ids('ab') });
    expect(draw(two)).toBe('abababababababab');
    expect(draw(claim({ owners: two.owners, members: ids('abc') }))).toBe('abcabcabcabcabca');
  });
});

interface ClaimVectors {
  readonly fresh: readonly Row[];
  readonly sequentialJoins: readonly { readonly ringSize: number; readonly steps: readonly Row[] }[];
}

interface Row {
  readonly ringSize: number;
  readonly members: readonly number[];
  readonly owners: readonly number[];
  readonly spread: number;
  readonly targetN3: { readonly windowsWithRepeat: number };
  readonly targetN4: { readonly windowsWithRepeat: number };
}

const nodeAt = (at: number): NodeId => members(12)[at - 1] as NodeId;
const expectNoWorse = (result: ClaimResult, row: Row, name: string): void => {
  expect(spreadOf(result), `${name}: spread`).toBeLessThanOrEqual(Math.min(1, row.spread));
  expect(result.certificate.violations.n3, `${name}: n3`).toBeLessThanOrEqual(row.targetN3.windowsWithRepeat);
};

describe('against the original', () => {
  const vectors = loadVectors<ClaimVectors>('claim');
  it('no worse where all join at once', () => {
    for (const row of vectors.fresh) {
      const name = `ring ${row.ringSize}, ${row.members.length} nodes`;
      const result = claim({ owners: allOwnedByA(row.ringSize), members: row.members.map(nodeAt) });
      expectNoWorse(result, row, name);
      expect(result.certificate.violations.n4, `${name}: n4`).toBeLessThanOrEqual(
        row.targetN4.windowsWithRepeat,
      );
    }
  });

  it('no worse where they join one by one, on our rings and on its own', () => {
    for (const { ringSize, steps } of vectors.sequentialJoins) {
      let ours: readonly NodeId[] = allOwnedByA(ringSize);
      let theirs: readonly NodeId[] = ours;
      for (const step of steps) {
        const wanted = step.members.map(nodeAt);
        const name = `ring ${ringSize}, node ${wanted.length} joins`;
        const onOurs = claim({ owners: ours, members: wanted });
        expectNoWorse(onOurs, step, name);
        expectNoWorse(claim({ owners: theirs, members: wanted }), step, `${name} theirs`);
        ours = onOurs.owners;
        theirs = step.owners.map(nodeAt);
      }
    }
  });
});

describe('changes', () => {
  const eight = claim({ owners: allOwnedByA(64), members: members(8) }).owners;

  it.each([
    ['a join', ids('abcdefghi')],
    ['a leave', ids('abdefgh')],
    ['a replacement', ids('abXdefgh')],
    ['two join, one leaves', ids('abdefghij')],
  ])('%s moves at most the least and one, and keeps the spacing', (_, wanted) => {
    const result = claim({ owners: eight, members: wanted });
    const { moves, leastMoves, violations, avoidable } = result.certificate;
    expect(moves).toBeLessThanOrEqual(leastMoves + 1);
    expect(violations.n3).toBe(0);
    expect(avoidable).toBe(false);
    expect(spreadOf(result)).toBeLessThanOrEqual(1);
    expect([...result.certificate.counts.keys()]).toEqual(wanted);
  });

  it.each([1, 2, 3, 4, 5, 8, 12, 20])('with %i members a ring that is good stays as it is', (count) => {
    const first = claim({ owners: allOwnedByA(32), members: members(count) });
    const again = claim({ owners: first.owners, members: members(count) });
    expect(again.owners).toEqual(first.owners);
    expect(again.certificate.moves).toBe(0);
  });

  it('the same input gives the same output, whatever was claimed in between', () => {
    const input = { owners: eight, members: members(11) };
    const first = claim(input);
    claim({ owners: allOwnedByA(16), members: members(5) });
    expect(claim(input)).toEqual(first);
  });

  it('repairs a ring that someone else left with lists on one node', () => {
    const { violations } = claim({ owners: ids('aabbccdd'.repeat(2)), members: ids('abcd') }).certificate;
    expect(violations.n3).toBe(0);
  });

  it('with more members than partitions some own nothing', () => {
    const result = claim({ owners: allOwnedByA(8), members: members(12) });
    expect(spreadOf(result)).toBe(1);
    expect(result.certificate).toMatchObject({ moves: 7, leastMoves: 7, violations: { n3: 0, n4: 0 } });
  });

  it('a ring whose owners all left is drawn anew', () => {
    const { certificate } = claim({ owners: ids('xy'.repeat(8)), members: ids('abcd') });
    expect(certificate).toMatchObject({ moves: 16, leastMoves: 16, violations: { n3: 0, n4: 0 } });
  });

  it('a wider target spreads wider', () => {
    const { owners } = claim({ owners: allOwnedByA(64), members: members(9), target: 6 });
    for (let p = 0; p < 64; p++) {
      const window = Array.from({ length: 6 }, (_, i) => owners[(p + i) % 64]);
      expect(new Set(window).size, `window at ${p}: ${window.join('')}`).toBe(6);
    }
  });
});

const inRacks = (...racks: string[]): { members: NodeId[]; locations: Map<NodeId, string> } => ({
  members: ids(racks.join('')),
  locations: new Map(racks.flatMap((rack, at) => ids(rack).map((node) => [node, `rack ${at}`] as const))),
});

describe('locations', () => {
  it.each([
    ['two racks: no list in one of them', inRacks('abc', 'def'), 0],
    ['four racks: three of them in every list', inRacks('ab', 'cd', 'ef', 'gh'), 0],
    ['three racks take turns, and 16 is no multiple of three', inRacks('abcd', 'efgh', 'ijkl'), 2],
    ['one node in a rack of its own is no rack', inRacks('a', 'b', 'c', 'd', 'e'), 0],
  ])('%s', (_, { members: wanted, locations }, least) => {
    const result = claim({ owners: allOwnedByA(16), members: wanted, locations });
    expect(result.certificate.locationViolations).toBe(least);
    expect(result.certificate.violations.n3).toBe(0);
    expect(spreadOf(result)).toBeLessThanOrEqual(1);
  });

  it('three racks of three take turns on a large ring too', () => {
    const { members: wanted, locations } = inRacks('abc', 'def', 'ghi');
    const { certificate } = claim({ owners: allOwnedByA(256), members: wanted, locations });
    expect(certificate).toMatchObject({ locationViolations: 2, violations: { n3: 0, n4: 0 } });
    expect(certificate.moves).toBe(certificate.leastMoves);
  });

  it('the seam of three nodes keeps two racks apart', () => {
    const { members: wanted, locations } = inRacks('ab', 'c');
    const { certificate } = claim({ owners: allOwnedByA(16), members: wanted, locations });
    expect(certificate).toMatchObject({ locationViolations: 0, violations: { n3: 2 } });
  });

  it('who has no location stands in one of its own', () => {
    const locations = new Map<NodeId, string>([['a' as NodeId, '']]);
    const { certificate } = claim({ owners: allOwnedByA(16), members: members(5), locations });
    expect(certificate.locationViolations).toBe(0);
  });
});

describe('what is refused', () => {
  it.each([
    ['no members', { owners: allOwnedByA(8), members: [] }],
    ['a member named twice', { owners: allOwnedByA(8), members: ids('aba') }],
    ['a ring too short', { owners: ids('aaaaa'), members: ids('ab') }],
    ['a target beyond nine', { owners: allOwnedByA(64), members: ids('ab'), target: 10 }],
  ])('%s', (_, input) => expect(() => claim(input)).toThrow('broken invariant'));

  it('no certificate for a ring that strangers own', () => {
    const input = { owners: allOwnedByA(8), members: ids('ab') };
    expect(() => certify({ ...input, after: ids('abababax') })).toThrow('members own the whole ring');
    expect(() => certify({ ...input, after: ids('abababababababab') })).toThrow('members own the whole ring');
  });

  it('a certificate says what could have been avoided', () => {
    const bad = certify({ owners: allOwnedByA(8), members: ids('abcd'), after: ids('aabbccdd') });
    expect(bad).toMatchObject({ violations: { n3: 8, n4: 8 }, moves: 6, leastMoves: 6, avoidable: true });
  });
});
