import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import type { Timer } from '../contracts/host.ts';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import { silentLogger } from '../contracts/logger.ts';
import type { Hello } from '../contracts/transport.ts';
import { SystemHost } from '../host/system-host.ts';
import { Keyring } from './keyring.ts';
import { defaultTcpLimits } from './limits.ts';
import { PeerLink } from './peer-link.ts';
import { ChunkPool } from './send-queue.ts';

/** Writes down how long a link wants to wait, and lets it wait no time at all. */
class HurriedHost extends SystemHost {
  readonly waits: number[] = [];

  override setTimer(delayMs: number, fire: () => void): Timer {
    if (delayMs === defaultTcpLimits.handshakeMs) return super.setTimer(delayMs, fire);
    this.waits.push(delayMs);
    return super.setTimer(0, fire);
  }
}

const hello = (purpose: Hello['purpose']): Hello => ({
  nodeId: 'a'.repeat(32) as NodeId,
  start: 1 as StartNumber,
  name: 'a',
  address: 'a:1',
  clusterId: 'c',
  purpose,
  features: [],
});

/** A port of this machine on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('a link that finds nobody waits about twice as long each time, up to the cap, never quite alike', async () => {
  const host = new HurriedHost();
  const address = `127.0.0.1:${await deadPort()}`;
  const components = {
    host,
    keyring: new Keyring([]),
    limits: defaultTcpLimits,
    chunks: new ChunkPool(1),
    logger: silentLogger,
    flushLater: () => {},
    hello,
  };
  const reasons: string[] = [];
  await new Promise<void>((resolve) => {
    const link = new PeerLink(components, {
      address,
      purpose: 'member',
      judge: () => undefined,
      identify: () => undefined,
      onUp: () => {},
      onLost: ({ reason, wasUp }) => {
        expect(wasUp).toBe(false);
        if (reasons.push(reason) < 10) return;
        link.close();
        resolve();
      },
    });
  });
  expect(reasons.every((reason) => reason.includes('ECONNREFUSED'))).toBe(true);
  const [first, ...waits] = host.waits;
  expect(first).toBe(0);
  const { backoffFirstMs, backoffCapMs } = defaultTcpLimits;
  for (const [i, wait] of waits.entries()) {
    const full = Math.min(backoffCapMs, backoffFirstMs * 2 ** i);
    expect(wait).toBeGreaterThanOrEqual(full / 2);
    expect(wait).toBeLessThanOrEqual(full);
  }
  expect(new Set(waits).size).toBe(waits.length);
});
