/**
 * Whatever happens to a vnode and its store, and wherever a count stands: sums are those of what is held. What the disk says
 * is believed, and right, unless something else wrote there.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SPACE_INDEX } from '../contracts/store.ts';
import { CountingVnode, RANGE } from '../../test/counting-vnode.ts';
import { ManualStore } from '../../test/manual-store.ts';

const HASHES = 12;
const hash = fc.nat(HASHES - 1);
const amount = fc.nat(4);
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);
const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: kind('set'), hash, amount }) },
  { weight: 2, arbitrary: fc.record({ move: kind('remove'), hash, amount }) },
  { weight: 1, arbitrary: fc.record({ move: kind('remove all'), hash, amount }) },
  { weight: 3, arbitrary: fc.record({ move: kind('commit'), hash, amount }) },
  { weight: 1, arbitrary: fc.record({ move: kind('fail'), hash, amount }) },
  { weight: 1, arbitrary: fc.record({ move: kind('refuse'), hash, amount }) },
  { weight: 3, arbitrary: fc.record({ move: kind('count'), hash, amount }) },
  { weight: 2, arbitrary: fc.record({ move: kind('checkpoint'), hash, amount }) },
  { weight: 1, arbitrary: fc.record({ move: kind('crash'), hash, amount }) },
  { weight: 1, arbitrary: fc.record({ move: kind('stop'), hash, amount }) },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;

/** Neighbours at the front of one group, some in others. */
function placed(hash: number): readonly [number, number] {
  return hash < 8 ? [RANGE.start + (hash >> 1), hash & 1] : [RANGE.start + hash * 2 ** 24, 0];
}

/** What goes on after it. */
function play(vnode: CountingVnode, { move, hash, amount }: Move, seed: number): CountingVnode {
  const { store } = vnode;
  switch (move) {
    case 'set':
      vnode.set(placed(hash), seed * 7 + amount + 1);
      return vnode;
    case 'remove':
      vnode.set(placed(hash), undefined);
      return vnode;
    case 'remove all':
      for (let hash = 0; hash < HASHES; hash++) vnode.set(placed(hash), undefined);
      return vnode;
    case 'commit':
      store.commit(Math.min(store.submittedSeq, store.committedSeq + amount));
      return vnode;
    case 'fail':
      store.fail(store.committedSeq + 1 + amount);
      store.full = false;
      return vnode;
    case 'refuse':
      store.full = true;
      vnode.set(placed(hash), seed);
      store.full = false;
      return vnode;
    case 'count':
      vnode.trees.sums(RANGE, 1);
      for (let step = 0; step < amount; step++) vnode.step();
      return vnode;
    case 'checkpoint':
      vnode.host.advance(30_000);
      for (let step = 0; step < amount * 8; step++) vnode.step();
      return vnode;
    case 'crash':
      store.commit(Math.min(store.submittedSeq, store.committedSeq + amount));
      return new CountingVnode(store.reopen());
    case 'stop':
      vnode.trees.close(true);
      store.commit();
      return new CountingVnode(store.reopen());
  }
}

describe('stored trees', () => {
  it('are the sums of what is held, and believe the disk', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60, size: 'max' }), (moves) => {
        let vnode = new CountingVnode(new ManualStore());
        for (const [seed, each] of moves.entries()) {
          vnode = play(vnode, each, seed + 1);
          expect(vnode.logged).toEqual([]);
          const sums = vnode.trees.sums(RANGE, 256);
          if (sums !== undefined) expect([...sums].join()).toBe(vnode.summed(256).join());
          const isSettled = vnode.store.committedSeq === vnode.store.submittedSeq;
          if (vnode.isEmpty && isSettled) expect(vnode.store.places(SPACE_INDEX)).toEqual([]);
        }
        expect(vnode.countedSums(256).join()).toBe(vnode.summed(256).join());
        expect(vnode.logged).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
