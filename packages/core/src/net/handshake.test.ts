import { describe, expect, it } from 'vitest';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { AcceptorHandshake, DialerHandshake } from './handshake.ts';
import type { HandshakeStep } from './handshake.ts';
import { Keyring } from './keyring.ts';

function helloOf(name: string): Hello {
  return {
    nodeId: name.repeat(32) as NodeId,
    start: 1 as StartNumber,
    name,
    address: '127.0.0.1:1',
    clusterId: 'c',
    purpose: 'member',
    features: [],
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
