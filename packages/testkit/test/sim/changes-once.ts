/**
 * A lossy link may bring a frame twice, which a transport never does (core/contracts/transport.ts). Whatever is merged or asked
 * bears that. A change does not: an increment that comes twice is made twice, and rightly, so its second is dropped here.
 */
import {
  latin1Decode,
  MESSAGE,
  newHeader,
  Reader,
  readHeader,
  Writer,
  type Transport,
  type TransportHandler,
} from '@rkv/core';
import { kvCodec, placeKey } from '@rkv/store';

/** What the body of a change begins with, without levels and with some. */
const CHANGES: readonly number[] = [undefined, { w: 1 }].map((levels) => {
  const out = new Writer();
  const read = {
    kind: 'change',
    ...placeKey(''),
    change: { kind: 'read' },
    strict: false,
    timeoutMs: 1,
  } as const;
  kvCodec.encodeCommand({ ...read, ...(levels && { levels }) }, out);
  return out.buffer[0] as number;
});

export function withChangesOnce(shipped: Transport): Transport {
  const header = newHeader();
  const seen = new Set<string>();
  /** Who asks again says how much time is left; only the very same frame is the same bytes. */
  const isSecond = (from: string, bytes: Uint8Array, start: number, end: number): boolean => {
    const input = new Reader(bytes, start, end);
    readHeader(input, header);
    if (header.type !== MESSAGE.command || input.left === 0 || !CHANGES.includes(input.u8())) return false;
    const frame = from + latin1Decode(bytes, start, end);
    if (seen.has(frame)) return true;
    seen.add(frame);
    return false;
  };
  const filtered = (handler: TransportHandler): TransportHandler => ({
    hello: (purpose) => handler.hello(purpose),
    admit: (peer) => handler.admit(peer),
    onPeerUp: (peer) => handler.onPeerUp(peer),
    onPeerDown: (peer, reason) => handler.onPeerDown(peer, reason),
    onFrame: (from, lane, bytes, start, end) => {
      if (lane !== 'data' || !isSecond(from, bytes, start, end))
        handler.onFrame(from, lane, bytes, start, end);
    },
  });
  return {
    start: (handler) => shipped.start(filtered(handler)),
    setPeers: (peers) => shipped.setPeers(peers),
    dial: (address, purpose, done) => shipped.dial(address, purpose, done),
    send: (to, lane, bytes, start, end) => shipped.send(to, lane, bytes, start, end),
    stop: () => shipped.stop(),
  };
}
