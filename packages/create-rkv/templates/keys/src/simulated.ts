/**
 * A cluster of this service in the simulated world: virtual time, one seed, the same run each time. For tests.
 */
import { Node, type Host, type NodeId, type NodeInit } from '@rkv/core';
import { SimCluster, World } from '@rkv/testkit';

export interface Simulated {
  readonly cluster: SimCluster<Node>;
  node(name: string): Node;
  host(name: string): Host;
  /** Let the world go on until the promise is settled. */
  during<T>(promise: Promise<T>): Promise<T>;
}

/** Nodes, three unless said otherwise, that have formed a ring of 16 partitions. */
export async function simulate(
  seed: number,
  modules: NodeInit['modules'],
  names: readonly string[] = ['node1', 'node2', 'node3'],
): Promise<Simulated> {
  const world = new World({ seed });
  const hosts = new Map<string, Host>();
  const cluster = new SimCluster<Node>({
    world,
    boot({ name, address, bootId, host, transport, store, stable, logger }) {
      hosts.set(name, host);
      const node = new Node({
        id: name.padEnd(32, '0') as NodeId,
        name,
        address,
        location: '',
        birth: { ringSize: 16, n: 3, level: 'eventual' },
        host,
        transport,
        store,
        stable,
        logger,
        bootId,
        modules,
        durability: 'process',
      });
      node.start();
      return node;
    },
  });
  const node = (name: string): Node => {
    const found = cluster.node(name);
    if (found === undefined) throw new Error(`${name} is down`);
    return found;
  };
  const [first = '', ...others] = names;
  for (const name of names) cluster.start(name);
  world.runFor(1_000);
  for (const name of others) {
    node(name).join(cluster.addressOf(first), () => {});
    world.runFor(1_000);
  }
  node(first).request({ kind: 'plan' }, () => {
    node(first).request({ kind: 'commit', planId: undefined }, () => {});
  });
  world.runFor(10_000);
  return {
    cluster,
    node,
    host: (name) => hosts.get(name) as Host,
    async during(promise) {
      do world.runFor(10);
      while (!(await isSettled(promise)));
      return promise;
    },
  };
}

/** As far as it goes without the world going on. */
function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const settled = (): boolean => true;
  const allElse = new Promise<boolean>((resolve) => setImmediate(resolve, false));
  return Promise.race([promise.then(settled, settled), allElse]);
}
