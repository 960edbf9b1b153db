import { describe, expect, it } from 'vitest';
import { loadVectors } from '../../test-vectors/load.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { hashKey, partitionOf, ringBits, ringIndexOf } from './hash-space.ts';
import { preferenceList, primariesOf, type Replica } from './preference-list.ts';

interface PreflistVectors {
  readonly rings: readonly {
    readonly ringSize: number;
    readonly nodes: readonly NodeId[];
    readonly owners: readonly number[];
    readonly cases: readonly {
      readonly down: readonly number[];
      readonly preflists: readonly {
        readonly key: string;
        readonly primaries: readonly [string, number][];
        readonly apl: readonly [string, number, string][];
      }[];
    }[];
  }[];
}

describe('preference list, against the original', () => {
  for (const ring of loadVectors<PreflistVectors>('preflist').rings) {
    const nodeAt = (at: number): NodeId => ring.nodes[at - 1] as NodeId;
    const owners = ring.owners.map(nodeAt);
    const indexOf = ({ partition }: Replica): string => String(ringIndexOf(partition, ring.ringSize));

    it.each(ring.cases)(`ring ${ring.ringSize}, down: $down`, ({ down, preflists }) => {
      const away = new Set(down.map(nodeAt));
      for (const { key, primaries, apl } of preflists) {
        const words = new Uint32Array(5);
        hashKey(key, words);
        const first = partitionOf(words[0] as number, ringBits(ring.ringSize));
        const ours = preferenceList(first, 3, owners, (node) => !away.has(node));
        expect(primariesOf(first, 3, owners).map((r) => [indexOf(r), r.node])).toEqual(
          primaries.map(([at, n]) => [at, nodeAt(n)]),
        );
        expect(ours.map((r) => [indexOf(r), r.node, r.role])).toEqual(
          apl.map(([at, n, role]) => [at, nodeAt(n), role]),
        );
      }
    });
  }
});

const draw = (list: readonly Replica[]): string =>
  list.map((r) => `${r.partition}@${r.node}${r.role === 'fallback' ? '!' : ''}`).join(' ');

describe('preference list', () => {
  const owners = [...'abcdabcd'] as NodeId[];
  const listOf = (first: number, n: number, down: string): string =>
    draw(preferenceList(first as PartitionId, n, owners, (node) => !down.includes(node)));

  it.each([
    ['all up', 0, 3, '', '0@a 1@b 2@c'],
    ['round the end of the ring', 6, 3, '', '6@c 7@d 0@a'],
    ['a fallback answers for the partition of the one away', 0, 3, 'b', '0@a 2@c 1@d!'],
    ['a fallback may be in the list already', 0, 3, 'bd', '0@a 2@c 1@a!'],
    ['a lone survivor stands in for everyone while places last', 0, 3, 'bcd', '0@a 1@a!'],
    ['nobody up', 0, 3, 'abcd', ''],
    ['more copies than partitions', 0, 9, '', '0@a 1@b 2@c 3@d 4@a 5@b 6@c 7@d'],
  ])('%s', (_, first, n, down, expected) => expect(listOf(first, n, down)).toBe(expected));
});
