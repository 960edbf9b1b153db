/**
 * A client that walks: it fills a key space, scans it, and reads KEYS as fast, or as slowly, as it is told.
 *
 * Replies are counted as they come and never kept, so that it is not this process that runs out of memory.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { command } from '../redis/load.mjs';

const FILL_BATCH = 200;
const FILL_CLIENTS = 2;
const LF = 10;

export const keyOf = (number) => `key:${String(number).padStart(8, '0')}`;

/** Set `count` keys to a small value. */
export async function fill(port, count) {
  let next = 0;
  const client = async () => {
    const socket = await open(port);
    const lines = linesOf(socket);
    let again = [];
    while (next < count || again.length > 0) {
      const batch = again;
      while (batch.length < FILL_BATCH && next < count) batch.push(keyOf(next++));
      again = [];
      socket.write(Buffer.concat(batch.map((key) => command('SET', key, 'v'))));
      for (const key of batch) {
        const { value } = await lines.next();
        // On a machine with much else to do some come too late.
        if (/^-(UNCERTAIN|TRYAGAIN|BUSY)/.test(value)) again.push(key);
        else if (value !== '+OK') throw new Error(`SET was answered ${value}`);
      }
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: FILL_CLIENTS }, client));
}

/** The one line that this command is answered with. */
export async function askLine(port, ...words) {
  const socket = await open(port);
  try {
    socket.write(command(...words));
    return (await linesOf(socket).next()).value;
  } finally {
    socket.destroy();
  }
}

/** SCAN through everything. How many keys, and in how many pages. */
export async function scanAll(port, count) {
  const socket = await open(port);
  const lines = linesOf(socket);
  const line = async () => (await lines.next()).value;
  let [keys, pages, cursor] = [0, 0, '0'];
  try {
    do {
      socket.write(command('SCAN', cursor, 'COUNT', count));
      const head = await line();
      if (head !== '*2') throw new Error(`SCAN was answered ${head}`);
      await line();
      cursor = await line();
      const size = Number((await line()).slice(1));
      for (let left = size * 2; left > 0; left--) await line();
      keys += size;
      pages++;
    } while (cursor !== '0');
    return { keys, pages };
  } finally {
    socket.destroy();
  }
}

/** Ask for KEYS and read `bytesPerSecond` of the reply. Keys that came, or what came in their place. */
export async function readKeys(port, { bytesPerSecond = Infinity, forMs = Infinity } = {}) {
  const socket = await open(port);
  const startedAt = performance.now();
  let [keys, bytes, error] = [0, 0, undefined];
  let head;
  const counter = new LineCounter();
  try {
    socket.write(command('KEYS', '*'));
    for await (const chunk of socket) {
      bytes += chunk.length;
      head ??= chunk.toString('latin1', 0, 200).split('\r\n')[0];
      counter.feed(chunk);
      if (head.startsWith('-')) error = head;
      keys = Math.floor((counter.lines - 1) / 2);
      if (error !== undefined || (head.startsWith('*') && counter.lines === 1 + 2 * Number(head.slice(1))))
        break;
      if (performance.now() - startedAt > forMs) break;
      const dueMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - startedAt);
      if (dueMs > 0) await pause(dueMs);
    }
  } catch (reason) {
    error = String(reason);
  } finally {
    socket.destroy();
  }
  return { keys, bytes, head, error, ms: performance.now() - startedAt };
}

/** Ask for KEYS and read nothing. */
export async function neverRead(port) {
  const socket = await open(port);
  socket.pause();
  socket.on('error', () => {});
  socket.write(command('KEYS', '*'));
  return socket;
}

class LineCounter {
  lines = 0;
  feed(chunk) {
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) this.lines++;
  }
}

async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

async function* linesOf(socket) {
  let rest = '';
  for await (const chunk of socket) {
    const lines = (rest + chunk.toString('latin1')).split('\r\n');
    rest = lines.pop();
    yield* lines;
  }
  throw new Error('the connection was closed');
}
