/** `cluster apply` at a node: what it does when not all who are wanted are up yet. */
import { silentLogger } from '@rkv/core';
import { afterEach, expect, it, vi } from 'vitest';
import { startServer, type RunningServer } from './server.ts';

const servers: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(name: string, ringSize = 8): Promise<{ server: RunningServer; address: string }> {
  const server = await startServer(
    {
      name,
      dataDir: undefined,
      cluster: { host: '127.0.0.1', port: 0 },
      redis: 'off',
      http: 'off',
      storage: 'memory',
      durability: 'process',
      ringSize,
      n: 3,
      level: 'eventual',
      location: '',
      preset: 'local',
      secrets: [],
    },
    { logger: silentLogger },
  );
  servers.push(server);
  return { server, address: `127.0.0.1:${server.ports.cluster}` };
}

/** The answer to an invitation may get lost: two strangers dial each other at one moment. */
const PATIENCE = { timeout: 20_000, interval: 100 };
/** Where nobody is. */
const NOWHERE = '127.0.0.1:1';

it('who is not up yet is waited for, and the steps after it are taken', async () => {
  const [n1, n2] = [await start('n1'), await start('n2')];
  const wanted = [{ name: 'n1' }, { name: 'n3', address: NOWHERE }, { name: 'n2', address: n2.address }];
  const n3IsAway = expect.stringMatching(/^n3 to join: 127\.0\.0\.1:1 cannot be invited: /) as string;
  const { done, steps, waiting } = await n1.server.admin.apply(wanted);
  expect({ done, waiting: waiting[0] }).toEqual({ done: false, waiting: n3IsAway });
  expect(steps).toEqual([expect.stringMatching(/^n2 is invited/)]);
  await vi.waitFor(
    async () =>
      expect(await n1.server.admin.apply(wanted)).toEqual({ done: false, steps: [], waiting: [n3IsAway] }),
    PATIENCE,
  );
  const { members } = await n1.server.admin.status();
  expect(members.map(({ name, status }) => `${name} ${status}`)).toEqual(['n1 valid', 'n2 joining']);
});

it('who can never come is refused', async () => {
  const [n1, other] = [await start('n1'), await start('n2', 16)];
  const wanted = [{ name: 'n1' }, { name: 'n2', address: other.address }];
  const refusal = { code: 'different_ring_size' };
  await vi.waitFor(() => expect(n1.server.admin.apply(wanted)).rejects.toMatchObject(refusal), PATIENCE);
});
