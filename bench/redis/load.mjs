/**
 * A load generator for what redis-benchmark cannot do: `SET; WAIT 1` as one request, and the same client for both sides.
 *
 * Some sockets in one process, each with one batch under way: it sends the batch, counts the replies, sends the next.
 * Bounded by construction: never more than clients x pipeline requests are open. Keys are drawn from a key space of
 * fixed size, in redis-benchmark's own form, so that both generators work on the same keys.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

export const KEYS = 100_000;
export const VALUE_BYTES = 100;

const KEY_DIGITS = 12;
const ZERO = 48;
const LF = 10;
const READ_BYTES = 64 * 1024;

/** The bytes of a request. */
export function command(...args) {
  const parts = args.map((arg) => `$${Buffer.byteLength(String(arg))}\r\n${arg}\r\n`);
  return Buffer.from(`*${args.length}\r\n${parts.join('')}`);
}

const KEY = `key:${'0'.repeat(KEY_DIGITS)}`;

/** The requests that can be made: their bytes, where the key's digits stand, and how many replies come. */
export const REQUESTS = {
  GET: request(command('GET', KEY), 1),
  SET: request(command('SET', KEY, 'x'.repeat(VALUE_BYTES)), 1),
  'SET; WAIT 1': request(
    Buffer.concat([command('SET', KEY, 'x'.repeat(VALUE_BYTES)), command('WAIT', 1, 1000)]),
    2,
  ),
};

function request(bytes, replies) {
  return { bytes, digitsEnd: bytes.indexOf(KEY) + KEY.length, replies };
}

/** One request on a connection of its own; resolves with its reply's bytes as text. For small replies. */
export async function ask(port, ...args) {
  const socket = connect({ port, host: '127.0.0.1' });
  const chunks = [];
  const replies = new ReplyCounter();
  try {
    await once(socket, 'connect');
    socket.write(command(...args));
    for await (const chunk of socket) {
      chunks.push(chunk);
      if (replies.feed(chunk, chunk.length) > 0) break;
    }
  } finally {
    socket.destroy();
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Set every key of the key space once. */
export async function fill(port) {
  let next = 0;
  await run(port, {
    request: REQUESTS.SET,
    clients: 8,
    pipeline: 64,
    more: () => next < KEYS,
    key: () => next++,
  });
}

/** Random keys for `durationMs`. Resolves with requests per second and the times of a batch, ms. */
export async function load(port, { kind, clients = 50, pipeline, durationMs }) {
  const startedAt = performance.now();
  const more = () => performance.now() - startedAt < durationMs;
  const key = () => Math.floor(Math.random() * KEYS);
  const { requests, times } = await run(port, { request: REQUESTS[kind], clients, pipeline, more, key });
  const seconds = (performance.now() - startedAt) / 1000;
  times.sort((a, b) => a - b);
  return { rps: requests / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99), requests };
}

async function run(port, { request: { bytes, digitsEnd, replies }, clients, pipeline, more, key }) {
  const times = [];
  let requests = 0;
  const client = () =>
    new Promise((resolve, reject) => {
      const batch = Buffer.concat(Array.from({ length: pipeline }, () => bytes));
      const counter = new ReplyCounter();
      let open = 0;
      let sentAt = 0;
      const send = () => {
        if (!more()) return socket.destroy();
        for (let i = 0; i < pipeline; i++) putDigits(batch, i * bytes.length + digitsEnd, key());
        open = pipeline * replies;
        sentAt = performance.now();
        socket.write(batch);
      };
      const callback = (length, buffer) => {
        open -= counter.feed(buffer, length);
        if (counter.error !== undefined) socket.destroy(new Error(counter.error));
        if (open > 0) return true;
        requests += pipeline;
        times.push(performance.now() - sentAt);
        send();
        return true;
      };
      const onread = { buffer: Buffer.alloc(READ_BYTES), callback };
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
      socket.once('connect', send);
      socket.once('error', reject);
      socket.once('close', resolve);
    });
  await Promise.all(Array.from({ length: clients }, client));
  return { requests, times };
}

function putDigits(target, end, value) {
  for (let at = end - 1, rest = value; at >= end - KEY_DIGITS; at--, rest = Math.floor(rest / 10)) {
    target[at] = ZERO + (rest % 10);
  }
}

export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Counts replies in a stream: lines, and bulk strings behind their line. An error reply is kept in `error`; so is a
 * WAIT that nobody acknowledged, since it is an integer 0.
 */
class ReplyCounter {
  error;
  #line = '';
  /** Bytes of a bulk string, its line end included, still to be read past. */
  #skip = 0;

  /** How many replies have ended in these bytes. */
  feed(bytes, length) {
    let ended = 0;
    let at = 0;
    while (at < length) {
      if (this.#skip > 0) {
        const size = Math.min(this.#skip, length - at);
        this.#skip -= size;
        at += size;
        if (this.#skip === 0) ended++;
        continue;
      }
      const lineEnd = bytes.indexOf(LF, at);
      const whole = lineEnd !== -1 && lineEnd < length;
      const end = whole ? lineEnd + 1 : length;
      this.#line += bytes.latin1Slice(at, end);
      at = end;
      if (!whole) break;
      if (this.#endLine()) ended++;
    }
    return ended;
  }

  /** True when the line is a whole reply. */
  #endLine() {
    const line = this.#line;
    this.#line = '';
    if (line[0] === '$' && line[1] !== '-') {
      this.#skip = Number.parseInt(line.slice(1), 10) + 2;
      return false;
    }
    if (line[0] === '-') this.error ??= line.trim();
    if (line === ':0\r\n') this.error ??= 'a write that no replica acknowledged in time';
    return true;
  }
}
