import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import { silentLogger } from '../contracts/logger.ts';
import type { Logger } from '../contracts/logger.ts';
import type { DialResult, Hello, Lane, TransportHandler } from '../contracts/transport.ts';
import { SystemHost } from '../host/system-host.ts';
import { DialerHandshake } from './handshake.ts';
import { Keyring } from './keyring.ts';
import type { TcpLimits } from './limits.ts';
import { TcpTransport } from './tcp-transport.ts';

const LOOPBACK = '127.0.0.1';
const host = new SystemHost();

/** What a test opened, closed after it whatever came of it. */
const opened: (() => void)[] = [];
afterEach(() => opened.splice(0).forEach((close) => close()));

const aMoment = (ms: number): Promise<void> => new Promise((resolve) => host.setTimer(ms, resolve));

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; !holds(); i++) {
    if (i > 3000) throw new Error(`waited in vain until ${what}`);
    await aMoment(2);
  }
}

function writtenLog(): { readonly lines: string[]; readonly reasons: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const reasons: string[] = [];
  const write = (fields: object, sentence: string): void => {
    lines.push(sentence);
    reasons.push(String((fields as { reason?: string }).reason));
  };
  return { lines, reasons, logger: { ...silentLogger, info: write, warn: write, error: write } };
}

const idOf = (name: string): NodeId => name.repeat(32) as NodeId;

interface StationInit {
  readonly start?: number;
  readonly secret?: string | string[];
  readonly limits?: Partial<TcpLimits>;
  readonly port?: number;
  readonly logger?: Logger;
}

/** A node as far as a transport can see, that writes down what it is told. */
class Station implements TransportHandler {
  readonly id: NodeId;
  readonly name: string;
  readonly #start: number;
  readonly transport: TcpTransport;
  port = 0;
  readonly texts: string[] = [];
  readonly ups: Hello[] = [];
  readonly downs: string[] = [];
  /** Who was called down, each once. */
  readonly lost = new Set<NodeId>();
  readonly asked: string[] = [];
  refusal: (peer: Hello) => string | undefined = () => undefined;

  constructor(
    name: string,
    { start = 1, secret = [], limits = {}, port = 0, logger = silentLogger }: StationInit,
  ) {
    this.id = idOf(name);
    this.name = name;
    this.#start = start;
    this.transport = new TcpTransport({ listen: { host: LOOPBACK, port }, host, logger, secret, limits });
    opened.push(() => this.transport.stop());
  }

  static async open(name: string, init: StationInit = {}): Promise<Station> {
    const station = new Station(name, init);
    station.port = (await station.transport.listen()).port;
    station.transport.start(station);
    return station;
  }

  get address(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  send(to: Station, text: string, lane: Lane = 'data'): boolean {
    return this.transport.send(to.id, lane, Buffer.from(text), 0, text.length);
  }

  dial(address: string): Promise<DialResult> {
    return new Promise((resolve) => this.transport.dial(address, 'member', resolve));
  }

  hello(purpose: Hello['purpose']): Hello {
    const { id: nodeId, name, address } = this;
    return {
      nodeId,
      start: this.#start as StartNumber,
      name,
      address,
      clusterId: 'c',
      purpose,
      features: [],
    };
  }

  admit(peer: Hello): string | undefined {
    this.asked.push(peer.name);
    return this.refusal(peer);
  }

  onFrame(_from: NodeId, _lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    this.texts.push(Buffer.from(bytes.subarray(start, end)).toString());
  }

  onPeerUp(peer: Hello): void {
    this.ups.push(peer);
  }

  onPeerDown(peer: NodeId, reason: string): void {
    this.lost.add(peer);
    this.downs.push(reason);
  }
}

/** A wire to a station that can be cut without either end being told, and that can spoil what passes. */
class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  cut = false;
  /** Each way. */
  delayMs = 0;
  /** From either end to the other. */
  tamper: (chunk: Buffer) => Buffer = (chunk) => chunk;

  private constructor(to: () => number) {
    this.#server = createServer((near) => {
      const far = connect(to(), LOOPBACK);
      this.#join(near, far);
      this.#join(far, near);
    });
    opened.push(() => {
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  static async to(station: Station): Promise<Wire> {
    const wire = new Wire(() => station.port);
    await new Promise<void>((resolve) => wire.#server.listen(0, LOOPBACK, resolve));
    return wire;
  }

  get address(): string {
    return `${LOOPBACK}:${(this.#server.address() as AddressInfo).port}`;
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => this.#late(() => !this.cut && to.write(this.tamper(chunk))));
    from.on('error', () => {});
    from.on('close', () => this.#late(() => !this.cut && to.destroy()));
  }

  #late(act: () => void): void {
    if (this.delayMs === 0) act();
    else host.setTimer(this.delayMs, act);
  }
}

function meet(a: Station, b: Station, way: { readonly address: string } = b): Promise<void> {
  a.transport.setPeers([{ id: b.id, address: way.address }]);
  return until(`${a.name} reaches ${b.name}`, () => a.ups.length > 0);
}

/** Ends of life are noticed within 60 ms, and a new try comes soon. */
const quick = { pingIntervalMs: 20, pingsUnansweredMax: 3, backoffCapMs: 50 };

describe('the cluster port', () => {
  it('is not opened to other machines when there is no secret', async () => {
    for (const address of ['0.0.0.0', '::', '192.0.2.1']) {
      const transport = new TcpTransport({ listen: { host: address, port: 0 }, host, logger: silentLogger });
      await expect(transport.listen()).rejects.toMatchObject({
        code: 'secret_required',
        message: expect.stringMatching(/no shared secret is set/),
      });
    }
  });

  it('may be named localhost', async () => {
    const transport = new TcpTransport({
      listen: { host: 'localhost', port: 0 },
      host,
      logger: silentLogger,
    });
    opened.push(() => transport.stop());
    expect((await transport.listen()).port).toBeGreaterThan(0);
  });

  it('that another process has is named', async () => {
    const { port } = await Station.open('a');
    const late = new Station('b', { port });
    await expect(late.transport.listen()).rejects.toMatchObject({
      code: 'address_in_use',
      message: `${LOOPBACK}:${port} is in use by another process`,
    });
  });
});

describe('one node id, two lives', () => {
  it('a copied data directory is refused and named, and the first life is not disturbed', async () => {
    const [a, b] = [await Station.open('a', { limits: quick }), await Station.open('b', { limits: quick })];
    await meet(b, a);
    const copy = await Station.open('b', { start: 2, limits: quick });
    const result = await copy.dial(a.address);
    expect(result).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/in use by another process/),
    });
    expect(b.send(a, 'still here')).toBe(true);
    await until('it arrives', () => a.texts.includes('still here'));
    expect(b.downs).toEqual([]);
    b.transport.stop();
    await until('the first life is gone', () => a.downs.length > 0);
    expect(await copy.dial(a.address)).toMatchObject({ kind: 'connected' });
  });

  it('is named in the log however many others are refused', async () => {
    const { lines, logger } = writtenLog();
    const a = await Station.open('a', { limits: quick, logger });
    a.refusal = (peer) => (peer.name === 'c' ? 'it is of another cluster' : undefined);
    const [b, c] = [await Station.open('b', { limits: quick }), await Station.open('c')];
    await meet(b, a);
    for (let i = 0; i < 3; i++) expect(await c.dial(a.address)).toMatchObject({ kind: 'failed' });
    const copy = await Station.open('b', { start: 2 });
    expect(await copy.dial(a.address)).toMatchObject({ kind: 'failed' });
    expect(lines.filter((line) => line.startsWith('refused'))).toEqual([
      'refused c: it is of another cluster',
      expect.stringMatching(
        /^refused b: node id b+ is in use by another process: its data directory was copied/,
      ),
    ]);
  });

  it('a copy that meets its original is told', async () => {
    const [b, copy] = [await Station.open('b'), await Station.open('b', { start: 2 })];
    expect(await copy.dial(b.address)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/copied/),
    });
  });
});

describe('a node that is dialled and wanted as a peer at the same moment', () => {
  it.each([0, 1, 2, 4, 8, 16, 24])('is linked once, %i ms between the two', async (ms) => {
    for (const order of ['dial first', 'wish first']) {
      const [a, b] = [await Station.open('a'), await Station.open('b')];
      const wire = await Wire.to(b);
      wire.delayMs = 4;
      const wish = (): void => a.transport.setPeers([{ id: b.id, address: wire.address }]);
      if (order === 'wish first') wish();
      const early = order === 'dial first' ? a.dial(wire.address) : undefined;
      await aMoment(ms);
      if (order === 'dial first') wish();
      expect(await (early ?? a.dial(wire.address)), order).toMatchObject({
        kind: 'connected',
        peer: { name: 'b' },
      });
      await aMoment(50);
      expect([a.ups.length, a.downs, b.downs], order).toEqual([1, [], []]);
    }
  });

  it('where another is expected is reached all the same', async () => {
    const [a, b, c] = [await Station.open('a'), await Station.open('b'), await Station.open('c')];
    a.transport.setPeers([{ id: b.id, address: c.address }]);
    expect(await a.dial(c.address)).toMatchObject({ kind: 'connected', peer: { name: 'c' } });
  });
});

describe('addresses', () => {
  it('that lead to another member cost that member nothing', async () => {
    const [a, b, c] = [
      await Station.open('a', { limits: quick }),
      await Station.open('b', { limits: quick }),
      await Station.open('c', { limits: quick }),
    ];
    a.transport.setPeers([b, c]);
    await until('a reaches both', () => a.ups.length === 2);
    a.transport.setPeers([{ id: b.id, address: c.address }, c]);
    b.transport.stop();
    await until('b is missed', () => a.downs.length > 0);
    await aMoment(200); // a tries at c's address, several times
    expect(c.downs).toEqual([]);
    expect(a.downs.length).toBe(1);
    expect(a.send(c, 'still here')).toBe(true);
    await until('it arrives', () => c.texts.includes('still here'));
  });

  it('of a peer that is connected under another one cost that connection nothing', async () => {
    const [a, b] = [await Station.open('a', { limits: quick }), await Station.open('b', { limits: quick })];
    await meet(a, b);
    expect(await a.dial(`localhost:${b.port}`)).toMatchObject({ kind: 'connected', peer: { name: 'b' } });
    await aMoment(100);
    expect([a.ups.length, a.downs, b.downs]).toEqual([1, [], []]);
  });

  it('at which somebody else answers are not taken for the peer', async () => {
    const [a, b] = [await Station.open('a'), await Station.open('b')];
    const lines: string[] = [];
    const c = await Station.open('c', {
      logger: { ...silentLogger, warn: (fields) => lines.push(JSON.stringify(fields)) },
    });
    c.transport.setPeers([{ id: a.id, address: b.address }]);
    await until('it is logged', () => lines.some((line) => line.includes('answers there')));
    expect(c.ups).toEqual([]);
    expect(c.send(a, 'x')).toBe(false);
  });

  it('that change are used for the next connection', async () => {
    const [a, b] = [await Station.open('a', { limits: quick }), await Station.open('b', { limits: quick })];
    await meet(a, b);
    const moved = await Station.open('b', { start: 2, limits: quick });
    a.transport.setPeers([{ id: b.id, address: moved.address }]);
    expect(a.send(b, 'x')).toBe(true);
    b.transport.stop();
    await until('a has followed', () => a.ups.length === 2);
    expect(a.ups[1]?.address).toBe(moved.address);
  });

  it('that are none fail', async () => {
    const a = await Station.open('a');
    expect(await a.dial('nonsense')).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/host:port/),
    });
  });
});

describe('a wire that goes dead without a word', () => {
  it('is noticed at both ends, once each, and mended when it comes back', async () => {
    const [a, b] = [await Station.open('a', { limits: quick }), await Station.open('b', { limits: quick })];
    const wire = await Wire.to(b);
    await meet(a, b, wire);
    wire.cut = true;
    await until('both have noticed', () => a.downs.length > 0 && b.downs.length > 0);
    expect(a.downs).toEqual(['no sign of life for 60 ms']);
    expect(b.downs.length).toBe(1);
    expect(a.send(b, 'x')).toBe(false);
    wire.cut = false;
    await until('a is back', () => a.ups.length === 2);
    expect(a.send(b, 'hello again')).toBe(true);
    await until('it arrives', () => b.texts.includes('hello again'));
  });

  it('keeps an idle connection that is well', async () => {
    const [a, b] = [await Station.open('a', { limits: quick }), await Station.open('b', { limits: quick })];
    await meet(a, b);
    await aMoment(200);
    expect([...a.downs, ...b.downs]).toEqual([]);
  });
});

describe('the secret', () => {
  it('that is wrong or missing opens nothing, at a hundred tries', async () => {
    const b = await Station.open('b', { secret: 'right' });
    for (const secret of ['wrong', []]) {
      const a = await Station.open('a', { secret });
      for (let i = 0; i < 50; i++) expect(await a.dial(b.address)).toMatchObject({ kind: 'failed' });
    }
    expect(b.asked).toEqual([]);
    expect(b.downs).toEqual([]);
  });

  it('that is wrong earns a refusal that is read at leisure, but not by more than may be there at all', async () => {
    const { lines, logger } = writtenLog();
    const b = await Station.open('b', { secret: 'right', logger, limits: { handshakesMax: 10 } });
    for (let i = 0; i < 11; i++) await refusedAndStaying(b);
    expect(lines).toEqual(['a connection came to nothing', 'too many connections in mid-handshake']);
    await meet(await Station.open('a', { secret: 'right' }), b);
  });

  it('keeps what is spoilt on the way from being taken; the connection is made anew', async () => {
    const secret = 'right';
    const { lines, logger } = writtenLog();
    const [a, b] = [
      await Station.open('a', { secret, limits: quick }),
      await Station.open('b', { secret, logger }),
    ];
    const wire = await Wire.to(b);
    await meet(a, b, wire);
    for (const [round, at] of [0, 3, 4, 9, -1].entries()) {
      wire.tamper = (chunk) => {
        if (chunk.length > 20) chunk[(at + chunk.length) % chunk.length]! ^= 0x10;
        return chunk;
      };
      expect(a.send(b, `never ${round}`, 'control')).toBe(true);
      await until('it breaks', () => a.downs.length > round);
      wire.tamper = (chunk) => chunk;
      await until('it is mended', () => a.ups.length > round + 1);
    }
    expect(a.send(b, 'sound')).toBe(true);
    await until('it arrives', () => b.texts.length > 0);
    expect(b.texts).toEqual(['sound']);
    expect(lines.filter((line) => line.startsWith('broke'))).toEqual([
      expect.stringMatching(/^broke a connection from a: a (length of|record that its sender did not make)/),
    ]);
  });

  it('is not on the wire', async () => {
    const secret = 'sesame-sesame';
    const [a, b] = [await Station.open('a', { secret }), await Station.open('b', { secret })];
    const wire = await Wire.to(b);
    let seen = '';
    wire.tamper = (chunk) => ((seen += chunk.toString('latin1')), chunk);
    await meet(a, b, wire);
    a.send(b, 'nobody reads this');
    await until('it arrives', () => b.texts.length > 0);
    expect(seen).toContain(a.id);
    expect(seen).not.toMatch(/sesame|nobody/);
  });
});

describe('a secret that is exchanged, one node after the other', () => {
  it.each([['old first', 0] as const, ['the last node first', 2] as const])(
    '%s: no link of others is lost',
    async (_, first) => {
      const { reasons, logger } = writtenLog();
      let start = 1;
      const open = (name: string, secret: string[], port = 0): Promise<Station> =>
        Station.open(name, { start: start++, secret, limits: quick, logger, port });
      const names = ['a', 'b', 'c'];
      const stations = await Promise.all(names.map((name) => open(name, ['old'])));
      const meetAll = async (): Promise<void> => {
        const peers = stations.map(({ id, address }) => ({ id, address }));
        for (const { transport } of stations) transport.setPeers(peers);
        await until('all are linked', () =>
          stations.every((from) => stations.every((to) => from === to || from.send(to, 'x', 'control'))),
        );
      };
      await meetAll();
      for (const secrets of [['old', 'new'], ['new', 'old'], ['new']]) {
        for (let turn = 0; turn < names.length; turn++) {
          const at = (first + turn) % names.length;
          const [leaving, ...staying] = [stations[at]!, ...stations.filter((_, other) => other !== at)];
          leaving.transport.stop();
          await until('it is missed', () => staying.every(({ lost }) => lost.size > 0));
          stations[at] = await open(leaving.name, secrets, leaving.port);
          await meetAll();
          // Nobody lost anybody but the one that was restarted. That may be told twice: of its way here and of the way to it.
          for (const { lost } of staying) {
            expect([...lost]).toEqual([leaving.id]);
            lost.clear();
          }
          expect(stations[at].downs).toEqual([]);
        }
      }
      expect(reasons.filter((reason) => /secret|refused/.test(reason))).toEqual([]);
      const late = await open('d', ['old']);
      expect(await late.dial(stations[0]!.address)).toMatchObject({
        kind: 'failed',
        reason: 'it does not know the shared secret of this node',
      });
    },
  );
});

const helloOfNobody: Hello = {
  nodeId: idOf('f'),
  start: 1 as StartNumber,
  name: 'f',
  address: 'f:1',
  clusterId: 'c',
  purpose: 'member',
  features: [],
};

function opening(secret: string[]): Uint8Array {
  return new DialerHandshake({ lane: 'data', hello: helloOfNobody, keyring: new Keyring(secret) }).opening;
}

/** Says this and hangs on; tells when the other side hung up. */
function say(to: Station, ...chunks: Uint8Array[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(to.port, LOOPBACK, () => chunks.forEach((chunk) => socket.write(chunk)));
    socket.on('data', () => {});
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    opened.push(() => socket.destroy());
  });
}

/** Goes on with a proof of nothing, is told so, and does not hang up. */
function refusedAndStaying(by: Station): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: by.port, host: LOOPBACK, allowHalfOpen: true });
    socket.write(opening(['wrong']));
    let heard = '';
    socket.on('data', (chunk) => {
      if (heard === '') socket.write(Buffer.concat([Uint8Array.of(0, 33, 3), randomBytes(32)]));
      heard += chunk.toString('latin1');
      if (heard.includes('did not prove')) resolve();
    });
    socket.on('error', () => {});
    opened.push(() => socket.destroy());
  });
}

/** Shakes hands on the control lane as a node of which nothing else exists. */
function comeIn(to: Station): Promise<{ socket: Socket; closed: Promise<void> }> {
  const dialer = new DialerHandshake({ lane: 'control', hello: helloOfNobody, keyring: new Keyring([]) });
  return new Promise((resolve) => {
    const socket = connect(to.port, LOOPBACK, () => socket.write(dialer.opening));
    const closed = new Promise<void>((end) => socket.on('close', () => end()));
    opened.push(() => socket.destroy());
    socket.on('data', (chunk) => {
      const step = dialer.onBytes(chunk);
      if (step.answer !== undefined) socket.write(step.answer);
      if (step.kind === 'established') resolve({ socket, closed });
    });
  });
}

describe('strangers', () => {
  it('that make noise are hung up on, cost nothing and do not fill the log', async () => {
    const lines: string[] = [];
    const warn = (_fields: object, sentence: string): void => void lines.push(sentence);
    const logger = { ...silentLogger, warn };
    const b = await Station.open('b', { secret: 's', logger, limits: { handshakeMs: 50 } });
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 20; round++) {
      const noise = Array.from({ length: 10 }, () => say(b, randomBytes(100_000)));
      await Promise.all([
        ...noise,
        say(b, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
        say(b, opening(['t']), randomBytes(5000)),
        say(b, Buffer.from('rkv\x93\x00\x01\xff\xff', 'latin1')),
      ]);
    }
    expect(lines).toEqual(['a connection came to nothing']);
    expect(b.asked).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    const a = await Station.open('a', { secret: 's' });
    await meet(a, b);
  });

  it('that say nothing, or half of something, are hung up on in time', async () => {
    const b = await Station.open('b', { limits: { handshakeMs: 30 } });
    const half = opening([]);
    await Promise.all([say(b), say(b, half.subarray(0, 5)), say(b, half.subarray(0, -1)), say(b, half)]);
    expect(b.asked).toEqual([]);
  });

  it('cannot keep a peer out by their number', async () => {
    const b = await Station.open('b', { limits: { handshakesMax: 10 } });
    const crowd = Array.from({ length: 50 }, () => say(b));
    await Promise.all(crowd.slice(0, 30));
    await meet(await Station.open('a'), b);
  });

  it('that were let in and then send too long a frame are hung up on', async () => {
    const b = await Station.open('b');
    const { socket, closed } = await comeIn(b);
    socket.write(Uint8Array.of(0x7f, 0xff, 0xff, 0xff));
    await closed;
    expect(b.downs).toEqual([expect.stringMatching(/more than any may be/)]);
    expect(b.texts).toEqual([]);
  });

  it('that come in a second time have given up the first connection', async () => {
    const b = await Station.open('b');
    const first = await comeIn(b);
    const second = await comeIn(b);
    await first.closed;
    expect(b.downs).toEqual([]);
    second.socket.write(Buffer.from('\x00\x00\x00\x02hi', 'latin1'));
    await until('it arrives', () => b.texts.length > 0);
    second.socket.destroy();
    await until('the end of the second is told', () => b.downs.length > 0);
    expect(b.texts).toEqual(['hi']);
  });
});
