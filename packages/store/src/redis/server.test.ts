import { describe, expect, it } from 'vitest';
import { openDoor } from './testing/open-door.ts';
import { RawClient, until } from './testing/raw-client.ts';

describe('the door', () => {
  it('tells one client too many so', async () => {
    const { server, port } = await openDoor({ limits: { clientsMax: 1 } });
    const first = await RawClient.open(port);
    expect(await first.ask('PING\r\n', '+PONG\r\n')).toBe('+PONG\r\n');
    const second = await RawClient.open(port);
    expect(await second.rest()).toBe('-ERR max number of clients reached\r\n');
    expect(server.counters().rejectedConnections).toBe(1);
    first.socket.destroy();
    await server.close();
  });

  it('gives the replies it owes before it closes, and takes nothing new', async () => {
    const { server, store, port } = await openDoor({ late: true });
    const client = await RawClient.open(port);
    client.send('SET a 1\r\nSET a 2\r\n');
    await until(() => store.waiting.length === 1);
    const closed = server.close();
    store.waiting.splice(0)[0]?.answer();
    expect(await client.rest()).toBe('+OK\r\n');
    await closed;
    expect(store.waiting).toEqual([]);
    await expect(RawClient.open(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for ever to close', async () => {
    const { server, port, store } = await openDoor({ late: true, limits: { drainTimeoutMs: 1 } });
    const client = await RawClient.open(port);
    client.send('GET never\r\n');
    await until(() => store.waiting.length === 1);
    await server.close();
    expect(await client.rest()).toBe('');
  });

  it('says when it cannot listen', async () => {
    const one = await openDoor();
    await expect(one.server.listen('127.0.0.1', one.port)).rejects.toThrow();
    const other = await openDoor();
    await Promise.all([one.server.close(), other.server.close()]);
  });
});
