/** A tree is the sum of what was added to it, whichever way it is cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartitionId } from '../contracts/ids.ts';
import { rangeOf } from '../ring/ranges.ts';
import { HashTree } from './hash-tree.ts';
import { leafBits } from './leaves.ts';

interface Added {
  readonly hashHi: number;
  readonly state: bigint;
}

const PARTITION = 5 as PartitionId;
const MOD = 2n ** 64n;

const someBits = fc.constantFrom(3, 4, 6, 10);
const word = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1));
const someAdded = fc.array(
  fc
    .record({ at: fc.oneof(word, fc.nat(300)), hi: word, lo: word })
    .map(({ at, hi, lo }) => ({ at, hi, lo })),
  { maxLength: 60 },
);

/** Within the range, wherever that is. */
function place(bits: number, at: number): number {
  const { start, end } = rangeOf(PARTITION, bits);
  return start + (at % (end - start));
}

function words(sum: bigint): number[] {
  return [Number((sum % MOD) >> 32n), Number(sum % 2n ** 32n)];
}

/** The dumb twin. */
function sumsOf(added: readonly Added[], start: number, end: number, parts: number): number[] {
  const width = (end - start) / parts;
  return Array.from({ length: parts }, (_, part) => {
    const from = start + part * width;
    const within = added.filter(({ hashHi }) => hashHi >= from && hashHi < from + width);
    return words(within.reduce((sum, { state }) => sum + state, 0n));
  }).flat();
}

function treeOf(
  bits: number,
  some: readonly { at: number; hi: number; lo: number }[],
): {
  tree: HashTree;
  added: Added[];
} {
  const tree = new HashTree({ ringBits: bits });
  const added = some.map(({ at, hi, lo }) => {
    const hashHi = place(bits, at);
    tree.add(hashHi, hi, lo);
    return { hashHi, state: (BigInt(hi) << 32n) + BigInt(lo) };
  });
  return { tree, added };
}

describe('a hash tree', () => {
  it('is the sum of what was added, in parts of any size down to a leaf', () => {
    fc.assert(
      fc.property(someBits, someAdded, fc.nat(14), fc.nat(14), word, (bits, some, within, parts, where) => {
        const { tree, added } = treeOf(bits, some);
        const range = rangeOf(PARTITION, bits);
        const cut = Math.min(within, leafBits(bits));
        const width = (range.end - range.start) / 2 ** cut;
        const start = range.start + (where % 2 ** cut) * width;
        const count = 2 ** Math.min(parts, leafBits(bits) - cut, 8);
        expect([...tree.sums({ start, end: start + width }, count)]).toEqual(
          sumsOf(added, start, start + width, count),
        );
        expect([...tree.root()]).toEqual(sumsOf(added, range.start, range.end, 1));
      }),
      { numRuns: 300 },
    );
  });

  it('forgets what is taken back, in any order', () => {
    fc.assert(
      fc.property(someBits, someAdded, someAdded, (bits, stays, goes) => {
        const { tree } = treeOf(bits, [...goes, ...stays]);
        for (const { at, hi, lo } of goes.toReversed()) tree.subtract(place(bits, at), hi, lo);
        const range = rangeOf(PARTITION, bits);
        const parts = 2 ** leafBits(bits);
        expect(tree.sums(range, parts).join()).toBe(treeOf(bits, stays).tree.sums(range, parts).join());
      }),
    );
  });

  it('counts nothing of a group that was cleared, and all of the others', () => {
    fc.assert(
      fc.property(someBits, someAdded, fc.nat(), (bits, some, which) => {
        const { tree, added } = treeOf(bits, some);
        const group = which % tree.groups;
        tree.clearGroup(group);
        const others = added.filter(({ hashHi }) => tree.groupOf(hashHi) !== group);
        const { start, end } = rangeOf(PARTITION, bits);
        expect([...tree.sums({ start, end }, tree.groups)]).toEqual(sumsOf(others, start, end, tree.groups));
        const width = tree.groupWidth;
        const from = start + group * width;
        expect([...tree.sums({ start: from, end: from + width }, 64)]).toEqual(Array(128).fill(0));
      }),
    );
  });
});
