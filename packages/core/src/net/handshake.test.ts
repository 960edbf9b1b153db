import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { AcceptorHandshake, DialerHandshake } from './handshake.ts';
import type { HandshakeStep } from './handshake.ts';
import { Keyring, SharedKey } from './keyring.ts';

function helloOf(name: string): Hello {
  return {
    nodeId: name.repeat(32) as NodeId,
    start: 1 as StartNumber,
    name,
    address: '127.0.0.1:1',
    clusterId: 'c',
    purpose: 'member',
    features: ['one', 'two'],
  };
}

function acceptorOf(): AcceptorHandshake {
  return new AcceptorHandshake({
    keyring: new Keyring(['s']),
    hello: () => helloOf('a'),
    judge: () => undefined,
  });
}

interface Meeting {
  readonly dialer: HandshakeStep;
  readonly acceptor: HandshakeStep;
  /** All that was said, in order: HELLO, WELCOME, PROOF, READY. */
  readonly said: Uint8Array[];
}

interface MeetingInit {
  readonly dialerSecrets?: string[];
  readonly acceptorSecrets?: string[];
  readonly lane?: Lane;
  readonly refusal?: string;
  /** What a message becomes on its way. */
  readonly onWay?: (message: Uint8Array, index: number) => Uint8Array;
}

/** Both ends, and the wire between them. */
function meet(init: MeetingInit): Meeting {
  const dialer = new DialerHandshake({
    lane: init.lane ?? 'control',
    hello: helloOf('d'),
    keyring: new Keyring(init.dialerSecrets ?? ['s']),
  });
  const acceptor = new AcceptorHandshake({
    keyring: new Keyring(init.acceptorSecrets ?? ['s']),
    hello: () => helloOf('a'),
    judge: () => init.refusal,
  });
  const said: Uint8Array[] = [];
  const ends = [dialer, acceptor];
  const steps: HandshakeStep[] = [
    { kind: 'waiting', answer: undefined },
    { kind: 'waiting', answer: undefined },
  ];
  let next: Uint8Array | undefined = dialer.opening;
  for (let to = 1; next !== undefined; to = 1 - to) {
    const message: Uint8Array = init.onWay?.(next, said.length) ?? next;
    said.push(next);
    const step = (ends[to] as typeof dialer).onBytes(message);
    steps[to] = step;
    next = step.answer;
  }
  return { dialer: steps[0] as HandshakeStep, acceptor: steps[1] as HandshakeStep, said };
}

const kinds = ({ dialer, acceptor }: Meeting): string => `${dialer.kind} ${acceptor.kind}`;
const reason = (step: HandshakeStep): string => (step.kind === 'failed' ? step.reason : step.kind);

function trickle(to: { onBytes(chunk: Uint8Array): HandshakeStep }, bytes: Uint8Array): HandshakeStep {
  let step: HandshakeStep = { kind: 'waiting', answer: undefined };
  for (const byte of bytes) step = to.onBytes(Uint8Array.of(byte));
  return step;
}

describe('two nodes that share a secret', () => {
  it('learn who the other is, on which lane, and one key', () => {
    const { dialer, acceptor } = meet({ lane: 'bulk' });
    if (dialer.kind !== 'established' || acceptor.kind !== 'established') throw new Error('they do not meet');
    expect(dialer.peer).toEqual(helloOf('a'));
    expect(acceptor.peer).toEqual(helloOf('d'));
    expect([dialer.lane, acceptor.lane]).toEqual(['bulk', 'bulk']);
    expect(dialer.recordKey?.export()).toEqual(acceptor.recordKey?.export());
    const again = meet({ lane: 'bulk' }).acceptor;
    expect(again.kind === 'established' && again.recordKey?.export()).not.toEqual(
      acceptor.recordKey?.export(),
    );
  });

  it('may be handed a byte at a time', () => {
    const dialer = new DialerHandshake({ lane: 'data', hello: helloOf('d'), keyring: new Keyring(['s']) });
    const acceptor = acceptorOf();
    const welcome = trickle(acceptor, dialer.opening).answer ?? new Uint8Array(0);
    const proof = trickle(dialer, welcome).answer ?? new Uint8Array(0);
    const ready = trickle(acceptor, proof);
    expect(ready.kind).toBe('established');
    expect(trickle(dialer, ready.answer ?? new Uint8Array(0)).kind).toBe('established');
  });

  it('tell each other why one is not let in', () => {
    const meeting = meet({ refusal: 'another cluster' });
    expect(kinds(meeting)).toBe('failed failed');
    expect(meeting.dialer).toMatchObject({ reason: 'another cluster', peer: { name: 'a' } });
    expect(meeting.acceptor).toMatchObject({ reason: 'another cluster', peer: { name: 'd' } });
  });

  it.each([
    [['old'], ['old', 'new']],
    [['old', 'new'], ['old']],
    [
      ['old', 'new'],
      ['new', 'old'],
    ],
    [
      ['new', 'old'],
      ['old', 'new'],
    ],
    [['new'], ['new', 'old']],
    [['new', 'old'], ['new']],
  ])('understand each other while it is exchanged: %j dials %j', (dialerSecrets, acceptorSecrets) => {
    const { dialer, acceptor } = meet({ dialerSecrets, acceptorSecrets });
    if (dialer.kind !== 'established' || acceptor.kind !== 'established') throw new Error('they do not meet');
    expect(dialer.recordKey?.export()).toEqual(acceptor.recordKey?.export());
  });
});

describe('two nodes without a secret', () => {
  it('meet, and have no key', () => {
    const { dialer, acceptor } = meet({ dialerSecrets: [], acceptorSecrets: [] });
    expect(dialer).toMatchObject({ kind: 'established', recordKey: undefined });
    expect(acceptor).toMatchObject({ kind: 'established', recordKey: undefined });
  });
});

describe('whoever does not know the secret', () => {
  it.each([
    ['another secret', ['t']],
    ['no secret', []],
  ])('is found out with %s, dialling or dialled', (_, wrong) => {
    const dialling = meet({ dialerSecrets: wrong });
    expect(reason(dialling.dialer)).toMatch(/does not know the shared secret/);
    expect(dialling.acceptor.kind).toBe('waiting');
    expect(kinds(meet({ acceptorSecrets: wrong }))).toBe('failed waiting');
  });

  it('gets nowhere with what it heard before', () => {
    const heard = meet({}).said as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const acceptor = acceptorOf();
    expect(acceptor.onBytes(heard[0]).kind).toBe('waiting');
    expect(reason(acceptor.onBytes(heard[2]))).toMatch(/did not prove/);
    const dialer = new DialerHandshake({ lane: 'control', hello: helloOf('d'), keyring: new Keyring(['s']) });
    expect(reason(dialer.onBytes(heard[1]))).toMatch(/does not know the shared secret/);
  });

  it('gets nowhere by showing a proof back to its maker', () => {
    let welcome = new Uint8Array(0);
    const meeting = meet({
      onWay: (message, index) => {
        if (index === 1) welcome = Uint8Array.from(message);
        return index === 2 ? Buffer.concat([message.subarray(0, 3), welcome.subarray(-32)]) : message;
      },
    });
    expect(meeting.acceptor.kind).toBe('failed');
  });
});

describe('on a wire that is not to be trusted', () => {
  it('one changed byte anywhere, and the end that got it does not go on', () => {
    const { said } = meet({});
    expect(said).toHaveLength(4);
    for (const [index, message] of said.entries()) {
      for (let at = 0; at < message.length; at++) {
        const meeting = meet({ onWay: (now, i) => (i === index ? flipped(now, at) : now) });
        const misled = index % 2 === 0 ? meeting.acceptor : meeting.dialer;
        expect(misled.kind, `byte ${at} of message ${index}`).not.toBe('established');
      }
    }
  });

  // Not noise but sense: what stands there could have been said, and only the proofs tell that it was not.
  it.each<[what: string, change: Partial<Record<keyof Hello, unknown>>]>([
    ['another node', { nodeId: 'e'.repeat(32) }],
    ['another life of it', { start: 2 }],
    ['another name', { name: 'e' }],
    ['another address', { address: '127.0.0.1:2' }],
    ['another cluster', { clusterId: 'e' }],
    ['another purpose', { purpose: 'join' }],
    ['fewer features', { features: ['one'] }],
    ['no features', { features: [] }],
    ['more features', { features: ['one', 'two', 'three'] }],
  ])('a hello that names %s than its sender did is believed by nobody', (_, change) => {
    const dialled = meet({ onWay: (now, i) => (i === 0 ? withHello(now, 10 + 32, 0, change) : now) });
    expect(reason(dialled.dialer)).toMatch(/does not know the shared secret/);
    expect(dialled.acceptor.kind).toBe('waiting');
    // A dialer that does not look at what it is told gets no further either.
    expect(reason(meetBlindly(change))).toMatch(/did not prove/);
    const answered = meet({ onWay: (now, i) => (i === 1 ? withHello(now, 9 + 32, 32, change) : now) });
    expect(reason(answered.dialer)).toMatch(/does not know the shared secret/);
  });

  it('another lane, or another nonce at either end, is believed by nobody', () => {
    for (const [index, at] of [
      [0, 9],
      [0, 10],
      [0, 41],
      [1, 9],
      [1, 40],
    ] as const) {
      const { dialer } = meet({ onWay: (now, i) => (i === index ? plusOne(now, at) : now) });
      expect(reason(dialer), `byte ${at} of message ${index}`).toMatch(/does not know the shared secret/);
    }
  });

  it('a proof counts for one role only', () => {
    const [, welcome, proof, ready] = meet({}).said as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const proofs = [welcome, proof, ready].map((message) =>
      Buffer.from(message.subarray(-32)).toString('hex'),
    );
    expect(new Set(proofs).size).toBe(3);
    let said: Uint8Array[] = [];
    const inPlaceOf = (index: number, of: number) => (now: Uint8Array, i: number) => {
      said = i === 0 ? [now] : [...said, now];
      return i === index
        ? Buffer.concat([now.subarray(0, -32), (said[of] as Uint8Array).subarray(-32)])
        : now;
    };
    expect(reason(meet({ onWay: inPlaceOf(2, 1) }).acceptor)).toMatch(/did not prove/);
    expect(reason(meet({ onWay: inPlaceOf(3, 1) }).dialer)).toMatch(/forged end/);
    expect(reason(meet({ onWay: inPlaceOf(3, 2) }).dialer)).toMatch(/forged end/);
  });

  it('a message cut short is waited for, never acted on', () => {
    for (const index of [0, 1, 2, 3]) {
      const meeting = meet({ onWay: (now, i) => (i === index ? now.subarray(0, -1) : now) });
      expect((index % 2 === 0 ? meeting.acceptor : meeting.dialer).kind).toBe('waiting');
    }
  });

  it('strangers are recognised by their first bytes, other versions by their number', () => {
    expect(reason(acceptorOf().onBytes(Buffer.from('GET / HTTP/1.1\r\n')))).toMatch(
      /does not speak the protocol/,
    );
    expect(reason(acceptorOf().onBytes(Buffer.from('r\n')))).toMatch(/does not speak the protocol/);
    const later = Buffer.concat([Buffer.from('rkv\x93', 'latin1'), Uint8Array.of(0, 2)]);
    expect(reason(acceptorOf().onBytes(later))).toBe('it speaks protocol version 2, this node version 1');
    const long = Buffer.concat([Buffer.from('rkv\x93', 'latin1'), Uint8Array.of(0, 1, 0xff, 0xff)]);
    expect(reason(acceptorOf().onBytes(long))).toMatch(/too long/);
  });

  it('whoever speaks before being answered is hung up on', () => {
    const meeting = meet({ onWay: (now, i) => (i === 0 ? Buffer.concat([now, now]) : now) });
    expect(reason(meeting.acceptor)).toMatch(/before it was answered/);
  });

  it('of two versions, the dialer learns from the answer which one the other speaks', () => {
    const later = Buffer.concat([Buffer.from('rkv\x93', 'latin1'), Uint8Array.of(0, 2)]);
    const told = acceptorOf().onBytes(later).answer;
    expect(told).toEqual(Uint8Array.of(...Buffer.from('rkv\x93', 'latin1'), 0, 1));
    const dialer = new DialerHandshake({ lane: 'data', hello: helloOf('d'), keyring: new Keyring([]) });
    expect(reason(dialer.onBytes(later))).toMatch(/protocol version 2/);
  });
});

function flipped(message: Uint8Array, at: number): Uint8Array {
  return Uint8Array.from(message, (byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte));
}

function plusOne(message: Uint8Array, at: number): Uint8Array {
  return Uint8Array.from(message, (byte, i) => (i === at ? (byte === 0 ? 1 : byte - 1) : byte));
}

/** The message with some fields of its hello changed, its lengths put right. */
function withHello(message: Uint8Array, from: number, tail: number, change: object): Uint8Array {
  const end = message.length - tail;
  const hello = JSON.parse(Buffer.from(message.subarray(from, end)).toString()) as object;
  const body = Buffer.concat([
    message.subarray(8, from),
    Buffer.from(JSON.stringify({ ...hello, ...change })),
    message.subarray(end),
  ]);
  return Buffer.concat([message.subarray(0, 6), Uint8Array.of(body.length >>> 8, body.length & 0xff), body]);
}

/** What the acceptor makes of a changed HELLO, when the proof that follows is right for the one that was sent. */
function meetBlindly(change: object): HandshakeStep {
  const key = new SharedKey('s');
  const acceptor = acceptorOf();
  const dialer = new DialerHandshake({ lane: 'control', hello: helloOf('d'), keyring: new Keyring(['s']) });
  const welcome = acceptor.onBytes(withHello(dialer.opening, 10 + 32, 0, change)).answer ?? new Uint8Array(0);
  const signed = welcome.subarray(9, -32);
  const transcript = createHash('sha256').update(dialer.opening).update(signed).digest();
  return acceptor.onBytes(Buffer.concat([Uint8Array.of(0, 33, 3), key.prove('dialer', transcript)]));
}
