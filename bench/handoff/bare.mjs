/**
 * What the same bytes take without us: one Node.js process writes them to a socket, another reads them; and again with
 * a reader that puts each entry into lmdb before it says so. Both are new processes, and their start is not counted.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const CHUNK_BYTES = 64 * 1024;
/** Of an entry in lmdb: place and hash, as in a node's store. */
const KEY_BYTES = 20;
/** Entries of one transaction, about as many bytes as a node commits at one time while it receives. */
const BATCH_BYTES = 256 * 1024;

/**
 * Copies `entries` of `entryBytes`; resolves with the seconds from the first byte to the reader's word that it has all.
 * With `directory` the reader stores them there, in lmdb, and removes it in the end.
 */
export async function bareCopy({ entries, entryBytes, directory }) {
  const reader = fork(fileURLToPath(import.meta.url), ['read', entries, entryBytes, directory ?? '']);
  const writer = fork(fileURLToPath(import.meta.url), ['write', entries, entryBytes]);
  try {
    const [port] = await once(reader, 'message');
    writer.send(port);
    const [seconds] = await once(writer, 'message');
    return seconds;
  } finally {
    const ended = [reader, writer].map((child) => child.exitCode ?? once(child, 'exit'));
    reader.kill('SIGKILL');
    writer.kill('SIGKILL');
    await Promise.all(ended);
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}

const [role, entries, entryBytes, directory] = process.argv.slice(2);
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('disconnect', () => process.exit());
  if (role === 'read') await read(entries * entryBytes);
  else await write(entries * entryBytes);
}

async function write(bytes) {
  const [port] = await once(process, 'message');
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const startedAt = performance.now();
  const chunk = Buffer.alloc(CHUNK_BYTES, 'x');
  for (let left = bytes; left > 0; left -= chunk.length) {
    const taken = socket.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
    if (!taken) await once(socket, 'drain');
  }
  await once(socket, 'data');
  process.send((performance.now() - startedAt) / 1000);
}

async function read(bytes) {
  const store = directory === '' ? undefined : await lmdbReader(Number(entryBytes));
  const server = createServer(async (socket) => {
    let left = bytes;
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      await store?.take(chunk);
      left -= chunk.length;
      if (left === 0) break;
    }
    await store?.end();
    socket.write('.');
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

/** Cuts the stream into entries and commits them batch by batch, one commit under way while the next is filled. */
async function lmdbReader(size) {
  const { open } = await import('lmdb');
  const environment = open({ path: directory, encoding: 'binary', keyEncoding: 'binary', noSubdir: false });
  let parts = [];
  let length = 0;
  let number = 0;
  let filled = 0;
  let committing = Promise.resolve();
  const put = (entry) => {
    const key = Buffer.alloc(KEY_BYTES);
    key.writeUInt32BE(number++, 0);
    committing = environment.put(key, entry);
    filled += size;
  };
  return {
    async take(chunk) {
      parts.push(chunk);
      length += chunk.length;
      if (length < size) return;
      const bytes = Buffer.concat(parts);
      let at = 0;
      for (; at + size <= bytes.length; at += size) put(bytes.subarray(at, at + size));
      parts = [bytes.subarray(at)];
      length = bytes.length - at;
      if (filled < BATCH_BYTES) return;
      filled = 0;
      await committing;
    },
    async end() {
      await committing;
      await environment.close();
    },
  };
}
