/** Three nodes in the simulated world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service } from './service.ts';
import { simulate } from './simulated.ts';
import { kv } from './vnode.ts';

test('what is written at one node is read at another, also when a third dies', async () => {
  const { cluster, node, host, during } = await simulate(42, [kv]);
  const at = (name: string): Service => new Service(node(name), host(name));

  assert.deepEqual((await during(at('node2').get('k'))).result, { error: 'not_found' });
  assert.equal((await during(at('node1').put('k', 'v'))).result, 'ok');
  assert.deepEqual((await during(at('node2').get('k'))).result, { ok: 'v' });

  cluster.crash('node1');
  assert.deepEqual((await during(at('node3').get('k'))).result, { ok: 'v' });
  await during(at('node3').delete('k'));
  assert.deepEqual((await during(at('node2').get('k'))).result, { error: 'not_found' });
});

test('too few nodes: the answer says so, and whether something has happened', async () => {
  const { cluster, node, host, during } = await simulate(43, [kv]);
  const service = new Service(node('node3'), host('node3'));
  cluster.crash('node1');
  cluster.crash('node2');
  await assert.rejects(during(service.put('k', 'v')), { name: 'Error', needed: 2 });
});

test('a vnode answers a ping', async () => {
  const { node, host, during } = await simulate(44, [kv]);
  const { result, n } = await during(new Service(node('node1'), host('node1')).ping(3));
  assert.deepEqual([result, n], ['pong', 4]);
});
