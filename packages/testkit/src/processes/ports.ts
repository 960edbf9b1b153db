/**
 * Ports for nodes that are killed and come back: they must still be free after the node has been away.
 *
 * So they are taken from below the range that systems give to outgoing connections, and each test process keeps to a
 * hundred of its own, by its process number: test files that run side by side do not meet.
 */
import { createServer } from 'node:net';

const LOWEST = 20_000;
const BLOCKS = 120;
const BLOCK_PORTS = 100;

let next = 0;

/** A port of 127.0.0.1 that nobody listens on, and that this process has not given out lately. */
export async function freePort(): Promise<number> {
  const first = LOWEST + (process.pid % BLOCKS) * BLOCK_PORTS;
  for (let tries = 0; tries < BLOCK_PORTS; tries++) {
    const port = first + (next++ % BLOCK_PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${first} to ${first + BLOCK_PORTS - 1} is free`);
}

/** Nobody listens on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
