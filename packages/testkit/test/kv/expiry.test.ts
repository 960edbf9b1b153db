/** Keys that expire, on nodes of which one has a clock that is an hour off. */
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const HOUR = 3_600_000;
const NODES = ['n1', 'n2', 'n3'];

/** n3's clock is wrong, and the others have heard of it. */
function skewed(byMs: number): KvCluster {
  const cluster = new KvCluster();
  cluster.form('n1', 'n2', 'n3');
  cluster.machines.clock('n3').jump(byMs);
  cluster.world.runFor(2_000);
  return cluster;
}

const everywhere = (cluster: KvCluster, key: string): string[] => NODES.map((name) => cluster.get(name, key));

describe.each([
  ['fast', HOUR],
  ['slow', -HOUR],
])('one clock an hour %s', (_, skewMs) => {
  it.each(NODES)('ends no key early and brings none back, set through %s', (name) => {
    const cluster = skewed(skewMs);
    const untilMs = (cluster.citizen(name).kv?.now() ?? 0) + 5_000;
    expect(cluster.put(name, 'k', 'v', { untilMs })).toBe('written');
    cluster.world.runFor(4_500);
    expect(everywhere(cluster, 'k')).toEqual(['value v', 'value v', 'value v']);
    expect(NODES.map((other) => cluster.count(other))).toEqual(['1', '1', '1']);
    cluster.world.runFor(1_000);
    expect(everywhere(cluster, 'k')).toEqual(['missing', 'missing', 'missing']);
    expect(NODES.flatMap((other) => [cluster.count(other), ...cluster.scan(other)])).toEqual(['0', '0', '0']);
  });

  it('a key that has expired is written anew through any node', () => {
    const cluster = skewed(skewMs);
    const untilMs = (cluster.citizen('n1').kv?.now() ?? 0) + 1_000;
    for (const name of NODES) {
      cluster.put('n1', name, 'old', { untilMs });
      cluster.world.runFor(2_000);
      expect(cluster.put(name, name, 'new')).toBe('written');
      expect(everywhere(cluster, name)).toEqual(['value new', 'value new', 'value new']);
    }
  });

  it('keeps what it has heard of a clock when the node that has it goes away', () => {
    const cluster = skewed(skewMs);
    const untilMs = (cluster.citizen('n1').kv?.now() ?? 0) + 10_000;
    cluster.put('n1', 'k', 'v', { untilMs });
    cluster.machines.crash('n2');
    cluster.world.runFor(9_000);
    expect(['n1', 'n3'].map((name) => cluster.get(name, 'k'))).toEqual(['value v', 'value v']);
    cluster.world.runFor(2_000);
    expect(['n1', 'n3'].map((name) => cluster.get(name, 'k'))).toEqual(['missing', 'missing']);
  });
});
