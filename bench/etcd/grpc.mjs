/**
 * As much of gRPC and of protobuf as etcd's three requests need, over HTTP/2 of Node.js.
 *
 * A call is one HTTP/2 stream: five bytes (not compressed, length) and the message there, the same back, and the status in the
 * trailers. Nothing else of a client library is in the way - no pool, no retry, no code from .proto files - so that what the
 * load generator spends is as little as this protocol allows. Source: gRPC's "gRPC over HTTP2"; etcd's api/etcdserverpb/rpc.proto.
 */
import { once } from 'node:events';
import { connect } from 'node:http2';

const PREFIX_BYTES = 5;
const VARINT = 0;
const BYTES = 2;

/** One connection; calls may be made side by side. */
export class GrpcSession {
  #session;

  constructor(session) {
    this.#session = session;
  }

  static async open(port) {
    const session = connect(`http://127.0.0.1:${port}`);
    await once(session, 'connect');
    return new GrpcSession(session);
  }

  /** Resolves with the bytes of the answer; rejects with the status when it is not 0. */
  call(path, message) {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks = [];
      let end;
      // Without an answer the status comes in the only header block.
      const readStatus = (headers) => {
        if (headers['grpc-status'] !== undefined) end = headers;
      };
      stream.on('response', readStatus);
      stream.on('trailers', readStatus);
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        if (end?.['grpc-status'] === '0') resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES));
        else reject(new Error(`etcd: ${end?.['grpc-message'] ?? 'the stream ended without a status'}`));
      });
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([prefix, message]));
    });
  }

  async close() {
    const gone = once(this.#session, 'close');
    this.#session.close();
    await gone;
  }
}

/** A field that is a number below 128. */
export function small(field, value) {
  return Buffer.from([(field << 3) | VARINT, value]);
}

/** A field that is bytes, a string or a message. */
export function bytes(field, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([(field << 3) | BYTES]), varint(body.length), body]);
}

function varint(value) {
  const digits = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...digits, rest]);
    digits.push((rest & 0x7f) | 0x80);
  }
}

/** The value of a field's first occurrence: a number (exact below 2^53), or the bytes. */
export function fieldOf(message, wanted) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = message[at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = number();
    const value = number();
    const isBytes = (tag & 7) === BYTES;
    if (tag >> 3 === wanted) return isBytes ? message.subarray(at, at + value) : value;
    if (isBytes) at += value;
  }
  return undefined;
}
