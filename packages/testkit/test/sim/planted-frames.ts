/**
 * Bugs planted between a node and its transport: what it says to others is not what the shipped code would have said.
 *
 * Frames of a node to itself do not come by here.
 */
import {
  AT_SHIFT,
  FLAG_FALLBACK,
  FLAG_PARTIAL,
  FLAG_SECTIONS,
  MESSAGE,
  newHeader,
  Reader,
  readHeader,
  readHeld,
  readItems,
  readOffer,
  writeAck,
  writeHeader,
  writeItems,
  Writer,
  type NodeId,
  type Transport,
} from '@rkv/core';

/** Of a frame's header. */
const FLAGS_AT = 2;

/** What is sent in the place of a frame. */
interface Other {
  readonly type: number;
  write(out: Writer): void;
}

/** Whatever `otherThan` names something for is sent otherwise. */
function sayingOtherwise(
  shipped: Transport,
  otherThan: (to: NodeId, type: number, body: Reader) => Other | undefined,
): Transport {
  const header = newHeader();
  const out = new Writer();
  return {
    start: (handler) => shipped.start(handler),
    setPeers: (peers) => shipped.setPeers(peers),
    dial: (address, purpose, done) => shipped.dial(address, purpose, done),
    stop: () => shipped.stop(),
    send: (to, lane, bytes, start, end) => {
      const input = new Reader(bytes, start, end);
      readHeader(input, header);
      const other = otherThan(to, header.type, input);
      if (other === undefined) return shipped.send(to, lane, bytes, start, end);
      out.reset();
      writeHeader(out, { ...header, type: other.type, flags: header.flags & ~FLAG_SECTIONS });
      other.write(out);
      return shipped.send(to, lane, out.buffer, 0, out.length);
    },
  };
}

/** A receiver that is asked whether it holds just this says yes, whatever it holds. */
export function withoutComparing(shipped: Transport): Transport {
  return sayingOtherwise(shipped, (_to, type, body) => {
    if (type !== MESSAGE.handoffHeld) return undefined;
    const { id, seq } = readHeld(body);
    return { type: MESSAGE.handoffAck, write: (out) => writeAck(out, { id, seq, stored: true }) };
  });
}

/** A ring of another size is complete when everything was counted, not when it was sent: the frames that fill it are empty. */
export function withoutFilling(shipped: Transport): Transport {
  const filling = new Set<string>();
  return sayingOtherwise(shipped, (to, type, body) => {
    if (type === MESSAGE.handoffOffer) {
      const { id, kind } = readOffer(body);
      if (kind === 'resize') filling.add(`${to} ${id}`);
      return undefined;
    }
    if (type !== MESSAGE.handoffItems) return undefined;
    const frame = readItems(body);
    if (!filling.has(`${to} ${frame.id}`)) return undefined;
    return { type, write: (out) => writeItems(out, { ...frame, items: [] }) };
  });
}

/**
 * Whoever is asked as an owner answers as one, under whatever ring he was asked: of a partition that he has given away too,
 * by what he holds of it, which some time later is nothing.
 */
export function withoutEpochs(shipped: Transport): Transport {
  const header = newHeader();
  const asked = new Set<string>();
  const nameOf = (peer: NodeId): string => `${peer} ${header.requestId} ${header.flags >>> AT_SHIFT}`;
  const isOfType = (type: number, bytes: Uint8Array, start: number, end: number): boolean => {
    readHeader(new Reader(bytes, start, end), header);
    return header.type === type;
  };
  const flagged = (flags: number, bytes: Uint8Array, start: number, end: number): Uint8Array => {
    const frame = bytes.slice(start, end);
    frame[FLAGS_AT] = flags;
    return frame;
  };
  return {
    start: (handler) =>
      shipped.start({
        hello: (purpose) => handler.hello(purpose),
        admit: (peer) => handler.admit(peer),
        onPeerUp: (peer) => handler.onPeerUp(peer),
        onPeerDown: (peer, reason) => handler.onPeerDown(peer, reason),
        onFrame: (from, lane, bytes, start, end) => {
          if (!isOfType(MESSAGE.command, bytes, start, end) || (header.flags & FLAG_FALLBACK) !== 0)
            return handler.onFrame(from, lane, bytes, start, end);
          asked.add(nameOf(from));
          const frame = flagged(header.flags | FLAG_FALLBACK, bytes, start, end);
          handler.onFrame(from, lane, frame, 0, frame.length);
        },
      }),
    setPeers: (peers) => shipped.setPeers(peers),
    dial: (address, purpose, done) => shipped.dial(address, purpose, done),
    stop: () => shipped.stop(),
    send: (to, lane, bytes, start, end) => {
      const isAnswer = isOfType(MESSAGE.reply, bytes, start, end) && asked.delete(nameOf(to));
      if (!isAnswer || (header.flags & FLAG_FALLBACK) === 0) return shipped.send(to, lane, bytes, start, end);
      const frame = flagged(header.flags & ~(FLAG_FALLBACK | FLAG_PARTIAL), bytes, start, end);
      return shipped.send(to, lane, frame, 0, frame.length);
    },
  };
}

/** No other node is asked about its copies. */
export function withoutExchange(shipped: Transport): Transport {
  const header = newHeader();
  return {
    start: (handler) => shipped.start(handler),
    setPeers: (peers) => shipped.setPeers(peers),
    dial: (address, purpose, done) => shipped.dial(address, purpose, done),
    stop: () => shipped.stop(),
    send: (to, lane, bytes, start, end) => {
      readHeader(new Reader(bytes, start, end), header);
      return header.type === MESSAGE.exchangeAsk || shipped.send(to, lane, bytes, start, end);
    },
  };
}
