/**
 * `npm run bench:redis`: how fast a node is beside redis-server, and three nodes beside one and beside Redis with two
 * replicas.
 *
 *     node bench/redis/run.mjs [--quick] [--only one|three|lmdb] [--rounds N]
 *
 * Ratios are the point (rounds.mjs); above 1 rkv is the faster one. Everything runs on this machine, load generators
 * included, so the processes share its cores.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fill, load } from './load.mjs';
import { redisBenchmark } from './redis-benchmark.mjs';
import { compare, describeRatio, describeSpeed, table } from './rounds.mjs';
import { Household, versionOf } from './subjects.mjs';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, rounds: { type: 'string' } },
});
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 3 : 7));
/** How long one measurement lasts: a tenth of it would be noise, and ten of them the patience of whoever waits. */
const MEASURE_MS = flags.quick ? 300 : 600;

/** Requests a second that redis-server reaches about here; only for how many requests fill MEASURE_MS. */
const ABOUT_PER_MS = { 1: 40, 16: 250 };

const PARTS = {
  one: {
    title: 'One node, n=1, memory engine; redis-benchmark',
    run: oneNode,
    storage: 'memory',
    rounds: ROUNDS,
  },
  three: {
    title: 'Three nodes, n=3, w=r=2, memory engine, through one node; 50 sockets of one Node.js process',
    run: threeNodes,
    storage: 'memory',
    rounds: Math.max(3, ROUNDS - 2),
  },
  lmdb: {
    title: 'The same on the lmdb engine, for information (Redis keeps nothing on disk here)',
    run: async (part) => [...(await oneNode(part)), ...(await threeNodes(part))],
    storage: 'lmdb',
    rounds: 3,
  },
};

const redisVersion = versionOf('redis-server');
if (redisVersion === undefined || versionOf('redis-benchmark') === undefined) {
  say(
    'bench:redis skipped: redis-server and redis-benchmark are not installed (Debian: redis-server, redis-tools)',
  );
} else if (!existsSync(fileURLToPath(new URL('../../packages/store/dist/cli/main.js', import.meta.url)))) {
  say('not built yet; run `npm run build` first');
  process.exitCode = 1;
} else {
  await main(chosenParts());
}

function chosenParts() {
  if (flags.only !== undefined) return flags.only.split(',').map((name) => PARTS[name]);
  return flags.quick ? [PARTS.one, PARTS.three] : Object.values(PARTS);
}

async function main(parts) {
  const startedAt = performance.now();
  say(describeRun());
  for (const part of parts) {
    const rows = await part.run(part);
    say(`\n### ${part.title} (${part.rounds} rounds)\n`);
    say(table(['request', 'rkv', 'beside', 'its speed', 'rkv / it'], rows));
  }
  say(`\nspeed: requests a second, p50/p99 of a batch, processor time of all servers per request.`);
  say(`Took ${Math.round((performance.now() - startedAt) / 1000)} s.`);
}

async function oneNode({ storage, rounds }) {
  return inHousehold(async (household) => {
    const rkv = await household.rkv({ storage, n: 1, 'ring-size': 16 });
    const redis = await household.redis();
    for (const { port } of [rkv, redis]) await fill(port);
    const rows = [];
    for (const pipeline of [1, 16]) {
      for (const kind of ['GET', 'SET']) {
        const requests = Math.round(ABOUT_PER_MS[pipeline] * MEASURE_MS);
        const by = ({ port, pids }, name) => ({
          name,
          pids,
          measure: () => redisBenchmark(port, { kind, pipeline, requests }),
        });
        rows.push(
          ...toRows(kind, pipeline, await compare(rounds, [by(rkv, 'rkv'), by(redis, 'redis-server')])),
        );
      }
    }
    return rows;
  });
}

async function threeNodes({ storage, rounds }) {
  return inHousehold(async (household) => {
    const rkv = await household.rkvCluster(3, { storage, n: 3, r: 2, w: 2, 'ring-size': 16 });
    const lone = await household.rkv({ storage, n: 1, 'ring-size': 16 });
    const redis = await household.redisWithReplicas(2);
    for (const { port } of [rkv, lone, redis]) await fill(port);
    const rows = [];
    for (const pipeline of [1, 16]) {
      for (const kind of ['GET', 'SET']) {
        const by = ({ port, pids }, name, request) => ({
          name,
          pids,
          measure: () => load(port, { kind: request, pipeline, durationMs: MEASURE_MS }),
        });
        const subjects = [
          by(rkv, 'rkv', kind),
          by(lone, 'one rkv node, n=1', kind),
          by(redis, `redis-server, ${kind} alone`, kind),
        ];
        if (kind === 'SET') subjects.push(by(redis, '2 replicas, SET; WAIT 1', 'SET; WAIT 1'));
        rows.push(...toRows(kind, pipeline, await compare(rounds, subjects)));
      }
    }
    return rows;
  });
}

async function inHousehold(work) {
  const household = new Household();
  try {
    return await work(household);
  } finally {
    await household.close();
  }
}

/** One line for each that rkv was compared with. */
function toRows(kind, pipeline, [rkv, ...others]) {
  const name = `${kind}, pipeline ${pipeline}`;
  return others.map((other) => [
    name,
    describeSpeed(rkv),
    other.name,
    describeSpeed(other),
    describeRatio(other.ratios),
  ]);
}

function describeRun() {
  const processors = cpus();
  const git = spawnSync('git', ['describe', '--always', '--dirty'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  const commit = git.status === 0 ? `, rkv ${git.stdout.trim()}` : '';
  return (
    `${new Date().toISOString().slice(0, 10)}: ${processors.length} x ${processors[0]?.model ?? process.arch}, ` +
    `Node.js ${process.versions.node}, redis-server ${redisVersion}${commit}`
  );
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
