/** What a vnode holds, whoever told it and in whatever order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_HASHES } from '@rkv/core';
import { Items } from './items.ts';
import { laterOf, type Entry } from './vnode.ts';

const early: Entry = { stamp: '01', value: 'early' };
const late: Entry = { stamp: '02', value: 'late' };
const gone: Entry = { stamp: '03', value: null };

function entries(): Items<Entry> {
  return new Items<Entry>({ beforeChange() {}, changed() {} }, { merge: laterOf });
}

test('the later entry stays, whichever comes first and how often', () => {
  for (const order of [
    [early, late, gone],
    [gone, late, early],
    [late, early, gone, late, gone],
  ]) {
    const held = entries();
    for (const entry of order) held.merge('k', entry);
    assert.deepEqual(held.get('k'), gone);
  }
});

test('a walk in small pages passes each item once, and what is passed on can be forgotten', () => {
  const [from, to] = [entries(), entries()];
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  for (const key of keys) from.merge(key, late);
  let cursor: Uint8Array | undefined;
  let passed = 0;
  do {
    const page = from.walk(cursor, 100, ALL_HASHES);
    passed += page.items.length;
    for (const item of page.items) to.mergeEncoded(item);
    for (const item of page.items) from.forget(item);
    cursor = page.next;
  } while (cursor !== undefined);
  assert.equal(passed, keys.length);
  assert.ok(from.isEmpty);
  for (const key of keys) assert.deepEqual(to.get(key), late);
});

test('what has changed since it was passed on is not forgotten', () => {
  const held = entries();
  held.merge('k', early);
  const [item] = held.walk(undefined, 100, ALL_HASHES).items;
  held.merge('k', late);
  held.forget(item as Uint8Array);
  assert.deepEqual(held.get('k'), late);
});
