/** The service in a simulated world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service } from './service.ts';
import { simulate } from './simulated.ts';
import { kv } from './vnode.ts';

test('a vnode answers a ping', async () => {
  const { node, during } = await simulate(42, [kv]);
  const { result, n } = await during(new Service(node('node1')).ping(3));
  assert.deepEqual([result, n], ['pong', 4]);
});
