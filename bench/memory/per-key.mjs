/**
 * What a key costs a whole process: a node (n=1, memory engine) beside redis-server without persistence.
 *
 *     node bench/memory/per-key.mjs [--keys 1000000,5000000] [--runs 3]
 *
 * Keys of 16 bytes with values of 100 are set through the Redis port, pipelined, and then all of them once more. The
 * figure is what resident memory grew by since the process came up, divided by the keys: compiled code, buffers of
 * sockets and garbage not yet collected are in it, as whoever plans a machine pays for them too. They are a fixed sum,
 * mostly, so more keys make the figure smaller. One process at a time; medians of the runs.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { ask, REQUESTS, VALUE_BYTES } from '../redis/load.mjs';
import { median, table } from '../redis/rounds.mjs';
import { Household, versionOf } from '../redis/subjects.mjs';
import { describeMachine } from './machine.mjs';

const { values: flags } = parseArgs({
  options: { keys: { type: 'string', default: '1000000,5000000' }, runs: { type: 'string', default: '3' } },
});
const SOCKETS = 4;
const PIPELINE = 250;
const OK = '+OK\r\n';
const ZERO = 48;
const KEY_DIGITS = 12;

const SUBJECTS = {
  rkv: (household) => household.rkv({ storage: 'memory', n: 1, 'ring-size': 16 }),
  'redis-server': (household) => household.redis(),
};

const redisVersion = versionOf('redis-server');
if (redisVersion === undefined) say('skipped: redis-server is not installed (Debian: redis-server)');
else await main();

async function main() {
  const startedAt = performance.now();
  say(describeMachine(`redis-server ${redisVersion}`));
  const rows = [];
  for (const keys of flags.keys.split(',').map(Number)) {
    const seen = { rkv: [], 'redis-server': [] };
    for (let run = 0; run < Number(flags.runs); run++) {
      for (const name of Object.keys(SUBJECTS)) seen[name].push(await weighed(name, keys));
    }
    const of = (name, field) => median(seen[name].map((result) => result[field]));
    for (const [title, field] of [
      ['set once', 'setOnce'],
      ['set twice', 'setTwice'],
    ]) {
      const [rkv, redis] = [of('rkv', field), of('redis-server', field)];
      rows.push([`${keys} keys, ${title}`, whole(rkv), whole(redis), `**${(rkv / redis).toFixed(2)}**`]);
    }
    const empty = Object.keys(SUBJECTS).map((name) => whole(of(name, 'empty') / 2 ** 20));
    rows.push([`the empty process, MiB`, ...empty, '']);
  }
  say(`\n### Resident memory, bytes per key of 16 B + ${VALUE_BYTES} B (${flags.runs} runs)\n`);
  say(table(['', 'rkv', 'redis-server', 'rkv / it'], rows));
  say(`\nTook ${Math.round((performance.now() - startedAt) / 1000)} s.`);
}

/** Bytes of the empty process, and how many a key adds. */
async function weighed(name, keys) {
  const household = new Household();
  try {
    const { port, pids } = await SUBJECTS[name](household);
    const empty = residentBytes(pids[0]);
    await setAll(port, keys);
    const setOnce = (residentBytes(pids[0]) - empty) / keys;
    await setAll(port, keys);
    const setTwice = (residentBytes(pids[0]) - empty) / keys;
    const size = await ask(port, 'DBSIZE');
    if (size !== `:${keys}\r\n`) throw new Error(`${name} holds ${size.trim()} of ${keys} keys`);
    return { empty, setOnce, setTwice };
  } finally {
    await household.close();
  }
}

/** As Linux tells it. */
function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** Each key once, PIPELINE requests a batch, and the next batch when all of one are answered with OK. */
async function setAll(port, keys) {
  let next = 0;
  const batchOf = ({ bytes, digitsEnd }) => {
    const count = Math.min(PIPELINE, keys - next);
    const batch = Buffer.concat(Array.from({ length: count }, () => bytes));
    for (let i = 0; i < count; i++) putDigits(batch, i * bytes.length + digitsEnd, next++);
    return { batch, expected: OK.repeat(count) };
  };
  const client = async () => {
    if (next === keys) return;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let { batch, expected } = batchOf(REQUESTS.SET);
    let answer = '';
    socket.write(batch);
    for await (const chunk of socket) {
      answer += chunk.latin1Slice();
      if (answer.length < expected.length) continue;
      if (answer !== expected) throw new Error(`a SET was answered ${answer.slice(0, 100)}`);
      if (next === keys) return; // which closes the socket
      ({ batch, expected } = batchOf(REQUESTS.SET));
      answer = '';
      socket.write(batch);
    }
    throw new Error('the server closed a connection');
  };
  await Promise.all(Array.from({ length: SOCKETS }, client));
}

function putDigits(target, end, value) {
  for (let at = end - 1, rest = value; at >= end - KEY_DIGITS; at--, rest = Math.floor(rest / 10)) {
    target[at] = ZERO + (rest % 10);
  }
}

function whole(value) {
  return value.toFixed(0);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
