/** A door over a `MapStore` on a free port, for tests. */
import { silentLogger } from '@rkv/core';
import type { InfoFacts } from '../info.ts';
import type { RedisLimits } from '../limits.ts';
import { RedisServer } from '../server.ts';
import { MapStore } from './map-store.ts';

export interface OpenDoor {
  readonly server: RedisServer;
  readonly store: MapStore;
  readonly port: number;
}

export async function openDoor(
  init: { late?: boolean; limits?: Partial<RedisLimits> } = {},
): Promise<OpenDoor> {
  const store = new MapStore({ late: init.late ?? false });
  const server = new RedisServer({
    kv: store,
    info: () => factsOf(store),
    logger: silentLogger,
    limits: init.limits ?? {},
  });
  const { port } = await server.listen('127.0.0.1', 0);
  return { server, store, port };
}

function factsOf(store: MapStore): InfoFacts {
  return {
    nodeName: 'n1',
    nodeId: '0123456789abcdef0123456789abcdef',
    version: '0.1.0',
    storage: 'memory',
    uptimeMs: 5000,
    ringSize: 16,
    members: 1,
    keys: store.values.size,
  };
}
