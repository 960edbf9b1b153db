/**
 * What a write to a socket costs: the system call, and all that Node.js does around it.
 *
 * The other end is a process of its own, which reads and forgets.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const BLOCKS = 40;
const WRITES = 100;

/** The median time of `socket.write` for each of these sizes, ns. */
export async function timeWrites(sizes) {
  const child = fork(fileURLToPath(new URL('drain.mjs', import.meta.url)));
  const [port] = await once(child, 'message');
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const times = [];
  for (const bytes of sizes) times.push(await writeNs(socket, Buffer.alloc(bytes, 120)));
  socket.destroy();
  child.kill();
  await once(child, 'exit');
  return times;
}

async function writeNs(socket, bytes) {
  const blocks = [];
  for (let block = 0; block < BLOCKS; block++) {
    const startedAt = process.hrtime.bigint();
    for (let i = 0; i < WRITES; i++) socket.write(bytes);
    blocks.push(Number(process.hrtime.bigint() - startedAt) / WRITES);
    if (socket.writableNeedDrain) await once(socket, 'drain');
    await new Promise((resolve) => setTimeout(resolve, 2)); // let the other end catch up
  }
  return blocks.toSorted((a, b) => a - b)[BLOCKS >> 1];
}
