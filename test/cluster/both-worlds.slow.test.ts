/** One scenario in both worlds: simulated on virtual time, and with real processes. What is asked is a value by its key, in either. */
import { simulateCluster, startCluster, type Cluster } from '@rkv/testkit';
import { expect, it } from 'vitest';
import { sessions } from '../../examples/sessions/sessions.ts';

const HOUR_MS = 3_600_000;

/** What the scenario asks a node. */
interface Values {
  /** Whether it was acknowledged. */
  put(node: string, value: string): Promise<boolean>;
  /** Undefined: it does not get an answer. */
  get(node: string): Promise<string | null | undefined>;
}

async function scenario(cluster: Cluster, values: Values): Promise<void> {
  // Who has just died or was cut off is missed a moment later, and until then asked in vain.
  const put = (node: string, value: string): Promise<void> =>
    cluster.until(`"${value}" is acknowledged`, () => values.put(node, value));

  await put('n1', 'all are there');

  await cluster.kill('n2');
  await put('n1', 'n2 is dead');
  await cluster.restart('n2');
  await cluster.settled();
  expect(await values.get('n2')).toBe('n2 is dead');

  await cluster.pause('n3');
  await cluster.until('n3 is missed', async () => (await cluster.unrest())?.includes('n3') === true);
  await put('n1', 'n3 stands still');
  await cluster.resume('n3');
  await cluster.settled();
  expect(await values.get('n3')).toBe('n3 stands still');

  await cluster.cut(['n1'], ['n2', 'n3']);
  await cluster.until('n1 is missed', async () => (await cluster.unrest()) !== undefined);
  await put('n2', 'n1 is cut off');
  expect(await values.get('n3')).toBe('n1 is cut off');
  expect(await values.get('n1')).toBeUndefined();
  await cluster.heal();
  await cluster.settled();
  expect(await values.get('n1')).toBe('n1 is cut off');

  await cluster.cutOneWay(['n2'], ['n1', 'n3']);
  await cluster.until('n2 is missed', async () => (await cluster.unrest()) !== undefined);
  await put('n3', 'n2 is not heard');
  await cluster.heal();
  await cluster.settled();
  expect(await values.get('n2')).toBe('n2 is not heard');

  await cluster.start('n4');
  await cluster.join('n4');
  await cluster.leave('n1');
  expect(cluster.names).toEqual(['n2', 'n3', 'n4']);
  expect(await values.get('n4')).toBe('n2 is not heard');
}

it('simulated', async () => {
  const cluster = simulateCluster({ vnode: sessions, nodes: 3, seed: 1 });
  await scenario(cluster, {
    async put(name, value) {
      const told = await cluster.ask<object>(name, (node, done) =>
        sessions.ask(node, 'k', 'put', [value, HOUR_MS], done),
      );
      return 'ok' in told;
    },
    async get(name) {
      const told = await cluster.ask<{ ok?: string | null }>(name, (node, done) =>
        sessions.ask(node, 'k', 'get', [], (answer) => done('ok' in answer ? answer : {})),
      );
      return told.ok;
    },
  });
  await cluster.end();
});

it('real processes', { timeout: 300_000 }, async () => {
  const cluster = await startCluster({ nodes: 3 });
  try {
    await scenario(cluster, {
      async put(name, value) {
        return (await cluster.node(name).ask('/api/put?key=k', value)).status < 300;
      },
      async get(name) {
        const { status, body } = await cluster.node(name).ask('/api/get?key=k');
        return status < 300 ? (body as { value?: string }).value : undefined;
      },
    });
  } finally {
    await cluster.end();
  }
});
