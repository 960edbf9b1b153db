import { afterEach, describe, expect, it } from 'vitest';
import type { Failure } from '../kv/api.ts';
import type { RedisLimits } from './limits.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';
import { multibulk, RawClient, until } from './testing/raw-client.ts';

let door: OpenDoor;
let client: RawClient;

/** A door whose store answers only when told to, and a client of it. */
async function openLate(limits: Partial<RedisLimits> = {}): Promise<void> {
  door = await openDoor({ late: true, limits: { drainTimeoutMs: 1000, ...limits } });
  client = await RawClient.open(door.port);
}

afterEach(async () => {
  client.socket.destroy();
  while (door.store.waiting.length > 0) door.store.waiting.shift()?.answer();
  await door.server.close();
});

const begun = (): string[] => door.store.waiting.map((call) => call.what);

/** Sends the lines and waits until so many store calls are begun because of them. */
async function send(lines: string, calls: number): Promise<void> {
  client.send(lines);
  await until(() => door.store.waiting.length >= calls);
}

/** Lets the call at this place in the list go, and waits until as many are begun as told. */
async function answer(index: number, thenBegun: number): Promise<void> {
  door.store.waiting.splice(index, 1)[0]?.answer();
  await until(() => door.store.waiting.length >= thenBegun);
}

const unreachable: Failure = {
  code: 'unreachable',
  message: 'too few replicas',
  needed: 2,
  got: 0,
  from: [],
  definite: true,
};

it('what a change takes with it outlives its request', async () => {
  await openLate();
  await send(multibulk('SET', 'k', 'v'.repeat(90), 'NX'), 1);
  await send(multibulk('SET', 'l', 'w'.repeat(90), 'XX'), 2);
  while (door.store.waiting.length > 0) door.store.waiting.shift()?.answer();
  expect(door.store.values.get('k')?.toString('latin1')).toBe('v'.repeat(90));
});

describe('replies to pipelined commands', () => {
  it('come in the order of the commands, whatever the order of the answers', async () => {
    await openLate();
    await send('SET a 1\r\nPING\r\nGET b\r\nSTRLEN c\r\nnope\r\n', 3);
    await answer(2, 2);
    await answer(1, 1);
    await answer(0, 0);
    const expected =
      "+OK\r\n+PONG\r\n$-1\r\n:0\r\n-ERR unknown command 'nope', with args beginning with: \r\n";
    expect(await client.receive(expected.length)).toBe(expected);
  });

  it('are given as soon as those before them are', async () => {
    await openLate();
    await send('GET a\r\nGET b\r\nGET c\r\n', 3);
    await answer(1, 2);
    await answer(0, 1);
    expect(await client.receive(10)).toBe('$-1\r\n$-1\r\n');
    expect(begun()).toEqual(['get c']);
  });

  it('are given once: a store that answers twice is found out', async () => {
    await openLate();
    await send('GET a\r\n', 1);
    const call = door.store.waiting.shift();
    call?.answer();
    expect(() => call?.answer()).toThrow('a command is answered once');
  });

  it('carry the failures of the store', async () => {
    await openLate();
    await send('SET a 1\r\nGET b\r\n', 2);
    for (const call of door.store.waiting.splice(0)) call.fail(unreachable);
    const expected =
      '-CLUSTERDOWN too few replicas (unreachable: needed 2, got 0, definite: true)\r\n' +
      '-CLUSTERDOWN too few replicas (unreachable: needed 2, got 0)\r\n';
    expect(await client.receive(expected.length)).toBe(expected);
  });
});

describe('commands of one client', () => {
  it('on different keys, or reading the same, run at the same time', async () => {
    await openLate();
    await send('SET a 1\r\nSET b 2\r\nGET c\r\nGET c\r\nMGET c d\r\n', 6);
    expect(begun()).toEqual(['put a 1', 'put b 2', 'get c', 'get c', 'get c', 'get d']);
  });

  it('read what they wrote', async () => {
    await openLate();
    await send('SET a 1\r\nGET a\r\nGET b\r\n', 1);
    expect(begun()).toEqual(['put a 1']);
    await answer(0, 2);
    expect(begun()).toEqual(['get a', 'get b']);
    await answer(1, 1);
    await answer(0, 0);
    expect(await client.receive(17)).toBe('+OK\r\n$1\r\n1\r\n$-1\r\n');
  });

  it('write one key in their order, and not before it was read', async () => {
    await openLate();
    await send('GET a\r\nSET a 1\r\nSET a 2\r\nDEL b a\r\n', 1);
    for (const next of [['get a'], ['put a 1'], ['put a 2'], ['delete b', 'delete a']]) {
      await until(() => door.store.waiting.length === next.length);
      expect(begun()).toEqual(next);
      if (next.length === 1) await answer(0, 1);
    }
  });

  it('that concern all keys run alone', async () => {
    await openLate();
    await send('SET a 1\r\nDBSIZE\r\nPING\r\nGET b\r\n', 1);
    expect(begun()).toEqual(['put a 1']);
    await answer(0, 1);
    expect(begun()).toEqual(['count']);
    await answer(0, 1);
    expect(begun()).toEqual(['get b']);
    await answer(0, 0);
    expect(await client.receive(21)).toBe('+OK\r\n:1\r\n+PONG\r\n$-1\r\n');
  });

  it('are answered in the protocol that was spoken when they were sent', async () => {
    await openLate();
    await send('GET a\r\nHELLO 3\r\nGET a\r\nQUIT\r\n', 1);
    await answer(0, 1);
    await answer(0, 0);
    expect(await client.rest()).toMatch(/^\$-1\r\n%7\r\n[^]*_\r\n\+OK\r\n$/);
  });

  it('of another client do not wait', async () => {
    await openLate();
    await send('SET a 1\r\n', 1);
    const other = await RawClient.open(door.port);
    other.send('SET a 2\r\n');
    await until(() => door.store.waiting.length === 2);
    other.socket.destroy();
  });
});

describe('commands with many keys', () => {
  it('run a window of calls at a time, and keep their values meanwhile', async () => {
    await openLate();
    const pairs = Array.from({ length: 600 }, (_, i) => [`k${i}`, `v${i}`]).flat();
    await send(multibulk('MSET', ...pairs), 256);
    expect(begun().length).toBe(256);
    client.send('ECHO something else that fills the buffer\r\n'.repeat(100));
    while (door.store.values.size < 600) await answer(0, 0);
    expect(await client.receive(5)).toBe('+OK\r\n');
    expect(door.store.values.get('k599')?.toString()).toBe('v599');
  });

  it('with large values begin the next when one has answered, while too much is under way', async () => {
    await openLate();
    const value = 'v'.repeat(30_000);
    door.store.crowded = true;
    await send(multibulk('MSET', 'a', value, 'b', value, 'c', value), 1);
    await answer(0, 1);
    door.store.crowded = false;
    await answer(0, 1);
    await answer(0, 0);
    expect(await client.receive(5)).toBe('+OK\r\n');
    expect(door.store.values.get('c')?.toString()).toBe(value);
  });

  it('begin nothing more after a failure, wait for what is under way, and say whether anything happened', async () => {
    await openLate();
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await send(multibulk('DEL', ...keys), 256);
    const [first, ...others] = door.store.waiting.splice(0);
    first?.fail(unreachable);
    for (const call of others) call.answer();
    expect(await client.receive(9)).toBe('-UNCERTAI');
    expect(begun()).toEqual([]);
  });
});

describe('memory stays bounded', () => {
  it('takes no more commands than replies may be owed', async () => {
    await openLate({ owedRepliesMax: 10 });
    await send(Array.from({ length: 25 }, (_, i) => `GET ${i}\r\n`).join(''), 10);
    expect(begun().length).toBe(10);
    await answer(3, 9);
    expect(begun().length).toBe(9);
    await answer(0, 9);
    expect(begun().at(-1)).toBe('get 10');
    for (let left = 23; left > 0; left--) await answer(0, left > 1 ? 1 : 0);
    expect(await client.receive(25 * 5)).toBe('$-1\r\n'.repeat(25));
  });

  it('takes one command at a time of each client while requests hold too much', async () => {
    await openLate();
    await send('GET 0\r\nGET 1\r\n', 2);
    door.store.crowded = true;
    const other = await RawClient.open(door.port);
    client.send('GET 2\r\nGET 3\r\n');
    other.send('PING\r\nGET 4\r\nGET 5\r\n');
    expect(await other.receive(7)).toBe('+PONG\r\n');
    await until(() => door.store.waiting.length >= 3);
    expect(begun()).toEqual(['get 0', 'get 1', 'get 4']);
    await answer(1, 2);
    await answer(0, 2);
    expect(begun()).toEqual(['get 4', 'get 2']);
    door.store.crowded = false;
    await answer(1, 2);
    await answer(0, 2);
    expect(begun()).toEqual(['get 3', 'get 5']);
    other.socket.destroy();
  });

  it('begins no write while writes hold too much, of nobody, and every other command', async () => {
    await openLate();
    door.store.hopers = [];
    const other = await RawClient.open(door.port);
    client.send('SET 0 v\r\n');
    other.send('PING\r\nGET 1\r\nINCR 2\r\n');
    expect(await other.receive(7)).toBe('+PONG\r\n');
    await until(() => door.store.waiting.length === 1 && door.store.hopers?.length === 2);
    expect(begun()).toEqual(['get 1']);
    const hopers = door.store.hopers;
    door.store.hopers = undefined;
    for (const wake of hopers) wake();
    await until(() => door.store.waiting.length === 3);
    expect(begun()).toEqual(['get 1', expect.any(String), expect.any(String)]);
    other.socket.destroy();
  });

  it('stops reading a client that does not read, and goes on when it does', async () => {
    door = await openDoor({ limits: { outputPauseBytes: 100_000 } });
    client = await RawClient.open(door.port);
    door.store.values.set('big', Buffer.alloc(500_000, 'x'));
    client.socket.pause();
    const commands = 100;
    client.send('GET big\r\n'.repeat(commands));
    await until(() => [...door.server.sessions()].some((session) => /omem=[1-9]/.test(session.describe())));
    expect(door.server.counters().commands).toBeLessThan(commands / 2);
    client.socket.resume();
    const reply = `$500000\r\n${'x'.repeat(500_000)}\r\n`;
    for (let i = 0; i < commands; i++) expect((await client.receive(reply.length)) === reply).toBe(true);
  });

  it('closes a client with too much unread output', async () => {
    await openLate({ outputCloseBytes: 20_000_000 });
    door.store.values.set('big', Buffer.alloc(10_000_000, 'x'));
    client.socket.pause();
    await send('GET big\r\nGET big\r\nGET big\r\nGET big\r\n', 4);
    for (const call of door.store.waiting.splice(0)) call.answer();
    await until(() => door.server.counters().clients === 0);
  });

  it('refuses a value above the limit and lives on', async () => {
    door = await openDoor({ limits: { valueBytesMax: 1000 } });
    client = await RawClient.open(door.port);
    const error =
      '-ERR string exceeds maximum allowed size (1000 bytes an argument, 134217728 bytes a command)\r\n';
    const expected = `${error}+PONG\r\n`;
    expect(await client.ask(`${multibulk('SET', 'k', 'v'.repeat(1001))}PING\r\n`, expected)).toBe(expected);
    expect(door.store.values.size).toBe(0);
  });
});

describe('the end', () => {
  it('of a client that half-closes comes after its replies', async () => {
    await openLate();
    await send('SET a 1\r\nGET a\r\n', 1);
    client.socket.end();
    await answer(0, 1);
    await answer(0, 0);
    expect(await client.rest()).toBe('+OK\r\n$1\r\n1\r\n');
  });

  it('of a client with commands under way hurts nobody', async () => {
    await openLate();
    await send('SET a 1\r\nGET b\r\n', 2);
    client.socket.resetAndDestroy();
    await until(() => door.server.counters().clients === 0);
    for (const call of door.store.waiting.splice(0)) call.answer();
    expect(door.store.values.get('a')?.toString()).toBe('1');
  });

  it('of what is no request comes with a reason, after the replies before it', async () => {
    await openLate();
    await send('GET a\r\n*1\r\n!\r\nPING\r\n', 1);
    await answer(0, 0);
    expect(await client.rest()).toBe("$-1\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  });

  it('of a browser comes at once', async () => {
    await openLate();
    client.send('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await client.rest()).toBe('');
  });

  it('of a client that never finishes a header comes in time', async () => {
    door = await openDoor({ limits: { headerTimeoutMs: 1 } });
    client = await RawClient.open(door.port);
    client.send('PING\r\n*1\r\n$4');
    expect(await client.rest()).toBe('+PONG\r\n');
  });
});
