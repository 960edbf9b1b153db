/** What is over goes: expired entries become tombstones, and tombstones at or below the reap floor are removed. */
import { ZERO_STAMP } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { merging, stampOf, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { recountOf, talliesOf, VnodeStage } from '../../test/kv/vnode-stage.ts';
import { encodeEntry, fieldsOf } from '../entry/codec.ts';

const MOMENT = 50_000;
/** Long enough for a look and a pass. */
const A_WHILE = 12_000;

interface Digests {
  readonly digestHi: number;
  readonly digestLo: number;
}
const digestsOf = (stage: VnodeStage): unknown =>
  (talliesOf(stage) as Digests[]).map(({ digestHi, digestLo }) => [digestHi, digestLo]);

/** Holds `gone`, which ends at `MOMENT`, `deleted` at 7 and `kept`. */
function holding(): VnodeStage {
  const stage = new VnodeStage();
  stage.send(merging('gone', valueAt('gone', 5, 'v', MOMENT)));
  stage.send(merging('deleted', tombstoneAt('deleted', 7)));
  stage.put('kept', 6);
  stage.store.commit();
  stage.passedOn.length = 0;
  return stage;
}

function tidyUp(stage: VnodeStage): string[] {
  stage.host.advance(A_WHILE);
  stage.store.commit();
  return stage.content;
}

describe('an expired entry', () => {
  it('becomes a tombstone of the same state, and nobody is told', () => {
    const stage = holding();
    const before = digestsOf(stage);
    stage.bounds.lowestMs = MOMENT;
    expect(tidyUp(stage)).toEqual(['deleted 7:-', 'gone 5:-', 'kept 6:v']);
    expect(digestsOf(stage)).toEqual(before);
    expect(stage.passedOn).toEqual([]);
    expect(stage.get('gone')).toBe('gone 5:-');
    expect(stage.counts).toEqual({ swept: 1, reaped: 0 });
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it.each([
    ['a member whose clock is not there yet', MOMENT - 1],
    ['a member that is not heard', undefined],
  ])('stays because of %s', (_, lowestMs) => {
    const stage = holding();
    stage.bounds.lowestMs = lowestMs;
    expect(tidyUp(stage)).toContain('gone 5:v');
    stage.bounds.lowestMs = MOMENT;
    expect(tidyUp(stage)).toContain('gone 5:-');
  });

  it('that comes later is swept in its time, though nothing else was left', () => {
    const stage = holding();
    stage.bounds.lowestMs = MOMENT;
    tidyUp(stage);
    stage.send(merging('late', valueAt('late', 5, 'v', MOMENT + 1)));
    expect(tidyUp(stage)).toContain('late 5:v');
    stage.bounds.lowestMs = MOMENT + 1;
    expect(tidyUp(stage)).toContain('late 5:-');
  });

  it('is found by the next life', () => {
    const stage = holding();
    stage.vnode.close(true);
    const next = new VnodeStage({ store: stage.store.reopen() });
    next.bounds.lowestMs = MOMENT;
    expect(tidyUp(next)).toContain('gone 5:-');
  });
});

describe('a tombstone', () => {
  it('goes when the floor has reached it, and a later one does not', () => {
    const stage = holding();
    stage.send(merging('later', tombstoneAt('later', 8)));
    stage.store.commit();
    stage.bounds.floor = stampOf(7);
    expect(tidyUp(stage)).toEqual(['gone 5:v', 'kept 6:v', 'later 8:-']);
    expect(stage.counts).toEqual({ swept: 0, reaped: 1 });
    expect(talliesOf(stage)).toEqual(recountOf(stage));
    stage.bounds.floor = stampOf(8);
    expect(tidyUp(stage)).toEqual(['gone 5:v', 'kept 6:v']);
  });

  it('of an entry that expired below the floor goes with it', () => {
    const stage = holding();
    stage.bounds.floor = stampOf(6);
    stage.bounds.lowestMs = MOMENT;
    expect(tidyUp(stage)).toEqual(['deleted 7:-', 'kept 6:v']);
    expect(stage.counts).toEqual({ swept: 1, reaped: 1 });
    expect(stage.inFlight.bytes).toBe(0);
  });

  it('that is on its way into the store waits until it is there', () => {
    const stage = holding();
    stage.send(merging('kept', tombstoneAt('kept', 7)));
    stage.bounds.floor = stampOf(7);
    stage.host.advance(A_WHILE);
    expect(stage.get('kept')).toBe('waits');
    stage.store.commit();
    expect(stage.told.at(-1)).toBe('kept 7:-');
    expect(tidyUp(stage)).toEqual(['gone 5:v']);
  });

  it('of a strict key stays with its ballot', () => {
    const stage = holding();
    const promised = new Uint8Array(24);
    const entry = encodeEntry('strict', { ...fieldsOf(tombstoneAt('strict', 3)), promised });
    const expiring = encodeEntry('fleeting', { ...fieldsOf(valueAt('fleeting', 3, 'v', MOMENT)), promised });
    stage.send(merging('strict', entry));
    stage.send(merging('fleeting', expiring));
    stage.store.commit();
    stage.bounds.floor = stampOf(7);
    stage.bounds.lowestMs = MOMENT;
    expect(tidyUp(stage)).toEqual(['fleeting 3:v', 'kept 6:v', 'strict 3:-']);
  });
});

describe('a pass', () => {
  it('goes through all, however many, and again when the store takes writes again', () => {
    const stage = new VnodeStage();
    for (let i = 0; i < 20_000; i++) stage.send(merging(`k${i}`, tombstoneAt(`k${i}`, 7)));
    stage.put('kept', 6);
    stage.store.commit();
    stage.bounds.floor = stampOf(7);
    stage.store.full = true;
    expect(tidyUp(stage)).toHaveLength(10_000);
    stage.store.full = false;
    tidyUp(stage);
    expect(tidyUp(stage)).toEqual(['kept 6:v']);
    expect(stage.counts.reaped).toBe(20_000);
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('is followed by the next one in time, however long it waited for its turn', () => {
    const waiting: (() => boolean)[] = [];
    const stage = new VnodeStage({ pool: { run: (_token, step) => void waiting.push(step) } });
    const work = (): string[] => {
      for (const step of waiting.splice(0)) while (!step());
      stage.store.commit();
      return stage.content;
    };
    for (const time of [7, 8]) stage.send(merging(`k${time}`, tombstoneAt(`k${time}`, time)));
    stage.store.commit();
    stage.bounds.floor = stampOf(7);
    stage.host.advance(A_WHILE + 60_000);
    expect(work()).toEqual(['k8 8:-']);
    stage.bounds.floor = stampOf(8);
    stage.host.advance(A_WHILE);
    expect(work()).toEqual([]);
  });

  it('is followed by a pause of twenty times as long as it worked', () => {
    let stepMs = 0;
    const stage: VnodeStage = new VnodeStage({
      pool: {
        run(_token, step) {
          stage.host.setTimer(0, () => {
            while (!step());
          });
        },
      },
    });
    const { walk } = stage.store;
    stage.store.walk = (...args) => {
      stage.host.advance(stepMs);
      return walk.apply(stage.store, args);
    };
    for (const time of [7, 8]) stage.send(merging(`k${time}`, tombstoneAt(`k${time}`, time)));
    stage.store.commit();
    stage.bounds.floor = stampOf(7);
    stepMs = 1_000;
    stage.host.advance(6_000);
    stepMs = 0;
    stage.bounds.floor = stampOf(8);
    stage.host.advance(18_000);
    stage.store.commit();
    expect(stage.content).toEqual(['k8 8:-']);
    stage.host.advance(4_000);
    stage.store.commit();
    expect(stage.content).toEqual([]);
  });

  it('is not begun while nothing is over, nor by a vnode that is closed', () => {
    const stage = holding();
    tidyUp(stage);
    stage.vnode.close(true);
    stage.bounds.floor = stampOf(7);
    expect(tidyUp(stage)).toContain('deleted 7:-');
    expect(stage.bounds.bar).toBe(ZERO_STAMP);
  });
});
