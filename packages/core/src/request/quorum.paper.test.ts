/**
 * Dynamo 4.5: "Setting R and W such that R + W > N yields a quorum-like system."
 *
 * Looked at exhaustively: every pattern of owners, every set of primaries that can have made a write count, every set
 * that can make a read complete. Only primaries on both sides: what stand-ins add is more, and is promised nothing.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { preferenceList, primariesOf } from '../ring/preference-list.ts';
import { countedList, QuorumCount, quorumOf, type CountedList } from './quorum.ts';

/** Owners of n partitions in a row, up to the names of the nodes: aaa, aab, aba, abb, abc. */
function patternsOf(n: number): string[] {
  let patterns = [''];
  for (let i = 0; i < n; i++) {
    patterns = patterns.flatMap((pattern) => {
      const seen = new Set(pattern).size;
      return [...'abcde'.slice(0, seen + 1)].map((node) => pattern + node);
    });
  }
  return patterns;
}

function subsetsOf<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>(
    (subsets, item) => [...subsets, ...subsets.map((subset) => [...subset, item])],
    [[]],
  );
}

/** The list of a key whose primaries have these owners; nobody else is up who could stand in. */
function listUnder(pattern: string, isUp: (node: NodeId) => boolean): CountedList {
  const n = pattern.length;
  const owners = [...pattern] as NodeId[];
  const distinct = new Set(primariesOf(0 as PartitionId, n, owners).map(({ node }) => node)).size;
  const primaries = preferenceList(0 as PartitionId, n, owners, isUp).filter(
    ({ role }) => role === 'primary',
  );
  return countedList(primaries, n, distinct, 'z' as NodeId);
}

/** Partitions whose answers make `needed` count, over every set of live nodes and of live vnodes that answer. */
function quorumsOf(
  pattern: string,
  needed: number,
  isComplete: (count: QuorumCount) => boolean,
): Set<string> {
  const quorums = new Set<string>();
  for (const live of subsetsOf([...new Set(pattern)])) {
    const list = listUnder(pattern, (node) => live.includes(node));
    for (const answering of subsetsOf([...list.replicas.keys()])) {
      const count = new QuorumCount();
      count.begin(list, quorumOf(list, needed));
      list.replicas.forEach((_, at) => {
        count.asked |= 1 << at;
        if (answering.includes(at)) count.answered(at, true);
        else count.failed(at);
      });
      if (isComplete(count))
        quorums.add(
          answering
            .map((at) => list.replicas[at]?.partition)
            .toSorted()
            .join(),
        );
    }
  }
  return quorums;
}

const meets = (a: string, b: string): boolean =>
  a.split(',').some((partition) => b.split(',').includes(partition));

describe.each([3, 4, 5])('n = %i', (n) => {
  const numbers = [...Array(n).keys()].map((at) => at + 1);

  it.each(patternsOf(n))('owners %s: each read meets each acknowledged write, where r + w > n', (pattern) => {
    for (const w of numbers) {
      const writes = quorumsOf(pattern, w, (count) => count.met);
      for (const r of numbers.filter((r) => r + w > n)) {
        const reads = quorumsOf(pattern, r, (count) => count.met || (count.settled && count.metByPrimaries));
        for (const write of writes) {
          for (const read of reads)
            expect(meets(write, read), `w=${w} by ${write}, r=${r} by ${read}`).toBe(true);
        }
      }
    }
  });

  it('and a majority of the owners, whoever is down, completes a read of a majority', () => {
    const majority = Math.floor(n / 2) + 1;
    for (const pattern of patternsOf(n)) {
      const nodes = [...new Set(pattern)];
      for (const live of subsetsOf(nodes).filter(({ length }) => length > nodes.length / 2)) {
        const list = listUnder(pattern, (node) => live.includes(node));
        const count = new QuorumCount();
        count.begin(list, quorumOf(list, majority));
        list.replicas.forEach((_, at) => count.answered(at, true));
        const isMinorityOfCopies = list.replicas.length < majority && nodes.length === n;
        expect(
          count.met || count.metByPrimaries || isMinorityOfCopies,
          `${pattern}, up: ${live.join('')}`,
        ).toBe(true);
      }
    }
  });
});
