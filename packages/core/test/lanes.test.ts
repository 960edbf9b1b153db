/** Over real sockets: bulk never delays a heartbeat. */
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeId, StartNumber } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import type { Hello, TransportHandler } from '../src/contracts/transport.ts';
import { SystemHost } from '../src/host/system-host.ts';
import { TcpTransport } from '../src/net/tcp-transport.ts';

const host = new SystemHost();
const transports: TcpTransport[] = [];
afterEach(() => transports.splice(0).forEach((transport) => transport.stop()));

interface Station {
  readonly id: NodeId;
  readonly address: string;
  readonly transport: TcpTransport;
}

/** A node as far as a transport can see. */
async function station(
  name: string,
  secret: string[],
  onFrame: (size: number) => void = () => {},
): Promise<Station> {
  const transport = new TcpTransport({
    listen: { host: '127.0.0.1', port: 0 },
    host,
    logger: silentLogger,
    secret,
  });
  transports.push(transport);
  const address = `127.0.0.1:${(await transport.listen()).port}`;
  const id = name.repeat(32) as NodeId;
  const handler: TransportHandler = {
    hello: (purpose): Hello => {
      return { nodeId: id, start: 1 as StartNumber, name, address, clusterId: 'c', purpose, features: [] };
    },
    admit: () => undefined,
    onFrame: (_from, _lane, _bytes, start, end) => onFrame(end - start),
    onPeerUp: () => {},
    onPeerDown: () => {},
  };
  transport.start(handler);
  return { id, address, transport };
}

/** What handoff sends where values are large; the lane holds nine of them. */
const BULK = new Uint8Array(1024 * 1024);
const BEATS = 200;
/**
 * In one turn of the event loop a socket is read up to 2 MiB. A heartbeat leaves at the end of the turn that it was sent in,
 * and is read in the next turn or the one after.
 */
const TURNS_MIB_MAX = 4;

describe.each([
  ['without a secret', []],
  ['with a secret', ['open sesame']],
])('%s', (_, secret) => {
  it('a heartbeat waits for two turns at most, while the bulk lane takes no more', async () => {
    let bulkArrived = 0;
    let arrivedWhenSent = 0;
    /** By heartbeat: the MiB of bulk that were read between its sending and its arrival. */
    const overtakenBy: number[] = [];
    let beatArrived = (): void => {};
    const receiver = await station('b', secret, (size) => {
      if (size === BULK.length) bulkArrived++;
      else {
        overtakenBy.push(bulkArrived - arrivedWhenSent);
        beatArrived();
      }
    });
    const { transport } = await station('a', secret);
    await new Promise((resolve) => transport.dial(receiver.address, 'member', resolve));

    let bulkSent = 0;
    let refused = 0;
    for (let beat = 0; beat < BEATS; beat++) {
      while (transport.send(receiver.id, 'bulk', BULK, 0, BULK.length)) bulkSent++;
      refused++;
      arrivedWhenSent = bulkArrived;
      const arrived = new Promise<void>((resolve) => (beatArrived = resolve));
      expect(transport.send(receiver.id, 'control', Uint8Array.of(beat), 0, 1)).toBe(true);
      await arrived;
    }

    expect(overtakenBy).toHaveLength(BEATS);
    expect(Math.max(...overtakenBy)).toBeLessThanOrEqual(TURNS_MIB_MAX);
    expect(transport.counters.framesNotTaken).toBe(refused);
    expect(transport.counters.framesSent).toBe(bulkSent + BEATS);
    // It was no lane that stood still: what was taken did go.
    expect(bulkArrived).toBeGreaterThan(BEATS / 2);
  });
});
