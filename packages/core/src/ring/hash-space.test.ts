import { afterAll, describe, expect, it } from 'vitest';
import { loadVectors } from '../../test-vectors/load.ts';
import { latin1Decode } from '../base/bytes.ts';
import { sha1Hex } from '../base/sha1.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { hashKey, partitionAt, partitionOf, ringBits, ringIndexOf, ringSizeProblem } from './hash-space.ts';
import { primariesOf } from './preference-list.ts';

interface Place {
  readonly primary: string;
  readonly primaryPos: number;
  readonly preflist3: readonly string[];
}

interface HashVectors {
  readonly keys: readonly {
    keyHex: string;
    hashHex: string;
    hashDec: string;
    rings: Record<string, Place>;
  }[];
  readonly boundaries: readonly { hashHex: string; rings: Record<string, Place> }[];
  readonly tutorial: readonly {
    key: string;
    ringSize: number;
    computed: string;
    preflist3: readonly string[];
  }[];
}

const vectors = loadVectors<HashVectors>('hash');
let compared = 0;
let agreeing = 0;

function preflist3Of(first: PartitionId, ringSize: number): string[] {
  const owners = Array.from({ length: ringSize }, () => 'n' as NodeId);
  return primariesOf(first, 3, owners).map(({ partition }) => String(ringIndexOf(partition, ringSize)));
}

/** What we say about a hash, in the form of the vectors. */
function placeOf(hashHex: string, ringSize: number): Place {
  const primaryPos = partitionOf(Number.parseInt(hashHex.slice(0, 8), 16), ringBits(ringSize));
  return {
    primary: String(ringIndexOf(primaryPos, ringSize)),
    primaryPos,
    preflist3: preflist3Of(primaryPos, ringSize),
  };
}

function hashHexOf(key: string): string {
  const words = new Uint32Array(5);
  hashKey(key, words);
  return sha1Hex(words);
}

function compare(check: () => void): void {
  compared++;
  check();
  agreeing++;
}

describe('hash space, against the original', () => {
  it('hashes and places every key alike', () => {
    for (const row of vectors.keys) {
      compare(() => {
        const hashHex = hashHexOf(latin1Decode(Buffer.from(row.keyHex, 'hex')));
        expect(hashHex).toBe(row.hashHex);
        for (const [size, place] of Object.entries(row.rings))
          expect(placeOf(hashHex, Number(size))).toEqual(place);
      });
    }
  });

  it('places hashes at the borders of partitions alike', () => {
    for (const row of vectors.boundaries) {
      compare(() => {
        for (const [size, place] of Object.entries(row.rings))
          expect(placeOf(row.hashHex, Number(size))).toEqual(place);
      });
    }
  });

  // The tutorial's other keys are Erlang atoms, which nobody here can name: of those only the places are compared.
  it('counts partitions as the tutorial prints them', () => {
    for (const row of vectors.tutorial) {
      compare(() => {
        const first = partitionAt(BigInt(row.computed), row.ringSize) as PartitionId;
        if (row.key.startsWith('"ping1"'))
          expect(placeOf(hashHexOf('ping1'), row.ringSize).primaryPos).toBe(first);
        expect(preflist3Of(first, row.ringSize)).toEqual(row.preflist3);
      });
    }
  });

  afterAll(() => console.log(`vectors: hash ${compared} rows compared, ${agreeing} agree`));
});

describe('hash space', () => {
  it('a partition and its index name each other', () => {
    for (const size of [8, 64, 1024]) {
      for (let p = 0; p < size; p++) expect(partitionAt(ringIndexOf(p as PartitionId, size), size)).toBe(p);
    }
  });

  it.each([[1n], [-1n], [1n << 160n], [(1n << 156n) + 1n]])('no partition begins at %s', (index) => {
    expect(partitionAt(index, 16)).toBeUndefined();
  });

  it('knows good ring sizes from bad ones', () => {
    for (const size of [8, 16, 1024]) expect(ringSizeProblem(size)).toBeUndefined();
    for (const size of [0, 4, 12, 2048, 16.5, Number.NaN])
      expect(ringSizeProblem(size)).toMatch('power of two');
  });
});
