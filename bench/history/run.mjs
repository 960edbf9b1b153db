/**
 * `npm run bench:history`: how many operations a second the history checker judges.
 *
 *     node bench/history/run.mjs [--rounds 5]
 *
 * Histories are drawn (histories.mjs) from a seed before the clock runs. A round judges each of them once; told are the median
 * of the rounds and their range, by processor time. The last ones are wrong: somebody reads what was there long before; what
 * the explanation takes is told beside it.
 */
import { checkLinearizable, checkSettled } from '@rkv/testkit';
import { parseArgs } from 'node:util';
import { median, table } from '../redis/rounds.mjs';
import { COUNTER, drawHistory, REGISTER, SET } from './histories.mjs';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const ROUNDS = Number(flags.rounds);

const CASES = [
  ['register, 1,000 keys, 20 clients', REGISTER, { operations: 100_000, keys: 1_000, clients: 20 }],
  ['register, 10 keys, 20 clients', REGISTER, { operations: 50_000, keys: 10, clients: 20 }],
  ['register, 1 key, 5 clients', REGISTER, { operations: 20_000, keys: 1, clients: 5 }],
  ['register, 1 key, 20 clients', REGISTER, { operations: 10_000, keys: 1, clients: 20 }],
  ['counter, 10 keys, 20 clients', COUNTER, { operations: 50_000, keys: 10, clients: 20 }],
  ['set, 10 keys, 20 clients', SET, { operations: 30_000, keys: 10, clients: 20 }],
];
const UNKNOWN = [0, 0.02];

const HEAD = [
  'history',
  'unknown',
  'is',
  'operations',
  'a second',
  'range',
  'explanation',
  'settled, a second',
];
const rows = [];
const judged = CASES.flatMap((one) => UNKNOWN.map((unknown) => ({ one, unknown, isRight: true })));
judged.push(...UNKNOWN.map((unknown) => ({ one: CASES[1], unknown, isRight: false })));
for (const { one, unknown, isRight } of judged) {
  const [name, type, shape] = one;
  const drawn = drawHistory({ seed: 1, unknown, ...shape, ...type });
  const figures = measure(isRight ? drawn : withStaleRead(drawn), isRight);
  rows.push([name, percent(unknown), isRight ? 'right' : 'wrong', ...figures]);
  process.stderr.write(`${rows.at(-1).join('  ')}\n`);
}
say(table(HEAD, rows));

function measure(operations, isRight) {
  const seconds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = busySeconds();
    const { impossible, gaveUp } = checkLinearizable({ operations }, { explanationsMax: 0 });
    seconds.push(busySeconds() - started);
    if (gaveUp.length > 0 || (impossible.length === 0) !== isRight)
      throw new Error(`${impossible.length} keys wrong, ${gaveUp.length} not found out`);
  }
  const rate = (time) => `${Math.round(operations.length / time / 1000)}k`;
  const explaining = busySeconds();
  if (!isRight) checkLinearizable({ operations });
  const whole = busySeconds() - explaining;
  const settling = busySeconds();
  checkSettled({ operations, quiet: [], copies: [] });
  const settled = busySeconds() - settling;
  return [
    operations.length.toLocaleString('en'),
    rate(median(seconds)),
    `${rate(Math.max(...seconds))}-${rate(Math.min(...seconds))}`,
    isRight ? '' : `${(whole - median(seconds)).toFixed(1)} s`,
    rate(settled),
  ];
}

/** A read in the last tenth finds what was written in the first. */
function withStaleRead(operations) {
  const stale = operations.find(({ kind, outcome }) => kind === 'write' && outcome === 'ok');
  const late = operations.findLast(
    ({ kind, key, output }, at) =>
      kind === 'read' && key === stale.key && output !== null && at < operations.length * 0.95,
  );
  return operations.map((operation) =>
    operation === late ? { ...operation, output: stale.input } : operation,
  );
}

/** Of processors, garbage collection and all: the clock on the wall tells more about what else runs here. */
function busySeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function percent(share) {
  return share === 0 ? 'none' : `${share * 100} % of changes`;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
