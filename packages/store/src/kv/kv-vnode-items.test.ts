/** The items of a vnode, as handoff walks, brings and takes them. What a vnode holds is said as `7:text`: written at 7; a tombstone as `7:-`. */
import { ALL_HASHES, covers, rangeOf, SPACE_ENTRY, type PartitionId } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { PLACE, recountOf, talliesOf, VnodeStage, walk } from '../../test/kv/vnode-stage.ts';
import { placeKey } from './coordinator.ts';
import { encodeItem } from './items.ts';

describe('a walk over all items', () => {
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);

  it('comes by each of them, a page at a time', () => {
    const stage = new VnodeStage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    expect(walk(stage).toSorted()).toEqual(keys.map((key) => `${key} 1:v`).toSorted());
    expect(stage.vnode.walkItems(undefined, 1, ALL_HASHES).items).toHaveLength(1);
    expect(stage.vnode.walkItems(undefined, 1_000_000, ALL_HASHES).items).toHaveLength(20);
  });

  it.each(['on disk', 'in flight'])('comes by those of a range of hashes only: %s', (where) => {
    const stage = new VnodeStage();
    for (const key of keys) stage.put(key, 1);
    if (where === 'on disk') stage.store.commit();
    for (let range = 0; range < 8; range++) {
      const within = rangeOf(range as PartitionId, 3);
      const inRange = keys.filter((key) => covers([within], placeKey(key).hashHi));
      expect(walk(stage, 1, () => {}, within).toSorted()).toEqual(
        inRange.map((key) => `${key} 1:v`).toSorted(),
      );
    }
  });

  it('comes by what is on its way when it begins: it may be committed behind the walk', () => {
    const stage = new VnodeStage();
    for (const key of keys) stage.put(key, 1);
    const found = walk(stage, 1, () => stage.store.commit());
    for (const key of keys) expect(found).toContain(`${key} 1:v`);
  });

  it('does not come by what is on its way out, or who compares would be told that it stays', () => {
    const stage = new VnodeStage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    stage.vnode.clearSome();
    expect(walk(stage)).toEqual([]);
    stage.put('k3', 2);
    expect(walk(stage)).toContain('k3 2:v');
    stage.store.commit();
    expect(stage.content).toEqual(['k3 2:v']);
  });

  it('passes over a damaged entry, which is not for others', () => {
    const store = new ManualStore();
    const place = PLACE;
    const damaged = valueAt('bad', 1, 'v');
    damaged[damaged.length - 1] = 0;
    store.submit([{ space: SPACE_ENTRY, place, ...placeKey('bad'), value: damaged }]);
    store.submit([{ space: SPACE_ENTRY, place, ...placeKey('good'), value: valueAt('good', 1, 'v') }]);
    store.commit();
    expect(walk(new VnodeStage({ store }))).toEqual(['good 1:v']);
  });
});

describe('an item handed over', () => {
  // Each byte of the entry: flags, type, version, sum, payload, checksum.
  it.each(Array.from({ length: valueAt('bad', 5, 'v').length }, (_, at) => at))(
    'takes the place of an entry that is damaged, whatever that says: byte %i',
    (at) => {
      const store = new ManualStore();
      const damaged = valueAt('bad', 5, 'v');
      damaged[at] = (damaged[at] as number) ^ 1;
      store.submit([{ space: SPACE_ENTRY, place: PLACE, ...placeKey('bad'), value: damaged }]);
      store.commit();
      const stage = new VnodeStage({ store });
      stage.takeIn('bad', valueAt('bad', 5, 'v'));
      stage.store.commit();
      expect(stage.content).toEqual(['bad 5:v']);
    },
  );

  it('is merged, and stored when the store has it', () => {
    const stage = new VnodeStage();
    stage.put('k', 2, 'later');
    stage.store.commit();
    stage.takeIn('k', valueAt('k', 1, 'earlier'));
    stage.takeIn('j', valueAt('j', 1, 'new'));
    expect(stage.told).toEqual(['k merged', 'k stored true']);
    stage.store.commit();
    expect(stage.content).toEqual(['j 1:new', 'k 2:later']);
    expect(stage.told.at(-1)).toBe('j stored true');
  });

  it('that is held already, but only on its way, waits as well', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.takeIn('k', valueAt('k', 1, 'v'));
    expect(stage.told).toEqual([]);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k stored true']);
  });

  it('is not stored when the store takes nothing, or loses it, or when it is damaged', () => {
    const stage = new VnodeStage();
    const damaged = valueAt('d', 1, 'v');
    damaged[40] = 0xff;
    stage.takeIn('d', damaged);
    stage.takeIn('k', valueAt('k', 1, 'v'));
    stage.store.fail();
    stage.takeIn('j', valueAt('j', 1, 'v'));
    expect(stage.told).toEqual(['d stored false', 'k stored false', 'j stored false']);
  });
});

describe('an item that was handed off', () => {
  const handOff = (stage: VnodeStage, key: string, entry: Uint8Array): void =>
    stage.vnode.handleItemHandedOff(encodeItem(placeKey(key), entry));

  it('is forgotten', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.store.commit();
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    expect(stage.vnode.isEmpty()).toBe(false);
    stage.store.commit();
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(stage.content).toEqual([]);
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it.each<[string, (stage: VnodeStage) => void]>([
    ['a later version', (stage) => stage.put('k', 2)],
    ['other content under the same version', (stage) => stage.put('k', 1, 'w')],
    ['a delete', (stage) => stage.send(merging('k', tombstoneAt('k', 2)))],
  ])('stays when it has changed meanwhile: %s', (_, change) => {
    for (const commits of [true, false]) {
      const stage = new VnodeStage();
      stage.put('k', 1);
      stage.store.commit();
      change(stage);
      if (commits) stage.store.commit();
      handOff(stage, 'k', valueAt('k', 1, 'v'));
      stage.store.commit();
      expect(stage.content).toHaveLength(1);
    }
  });

  it('stays when the store takes no removal', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.store.commit();
    stage.store.full = true;
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    expect(stage.get('k')).toBe('k 1:v');
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('is there again when it comes back while its removal is on its way', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.store.commit();
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.content).toEqual(['k 1:v']);
    expect(stage.told.at(-1)).toBe('k merged');
  });
});

describe('clearing', () => {
  it('forgets everything, in steps', () => {
    const stage = new VnodeStage();
    for (let i = 0; i < 1_200; i++) stage.put(`k${i}`, 1);
    stage.store.commit();
    let steps = 1;
    while (!stage.vnode.clearSome() && steps < 100) {
      stage.store.commit();
      steps++;
    }
    expect(stage.content).toEqual([]);
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(steps).toBeGreaterThan(3);
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('counts what expires rightly', () => {
    const stage = new VnodeStage();
    stage.send(merging('k', valueAt('k', 1, 'v'.repeat(900), 2_000_000)));
    stage.store.commit();
    stage.vnode.clearSome();
    stage.store.commit();
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('waits for what is on its way, and goes on when the store takes writes again', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    expect(stage.vnode.clearSome()).toBe(false);
    stage.store.commit();
    stage.store.full = true;
    expect(stage.vnode.clearSome()).toBe(false);
    stage.store.full = false;
    stage.vnode.clearSome();
    stage.store.commit();
    expect(stage.vnode.clearSome()).toBe(true);
    expect(stage.content).toEqual([]);
  });

  it('does not hold whole values in memory', () => {
    const stage = new VnodeStage();
    const big = 'v'.repeat(100_000);
    for (let i = 0; i < 50; i++) stage.put(`k${i}`, 1, big);
    stage.store.commit();
    const copies: number[] = [];
    class Watched extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
        const copy = new Uint8Array(this).slice(start, end);
        copies.push(copy.length);
        return copy;
      }
    }
    const walk = stage.store.walk.bind(stage.store);
    stage.store.walk = (space, place, after, limit, visit) =>
      walk(space, place, after, limit, (hi, lo, key, entry) =>
        visit(hi, lo, key, new Watched(entry.slice().buffer as ArrayBuffer)),
      );
    stage.vnode.clearSome();
    expect(copies).toHaveLength(50);
    expect(Math.max(...copies)).toBeLessThan(1_000);
  });
});
