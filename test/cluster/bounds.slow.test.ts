/**
 * Clients and peers that ask for more than they take: what a node holds for them stays bounded, everybody else is
 * served, and a monitor sees it.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { figuresOf, limitOf } from './figures.ts';
import { canMeasureMemory, Memory } from './memory.ts';
import { joinAll, type TestNode } from './nodes.ts';
import { withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const MIB = 1024 * 1024;
const SOON = { timeout: 20_000 };

const nodes = withNodes({ storage: 'memory' });
// Four nodes, so that each key of sixteen partitions lies on three of them.
let [n1, n2, n3, n4] = [] as unknown as [TestNode, TestNode, TestNode, TestNode];
beforeAll(async () => {
  [n1, n2, n3, n4] = await nodes.startCluster('n1', 'n2', 'n3', 'n4');
}, 120_000);

const sockets: Socket[] = [];
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));

/** A client that reads nothing unless it is told to. */
async function open(node: TestNode): Promise<Socket> {
  const socket = connectSocket(node.ports.redis, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {}); // being cut off is what some of them are for
  await once(socket, 'connect');
  return socket;
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Reads until so many bytes have come. */
async function readBytes(socket: Socket, count: number): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (text.length >= count) break;
  }
  return text;
}

/** Somebody else's commands, which are answered all the while. */
async function serveOthers(node: TestNode, count = 200): Promise<void> {
  await withRedis(node, async (client) => {
    for (let at = 0; at < count; at++) {
      await client.set(`other ${at}`, `of ${at}`);
      expect(await client.get(`other ${at}`)).toBe(`of ${at}`);
    }
  });
}

interface KeyView {
  readonly preflist: readonly { readonly node: string }[];
  readonly replicas: readonly { readonly state: string; readonly version: string }[];
}

async function explain(node: TestNode, key: string): Promise<KeyView> {
  const answer = await fetch(`${node.url}/api/key?key=${encodeURIComponent(key)}`);
  return (await answer.json()) as KeyView;
}

/** A key whose replicas are all on other nodes. */
const keyElsewhere = (node: TestNode): Promise<string> => findKey(node, false);
/** A key of which the node holds a replica, and others too. */
const keyHere = (node: TestNode): Promise<string> => findKey(node, true);

async function findKey(node: TestNode, here: boolean): Promise<string> {
  for (let at = 0; ; at++) {
    const { preflist } = await explain(node, `large ${at}`);
    if (preflist.some((replica) => replica.node === node.name) === here) return `large ${at}`;
  }
}

/** Reads so many replies, values or errors: how many values there were, and the errors. */
async function readReplies(socket: Socket, count: number): Promise<{ values: number; errors: string[] }> {
  const errors: string[] = [];
  let values = 0;
  let line = '';
  let valueBytesLeft = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length;) {
      const skipped = Math.min(valueBytesLeft, bytes.length - at);
      at += skipped;
      valueBytesLeft -= skipped;
      if (valueBytesLeft > 0 || at === bytes.length) break;
      const end = bytes.indexOf('\n', at) + 1;
      line += bytes.toString('latin1', at, end === 0 ? undefined : end);
      at = end === 0 ? bytes.length : end;
      if (end === 0) break;
      if (line.startsWith('$')) {
        values++;
        valueBytesLeft = Number(line.slice(1)) + 2;
      } else errors.push(line.trim());
      line = '';
    }
    if (values + errors.length === count && valueBytesLeft === 0) break;
  }
  return { values, errors };
}

/** How long the slowest PING of another client takes while something is going on, ms. */
async function slowestPingDuring(node: TestNode, work: Promise<unknown>): Promise<number> {
  const going = { on: true };
  void work.finally(() => (going.on = false));
  return withRedis(node, async (client) => {
    let slowest = 0;
    while (going.on) {
      const began = performance.now();
      await client.ping();
      slowest = Math.max(slowest, performance.now() - began);
    }
    return slowest;
  });
}

const clientsOf = async (node: TestNode): Promise<number | undefined> =>
  (await limitOf(node, 'redis_clients')).used;

describe.skipIf(!canMeasureMemory)('memory (measured in /proc) does not grow with', () => {
  it.each([
    ['from the store of the node itself', async () => nodes.startLone('lone'), async () => 'large'],
    ['from other nodes, there neither', async () => [n1, n2, n3, n4] as const, keyElsewhere],
  ])('a client that asks for 2 GB and never reads, %s', async (_, findNodes, findKey) => {
    const [node, ...others] = await findNodes();
    const key = await findKey(node);
    await withRedis(node, (client) => client.set(key, Buffer.alloc(1_000_000, 'x')));
    const memories = [node, ...others].map(({ pid }) => new Memory(pid));
    const socket = await open(node);
    socket.write(command('GET', key).repeat(2_000));
    // Not read any further, or all answered: values that do not come from other nodes in time are errors.
    await expect
      .poll(async () => {
        const { used: unsent = 0 } = await limitOf(node, 'redis_unsent_bytes');
        return unsent > MIB || (await limitOf(node, 'redis_owed_replies')).used === 0;
      }, SOON)
      .toBe(true);
    // While values fill the lanes from other nodes, answers to others are lost as well: docs/limits.md.
    await expect.poll(async () => (await figuresOf(node)).get('rkv_requests_open'), SOON).toBe(0);
    await serveOthers(node);
    for (const memory of memories) expect(memory.growth).toBeLessThan(192);
    expect((await limitOf(node, 'redis_unsent_bytes')).used).toBeLessThan(64 * MIB);
    socket.destroy();
    await expect.poll(() => clientsOf(node), SOON).toBe(0);
  });

  it('2,000 GETs of 1 MB in one pipeline: all are answered, and nobody else waits for a second', async () => {
    const key = await keyHere(n1);
    await withRedis(n1, (client) => client.set(key, Buffer.alloc(1_000_000, 'x')));
    const memory = new Memory(n1.pid);
    const socket = await open(n1);
    socket.write(command('GET', key).repeat(2_000));
    const replies = readReplies(socket, 2_000);
    expect(await slowestPingDuring(n1, replies)).toBeLessThan(1_000);
    expect(await replies).toEqual({ values: 2_000, errors: [] });
    expect((await limitOf(n1, 'read_bytes')).used).toBe(0);
    expect(memory.growth).toBeLessThan(320);
  }, 90_000);

  it('fifty clients that announce half a gigabyte each, and fifty that announce as much as is allowed', async () => {
    const memory = new Memory(n1.pid);
    for (const bytes of [512 * MIB, 16 * MIB]) {
      for (let at = 0; at < 50; at++) {
        const socket = await open(n1);
        socket.write(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${bytes}\r\n${'x'.repeat(1_000)}`);
      }
    }
    await expect.poll(() => clientsOf(n1), SOON).toBe(100);
    await serveOthers(n1);
    expect(memory.growth).toBeLessThan(64);
  });

  it('a pipeline of 100,000 commands', async () => {
    const memory = new Memory(n1.pid);
    const socket = await open(n1);
    socket.write(command('PING').repeat(100_000));
    await serveOthers(n1);
    const answers = await readBytes(socket, 100_000 * '+PONG\r\n'.length);
    expect(answers === '+PONG\r\n'.repeat(100_000)).toBe(true);
    expect(memory.growth).toBeLessThan(64);
  });
});

/** How many sockets this process may have, and a node that it starts. */
function filesMax(): number {
  if (!existsSync('/proc/self/limits')) return Infinity;
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft ?? Infinity);
}

describe('values that come from other nodes and are more than their lanes take', () => {
  it('are refused at once where there is no room; no request ends with a time-out', async () => {
    const key = await keyElsewhere(n1);
    await withRedis(n1, (client) => client.set(key, Buffer.alloc(1_000_000, 'x')));
    const socket = await open(n1);
    socket.write(command('GET', key).repeat(50));
    const { values, errors } = await readReplies(socket, 50);
    expect(errors.filter((error) => !error.includes('(overload: '))).toEqual([]);
    // Two lanes of 16 MiB: the first replica asked, and the one that the value is fetched from then.
    expect(values).toBeGreaterThanOrEqual(32);
    await serveOthers(n1);
  });
});

describe('connections', () => {
  it('are taken up to 10,000, at some kilobytes each, and the next is told why it is not', async (context) => {
    if (filesMax() < 10_500) context.skip(`only ${filesMax()} files may be open here`);
    const memory = canMeasureMemory ? new Memory(n2.pid) : undefined;
    const { max = 0 } = await limitOf(n2, 'redis_clients');
    expect(max).toBe(10_000);
    const clients: Socket[] = [];
    while (clients.length < max)
      clients.push(...(await Promise.all(Array.from({ length: 250 }, () => open(n2)))));
    for (const client of clients) client.write(command('PING'));
    const answers = await Promise.all(clients.map((client) => readBytes(client, 7)));
    expect(new Set(answers)).toEqual(new Set(['+PONG\r\n']));
    const surplus = await open(n2);
    expect(await readBytes(surplus, 36)).toBe('-ERR max number of clients reached\r\n');
    expect(await limitOf(n2, 'redis_clients')).toEqual({ used: max, max, reached: 1 });
    expect(memory?.growth ?? 0).toBeLessThan(192);
    for (const client of clients) client.destroy();
    await expect.poll(() => clientsOf(n2), SOON).toBe(0);
    await serveOthers(n2);
  });
});

describe.skipIf(!canMeasureMemory)('a peer that stands still while everybody writes for ten seconds', () => {
  const writers = 8;
  const keysEach = 50;
  const value = Buffer.alloc(128 * 1024, 'v');
  const living = (): TestNode[] => [n1, n2, n3];
  /** How often n1 had no room for a frame to n4 in its data lane. */
  const noRoom = async (): Promise<number> => {
    const reached = 'rkv_limit_reached_total{limit="lane_bytes",peer="n4",lane="data"}';
    return (await figuresOf(n1)).get(reached) ?? 0;
  };

  /** Of all writers together more than a lane takes, so that it is full at once, however slow the machine is. */
  const atOnce = 20;

  /** Round after round until the time is up and all keys have their turn; every write must be acknowledged. */
  async function write(node: TestNode, who: number, until: number): Promise<void> {
    await withRedis(node, async (client) => {
      for (let first = 0; performance.now() < until || first < keysEach; first += atOnce) {
        const round = Array.from({ length: atOnce }, (_, at) => `still ${who} ${(first + at) % keysEach}`);
        expect(await Promise.all(round.map((key) => client.set(key, value)))).toEqual(round.map(() => 'OK'));
      }
    });
  }

  it('costs no more than its lanes: all writes are acknowledged by two others, and it has them all afterwards', async () => {
    const noRoomBefore = await noRoom();
    const memories = living().map(({ pid }) => new Memory(pid));
    n4.signal('SIGSTOP');
    const until = performance.now() + 10_000;
    // All through one node: what it has for the fourth is more than a lane takes before that is suspected.
    await Promise.all(Array.from({ length: writers }, (_, who) => write(n1, who, until)));
    // Its lane was full, and frames to it were refused rather than kept.
    expect(await noRoom()).toBeGreaterThan(noRoomBefore);
    // 50 MB of values, of which each holds most; what is under way; 16 MiB of a full lane.
    for (const memory of memories) expect(memory.growth).toBeLessThan(320);
    n4.signal('SIGCONT');
    await n1.tell('cluster', 'status', '--wait');
    for (let who = 0; who < writers; who++) {
      for (let at = 0; at < keysEach; at++) {
        const { replicas } = await explain(n1, `still ${who} ${at}`);
        expect(replicas.map(({ state }) => state)).toEqual(['value', 'value', 'value']);
        expect(new Set(replicas.map(({ version }) => version)).size).toBe(1);
      }
    }
  }, 180_000);
});

describe('a handoff of values that are larger than its lane', () => {
  it('gets through, and no peer is taken for down because of it', async () => {
    const [old, joiner] = await nodes.startLone('old', 'joiner');
    const keys = Array.from({ length: 10 }, (_, at) => `huge ${at}`);
    await withRedis(old, async (client) => {
      for (const key of keys) await client.set(key, Buffer.alloc(12_000_000, key));
    });
    await joinAll([old, joiner]);
    for (const key of keys) {
      const { replicas } = await explain(joiner, key);
      expect(replicas.map(({ state }) => state)).toEqual(['value', 'value', 'value']);
    }
    for (const node of [old, joiner])
      expect((await figuresOf(node)).get('rkv_peer_changes_total{to="down"}')).toBe(0);
  }, 120_000);
});
