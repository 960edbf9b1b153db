/** The trees of a vnode through restarts, one case at a time. Two items are counted in one step. */
import { describe, expect, it } from 'vitest';
import { CountingVnode, PLACE, RANGE } from '../../test/counting-vnode.ts';
import { ManualStore } from '../../test/manual-store.ts';
import { SPACE_INDEX, type StoreRecord } from '../contracts/store.ts';

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

/** So far apart that each lies in a group of its own. */
const far = (step: number): readonly [number, number] => [RANGE.start + step * 2 ** 22, 0];

function indexOf({ store }: CountingVnode): string[] {
  const keys: string[] = [];
  store.walk(SPACE_INDEX, PLACE, undefined, 10_000, (hashHi, _lo, key) => {
    return keys.push(`${key} ${(hashHi - RANGE.start) / 2 ** 21}`) > 0;
  });
  return keys;
}

/** Until nothing is left to write. */
function checkpointed(vnode: CountingVnode): CountingVnode {
  vnode.host.advance(30_000);
  for (let i = 0; i < 20; i++) vnode.step();
  vnode.store.commit();
  return vnode;
}

function spread(items: number): CountingVnode {
  const vnode = new CountingVnode(new ManualStore());
  for (let i = 0; i < items; i++) vnode.set(far(i), i + 1);
  vnode.store.commit();
  return vnode;
}

describe('a start', () => {
  it('counts nothing when the node stopped in order', () => {
    const before = spread(20);
    expect(indexOf(before)).toHaveLength(20);
    before.trees.close(true);
    before.store.commit();
    expect(indexOf(before).every((key) => key.startsWith('sums'))).toBe(true);
    const after = killed(before);
    expectExact(after);
    expect([after.visited, after.logged]).toEqual([0, []]);
  });

  it('counts what has changed since the last checkpoint and nothing else', () => {
    const before = checkpointed(spread(20));
    before.set(far(3), 99);
    before.set(far(5), undefined);
    before.set(far(30), 5);
    before.store.commit();
    expect(indexOf(before).filter((key) => key.startsWith('mark'))).toEqual(['mark 6', 'mark 10', 'mark 60']);
    const after = killed(before);
    expectExact(after);
    expect([after.visited, after.logged]).toEqual([2, []]);
  });

  it('writes no second mark, however often a group changes, and one again after a checkpoint', () => {
    const vnode = spread(1);
    for (let value = 2; value < 9; value++) vnode.set(far(0), value);
    expect(vnode.store.submitted.filter((batch) => batch.includes('+(mark)'))).toHaveLength(1);
    checkpointed(vnode).set(far(0), 9);
    expect(vnode.store.submitted.at(-1)).toBe('+k +(mark)');
  });

  it('counts all of it where there are no records, as a version without trees left it', () => {
    const before = checkpointed(spread(20));
    before.store.submit(before.trees.removals());
    before.store.commit();
    expect(indexOf(before)).toEqual([]);
    const after = killed(before);
    expectExact(after);
    expect(after.visited).toBe(20);
    expect(after.logged).toEqual(['the hash tree of a range is not as it was stored; it is counted']);
    const third = killed(checkpointed(after));
    expectExact(third);
    expect([third.visited, third.logged]).toEqual([0, []]);
  });

  it('does not believe sums that do not amount to the digest', () => {
    const before = checkpointed(spread(20));
    const [stale] = [...before.store.valuesOf(SPACE_INDEX)];
    before.store.submit([{ ...(stale as StoreRecord), value: undefined }]);
    before.store.commit();
    const after = killed(before);
    after.set(far(1), 7);
    expectExact(after);
    expect(after.logged).toHaveLength(1);
    const third = killed(checkpointed(after));
    expectExact(third);
    expect(third.logged).toEqual([]);
  });

  it.each([
    ['of another form', [2, 14]],
    ['of leaves cut otherwise', [1, 13]],
  ])('counts a group whose sums are %s', (_, head) => {
    const before = checkpointed(spread(3));
    const [record] = [...before.store.valuesOf(SPACE_INDEX)];
    const value = record?.value?.slice() as Uint8Array;
    value.set(head);
    before.store.submit([{ ...(record as StoreRecord), value }]);
    before.store.commit();
    const after = killed(before);
    expectExact(after);
    expect([after.visited, after.logged]).toEqual([1, []]);
  });
});

describe('a checkpoint', () => {
  it('comes half a minute after the first change, a few groups in a step', () => {
    const vnode = spread(100);
    vnode.host.advance(29_000);
    vnode.step();
    const before = vnode.store.submitted.length;
    expect(before).toBe(100);
    vnode.host.advance(1_000);
    for (let steps = 1; steps <= 4; steps++) {
      vnode.step();
      expect(vnode.store.submitted).toHaveLength(before + steps);
    }
    vnode.store.commit();
    expect(indexOf(vnode)).toHaveLength(100);
    expect(vnode.host.timers).toBe(0);
  });

  it('is tried again when the store did not take it', () => {
    const vnode = spread(2);
    vnode.store.full = true;
    checkpointed(vnode);
    expect(indexOf(vnode)).toEqual(['mark 0', 'mark 2']);
    vnode.store.full = false;
    checkpointed(vnode);
    expect(indexOf(vnode)).toEqual(['sums 0', 'sums 2']);
  });

  it('that the store lost is written again', () => {
    const vnode = spread(2);
    vnode.host.advance(30_000);
    vnode.step();
    vnode.store.fail();
    vnode.store.full = false;
    expect(indexOf(vnode)).toEqual(['mark 0', 'mark 2']);
    checkpointed(vnode);
    expect(indexOf(vnode)).toEqual(['sums 0', 'sums 2']);
  });

  it('is not made by a vnode that is closed, nor by one that is not trusted', () => {
    const vnode = spread(2);
    vnode.host.advance(30_000);
    vnode.trees.close(false);
    vnode.step();
    expect(vnode.host.timers).toBe(0);
    vnode.store.commit();
    expect(indexOf(vnode)).toEqual(['mark 0', 'mark 2']);
  });

  it('is never made where nothing outlives the process', () => {
    const store = new ManualStore();
    store.volatile = true;
    const vnode = new CountingVnode(store);
    for (let i = 0; i < 5; i++) vnode.set(far(i), i + 1);
    checkpointed(vnode).trees.close(true);
    store.commit();
    expectExact(vnode);
    expect(store.submitted).toEqual(Array(5).fill('+k'));
    const next = killed(vnode);
    expectExact(next);
    expect([next.visited, next.logged]).toEqual([5, []]);
  });
});

describe('the last item', () => {
  it('takes with it what is stored of the trees', () => {
    const vnode = checkpointed(spread(3));
    vnode.set(far(3), 4);
    vnode.store.commit();
    for (let i = 0; i < 4; i++) vnode.set(far(i), undefined);
    vnode.store.commit();
    expect(indexOf(vnode)).toEqual([]);
    vnode.set(far(9), 1);
    expectExact(vnode);
    vnode.store.commit();
    expect(indexOf(vnode)).toEqual(['mark 18']);
  });
});
