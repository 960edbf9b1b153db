import { SPACE_ENTRY, type PartitionId } from '@rkv/core';
import { storeSuite } from '@rkv/core/testing';
import { describe, expect, it } from 'vitest';
import { memoryStore } from './memory-store.ts';

storeSuite({ describe, it }, { persistent: false, commitsAtOnce: true }, () => ({
  open: memoryStore,
  settle: () => new Promise((resolve) => setImmediate(resolve)),
}));

describe('the memory store', () => {
  it('ends a walk whose visitor removes all there is', () => {
    const store = memoryStore();
    const place = { ringBits: 4, partition: 1 as PartitionId };
    const keys = ['a', 'b', 'c'];
    const put = (key: string, value: Uint8Array | undefined) =>
      store.submit([{ space: SPACE_ENTRY, place, hashHi: 5, hashLo: 5, key, value }]);
    for (const key of keys) put(key, new Uint8Array(3));
    const seen: string[] = [];
    const more = store.walk(SPACE_ENTRY, place, undefined, 10, (_hi, _lo, key) => {
      for (const each of keys) put(each, undefined);
      return seen.push(key) > 0;
    });
    expect([more, seen]).toEqual([false, ['a']]);
    expect(store.places(SPACE_ENTRY)).toEqual([]);
  });
});
