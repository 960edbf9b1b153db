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

  it('answers what has been sent before it closes, read or not, and lets nobody in', async () => {
    const { server, store, port } = await openDoor({ late: true });
    const client = await RawClient.open(port);
    client.send('SET a 1\r\nSET a 2\r\n');
    await until(() => store.waiting.length === 1);
    client.send('SET b 3\r\n');
    const closed = server.close();
    await expect(RawClient.open(port)).rejects.toThrow('ECONNREFUSED');
    for (let call = 0; call < 3; call++) {
      await until(() => store.waiting.length > 0);
      store.waiting.shift()?.answer();
    }
    expect(await client.rest()).toBe('+OK\r\n+OK\r\n+OK\r\n');
    await closed;
  });

  it('tells a client that makes no pause to go, answering each of its commands', async () => {
    const { server, store, port } = await openDoor();
    const client = await RawClient.open(port);
    const replies: string[] = [];
    let sent = 0;
    const gone = new Promise<void>((resolve) => {
      client.socket.on('data', (bytes) => {
        replies.push(...bytes.toString().split('\r\n').slice(0, -1));
        // Two are always under way.
        while (sent - replies.length < 2 && !replies.some((reply) => reply.startsWith('-')))
          client.send(`SET k ${sent++}\r\n`);
        if (sent === replies.length) resolve();
      });
    });
    client.send(`SET k ${sent++}\r\n`);
    const closed = server.close();
    await gone;
    client.socket.end();
    await closed;
    const refusal =
      '-TRYAGAIN this node is about to end; ask another one (stopping: needed 1, got 0, definite: true)';
    const served = replies.findIndex((reply) => reply === refusal);
    expect(served).toBeGreaterThan(100);
    expect(replies.slice(0, served).every((reply) => reply === '+OK')).toBe(true);
    expect(replies.slice(served)).toEqual(Array(replies.length - served).fill(refusal));
    expect(replies).toHaveLength(sent);
    expect(store.values.get('k')?.toString()).toBe(String(served - 1));
  });

  it('keeps no client that is told that this is the end and does not go', async () => {
    const { server, port } = await openDoor({ limits: { drainTimeoutMs: 3_600_000 } });
    const client = await RawClient.open(port);
    client.socket.allowHalfOpen = true;
    await server.close();
    expect(client.socket.writableEnded).toBe(false);
    client.socket.destroy();
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
