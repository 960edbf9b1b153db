/**
 * Where the time of a handoff goes: CPU profiles of its sender and its receiver, as the functions with the most time of
 * their own.
 *
 *     node bench/handoff/profile.mjs [--storage lmdb] [--value 1024] [--entries 100000] [--top 25] [--keep DIRECTORY]
 *
 * One node with n=1 is joined by a second one and gives it half of its keys; only the time of the handoff counts.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { selfTimes } from '../redis/cpu-profile.mjs';
import { table } from '../redis/rounds.mjs';
import { Household } from '../redis/subjects.mjs';
import { measureJoin } from './join.mjs';

const { values: flags } = parseArgs({
  options: {
    storage: { type: 'string', default: 'lmdb' },
    value: { type: 'string', default: '1024' },
    entries: { type: 'string', default: '100000' },
    top: { type: 'string', default: '25' },
    keep: { type: 'string' },
  },
});

const household = new Household();
try {
  const directory = household.directory('profile');
  mkdirSync(directory);
  const { seconds, entries, bytes, pids, window } = await measureJoin(household, {
    storage: flags.storage,
    members: 1,
    n: 1,
    entries: Number(flags.entries),
    valueBytes: Number(flags.value),
    nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=200'],
  });
  say(
    `${entries} entries in ${seconds.toFixed(1)} s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s while profiled`,
  );
  for (const [role, pid] of Object.entries(pids)) show(role, profileOf(directory, pid), window);
  if (flags.keep !== undefined) cpSync(directory, flags.keep, { recursive: true });
} finally {
  await household.close();
}

function profileOf(directory, pid) {
  const file = readdirSync(directory).find((name) => name.includes(`.${pid}.`));
  return JSON.parse(readFileSync(join(directory, file), 'utf8'));
}

function show(role, profile, { fromUs, toUs }) {
  const { rows, busyUs, idleUs } = selfTimes(profile, fromUs, toUs);
  const busy = Math.round((busyUs / (busyUs + idleUs)) * 100);
  say(`\n### ${role}: busy for ${busy} % of the time\n`);
  const cells = rows
    .slice(0, Number(flags.top))
    .map(({ name, place, us }) => [`${((us / busyUs) * 100).toFixed(1)} %`, name, place]);
  say(table(['of busy time', 'function', 'where'], cells));
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
