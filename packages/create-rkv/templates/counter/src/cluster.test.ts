/** Three nodes in the simulated world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters } from './service.ts';
import { simulate } from './simulated.ts';
import { counter } from './vnode.ts';

test('what any node adds is counted once, also when a node dies and comes back', async () => {
  const { cluster, node, during } = await simulate(42, [counter]);
  const at = (name: string): Counters => new Counters(node(name));

  for (const name of ['node1', 'node2', 'node3']) await during(at(name).add('visits', 2));
  assert.equal(await during(at('node2').get('visits')), 6);

  cluster.crash('node2');
  cluster.world.runFor(1_000); // until the others have noticed: what was on its way to it then may or may not have been counted
  assert.equal(await during(at('node3').add('visits', 1)), 7);
  cluster.start('node2');
  cluster.world.runFor(10_000);
  assert.equal(await during(at('node2').add('visits', 1)), 8);
  assert.equal(await during(at('node1').get('visits')), 8);
});
