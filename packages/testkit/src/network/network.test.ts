import type { Hello, Lane, NodeId, StartNumber, TransportHandler } from '@rkv/core';
import { transportSuite } from '@rkv/core/testing';
import { describe, expect, it } from 'vitest';
import { Life } from '../life/life.ts';
import { World } from '../world/world.ts';
import { SimNetwork, type SimNetworkInit } from './network.ts';
import type { SimTransport } from './transport.ts';

let seed = 0;

transportSuite({ describe, it }, () => {
  const world = new World({ seed: seed++ });
  const network = new SimNetwork({ world });
  return {
    node: (name) => ({
      transport: network.transport(new Life(world, name, 1), `${name}:1`),
      address: `${name}:1`,
    }),
    settle: () => world.runFor(20),
  };
});

/** A node that writes down what it hears. */
class Listener implements TransportHandler {
  readonly life: Life;
  readonly id: NodeId;
  readonly transport: SimTransport;
  readonly heard: string[] = [];
  readonly #hello: Omit<Hello, 'purpose'>;

  constructor(world: World, network: SimNetwork, name: string, start: number) {
    this.life = new Life(world, name, start);
    this.id = name as NodeId;
    const address = `${name}:1`;
    this.#hello = {
      nodeId: this.id,
      start: start as StartNumber,
      name,
      address,
      clusterId: 'c',
      features: [],
    };
    this.transport = network.transport(this.life, address);
    this.transport.start(this);
  }

  wants(...peers: readonly Listener[]): void {
    this.transport.setPeers(peers.map(({ id }) => ({ id, address: `${id}:1` })));
  }

  send(to: Listener, text: string, lane: Lane = 'data'): boolean {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return this.transport.send(to.id, lane, bytes, 0, bytes.length);
  }

  hello(purpose: Hello['purpose']): Hello {
    return { ...this.#hello, purpose };
  }

  admit(): undefined {
    return undefined;
  }

  onFrame(_from: NodeId, _lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    this.heard.push(String.fromCharCode(...bytes.subarray(start, end)));
  }

  onPeerUp(peer: Hello): void {
    this.heard.push(`up ${peer.nodeId}.${peer.start}`);
  }

  onPeerDown(peer: NodeId, reason: string): void {
    this.heard.push(`down ${peer}: ${reason}`);
  }
}

/** Two nodes that are connected both ways and have heard nothing else yet. */
function setUp(init: Omit<SimNetworkInit, 'world'> = {}, seed = 1) {
  const world = new World({ seed });
  const network = new SimNetwork({ ...init, world });
  const [a, b] = [new Listener(world, network, 'a', 1), new Listener(world, network, 'b', 1)];
  a.wants(b);
  b.wants(a);
  world.runFor(10);
  expect([...a.heard, ...b.heard]).toEqual(['up b.1', 'up a.1']);
  a.heard.length = b.heard.length = 0;
  return { world, network, a, b };
}

const HOLDS: SimNetworkInit['timings'] = { resetAfterCut: 0 };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

describe('a cut', () => {
  it('holds what is sent, and lets it through in order once it is healed', () => {
    const { world, network, a, b } = setUp({ timings: HOLDS });
    network.cut(['a'], ['b']);
    for (const text of numbers(20)) expect(a.send(b, text)).toBe(true);
    world.runFor(2000);
    expect(b.heard).toEqual([]);
    network.heal(['a'], ['b']);
    world.runFor(2000);
    expect(b.heard).toEqual(numbers(20));
  });

  it('catches some of what is under way, and what is behind it waits', () => {
    const arrived = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      const { world, network, a, b } = setUp({ timings: HOLDS }, seed);
      for (const text of numbers(5)) a.send(b, text);
      world.runFor(0.01);
      network.cut(['a'], ['b']);
      world.runFor(100);
      expect(b.heard).toEqual(numbers(b.heard.length));
      arrived.add(b.heard.length);
      network.heal(['a'], ['b']);
      world.runFor(2000);
      expect(b.heard).toEqual(numbers(5));
    }
    expect(arrived.size).toBeGreaterThan(2);
  });

  it('that lasts ends the connections, on each side in its own time; they come back once it is healed', () => {
    const { world, network, a, b } = setUp();
    network.cut(['a'], ['b']);
    a.send(b, 'lost');
    world.runFor(60_000);
    expect(a.heard).toEqual(['down b: timed out']);
    expect(b.heard).toEqual(['down a: timed out']);
    expect(a.send(b, 'x')).toBe(false);
    network.heal(['a'], ['b']);
    world.runFor(10_000);
    expect(a.heard.slice(1)).toEqual(['up b.1']);
    expect(b.heard.slice(1)).toEqual(['up a.1']);
  });

  it('one way holds frames that way, and starves the other way of acknowledgements', () => {
    const { world, network, a, b } = setUp({ queuedBytesMax: { data: 3000 } });
    network.cutOneWay(['a'], ['b']);
    a.send(b, 'from a');
    b.send(a, 'from b');
    world.runFor(100);
    expect([a.heard, b.heard]).toEqual([['from b'], []]);
    let taken = 0;
    while (b.send(a, 'x'.repeat(296))) {
      taken++;
      world.runFor(10);
    }
    expect(taken).toBe(10);
    world.runFor(60_000);
    expect(b.heard[0]).toBe('down a: timed out');
  });

  it('adds up with another one', () => {
    const { network } = setUp();
    network.cut(['a'], ['b']);
    network.cutOneWay(['a'], ['b']);
    network.heal(['a'], ['b']);
    expect([network.link('a', 'b').isCut, network.link('b', 'a').isCut]).toEqual([true, false]);
    network.healAll();
    expect(network.link('a', 'b').isCut).toBe(false);
  });

  it('lets a dial wait until it times out, while a dead process refuses at once', () => {
    const { world, network, a, b } = setUp();
    const results: string[] = [];
    const dial = (address: string): void =>
      a.transport.dial(address, 'join', (result) =>
        results.push(
          `${result.kind === 'failed' ? result.reason : 'connected'} at ${Math.round(world.now() - started)}`,
        ),
      );
    const c = new Listener(world, network, 'c', 1);
    c.life.end('crash');
    network.cut(['a'], ['b']);
    const started = world.now();
    a.wants();
    dial('c:1');
    dial('nowhere:1');
    dial('b:1');
    world.runFor(10_000);
    expect(results).toEqual(['connection refused at 0', 'connection refused at 1', 'timed out at 5000']);
    expect(b.heard).toEqual([]);
  });
});

describe('a handshake', () => {
  it('whose welcome a cut swallows ends on both sides', () => {
    const world = new World({ seed: 1 });
    const network = new SimNetwork({ world });
    const [a, b] = [new Listener(world, network, 'a', 1), new Listener(world, network, 'b', 1)];
    network.cutOneWay(['b'], ['a']);
    let reason = '';
    a.transport.dial('b:1', 'join', (result) => (reason = result.kind === 'failed' ? result.reason : 'none'));
    world.runFor(4900);
    expect([reason, b.heard]).toEqual(['', []]);
    world.runFor(1000);
    expect([reason, a.heard, b.heard]).toEqual(['timed out', [], ['down a: closed by the peer']]);
  });

  it('whose welcome is overtaken by the end of the other side is tried again', () => {
    for (let seed = 0; seed < 100; seed++) {
      const world = new World({ seed });
      const network = new SimNetwork({ world });
      network.setLinks(['a'], ['b'], { delayMs: 1, jitterMs: 100 });
      const [a, b] = [new Listener(world, network, 'a', 1), new Listener(world, network, 'b', 1)];
      a.wants(b);
      world.runFor(60);
      b.life.end('crash');
      world.runFor(200);
      const again = new Listener(world, network, 'b', 2);
      world.runFor(10_000);
      expect(a.send(again, 'hello')).toBe(true);
      world.runFor(200);
      expect(again.heard, `seed ${seed}`).toEqual(['hello']);
    }
  });
});

describe('the end of a life', () => {
  it('by kill resets its connections, and the next life is another one', () => {
    const { world, network, a, b } = setUp();
    b.life.end('crash');
    world.runFor(1000);
    expect(a.heard).toEqual(['down b: connection reset']);
    const again = new Listener(world, network, 'b', 2);
    again.wants(a);
    world.runFor(5000);
    expect(a.heard.slice(1)).toEqual(['up b.2']);
    expect(again.heard).toEqual(['up a.1']);
    a.send(again, 'hello');
    world.runFor(10);
    expect(again.heard).toEqual(['up a.1', 'hello']);
    expect(b.heard).toEqual([]);
  });

  it('lets some of what it had sent arrive, in order', () => {
    const arrived = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      const { world, a, b } = setUp({}, seed);
      for (const text of numbers(5)) a.send(b, text);
      a.life.end('crash');
      world.runFor(1000);
      expect(b.heard).toEqual([...numbers(b.heard.length - 1), 'down a: connection reset']);
      arrived.add(b.heard.length - 1);
    }
    expect(arrived.size).toBeGreaterThan(3);
  });

  it('by power cut is silent: the others find out by waiting, or when the machine is back', () => {
    const { world, network, a, b } = setUp();
    b.life.end('powerCut');
    expect(a.send(b, 'into the dark')).toBe(true);
    world.runFor(4000);
    expect(a.heard).toEqual([]);
    world.runFor(60_000);
    expect(a.heard).toEqual(['down b: timed out']);

    const other = setUp();
    other.b.life.end('powerCut');
    other.world.runFor(1000);
    expect(other.a.heard).toEqual([]);
    const again = new Listener(other.world, other.network, 'b', 2);
    other.world.runFor(1000);
    expect(other.a.heard).toEqual(['down b: connection reset', 'up b.2']);
    expect(again.heard).toEqual([]);
    expect(network).not.toBe(other.network);
  });

  it('of a copied disk: a second process with the same id is refused while the first one lives', () => {
    const { world, network, a } = setUp();
    const twin = new Listener(world, network, 'b', 7);
    let reason = '';
    twin.transport.dial(
      'a:1',
      'member',
      (result) => (reason = result.kind === 'failed' ? result.reason : ''),
    );
    world.runFor(1000);
    expect(reason).toContain('with another start number');
    expect(a.heard).toEqual([]);
  });

  it('of somebody else at the address of a node that is no more: what is meant for one does not end what the other has', () => {
    const { world, a, b } = setUp();
    const gone = { id: 'gone' as NodeId, address: 'b:1' };
    a.transport.setPeers([{ id: b.id, address: 'b:1' }, gone]);
    world.runFor(10_000);
    expect(new Set(a.heard)).toEqual(new Set(['down gone: node b answers at its address']));
    expect(b.heard).toEqual([]);
    expect(a.send(b, 'x')).toBe(true);
  });
});

describe('trouble on the way', () => {
  it('a reset loses what is in flight, and each side hears of it', () => {
    const { world, network, a, b } = setUp();
    a.send(b, 'lost');
    network.reset(['a'], ['b']);
    expect(a.send(b, 'taken and lost')).toBe(true);
    world.runFor(5000);
    expect(a.heard).toEqual(['down b: connection reset', 'up b.1']);
    expect(b.heard).toEqual(['down a: connection reset', 'up a.1']);
  });

  it('a paused receiver fills the queue of the sender, and finds everything in order when it resumes', () => {
    const { world, a, b } = setUp({ queuedBytesMax: { data: 3000 } });
    b.life.pause();
    let taken = 0;
    while (a.send(b, `${taken}`.padStart(296, '0'))) taken++;
    world.runFor(30_000);
    expect([taken, b.heard, a.heard]).toEqual([10, [], []]);
    b.life.resume();
    world.runFor(10);
    expect(b.heard.map(Number)).toEqual(numbers(10).map(Number));
    expect(a.send(b, 'room again')).toBe(true);
  });

  it('bulk takes time on the wire and does not delay the other lanes', () => {
    const { world, a, b } = setUp({ link: { bytesPerMs: 10 } });
    a.send(b, 'x'.repeat(10_000), 'bulk');
    a.send(b, 'heartbeat', 'control');
    world.runFor(500);
    expect(b.heard).toEqual(['heartbeat']);
    world.runFor(600);
    expect(b.heard.length).toBe(2);
  });

  it('a lossy link drops, doubles and disorders frames, on a connection that stays open', () => {
    const { world, network, a, b } = setUp();
    network.setLinks(['a'], ['b'], { lossy: { drop: 0.2, duplicate: 0.2, reorder: 0.2 } });
    const sent = numbers(500);
    for (const text of sent) a.send(b, text);
    world.runFor(1000);
    expect(a.heard).toEqual([]);
    const heard = b.heard.map(Number);
    const distinct = new Set(heard);
    expect(distinct.size).toBeLessThan(450);
    expect(distinct.size).toBeGreaterThan(350);
    expect(heard.length).toBeGreaterThan(distinct.size);
    expect(heard).not.toEqual(heard.toSorted((x, y) => x - y));
  });

  it('a frame that is kept after the call turns to garbage', () => {
    const { world, a, b } = setUp();
    let kept: Uint8Array = new Uint8Array();
    b.onFrame = (_from, _lane, bytes, start, end) => {
      expect(start).toBeGreaterThan(0);
      kept = bytes.subarray(start, end);
    };
    a.send(b, 'abc');
    world.runFor(10);
    expect([...kept]).toEqual([0xdd, 0xdd, 0xdd]);
  });
});
