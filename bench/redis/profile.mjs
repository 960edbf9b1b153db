/**
 * Where a node's time goes: a CPU profile under load, as the functions with the most time of their own.
 *
 *     node bench/redis/profile.mjs [--kind GET|SET] [--pipeline 16] [--nodes 1|3] [--of 1] [--storage memory]
 *                                  [--seconds 4] [--top 30] [--keep FILE.cpuprofile]
 *
 * With three nodes the clients talk to the first; `--of 2` shows one that is only asked by it. Only samples taken under load count, so the
 * start of the node is not in it. Time in the kernel (system calls of sockets) shows under the native function that
 * asked for it: `writev`, `writeBuffer`, `(program)`.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nowUs, selfTimes } from './cpu-profile.mjs';
import { fill, load } from './load.mjs';
import { table } from './rounds.mjs';
import { Household } from './subjects.mjs';

const { values: flags } = parseArgs({
  options: {
    kind: { type: 'string', default: 'GET' },
    pipeline: { type: 'string', default: '16' },
    nodes: { type: 'string', default: '1' },
    of: { type: 'string', default: '1' },
    storage: { type: 'string', default: 'memory' },
    seconds: { type: 'string', default: '4' },
    top: { type: 'string', default: '30' },
    keep: { type: 'string' },
  },
});

const household = new Household();
try {
  const { profile, fromUs, toUs, rps } = await profiled(household);
  const { rows, busyUs, idleUs } = selfTimes(profile, fromUs, toUs);
  const busy = Math.round((busyUs / (busyUs + idleUs)) * 100);
  const what = `${flags.kind}, pipeline ${flags.pipeline}, node ${flags.of} of ${flags.nodes}, ${flags.storage}`;
  say(`${what}: ${Math.round(rps)} requests/s while profiled, the node busy for ${busy} % of the time\n`);
  const top = rows.slice(0, Number(flags.top));
  const cells = top.map(({ name, place, us }) => [`${((us / busyUs) * 100).toFixed(1)} %`, name, place]);
  say(table(['of busy time', 'function', 'where'], cells));
} finally {
  await household.close();
}

async function profiled(at) {
  const directory = at.directory('profile');
  mkdirSync(directory);
  const components = { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=200'] };
  const nodes = Number(flags.nodes);
  const options = { storage: flags.storage, n: nodes, 'ring-size': 16 };
  const subject =
    nodes === 1 ? await at.rkv(options, components) : await at.rkvCluster(nodes, options, components);
  await fill(subject.port);
  const load_ = {
    kind: flags.kind,
    pipeline: Number(flags.pipeline),
    durationMs: Number(flags.seconds) * 1000,
  };
  await load(subject.port, { ...load_, durationMs: 1000 });
  const fromUs = nowUs();
  const { rps } = await load(subject.port, load_);
  const toUs = nowUs();
  await at.stop(subject);
  const shown = (subject.nodes ?? [subject])[Number(flags.of) - 1];
  const file = readdirSync(directory).find((name) => name.includes(`.${shown.child.pid}.`));
  if (flags.keep !== undefined) copyFileSync(join(directory, file), flags.keep);
  return { profile: JSON.parse(readFileSync(join(directory, file), 'utf8')), fromUs, toUs, rps };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
