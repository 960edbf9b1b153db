/** KEYS with a reply that is larger than what a client that does not read may have waiting for it. */
import { afterEach, describe, expect, it } from 'vitest';
import { openDoor, type OpenDoor } from '../testing/open-door.ts';
import { RawClient, until } from '../testing/raw-client.ts';
import type { RedisLimits } from '../limits.ts';

/** More than the kernel takes for a client that does not read. */
const KEYS = 16_000;
const keyOf = (number: number): string => `key:${number}:`.padEnd(1_000, 'x');
const MIB = 1024 * 1024;

let door: OpenDoor;
let client: RawClient;

async function openFull(limits: Partial<RedisLimits> = {}): Promise<void> {
  door = await openDoor({ limits });
  for (let i = 0; i < KEYS; i++) door.store.values.set(keyOf(i), Buffer.from('v'));
  client = await RawClient.open(door.port);
}

afterEach(async () => {
  client.socket.destroy();
  await door.server.close();
});

const replyTo = (numbers: readonly number[]): string =>
  `*${numbers.length}\r\n${numbers
    .map(keyOf)
    .toSorted()
    .map((key) => `$1000\r\n${key}\r\n`)
    .join('')}`;
const all = replyTo(Array.from({ length: KEYS }, (_, number) => number));

describe('a reply of sixteen megabytes', () => {
  it('comes whole, and what is behind it after it', async () => {
    await openFull();
    client.send('KEYS *\r\nPING\r\n');
    expect((await client.receive(all.length + 7)) === `${all}+PONG\r\n`).toBe(true);
    expect(door.server.gathered.bytes).toBe(0);
  });

  it('waits for a client that does not read, and takes no more than was gathered', async () => {
    await openFull({ outputPauseBytes: 64 * 1024 });
    client.socket.pause();
    client.send('KEYS *\r\n');
    await until(() => door.server.gathered.bytes > 0);
    const [session] = door.server.sessions();
    // The kernel takes some; the rest lies here once, and not twice.
    await until(() => (session?.unsentBytes ?? 0) > 64 * 1024);
    expect(session?.unsentBytes).toBeLessThan(256 * 1024);
    const held = door.server.gathered.bytes;
    expect(held).toBeGreaterThan(0);
    client.socket.resume();
    expect((await client.receive(all.length)) === all).toBe(true);
    expect(door.server.gathered.bytes).toBe(0);
  });

  it('is forgotten when its client goes away', async () => {
    await openFull({ outputPauseBytes: 64 * 1024 });
    client.socket.pause();
    client.send('KEYS *\r\n');
    await until(() => [...door.server.sessions()].some(({ unsentBytes }) => unsentBytes > 64 * 1024));
    client.socket.destroy();
    await until(() => door.server.gathered.bytes === 0);
  });

  it('whose client reads nothing for too long is cut off', async () => {
    await openFull({ outputPauseBytes: 64 * 1024, headerTimeoutMs: 50 });
    client.socket.pause();
    client.send('KEYS *\r\n');
    await until(() => door.server.gathered.bytes > 0);
    await until(() => door.server.gathered.bytes === 0);
    await until(() => door.server.counters().clients === 0);
  });
});

describe('more than the node gathers', () => {
  const REFUSED = "-ERR replies to KEYS take more than 1 MiB of this node's memory; use SCAN\r\n";

  it('is refused, and the connection lives on', async () => {
    await openFull({ gatheredBytesMax: MIB });
    expect(await client.ask('KEYS *\r\nPING\r\n', `${REFUSED}+PONG\r\n`)).toBe(`${REFUSED}+PONG\r\n`);
    expect(door.server.gathered.bytes).toBe(0);
    expect(door.server.gathered.limit.reached).toBe(1);
  });

  it('counts what matches only', async () => {
    await openFull({ gatheredBytesMax: MIB });
    const some = replyTo(Array.from({ length: 10 }, (_, at) => 10 + at));
    expect(await client.ask('KEYS key:1?:*\r\n', some)).toBe(some);
  });
});
