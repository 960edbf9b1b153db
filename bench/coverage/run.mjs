/**
 * `npm run bench:coverage`: what walking over the whole cluster costs, in time and in memory of the nodes.
 *
 *     node bench/coverage/run.mjs [--keys 1000000] [--storage memory,lmdb] [--nodes 3] [--node-args=--v8-pool-size=1]
 *
 * Three nodes with n=3 are filled with small keys through one of them. Then, one after the other: SCAN through all, DBSIZE,
 * KEYS read at full speed, KEYS asked for and never read, and FLUSHALL. Of each: how long it took, what was answered, and by how much
 * the resident memory of each node grew at most while it went on (Linux only). A second column tells the slowest PING of somebody else
 * at that node.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../memory/machine.mjs';
import { table } from '../redis/rounds.mjs';
import { Household } from '../redis/subjects.mjs';
import { askLine, fill, neverRead, readKeys, scanAll } from './client.mjs';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    storage: { type: 'string', default: 'memory,lmdb' },
    nodes: { type: 'string', default: '3' },
    'node-args': { type: 'string', default: '--v8-pool-size=1' },
  },
});
const KEYS = Number(flags.keys);
const nodeArgs = flags['node-args'].split(' ').filter((arg) => arg !== '');
/** How long the reader that never reads is watched. */
const NEVER_READ_MS = 10_000;

/** Somebody else, who pings the node all the while. */
class Pings {
  #going = true;
  #slowest = 0;
  #done;

  constructor(port) {
    this.#done = this.#ping(port);
  }

  async end() {
    this.#going = false;
    await this.#done;
    return this.#slowest;
  }

  async #ping(port) {
    while (this.#going) {
      const startedAt = performance.now();
      await askLine(port, 'PING').catch(() => 'not answered');
      this.#slowest = Math.max(this.#slowest, performance.now() - startedAt);
      await pause(20);
    }
  }
}

const household = new Household();
say(describeMachine());
try {
  for (const storage of flags.storage.split(',')) await measure(storage);
} finally {
  await household.close();
}

async function measure(storage) {
  const cluster = await household.rkvCluster(
    Number(flags.nodes),
    { storage, n: 3, 'ring-size': 16 },
    { nodeArgs },
  );
  const { port, pids } = cluster;
  const rows = [];
  const watch = async (what, work) => {
    for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const before = pids.map((pid) => mib(pid, 'VmRSS'));
    const pings = new Pings(port);
    const startedAt = performance.now();
    let answer;
    let seconds;
    let slowest;
    try {
      answer = await work();
    } finally {
      seconds = (performance.now() - startedAt) / 1000;
      slowest = await pings.end();
    }
    const growth = pids.map((pid, at) => mib(pid, 'VmHWM') - before[at]);
    const row = [
      what,
      String(answer),
      seconds.toFixed(2),
      growth.map((size) => size.toFixed()).join(' '),
      before.map((size) => size.toFixed()).join(' '),
      slowest.toFixed(),
    ];
    rows.push(row);
    say(row.join(' | '));
  };
  say(`\n### ${KEYS} keys, ${pids.length} nodes, ${storage}\n`);
  await watch('fill', () => fill(port, KEYS));
  await watch('SCAN, COUNT 1000', async () => {
    const { keys, pages } = await scanAll(port, 1_000);
    return `${keys} keys, ${pages} pages`;
  });
  await watch('DBSIZE', () => askLine(port, 'DBSIZE'));
  await watch('KEYS *, read', async () => {
    const { keys, bytes, error } = await readKeys(port);
    return error ?? `${keys} keys, ${(bytes / 1e6).toFixed()} MB`;
  });
  await watch(`KEYS *, not read for ${NEVER_READ_MS / 1000} s`, async () => {
    const socket = await neverRead(port);
    await pause(NEVER_READ_MS);
    socket.destroy();
    return '-';
  });
  await watch('FLUSHALL', () => askLine(port, 'FLUSHALL'));
  await watch('DBSIZE', () => askLine(port, 'DBSIZE'));
  await household.stop(cluster);
  say('');
  say(table(['', 'answer', 'seconds', 'growth at most, MiB', 'before, MiB', 'slowest PING, ms'], rows));
}

function mib(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
