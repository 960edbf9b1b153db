/** The trees of a vnode through restarts, one case at a time. Two items are counted in one step. */
import { describe, expect, it } from 'vitest';
import { CountingVnode, PLACE, RANGE } from '../../test/counting-vnode.ts';
import { ManualStore } from '../../test/manual-store.ts';
import { SPACE_INDEX } from '../contracts/store.ts';

const at = (step: number): readonly [number, number] => [RANGE.start + step, 0];

function filled(items: number): CountingVnode {
  const vnode = new CountingVnode(new ManualStore());
  for (let i = 0; i < items; i++) vnode.set(at(i), i + 1);
  vnode.store.commit();
  return vnode;
}

function killed(vnode: CountingVnode): CountingVnode {
  return new CountingVnode(vnode.store.reopen());
}

function expectExact(vnode: CountingVnode): void {
  expect(vnode.countedSums(256).join()).toBe(vnode.summed(256).join());
}

describe('a count', () => {
  it.each([
    ['before where it stands', 0],
    ['where it stands', 1],
    ['behind where it stands', 2],
    ['far behind it', 5],
  ])('goes on under a change %s', (_, step) => {
    for (const value of [77, undefined]) {
      const vnode = killed(filled(6));
      expect(vnode.trees.sums(RANGE, 1)).toBeUndefined();
      vnode.step();
      vnode.set(at(step), value);
      expectExact(vnode);
      expect(vnode.logged).toEqual([]);
    }
  });
});
