/**
 * `npm run bench:memory`: what a key costs in each contender for the memory engine, and how long it makes others wait.
 *
 *     node bench/memory/run.mjs [--keys 5000000] [--requests 8000000] [--runs 3] [--only strings,slab] [--build DIR]
 *                               [--trials FILE: add to the trials there, a line of JSON each, and show all of them]
 *
 * Every trial is a process of its own, one at a time; the contenders take turns. The median of the runs is shown. Of
 * what is called longest it is the least: a stall that the engine causes comes in every run, one that a neighbour on
 * the machine causes does not.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, table } from '../redis/rounds.mjs';
import { built, CONTENDERS, engineNamed } from './engines.mjs';
import { describeMachine } from './machine.mjs';
import { holdToMap } from './twin.mjs';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '5000000' },
    requests: { type: 'string', default: '8000000' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    build: { type: 'string' },
    trials: { type: 'string' },
  },
});
const contenders = flags.only?.split(',') ?? CONTENDERS;
const TRIAL = fileURLToPath(new URL('trial.mjs', import.meta.url));

/** Rows of the table: what it is called, where it stands in a trial's result, how it is shown, which run counts. */
const FIGURES = [
  ['memory after loading, B per key', 'rssAfterLoad', whole, median],
  ['memory after the requests, B per key', 'rssAfterWork', whole, median],
  ['of it live: JavaScript heap', 'liveHeap', whole, median],
  ['of it live: array buffers', 'liveBuffers', whole, median],
  ['loading, us per key', 'loadUs', fine, median],
  ['the same, processor time of all threads', 'loadCpuUs', fine, median],
  ['longest set while loading, ms', 'longestSetMs', fine, least],
  ['a request, us', 'requestUs', fine, median],
  ['the same, processor time of all threads', 'requestCpuUs', fine, median],
  ['turn of 100 requests, p50, ms', 'p50', fine, median],
  ['turn, p99, ms', 'p99', fine, median],
  ['turn, p99.9, ms', 'p999', fine, median],
  ['turn, longest, ms', 'longestTurnMs', fine, least],
  ['major collections', 'majors', whole, median],
  ['turns during one, %', 'shareDuringMajor', (share) => fine(share * 100), median],
  ['turn during one, p99, ms', 'p99DuringMajor', fine, median],
  ['pause of one, longest, ms', 'longestMajorMs', fine, least],
  ['minor collections', 'minors', whole, median],
  ['pause of one, mean, ms', 'minorMs', fine, median],
  ['pause of one, longest, ms', 'longestMinorMs', fine, least],
  ['a full collection at once, ms', 'fullCollectionMs', whole, median],
  ['walk in hash order, ns per key', 'walkNs', whole, median],
];

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1)); // a trial ends with us
await main();

async function main() {
  const parts = await built(flags.build);
  for (const name of contenders.filter((name) => name !== 'none')) {
    holdToMap(name, engineNamed(name, parts), parts.placeKey);
  }
  const startedAt = performance.now();
  const earlier = earlierTrials();
  say(describeMachine());
  const results = new Map(contenders.map((name) => [name, earlier.filter((trial) => trial.name === name)]));
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const name of contenders) results.get(name).push(keep(await trial(name)));
  }
  say(`\n### ${flags.keys} keys, then ${flags.requests} requests, half of them overwriting\n`);
  const rows = FIGURES.map(([title, field, show, choose]) => [
    title,
    ...contenders.map((name) => {
      const values = results.get(name).flatMap((result) => result[field] ?? []);
      return values.length === 0 ? '' : show(choose(values));
    }),
  ]);
  rows.push(['runs', ...contenders.map((name) => String(results.get(name).length))]);
  say(table(['', ...contenders], rows));
  say(`\nTook ${Math.round((performance.now() - startedAt) / 1000)} s.`);
}

async function trial(name) {
  const args = ['--contender', name, '--keys', flags.keys, '--requests', flags.requests];
  if (flags.build !== undefined) args.push('--build', flags.build);
  const child = spawn(process.execPath, ['--expose-gc', TRIAL, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const abandon = () => child.kill();
  process.once('exit', abandon);
  const closed = once(child, 'close');
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  const [code] = await closed;
  process.off('exit', abandon);
  if (code !== 0) throw new Error(`the trial of ${name} ended with ${code}`);
  return { name, ...JSON.parse(output) };
}

function keep(result) {
  if (flags.trials !== undefined) appendFileSync(flags.trials, `${JSON.stringify(result)}\n`);
  return result;
}

function earlierTrials() {
  if (flags.trials === undefined || !existsSync(flags.trials)) return [];
  return readFileSync(flags.trials, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function least(values) {
  return Math.min(...values);
}

function whole(value) {
  return value.toFixed(0);
}

function fine(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
