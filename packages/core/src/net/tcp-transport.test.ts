import { describe, it } from 'vitest';
import { SystemHost } from '../host/system-host.ts';
import { silentLogger } from '../contracts/logger.ts';
import { transportSuite } from '../testing/transport-suite.ts';
import type { TransportEnd, TransportNetwork } from '../testing/transport-suite.ts';
import { formatAddress } from './address.ts';
import { TcpTransport } from './tcp-transport.ts';

const LOOPBACK = '127.0.0.1';
const host = new SystemHost();

/** Loopback; a later life of a name listens where the earlier one did. */
class LoopbackNetwork implements TransportNetwork {
  readonly #secret: string[];
  readonly #ports = new Map<string, number>();

  constructor(secret: string[]) {
    this.#secret = secret;
  }

  async node(name: string): Promise<TransportEnd> {
    const listen = { host: LOOPBACK, port: this.#ports.get(name) ?? 0 };
    const transport = new TcpTransport({ listen, host, logger: silentLogger, secret: this.#secret });
    const { port } = await transport.listen();
    this.#ports.set(name, port);
    return { transport, address: formatAddress({ host: LOOPBACK, port }) };
  }

  settle(): Promise<void> {
    return new Promise((resolve) => host.setTimer(2, resolve));
  }
}

describe('over TCP', () => transportSuite({ describe, it }, () => new LoopbackNetwork([])));

describe('over TCP with a secret', () =>
  transportSuite({ describe, it }, () => new LoopbackNetwork(['open sesame'])));
