/** What a vnode of the store tells of its entries: sums, states, and the entries at one position. */
import { ALL_HASHES, rangeOf, SPACE_ENTRY, SPACE_INDEX, type PartitionId, type RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { BITS, describeItem, PLACE, recountOf, talliesOf, VnodeStage } from '../../test/kv/vnode-stage.ts';
import { placeKey } from './coordinator.ts';
import { encodeItem } from './items.ts';
import { STATE_AT } from './commands.ts';

const RANGE = rangeOf(1 as PartitionId, BITS);

/** Merged in at a position of one's own choice; the key need not hash to it. */
function putAt(stage: VnodeStage, hashHi: number, hashLo: number, key: string, time = 1): void {
  stage.send({ kind: 'merge', hashHi, hashLo, key, entry: valueAt(key, time, `v${time}`) });
}

function statesOf(stage: VnodeStage, limit = 100): { positions: string[]; pages: number } {
  const positions: string[] = [];
  let after: readonly [number, number] | undefined;
  let pages = 0;
  for (let more = true; more; pages++) {
    const page = stage.vnode.trees.states(RANGE, after, limit);
    for (let i = 0; i < page.states.length; i += 4)
      positions.push([page.states[i], page.states[i + 1]].join('/'));
    more = page.upTo !== undefined;
    after = page.upTo;
  }
  return { positions, pages };
}

function sumOf(stage: VnodeStage): string | undefined {
  return stage.vnode.trees.sums(RANGE, 1)?.join();
}

function countedSumOf(stage: VnodeStage): string {
  for (let i = 0; i < 10_000 && sumOf(stage) === undefined; i++) stage.host.advance(1);
  return sumOf(stage) as string;
}

describe('states', () => {
  it('come in hash order, with what is on its way in and without what is on its way out', () => {
    const stage = new VnodeStage();
    for (const hash of [5, 1, 3]) putAt(stage, hash, 0, `k${hash}`);
    stage.store.commit();
    putAt(stage, 2, 0, 'k2');
    stage.vnode.handleItemHandedOff(encodeItem({ hashHi: 3, hashLo: 0, key: 'k3' }, valueAt('k3', 1, 'v1')));
    for (const limit of [1, 2, 100]) expect(statesOf(stage, limit).positions).toEqual(['1/0', '2/0', '5/0']);
    expect(statesOf(stage, 1).pages).toBeGreaterThan(1);
  });

  it('of one position are in one page', () => {
    const stage = new VnodeStage();
    for (const key of ['', 'a', 'b', 'c', 'd']) putAt(stage, 7, 7, key);
    stage.store.commit();
    putAt(stage, 7, 7, 'e');
    putAt(stage, 8, 0, 'f');
    stage.store.commit(stage.store.committedSeq + 1);
    expect(statesOf(stage, 1).positions).toEqual([...Array(6).fill('7/7'), '8/0']);
  });

  it('of a few keys among many that are not asked for come page by page', () => {
    const stage = new VnodeStage();
    for (let hash = 0; hash < 2_000; hash++) putAt(stage, hash, 0, `k${hash}`);
    stage.store.commit();
    const few = {
      atLeast: 5,
      perKey: { name: 'few', numbers: [3, 5], copiesOf: (key: string) => (key === 'k1999' ? 5 : 3) },
    };
    const first = stage.vnode.trees.states(RANGE, undefined, 100, few);
    expect([first.states.length, first.upTo?.[0]]).toEqual([0, 511]);
    expect(stage.vnode.trees.states(RANGE, [1_800, 0], 100, few).states[0]).toBe(1_999);
  });

  it('are the same for the same entry, and others for another version or value', () => {
    const state = (time: number, text: string): string => {
      const stage = new VnodeStage();
      stage.send({ kind: 'merge', hashHi: 1, hashLo: 2, key: 'k', entry: valueAt('k', time, text) });
      return stage.vnode.trees.states(RANGE, undefined, 9).states.join();
    };
    expect(state(1, 'v')).toBe(state(1, 'v'));
    expect(new Set([state(1, 'v'), state(2, 'v'), state(1, 'w')]).size).toBe(3);
  });

  it('are the same for what has expired and for the tombstone that stands for it', () => {
    const [expired, swept] = [new VnodeStage(), new VnodeStage()];
    const at: RecordKey = { hashHi: 1, hashLo: 2, key: 'k' };
    const value = valueAt('k', 1, 'v', 5);
    const tombstone = tombstoneAt('k', 1);
    // It bears the version and the sum of what it replaces: all that a state looks at.
    tombstone.set(value.subarray(STATE_AT, 32), STATE_AT);
    expired.store.submit([{ space: SPACE_ENTRY, place: PLACE, ...at, value }]);
    swept.store.submit([{ space: SPACE_ENTRY, place: PLACE, ...at, value: tombstone }]);
    for (const { store } of [expired, swept]) store.commit();
    expect(countedSumOf(new VnodeStage({ store: swept.store.reopen() }))).toBe(
      countedSumOf(new VnodeStage({ store: expired.store.reopen() })),
    );
  });

  it('leave out an entry that is damaged, and the log names it', () => {
    const store = new ManualStore();
    const damaged = valueAt('bad', 1, 'v');
    damaged[damaged.length - 1] = 0;
    store.submit([
      { space: SPACE_ENTRY, place: PLACE, hashHi: 1, hashLo: 0, key: 'bad', value: damaged },
      { space: SPACE_ENTRY, place: PLACE, hashHi: 2, hashLo: 0, key: 'good', value: valueAt('good', 1, 'v') },
    ]);
    store.commit();
    const stage = new VnodeStage({ store });
    expect(statesOf(stage).positions).toEqual(['2/0']);
    expect(stage.logged).toEqual(["an entry is damaged; another replica's is to take its place"]);
    expect(stage.vnode.trees.itemsAt(1, 0)).toEqual([]);
  });

  it('end a page before it has read too much', () => {
    const stage = new VnodeStage();
    const big = 'v'.repeat(200_000);
    for (let i = 0; i < 9; i++)
      stage.send({ kind: 'merge', hashHi: i, hashLo: 0, key: `${i}`, entry: valueAt(`${i}`, 1, big) });
    stage.store.commit();
    expect(stage.vnode.trees.states(RANGE, undefined, 1_000).states.length / 4).toBe(2);
    expect(statesOf(stage, 1_000).positions).toHaveLength(9);
  });
});

describe('the items at a position', () => {
  it('are those and no others, on their way or stored', () => {
    const stage = new VnodeStage();
    for (const [hi, lo, key] of [
      [4, 3, 'before'],
      [4, 4, ''],
      [4, 4, 'b'],
      [4, 5, 'after'],
      [5, 0, 'next'],
    ] as const)
      putAt(stage, hi, lo, key);
    stage.store.commit();
    putAt(stage, 4, 4, 'b', 2);
    putAt(stage, 4, 4, 'c');
    const found = (hi: number, lo: number): string[] => stage.vnode.trees.itemsAt(hi, lo).map(describeItem);
    expect(found(4, 4).toSorted()).toEqual([' 1:v1', 'b 2:v2', 'c 1:v1']);
    expect(found(5, 0)).toEqual(['next 1:v1']);
    expect(found(0, 0)).toEqual([]);
    stage.store.commit();
    expect(found(4, 4).toSorted()).toEqual([' 1:v1', 'b 2:v2', 'c 1:v1']);
  });
});

describe('a count of many entries', () => {
  const KEYS = 3_000;

  /** All in one group of leaves, found in the store by a vnode that was just opened. */
  function opened(): VnodeStage {
    const stage = new VnodeStage();
    for (let i = 0; i < KEYS; i++) putAt(stage, i, 0, `k${i}`);
    stage.store.commit();
    return new VnodeStage({ store: stage.store.reopen() });
  }

  it.each([
    ['stored meanwhile', true],
    ['on their way all the time', false],
  ])('counts what changes under it once: %s', (_, commits) => {
    const stage = opened();
    let changes = 0;
    let times = 2;
    // A slice of background work has one step.
    let time = 0;
    stage.host.monotonic = () => time++;
    while (sumOf(stage) === undefined) {
      stage.host.advance(1);
      for (const i of [3, 700, 1_501, 2_999]) putAt(stage, i, 0, `k${i}`, times++);
      putAt(stage, (changes * 37) % KEYS, 1, `new ${changes}`);
      if (changes++ % 2 === 1 && commits) stage.store.commit();
    }
    const sum = sumOf(stage);
    stage.store.commit();
    expect(changes).toBeGreaterThan(4);
    expect(countedSumOf(new VnodeStage({ store: stage.store.reopen() }))).toBe(sum);
    expect(stage.logged).toEqual([]);
  });
});

describe('a tally that is not right', () => {
  it('is set right by a count, and the log says so', () => {
    const stage = new VnodeStage();
    putAt(stage, 1, 0, 'k');
    putAt(stage, 2, 0, 'l');
    stage.store.commit();
    stage.store.submit([
      { space: SPACE_ENTRY, place: PLACE, hashHi: 2, hashLo: 0, key: 'l', value: undefined },
      { space: SPACE_ENTRY, place: PLACE, hashHi: 3, hashLo: 0, key: 'm', value: valueAt('m', 1, 'v') },
    ]);
    stage.store.commit();
    const next = new VnodeStage({ store: stage.store.reopen() });
    countedSumOf(next);
    expect(next.logged.map((message) => message.slice(0, 30))).toEqual([
      'the hash tree of a range is no',
      'the entries of a range are not',
    ]);
    expect(talliesOf(next)).toEqual(recountOf(next));
  });
});

describe('clearing', () => {
  it('leaves nothing of the trees behind', () => {
    const stage = new VnodeStage();
    for (let i = 0; i < 1_200; i++) stage.put(`k${i}`, 1);
    stage.host.advance(31_000);
    stage.store.commit();
    expect(stage.store.places(SPACE_INDEX)).toEqual([PLACE]);
    while (!stage.vnode.clearSome()) stage.store.commit();
    stage.store.commit();
    expect(stage.store.places(SPACE_INDEX)).toEqual([]);
    expect(stage.vnode.trees.states(ALL_HASHES, undefined, 9)).toEqual({
      states: new Uint32Array(0),
      upTo: undefined,
    });
  });

  it('of all but one does not', () => {
    const stage = new VnodeStage();
    for (const key of ['a', 'b']) stage.put(key, 1);
    stage.store.commit();
    stage.vnode.handleItemHandedOff(encodeItem(placeKey('a'), valueAt('a', 1, 'v')));
    stage.store.commit();
    expect(stage.store.places(SPACE_INDEX)).toEqual([PLACE]);
  });
});
