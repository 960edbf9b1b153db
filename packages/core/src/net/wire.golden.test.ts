/**
 * What nodes of this version say to each other, byte by byte: a change here is a new protocol version.
 * Proofs and keys were computed apart from this code, from RFC 2104 and RFC 5869.
 */
import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import { PING_MARK, PONG } from './frame-reader.ts';
import { DialerHandshake } from './handshake.ts';
import { Keyring, SharedKey } from './keyring.ts';
import { NO_RESERVE, RECORD_RESERVE, RecordSealer } from './record.ts';
import { ChunkPool, SendQueue } from './send-queue.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const opening = new DialerHandshake({
  lane: 'control',
  keyring: new Keyring(['golden']),
  hello: {
    nodeId: '0123456789abcdef0123456789abcdef' as NodeId,
    start: 7 as StartNumber,
    name: 'n\u00fc1',
    address: '[::1]:8099',
    clusterId: 'c0',
    purpose: 'join',
    features: ['one'],
  },
}).opening;

function queued(reserve: typeof NO_RESERVE): SendQueue {
  const queue = new SendQueue(new ChunkPool(0), reserve);
  queue.add(Buffer.from('frame'), 0, 5);
  queue.addMark(PING_MARK);
  return queue;
}

describe('on the wire', () => {
  it('a HELLO', () => {
    expect(hex(opening.subarray(0, 10))).toBe('726b7693000100b70101');
    const hello = Buffer.from(opening.subarray(10 + 32)).toString('latin1');
    expect(hello).toBe(
      '{"nodeId":"0123456789abcdef0123456789abcdef","start":7,"name":"n\\u00fc1","address":"[::1]:8099",' +
        '"clusterId":"c0","purpose":"join","features":["one"]}',
    );
  });

  it('proofs, and the key of records', () => {
    const key = new SharedKey('golden');
    const transcript = new Uint8Array(32);
    expect(hex(key.prove('acceptor', transcript))).toBe(
      'aeff46b611ed28ecda1732d71585343620d4c51b2b1ad4df73fb391bbf2de8a3',
    );
    expect(hex(key.prove('dialer', transcript))).toBe(
      'd744a37b14d98e730e28408762583ccf4d87ca584e50a9d6e981837bb8751d9b',
    );
    expect(hex(key.prove('ready', transcript))).toBe(
      'cb0ecc7668e5a610d04225d010f8aca239dbcafb4ae7c877fce299acb898b791',
    );
    expect(key.recordKey(transcript)?.export().toString('hex')).toBe(
      '74d5549ff81ad94ed0f54e9bd4e92ad872ecefe9262f9a0969667e4ee648e607',
    );
    expect(hex(new SharedKey(undefined).prove('dialer', transcript))).toBe(
      '7f3771fe00f0994b128ae700473de37d2af5221f92f6850126d326595b843619',
    );
  });

  it('a frame, a ping and its answer', () => {
    const [chunk] = queued(NO_RESERVE).take();
    expect(hex(chunk!.bytes.subarray(chunk!.start, chunk!.end))).toBe('000000056672616d65ffffffff');
    expect(PONG).toBe(6);
  });

  it('the same in a record', () => {
    const sealer = new RecordSealer(createSecretKey(new Uint8Array(32)));
    const [chunk] = queued(RECORD_RESERVE).take();
    sealer.seal(chunk!);
    expect(hex(chunk!.bytes.subarray(chunk!.start, chunk!.end))).toBe(
      '0000001dcea740382b120a0362b13a2c45e63e3abde2a4a523e472b3bf4f7547fe',
    );
  });
});
