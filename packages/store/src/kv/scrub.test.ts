/** A scrub finds what is damaged or gone, and after it the tallies and trees are those of what is soundly held. */
import { partitionOf, rangeOf, SPACE_ENTRY, SPACE_META, type PartitionId, type VnodePool } from '@rkv/core';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { getting, merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { BITS, PLACE, talliesOf, VnodeStage } from '../../test/kv/vnode-stage.ts';
import { problemOf } from '../entry/check.ts';
import { placeKey } from './coordinator.ts';
import { VnodeTallies } from './range-tally.ts';

const RUNS = Number(process.env['RUNS'] ?? 100);
const RANGES = [...Array(8).keys()] as PartitionId[];

let stage: VnodeStage;
beforeEach(() => {
  stage = stageOf();
});

function stageOf(store = new ManualStore()): VnodeStage {
  store.immediate = true;
  return new VnodeStage({ store });
}

/** The disk has flipped a bit of what it was given. */
function flip(key: string, at: number, bit = 1): void {
  const entry = stage.store.get(SPACE_ENTRY, PLACE, placeKey(key))?.slice();
  if (entry === undefined) throw new Error(`${key} is not there`);
  entry[at] = (entry[at] as number) ^ bit;
  stage.store.submit([{ space: SPACE_ENTRY, place: PLACE, ...placeKey(key), value: entry }]);
}

function lose(key: string): void {
  stage.store.submit([{ space: SPACE_ENTRY, place: PLACE, ...placeKey(key), value: undefined }]);
}

function scrub(): void {
  stage.vnode.scrub();
  for (let i = 0; stage.vnode.scrubbed.running; i++) {
    if (i > 1_000) throw new Error('the scrub does not end');
    stage.host.advance(1);
  }
}

/** As a dumb look at the store finds it. */
function soundTallies(of = stage): unknown[] {
  const twin = new VnodeTallies(PLACE, undefined);
  of.store.walk(SPACE_ENTRY, PLACE, undefined, 10_000, (hashHi, hashLo, key, entry) => {
    if (problemOf(key, entry) === undefined) twin.changed({ hashHi, hashLo, key }, undefined, entry);
    return true;
  });
  return RANGES.map((range) => ({ ...twin.of(range) }));
}

/** Asked until the trees are counted. */
function rootsOf(of = stage): unknown[] {
  return RANGES.map((range) => {
    for (let i = 0; i < 1_000; i++) {
      const sums = of.vnode.trees.sums(rangeOf(range, BITS), 1);
      if (sums !== undefined) return [...sums];
      of.host.advance(1);
    }
    throw new Error('the count does not end');
  });
}

const digestsOf = (tallies: unknown[]): unknown[] =>
  (tallies as { digestHi: number; digestLo: number }[]).map(({ digestHi, digestLo }) => [digestHi, digestLo]);

describe('an entry that is damaged', () => {
  it.each([8, 25, 32])('at byte %i is shown to nobody, and another takes its place', (at) => {
    for (const key of ['a', 'b', 'c']) stage.put(key, 5);
    flip('a', at);
    expect(stage.get('a')).toBe('a failed');
    expect(stage.get('b')).toBe('b 5:v');
    stage.put('a', 4, 'new');
    expect(stage.get('a')).toBe('a 4:new');
    expect(stage.vnode.scrubbed).toMatchObject({ damaged: 0, healed: 1 });
  });

  it('does not say which state it is in, unless only its value is damaged', () => {
    for (const key of ['a', 'b']) stage.put(key, 5);
    flip('a', 9);
    flip('b', 32);
    expect([stage.ask(getting('a', false)), stage.ask(getting('b', false))]).toEqual([
      'a failed',
      'b state held',
    ]);
  });

  it('is found by the first scrub, a moment after the start, and counts as not held', () => {
    for (const key of ['a', 'b', 'c']) stage.put(key, 5);
    for (const at of [9, 26, 32]) {
      flip('a', at);
      const before = rootsOf();
      stage.host.advance(5_000);
      scrub();
      expect(stage.vnode.scrubbed).toMatchObject({ checked: 3, entries: 3, damaged: 1 });
      expect(talliesOf(stage)).toEqual(soundTallies());
      expect(rootsOf()).toEqual(digestsOf(soundTallies()));
      expect(rootsOf()).not.toEqual(before);
      stage.takeIn('a', valueAt('a', 5, 'v'));
      expect(rootsOf()).toEqual(before);
      expect(talliesOf(stage)).toEqual(soundTallies());
      expect(stage.vnode.scrubbed.damaged).toBe(0);
    }
    expect(stage.unsound).toEqual([]);
  });

  it('and is replaced before a scrub came: the scrub counts right, and takes nothing for gone', () => {
    for (const key of ['a', 'b', 'c']) stage.put(key, 5);
    flip('a', 9);
    stage.takeIn('a', valueAt('a', 5, 'v'));
    stage.host.advance(1_000);
    scrub();
    expect(talliesOf(stage)).toEqual(soundTallies());
    expect(rootsOf()).toEqual(digestsOf(soundTallies()));
    expect(stage.unsound).toEqual([]);
  });

  it('is not taken for damaged when memory holds it', () => {
    const store = new ManualStore();
    store.volatile = true;
    stage = stageOf(store);
    stage.put('a', 5);
    flip('a', 32);
    expect(stage.get('a')).toBe('a 5:w');
  });
});

describe('a store is told to be unsound', () => {
  it('that has lost an entry without a trace', () => {
    for (const key of ['a', 'b', 'c']) stage.put(key, 5);
    lose('b');
    scrub();
    expect(stage.unsound).toEqual(['entries are gone without a trace']);
    expect(talliesOf(stage)).toEqual(soundTallies());
    expect(rootsOf()).toEqual(digestsOf(soundTallies()));
    scrub();
    expect(stage.unsound, 'it was counted, and is told once').toHaveLength(1);
  });

  it('where an entry lies in the place of another key', () => {
    stage.put('a', 5);
    stage.store.submit([
      { space: SPACE_ENTRY, place: PLACE, ...placeKey('b'), key: 'c', value: valueAt('c', 5, 'v') },
    ]);
    scrub();
    expect(stage.unsound).toEqual(['an entry lies where its key does not belong']);
  });

  it('where a look does not find what a walk comes by', () => {
    stage.put('a', 5);
    stage.store.get = () => undefined;
    scrub();
    expect(stage.unsound).toEqual(['an entry is there and cannot be found']);
  });
});

it('tallies that lie, or make no sense, are put right: the range does not differ for ever', () => {
  for (const key of ['a', 'b', 'c', 'd']) stage.put(key, 5);
  const at = { hashHi: 0, hashLo: 0, key: 'tally' };
  for (const lie of [stage.store.get(SPACE_META, PLACE, at)?.slice(), new Uint8Array(7), undefined]) {
    if (lie !== undefined) lie[lie.length - 1] = 77;
    const { store } = stage;
    store.submit([{ space: SPACE_META, place: PLACE, ...at, value: lie }]);
    stage = stageOf(store.reopen());
    scrub();
    expect(talliesOf(stage)).toEqual(soundTallies());
    expect(rootsOf()).toEqual(digestsOf(soundTallies()));
  }
});

type Step =
  | { readonly do: 'put' | 'delete' | 'flip'; readonly key: string; readonly at: number }
  | { readonly do: 'commit' | 'fail' | 'scrub' | 'wait' };

/** All of one range, and more than a scrub looks at in one step. */
const KEYS = Array.from({ length: 3_000 }, (_, i) => `k${i}`)
  .filter((key) => partitionOf(placeKey(key).hashHi, BITS) === 0)
  .slice(0, 300);

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('put' as const, 'delete' as const, 'put' as const, 'flip' as const),
    key: fc.constantFrom(...KEYS),
    at: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ do: fc.constantFrom('commit', 'fail', 'scrub', 'wait', 'wait') }),
);

/** A pool whose jobs do a step when a test says so. */
class StepPool implements VnodePool {
  readonly #jobs: (() => boolean)[] = [];

  run(_token: unknown, step: () => boolean): void {
    this.#jobs.push(step);
  }

  step(): void {
    const job = this.#jobs.shift();
    if (job?.() === false) this.#jobs.push(job);
  }

  drain(): void {
    for (let i = 0; this.#jobs.length > 0; i++) {
      if (i > 10_000) throw new Error('the jobs do not end');
      this.step();
    }
  }
}

it('whatever changes or fails while it runs, in the end all is counted; what is damaged too, by the next', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const store = new ManualStore();
      const pool = new StepPool();
      stage = new VnodeStage({ store, pool });
      for (const key of KEYS.slice(0, 290)) stage.put(key, 1);
      store.commit();
      stage.vnode.scrub();
      for (const one of steps) take(one, pool);
      store.commit();
      pool.drain();
      if (steps.some((one) => one.do === 'flip')) {
        stage.vnode.scrub();
        pool.drain();
      }
      expect(talliesOf(stage)).toEqual(soundTallies());
      for (const range of RANGES) stage.vnode.trees.sums(rangeOf(range, BITS), 1);
      pool.drain();
      expect(rootsOf()).toEqual(digestsOf(soundTallies()));
      expect(stage.unsound).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

function take(one: Step, pool: StepPool): void {
  const store = stage.store as ManualStore;
  switch (one.do) {
    case 'put':
      return stage.put(one.key, one.at);
    case 'delete':
      return stage.send(merging(one.key, tombstoneAt(one.key, one.at)));
    case 'flip': {
      store.commit();
      if (store.get(SPACE_ENTRY, PLACE, placeKey(one.key)) !== undefined) flip(one.key, 8 + one.at);
      return store.commit();
    }
    case 'commit':
      return store.commit();
    case 'fail':
      return store.fail();
    case 'scrub':
      return void stage.vnode.scrub();
    case 'wait':
      return pool.step();
  }
}
