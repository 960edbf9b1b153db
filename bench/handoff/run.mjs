/**
 * `npm run bench:handoff`: how fast a node that joins gets its data, beside a bare copy of the same bytes, and what reads
 * and writes notice of it.
 *
 *     node bench/handoff/run.mjs [--quick] [--storage memory,lmdb] [--values 100,1024,102400] [--only alone,load]
 *                                [--rounds 1] [--rate 900] [--node-args=--v8-pool-size=1]
 *
 * alone: one node with n=1 is joined by a second one and gives it half of its keys, and nobody asks for anything: one sender,
 * one receiver, beside one writer and one reader of a socket (bare.mjs), and beside a reader that puts what it reads into lmdb.
 * load: three nodes with n=3 are joined by a fourth one, while clients read and write at a steady rate.
 *
 * The rate counts keys and values, not what is around them. The time goes from the commit of the plan to the last switch.
 */
import { parseArgs } from 'node:util';
import { describeMachine } from '../memory/machine.mjs';
import { describeRatio, median, table } from '../redis/rounds.mjs';
import { Household } from '../redis/subjects.mjs';
import { bareCopy } from './bare.mjs';
import { KEY_BYTES, measureJoin } from './join.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    storage: { type: 'string', default: 'memory,lmdb' },
    values: { type: 'string', default: '100,1024,102400' },
    only: { type: 'string', default: 'alone,load' },
    rounds: { type: 'string', default: '1' },
    rate: { type: 'string', default: '900' },
    'node-args': { type: 'string', default: '' },
  },
});
/** Arguments of Node.js for the nodes, as `rkv dev` gives them, or none. */
const nodeArgs = flags['node-args'].split(' ').filter((arg) => arg !== '');
const ROUNDS = Number(flags.rounds);
const RATE = Number(flags.rate);
/** Of one copy; small values are limited by their number. */
const DATA_BYTES = (flags.quick ? 30 : 120) * 1e6;
const ENTRIES_MAX = flags.quick ? 60_000 : 200_000;

const storages = flags.storage.split(',');
const sizes = flags.values.split(',').map(Number);
const entriesOf = (valueBytes) => Math.min(ENTRIES_MAX, Math.floor(DATA_BYTES / (valueBytes + KEY_BYTES)));

const startedAt = performance.now();
say(describeMachine());
const household = new Household();
try {
  if (flags.only.includes('alone')) await alone();
  if (flags.only.includes('load')) await underLoad();
} finally {
  await household.close();
}
say(`\nTook ${Math.round((performance.now() - startedAt) / 1000)} s.`);

async function alone() {
  const rows = await rowsOf(async ({ storage, valueBytes }) => {
    const entries = entriesOf(valueBytes);
    const joins = [];
    const besides = { socket: [], lmdb: [] };
    for (let round = 0; round < ROUNDS; round++) {
      const pair = { members: 1, n: 1 };
      const join = await measureJoin(household, { storage, ...pair, entries, valueBytes, nodeArgs });
      const copy = { entries: join.entries, entryBytes: valueBytes + KEY_BYTES };
      besides.socket.push((await bareCopy(copy)) / join.seconds);
      besides.lmdb.push((await bareCopy({ ...copy, directory: household.directory('bare') })) / join.seconds);
      joins.push(join);
    }
    const of = (figure) => median(joins.map(figure));
    return [
      storage,
      describeBytes(valueBytes),
      String(of(({ entries: moved }) => moved)),
      of(({ seconds }) => seconds).toFixed(1),
      of(({ bytes, seconds }) => bytes / 1e6 / seconds).toFixed(1),
      Math.round(of(({ entries: moved, seconds }) => moved / seconds)).toLocaleString('en'),
      describeRatio(besides.socket),
      describeRatio(besides.lmdb),
      `${describeShare(of(({ busy }) => busy.senders))}, ${describeShare(of(({ busy }) => busy.receiver))}`,
    ];
  });
  say('\n### One node is joined by a second, nothing else to do\n');
  say(
    table(
      [
        'storage',
        'value',
        'entries',
        's',
        'MB/s',
        'entries/s',
        '/ bare socket',
        '/ bare lmdb',
        'busy: sender, receiver',
      ],
      rows,
    ),
  );
}

async function underLoad() {
  const rows = await rowsOf(async ({ storage, valueBytes }) => {
    const entries = Math.floor(entriesOf(valueBytes) / 2);
    const rate = Math.min(RATE, Math.floor(30e6 / valueBytes));
    const joins = [];
    const load = { members: 3, n: 3, rate };
    for (let round = 0; round < ROUNDS; round++)
      joins.push(await measureJoin(household, { storage, ...load, entries, valueBytes, nodeArgs }));
    const of = (figure) => median(joins.map(figure));
    const times = (kind) => {
      const [before, during] = ['before', 'during'].map((when) => of((join) => p99(join[when][kind])));
      return [
        `${before.toFixed(1)}, ${during.toFixed(1)}`,
        describeRatio(joins.map((join) => p99(join.during[kind]) / p99(join.before[kind]))),
      ];
    };
    return [
      storage,
      describeBytes(valueBytes),
      String(rate),
      of(({ seconds }) => seconds).toFixed(1),
      of(({ bytes, seconds }) => bytes / 1e6 / seconds).toFixed(1),
      Math.round(of(({ entries: moved, seconds }) => moved / seconds)).toLocaleString('en'),
      ...times('GET'),
      ...times('SET'),
      String(joins.reduce((sum, { errors }) => sum + errors, 0)),
    ];
  });
  say('\n### Three nodes are joined by a fourth, under load\n');
  say(
    table(
      [
        'storage',
        'value',
        'requests/s',
        's',
        'MB/s',
        'entries/s',
        'GET p99 before, during, ms',
        'during / before',
        'SET p99 before, during, ms',
        'during / before',
        'errors',
      ],
      rows,
    ),
  );
}

async function rowsOf(measureCase) {
  const rows = [];
  for (const storage of storages)
    for (const valueBytes of sizes) rows.push(await measureCase({ storage, valueBytes }));
  return rows;
}

function p99(sorted) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
}

function describeBytes(bytes) {
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

function describeShare(share) {
  return `${Math.round(share * 100)} %`;
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
