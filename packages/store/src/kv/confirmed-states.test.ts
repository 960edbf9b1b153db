/** What a node may propose without asking for promises; versions and ballots are small numbers. */
import { type Epoch } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { stampOf, valueAt } from '../../test/kv/entries.ts';
import { promise } from '../entry/ballot.ts';
import { ConfirmedStates } from './confirmed-states.ts';

const KEYS_MAX = 16_384;
const [EPOCH, NEXT] = [4 as Epoch, 5 as Epoch];

/** A value of this version, and this ballot promised. */
const holding = (version: number, ballot: number): Uint8Array | undefined =>
  promise('k', valueAt('k', version, 'v'), stampOf(ballot));

function confirmed(): ConfirmedStates {
  const states = new ConfirmedStates();
  states.confirm(EPOCH, 'k', stampOf(7), stampOf(8));
  return states;
}

describe('a confirmed state', () => {
  it('gives its ballot away once', () => {
    const states = confirmed();
    expect(states.take(EPOCH, 'k', holding(7, 8))).toEqual(stampOf(8));
    expect(states.take(EPOCH, 'k', holding(7, 8))).toBeUndefined();
  });

  it.each<[string, Uint8Array | undefined]>([
    ['holds nothing any more', undefined],
    ['has another version', holding(6, 8)],
    ['has promised somebody else', holding(7, 9)],
    ['has promised nothing', valueAt('k', 7, 'v')],
  ])('is good for nothing, now and later, when the replica here %s', (_, held) => {
    const states = confirmed();
    expect(states.take(EPOCH, 'k', held)).toBeUndefined();
    expect(states.take(EPOCH, 'k', holding(7, 8))).toBeUndefined();
  });

  it('is of one key', () => {
    const states = confirmed();
    expect(states.take(EPOCH, 'l', holding(7, 8))).toBeUndefined();
    expect(states.take(EPOCH, 'k', holding(7, 8))).toEqual(stampOf(8));
  });

  it('makes way for the next one of its key', () => {
    const states = confirmed();
    states.confirm(EPOCH, 'k', stampOf(8), stampOf(9));
    expect(states.take(EPOCH, 'k', holding(7, 8))).toBeUndefined();
    states.confirm(EPOCH, 'k', stampOf(8), stampOf(9));
    expect(states.take(EPOCH, 'k', holding(8, 9))).toEqual(stampOf(9));
  });

  it('is of one ring, even when that comes back', () => {
    const states = confirmed();
    expect(states.take(NEXT, 'k', holding(7, 8))).toBeUndefined();
    expect(states.take(EPOCH, 'k', holding(7, 8))).toBeUndefined();
  });

  it('is forgotten when another is confirmed under the next ring', () => {
    const states = confirmed();
    states.confirm(NEXT, 'l', stampOf(7), stampOf(8));
    expect(states.take(NEXT, 'k', holding(7, 8))).toBeUndefined();
    expect(states.take(NEXT, 'l', holding(7, 8))).toEqual(stampOf(8));
  });
});

describe('of many', () => {
  it('the one that was confirmed longest ago makes room', () => {
    const states = new ConfirmedStates();
    const confirm = (key: number): void => states.confirm(EPOCH, String(key), stampOf(7), stampOf(8));
    for (let key = 0; key < KEYS_MAX; key++) confirm(key);
    confirm(0);
    confirm(KEYS_MAX);
    const kept = [0, 1, 2, KEYS_MAX].map(
      (key) => states.take(EPOCH, String(key), holding(7, 8)) !== undefined,
    );
    expect(kept).toEqual([true, false, true, true]);
  });
});
