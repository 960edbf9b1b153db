/**
 * `npm run bench:etcd`: a strict bucket of three nodes beside three members of etcd, both flushing before they answer.
 *
 *     node bench/etcd/run.mjs [--quick] [--rounds 7] [--clients 50] [--through all|one]
 *
 * Closed loops: each client has one request under way, on a connection of its own, and the same number of them drives either
 * side, turn and turn about (../redis/rounds.mjs). `--through all` spreads the clients over the three members, as applications
 * do; `one` sends all to etcd's leader and to one node of rkv. Everything runs on this machine and shares its cores.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../memory/machine.mjs';
import { compare, describeRatio, describeSpeed, table } from '../redis/rounds.mjs';
import { Household, versionOf } from '../redis/subjects.mjs';
import { EtcdClient, RkvClient } from './clients.mjs';
import { startEtcd } from './members.mjs';
import { closedLoop } from './closed-loop.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    clients: { type: 'string', default: '50' },
    through: { type: 'string', default: 'all' },
  },
});
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 3 : 7));
const MEASURE_MS = flags.quick ? 1000 : 2500;
const CLIENTS = Number(flags.clients);
const MEMBERS = 3;
/** Of the whole run; a side that does not answer would hold it up for ever. */
const LIMIT_MS = 175_000;

const KINDS = { put: 'strict put', get: 'strict get', compareAndSet: 'compare-and-set' };

const etcdVersion = versionOf('etcd');
if (etcdVersion === undefined) {
  say('bench:etcd skipped: etcd is not installed (Debian: apt-get install etcd-server)');
} else if (!existsSync(fileURLToPath(new URL('../../packages/store/dist/cli/main.js', import.meta.url)))) {
  say('not built yet; run `npm run build` first');
  process.exitCode = 1;
} else {
  await main();
}

async function main() {
  const limit = setTimeout(() => {
    say(`bench:etcd: not done after ${LIMIT_MS / 1000} s`);
    process.exit(1);
  }, LIMIT_MS);
  const startedAt = performance.now();
  say(describeMachine(`etcd ${etcdVersion}`));
  const household = new Household();
  try {
    const rows = await measureBoth(household);
    const where = flags.through === 'one' ? 'all at one member, etcd’s leader' : 'spread over the members';
    say(`\n### Three members, ${CLIENTS} clients ${where}, values of 100 bytes (${ROUNDS} rounds)\n`);
    say(table(['request', 'rkv', 'etcd', 'rkv / etcd', 'load generator, us', 'failed'], rows));
  } finally {
    await household.close();
    clearTimeout(limit);
  }
  say(
    '\nspeed: requests a second, p50/p99, processor time of all three members per request; in pairs rkv comes first.',
  );
  say(`Took ${Math.round((performance.now() - startedAt) / 1000)} s.`);
}

/** These figures were once those of eventual keys, since a node had not taken its flag. */
async function expectStrict({ http }) {
  const { buckets } = await fetch(`http://${http}/api/ring`).then((answer) => answer.json());
  const levels = buckets.map(({ level }) => level).join();
  if (levels !== 'strict') throw new Error(`the keys to be measured are ${levels}, and not strict`);
}

async function measureBoth(household) {
  const settings = { storage: 'lmdb', durability: 'power', level: 'strict', n: MEMBERS, 'ring-size': 16 };
  const rkv = await household.rkvCluster(MEMBERS, settings);
  await expectStrict(rkv.nodes[0]);
  const etcd = await startEtcd(household, MEMBERS);
  const sides = [
    { name: 'rkv', pids: rkv.pids, ports: rkv.nodes.map(({ port }) => port), open: RkvClient.open },
    { name: 'etcd', pids: etcd.pids, ports: etcd.ports, open: EtcdClient.open },
  ];
  for (const side of sides) side.loop = await closedLoop(CLIENTS, side.name, portsOf(side), side.open);
  const rows = [];
  for (const [kind, name] of Object.entries(KINDS)) {
    const failed = [0, 0];
    const subjects = sides.map(({ name: side, pids, loop }, i) => ({
      name: side,
      pids,
      measure: async () => {
        const result = await loop.run(kind, MEASURE_MS);
        failed[i] += result.failed;
        return result;
      },
    }));
    rows.push([...toRow(name, await compare(ROUNDS, subjects)), failed.join(', ')]);
  }
  for (const { loop } of sides) await loop.close();
  return rows;
}

function portsOf({ ports }) {
  return flags.through === 'one' ? ports.slice(0, 1) : ports;
}

function toRow(name, [rkv, etcd]) {
  const loads = [rkv, etcd].map(({ loadUs }) => loadUs.toFixed(0)).join(', ');
  return [name, describeSpeed(rkv), describeSpeed(etcd), describeRatio(etcd.ratios), loads];
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
