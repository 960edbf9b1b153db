/** Whatever three copies hold, and whatever is lost on the way, in the end all hold the join of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExchangeStage } from '../../test/exchange-stage.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { rangeOf } from '../ring/ranges.ts';
import { leafWidth } from './leaves.ts';

const range = rangeOf(1 as PartitionId, 3);
const leaf = leafWidth(3);

/** Few positions, so that keys meet; some in one leaf, some at its edges, some far away. */
const position = fc.constantFrom(
  ...[0, 1, leaf - 1, leaf, leaf + 1, 63 * leaf, 64 * leaf, 64 * leaf - 1, range.end - range.start - 1],
);
const item = fc.record({
  at: position,
  hashLo: fc.constantFrom(0, 1, 2 ** 32 - 1),
  name: fc.constantFrom('a', 'b'),
  version: fc.nat(3),
  copies: fc.subarray([1, 2, 3], { minLength: 1 }),
});

describe('the exchange', () => {
  it('makes all copies the join of what they held', () => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 40 }),
        fc.infiniteStream(fc.nat(9)),
        fc.constantFrom('abcabcab', 'abababab', 'aaaaaaaa', 'abbbabbb'),
        (items, dice, owners) => {
          const stage = new ExchangeStage(owners);
          const join = new Map<string, number>();
          for (const { at, hashLo, name, version, copies } of items) {
            stage.put({ hashHi: range.start + at, hashLo, name, version }, copies);
            const key = `${range.start + at}.${hashLo}.${name}`;
            join.set(key, Math.max(join.get(key) ?? 0, version));
          }
          // For a minute one frame of ten is lost, then none.
          stage.isLost = () => dice.next().value === 0;
          stage.host.advance(60_000);
          stage.isLost = () => false;
          stage.host.advance(60_000);
          for (const partition of [1, 2, 3]) {
            const held = stage
              .vnode(partition)
              .items.map(({ hashHi, hashLo, name, version }) => [`${hashHi}.${hashLo}.${name}`, version]);
            expect(new Map(held as [string, number][])).toEqual(join);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
