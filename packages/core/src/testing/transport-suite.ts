/**
 * The transport contract as a suite: what every `Transport` must do, be it TCP or simulated.
 *
 *     transportSuite({ describe, it }, () => new MyNetwork());
 *
 * It needs a test runner's `describe` and `it` and nothing else, and knows no time: whatever must happen is
 * waited for by calling `settle` until it has.
 *
 * Not here: how a peer proves who it is, and what a hostile one may try; that is each transport's own affair.
 */
import assert from 'node:assert/strict';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import {
  SMALL_FRAME_BYTES,
  SMALL_FRAMES_RESERVE,
  type DialResult,
  type Hello,
  type Lane,
  type Transport,
  type TransportHandler,
} from '../contracts/transport.ts';

/** Who runs the tests: vitest and node:test fit as they are. */
export interface SuiteRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

/** A transport not yet started, and the address at which other nodes of the network reach it. */
export interface TransportEnd {
  readonly transport: Transport;
  readonly address: string;
}

/** The network under test. */
export interface TransportNetwork {
  /**
   * A new life of the node with this name. Lives of one name have one address and do not overlap: the suite
   * stops the transport of the life before.
   */
  node(name: string): TransportEnd | Promise<TransportEnd>;
  /** Let some of what is under way happen: a few milliseconds, real or virtual. */
  settle(): void | Promise<void>;
  /** The test is over; every transport that it made has been stopped. */
  close?(): void | Promise<void>;
}

export function transportSuite(
  runner: SuiteRunner,
  setup: () => TransportNetwork | Promise<TransportNetwork>,
): void {
  const test = (name: string, body: (play: Play) => Promise<void>): void => {
    runner.it(name, async () => {
      const play = new Play(await setup());
      try {
        await body(play);
      } finally {
        await play.end();
      }
    });
  };

  runner.describe('transport: getting to know each other', () => {
    test('a dial tells who answered, and both learn whom they talk to', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      const result = await play.dial(a, b.address, 'join');
      assert.equal(result.kind, 'connected');
      assert.deepEqual(result.kind === 'connected' && result.peer, b.hello('member'));
      assert.deepEqual(a.ups, [b.hello('member')]);
      assert.deepEqual(b.asked[0], a.hello('join'));
    });

    test('no handler is called within start, setPeers, dial or send', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      const before = a.calls + b.calls;
      let answered = false;
      a.transport.setPeers([b.peerAddress, { id: idOf('c'), address: b.address }]);
      a.transport.dial(b.address, 'member', () => (answered = true));
      for (let i = 0; i < 10; i++) a.send(b, 'data', bytesOf(`${i}`));
      assert.equal(a.calls + b.calls, before);
      assert.equal(answered, false);
    });

    test('a refused peer learns the reason, and nothing of it is taken', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      b.refusal = 'another cluster';
      const result = await play.dial(a, b.address, 'member');
      assert.equal(result.kind, 'failed');
      assert.match(result.kind === 'failed' ? result.reason : '', /another cluster/);
      assert.equal(a.send(b, 'control', bytesOf('x')), false);
      assert.deepEqual(a.ups, []);
      assert.deepEqual(b.frames, []);
    });

    test('a dial to where nobody listens fails', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      b.leave();
      assert.equal((await play.dial(a, b.address, 'member')).kind, 'failed');
    });

    test('a node that dials itself is told so', async (play) => {
      const a = await play.enter('a');
      assert.equal((await play.dial(a, a.address, 'member')).kind, 'failed');
      assert.deepEqual(a.ups, []);
    });

    test('a peer named by setPeers is reached once it is there', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      b.leave();
      a.transport.setPeers([b.peerAddress]);
      await play.settleSome();
      assert.deepEqual(a.ups, []);
      const later = await play.enter('b');
      await play.until('a has found b', () => a.ups.length === 1);
      assert.deepEqual(a.ups, [later.hello('member')]);
    });

    test('a peer that setPeers leaves out gets nothing more', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      a.transport.setPeers([]);
      assert.equal(a.send(b, 'data', bytesOf('x')), false);
    });
  });

  runner.describe('transport: frames', () => {
    test('arrive in the order sent, lane by lane, in both directions', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      for (let i = 0; i < 500; i++) {
        for (const lane of ['data', 'control', 'bulk'] as const) {
          assert.ok(a.send(b, lane, bytesOf(`a ${i}`)));
          assert.ok(b.send(a, lane, bytesOf(`b ${i}`)));
        }
        if (i % 100 === 0) await play.settle();
      }
      await play.until('all has arrived', () => a.frames.length === 1500 && b.frames.length === 1500);
      for (const lane of ['data', 'control', 'bulk'] as const) {
        assert.deepEqual(textsOn(b, lane), sequence('a', 500));
        assert.deepEqual(textsOn(a, lane), sequence('b', 500));
      }
      assert.ok(b.frames.every((frame) => frame.from === a.id));
    });

    test('of all sizes arrive whole', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      const sizes = [0, 1, 3, 4, 5, 160, 65_531, 65_532, 65_536, 65_537, 1 << 20, 16 << 20];
      for (const size of sizes) assert.ok(a.send(b, 'data', patterned(size)), `${size} bytes are taken`);
      await play.until('all has arrived', () => b.frames.length === sizes.length);
      for (const [i, size] of sizes.entries()) {
        assert.ok(sameBytes(b.frames[i]?.bytes, patterned(size)), `${size} bytes arrive unchanged`);
      }
      assert.ok(a.send(b, 'data', bytesOf('small again')));
      await play.until('so does the next', () => textsOn(b, 'data').at(-1) === 'small again');
    });

    test('many small ones', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      for (let i = 0; i < 20_000; i++) assert.ok(a.send(b, 'data', bytesOf(`a ${i}`)));
      await play.until('all has arrived', () => b.frames.length === 20_000);
      assert.deepEqual(textsOn(b, 'data'), sequence('a', 20_000));
    });

    test('are copied before send returns, and only the bytes from start to end', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      const buffer = bytesOf('<<first>>');
      assert.ok(a.transport.send(b.id, 'data', buffer, 2, 7));
      buffer.fill(0x78);
      assert.ok(a.transport.send(b.id, 'data', buffer, 2, 7));
      buffer.fill(0);
      await play.until('both have arrived', () => b.frames.length === 2);
      assert.deepEqual(textsOn(b, 'data'), ['first', 'xxxxx']);
    });

    test('to a node that is not connected are not taken', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      assert.equal(a.send(b, 'data', bytesOf('x')), false);
      assert.equal(a.transport.send(idOf('nobody'), 'control', bytesOf('x'), 0, 1), false);
    });

    test('a full lane takes no more, keeps what it took, and recovers', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      const frame = patterned(1 << 20);
      let taken = 0;
      while (taken < 200 && a.send(b, 'bulk', frame)) taken++;
      assert.ok(taken > 0 && taken < 200, `a lane is bounded, but took ${taken} MiB`);
      assert.ok(a.send(b, 'control', bytesOf('heartbeat')), 'a full lane does not fill the others');
      await play.until('what was taken has arrived', () => countOn(b, 'bulk') === taken);
      assert.ok(a.send(b, 'bulk', frame), 'there is room again');
      await play.until('so has the last one', () => countOn(b, 'bulk') === taken + 1);
    });

    test('small ones find room in a full lane, behind what it took and up to the reserve', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      const frame = patterned(1 << 20);
      let taken = 0;
      while (taken < 200 && a.send(b, 'bulk', frame)) taken++;
      const small = patterned(SMALL_FRAME_BYTES);
      const room = Math.floor(SMALL_FRAMES_RESERVE / (4 + SMALL_FRAME_BYTES));
      assert.equal(
        a.send(b, 'bulk', patterned(SMALL_FRAME_BYTES + 1)),
        false,
        'one that is not small does not',
      );
      for (let i = 0; i < room; i++) assert.ok(a.send(b, 'bulk', small), `${i} of ${room} are taken`);
      assert.equal(a.send(b, 'bulk', small), false, 'the reserve is bounded too');
      await play.until('all has arrived', () => countOn(b, 'bulk') === taken + room);
      const sizes = b.frames.map(({ bytes }) => bytes.length);
      assert.ok(
        sizes.slice(taken).every((size) => size === SMALL_FRAME_BYTES),
        'in the order taken',
      );
      while (a.send(b, 'bulk', frame)) taken++;
      assert.ok(a.send(b, 'bulk', small), 'there is a reserve again');
      await play.until('the last one is there', () => countOn(b, 'bulk') === taken + room + 1);
    });

    test('may be sent from within onFrame and onPeerUp', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      b.whenFrame = (text) => void (text === 'ping' && b.send(a, 'data', bytesOf('pong')));
      a.whenUp = () => void a.send(b, 'data', bytesOf('ping'));
      b.transport.setPeers([a.peerAddress]);
      await play.until('b can answer', () => b.ups.length === 1);
      a.transport.setPeers([b.peerAddress]);
      await play.until('the answer is there', () => textsOn(a, 'data').includes('pong'));
    });
  });

  runner.describe('transport: coming and going', () => {
    test('a peer that stops is reported, and frames to it are not taken', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      b.leave();
      await play.until('a has noticed', () => a.downs.includes(b.id));
      await play.until('nothing is taken', () => !a.send(b, 'data', bytesOf('x')));
    });

    test('a peer that comes back with another start number is up again', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      b.leave();
      await play.until('a has noticed', () => a.downs.includes(b.id));
      const again = await play.enter('b');
      again.transport.setPeers([a.peerAddress]);
      await play.until('both are up', () => a.ups.length === 2 && again.ups.length === 1);
      assert.notEqual(again.start, b.start);
      assert.equal(a.ups[1]?.start, again.start);
      assert.ok(a.send(again, 'data', bytesOf('hello again')));
      assert.ok(again.send(a, 'control', bytesOf('and to you')));
      await play.until('frames flow', () => again.frames.length === 1 && textsOn(a, 'control').length === 1);
      assert.deepEqual(b.frames, [], 'nothing reaches the earlier life');
    });

    test('stop is silent, and may be called from within a handler', async (play) => {
      const [a, b] = [await play.enter('a'), await play.enter('b')];
      await play.meet(a, b);
      b.whenFrame = () => b.leave();
      for (let i = 0; i < 100; i++) a.send(b, 'data', bytesOf(`${i}`));
      await play.until('b has stopped', () => b.left);
      const calls = b.calls;
      assert.equal(b.frames.length, 1, 'the frames after it in the same read are not delivered');
      assert.equal(b.send(a, 'data', bytesOf('x')), false);
      await play.settleSome();
      assert.equal(b.calls, calls);
    });

    test('three nodes, each with each', async (play) => {
      const nodes = [await play.enter('a'), await play.enter('b'), await play.enter('c')];
      for (const node of nodes)
        node.transport.setPeers(others(nodes, node).map((other) => other.peerAddress));
      await play.until('all are up', () => nodes.every((node) => node.ups.length === 2));
      for (const node of nodes) {
        for (const other of others(nodes, node)) assert.ok(node.send(other, 'data', bytesOf(node.name)));
      }
      await play.until('all has arrived', () => nodes.every((node) => node.frames.length === 2));
      for (const node of nodes) {
        assert.deepEqual(
          textsOn(node, 'data').toSorted(),
          others(nodes, node).map((other) => other.name),
        );
      }
    });
  });
}

/** Many more turns than any transport needs, so that a test that waits in vain ends with a sentence. */
const SETTLES_MAX = 5000;

class Play {
  #network: TransportNetwork;
  #actors: Actor[] = [];

  constructor(network: TransportNetwork) {
    this.#network = network;
  }

  async enter(name: string): Promise<Actor> {
    const life = this.#actors.filter((actor) => actor.name === name).length + 1;
    const actor = new Actor(name, life as StartNumber, await this.#network.node(name));
    this.#actors.push(actor);
    actor.transport.start(actor);
    assert.equal(actor.calls, 0, 'no handler is called before start has returned');
    return actor;
  }

  /** Each names the other, and both can send. */
  async meet(a: Actor, b: Actor): Promise<void> {
    a.transport.setPeers([b.peerAddress]);
    b.transport.setPeers([a.peerAddress]);
    await this.until('both are up', () => a.ups.length > 0 && b.ups.length > 0);
  }

  async dial(from: Actor, address: string, purpose: Hello['purpose']): Promise<DialResult> {
    const results: DialResult[] = [];
    from.transport.dial(address, purpose, (result) => results.push(result));
    await this.until('the dial has ended', () => results.length > 0);
    assert.equal(results.length, 1, 'a dial ends once');
    return results[0] as DialResult;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let i = 0; !holds(); i++) {
      assert.ok(i < SETTLES_MAX, `waited in vain until ${what}`);
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    await this.#network.settle();
  }

  /** For what must *not* happen. */
  async settleSome(): Promise<void> {
    for (let i = 0; i < 20; i++) await this.settle();
  }

  async end(): Promise<void> {
    for (const actor of this.#actors) if (!actor.left) actor.leave();
    await this.#network.close?.();
  }
}

interface TakenFrame {
  readonly from: NodeId;
  readonly lane: Lane;
  readonly bytes: Uint8Array;
}

/** One life of a node that writes down what its transport tells it. */
class Actor implements TransportHandler {
  readonly name: string;
  readonly id: NodeId;
  readonly start: StartNumber;
  readonly address: string;
  readonly transport: Transport;
  readonly frames: TakenFrame[] = [];
  readonly ups: Hello[] = [];
  readonly downs: NodeId[] = [];
  readonly asked: Hello[] = [];
  /** Calls of the handler that tell of something. */
  calls = 0;
  refusal: string | undefined;
  whenUp: () => void = () => {};
  whenFrame: (text: string) => void = () => {};
  left = false;

  constructor(name: string, start: StartNumber, end: TransportEnd) {
    this.name = name;
    this.id = idOf(name);
    this.start = start;
    this.address = end.address;
    this.transport = end.transport;
  }

  get peerAddress(): { id: NodeId; address: string } {
    return { id: this.id, address: this.address };
  }

  send(to: Actor, lane: Lane, bytes: Uint8Array): boolean {
    return this.transport.send(to.id, lane, bytes, 0, bytes.length);
  }

  leave(): void {
    this.left = true;
    this.transport.stop();
  }

  hello(purpose: Hello['purpose']): Hello {
    const { id: nodeId, start, name, address } = this;
    return { nodeId, start, name, address, clusterId: 'suite', purpose, features: ['one', 'two'] };
  }

  admit(peer: Hello): string | undefined {
    this.asked.push(peer);
    return this.refusal;
  }

  onFrame(from: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    this.calls++;
    this.frames.push({ from, lane, bytes: bytes.slice(start, end) });
    this.whenFrame(textOf(bytes.subarray(start, end)));
  }

  onPeerUp(peer: Hello): void {
    this.calls++;
    this.ups.push(peer);
    this.whenUp();
  }

  onPeerDown(peer: NodeId): void {
    this.calls++;
    this.downs.push(peer);
  }
}

function idOf(name: string): NodeId {
  return bytesOf(name)
    .reduce((hex, byte) => hex + byte.toString(16), '')
    .padStart(32, '0') as NodeId;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** The start is enough to tell texts apart, and a pattern of megabytes is no text. */
function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 32));
}

function patterned(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >>> 8)) & 0xff;
  return bytes;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

function textsOn(actor: Actor, lane: Lane): string[] {
  return actor.frames.filter((frame) => frame.lane === lane).map((frame) => textOf(frame.bytes));
}

function countOn(actor: Actor, lane: Lane): number {
  return actor.frames.filter((frame) => frame.lane === lane).length;
}

function sequence(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix} ${i}`);
}

function others(nodes: readonly Actor[], node: Actor): Actor[] {
  return nodes.filter((other) => other !== node);
}
