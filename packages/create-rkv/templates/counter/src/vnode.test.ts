/** What makes copies of a counter meet: merging does not care for order, nor for repetition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largerOf, totalOf } from './vnode.ts';

const [a, b, c] = [
  { x: 1, y: 5 },
  { x: 3, z: 1 },
  { y: 4, z: 2 },
];

test('merging is the same in whatever order', () => {
  const merged = { x: 3, y: 5, z: 2 };
  for (const order of [
    [a, b, c],
    [c, b, a],
    [b, a, c, a, b],
  ]) {
    assert.deepEqual(order.reduce(largerOf, {}), merged);
  }
  assert.equal(totalOf(merged), 10);
});

test('nothing new leaves what is held', () => {
  assert.equal(largerOf(a, { x: 1 }), a);
});
