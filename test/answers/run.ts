/**
 * `npm run answers`: the same commands to a node of rkv and to redis-server, and what they say compared byte by byte.
 *
 *     eventual keys   over RESP2
 *     strict keys     over RESP3
 *
 * plays.ts says what is sent, differences.ts where they may differ. Ends with exit 1 when an answer differs otherwise, or when
 * a difference shows no more. Without redis-server it is skipped, exit 0; with CI=true that is a failure.
 *
 * Not here: options of ours that redis-server 7.0 does not have (IFEQ), and what depends on time going by.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { Nodes } from '../cluster/nodes.ts';
import { freePort } from '@rkv/testkit';
import { type Answers, areAlike, type Difference, DIFFERENCES } from './differences.ts';
import { type Play, PLAYS } from './plays.ts';
import { Talk } from './talk.ts';

const LIMIT_MS = 10 * 60_000;
const START_MS = 30_000;
/** Plays in one pipeline; few, so that all of it is answered in time on a busy machine too. */
const BATCH = 10;
const TOLD_MAX = 20;
/** A second is over for a node that gets no processor: such a play comes again, on other keys. In all: */
const AGAIN_MAX = 200;
const OUT_OF_TIME = /^-.*\(timeout:/;
const STRICT = 'strict:';
const WORD = /"(?:[^"\\]|\\.)*"|\S+/g;
const shown = new Set<Difference>();

const version = /v=(\S+)/.exec(
  spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)?.[1];
if (version !== undefined) await run();
else if (process.env['CI'] === 'true') fail('answers: redis-server is not there (Debian: redis-server)');
else console.log('skipped: redis-server is not there (Debian: redis-server)');

async function run(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  const limit = setTimeout(() => {
    fail(`answers: not done after ${LIMIT_MS / 60_000} minutes`);
    process.exit();
  }, LIMIT_MS);
  const nodes = new Nodes({ ringSize: 8, storage: 'memory', flags: ['--n', '1'] });
  const redis = await startRedis();
  try {
    const [node] = await nodes.startLone('n1');
    await node.tell('bucket', 'set', STRICT, '--level', 'strict');
    await compare('eventual', '', 2, { rkv: node.ports.redis, redis: redis.port });
    await compare('strict', STRICT, 3, { rkv: node.ports.redis, redis: redis.port });
    for (const { why } of DIFFERENCES.filter((each) => !shown.has(each)))
      fail(`answers: no longer a difference: ${why}`);
  } catch (error) {
    fail(`answers: ${(error as Error).stack}\n${nodes.describeLogs()}`);
  } finally {
    clearTimeout(limit);
    redis.child.kill('SIGKILL');
    await nodes.end();
  }
}

interface Ports {
  readonly rkv: number;
  readonly redis: number;
}

/** All plays, on keys that begin with `prefix`, in this version of RESP. */
async function compare(what: string, prefix: string, protocol: 2 | 3, ports: Ports): Promise<void> {
  const started = performance.now();
  const rkv = await Talk.open('rkv', ports.rkv);
  const redis = await Talk.open('redis-server', ports.redis);
  for (const talk of [rkv, redis]) await talk.ask([['HELLO', String(protocol)]]);
  const tally = { answers: 0, excused: 0, wrong: 0 };
  const waiting = [...PLAYS];
  let again = AGAIN_MAX;
  for (let sent = 0; waiting.length > 0;) {
    const plays = waiting.splice(0, BATCH);
    const commands = plays.map((play) => wordsOf(play, `${prefix}${sent++}`));
    const all = commands.flat();
    const [ours, theirs] = await Promise.all([rkv.ask(all), redis.ask(all)]);
    for (const [i, play] of plays.entries()) {
      const answers = (commands[i] ?? []).map((command) => ({
        command,
        rkv: ours.shift() ?? '',
        redis: theirs.shift() ?? '',
      }));
      if (answers.some(({ rkv: reply }) => OUT_OF_TIME.test(reply)) && again-- > 0) waiting.push(play);
      else judge(answers, tally);
    }
  }
  rkv.close();
  redis.close();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${what} keys, RESP${protocol}: ${PLAYS.length} plays, ${tally.answers} answers beside redis-server ${version}, ` +
      `${tally.excused} differ as told, ${tally.wrong} otherwise, ${seconds} s`,
  );
  if (tally.wrong > 0) fail(`answers: ${tally.wrong} of ${tally.answers} differ (${what} keys)`);
}

function judge(play: readonly Answers[], tally: { answers: number; excused: number; wrong: number }): void {
  for (const [i, answers] of play.entries()) {
    tally.answers++;
    if (areAlike(answers, Date.now())) continue;
    if (isKnown(answers)) tally.excused++;
    else if (++tally.wrong <= TOLD_MAX) console.error(describe(answers, play.slice(0, i)));
  }
}

function isKnown(answers: Answers): boolean {
  const difference = DIFFERENCES.find((each) => each.covers(answers, Date.now()));
  if (difference !== undefined) shown.add(difference);
  return difference !== undefined;
}

/** The words of each line; a name in braces becomes a key that no other play has. */
function wordsOf(play: Play, own: string): string[][] {
  return play.map((line) =>
    (line.match(WORD) ?? []).map((word) => {
      if (word.startsWith('"')) return JSON.parse(word) as string;
      return word.startsWith('{') ? `${own}:${word.slice(1, -1)}` : word;
    }),
  );
}

/** With what came before it in its play. */
function describe(answers: Answers, before: readonly Answers[]): string {
  const lines = [...before, answers].map(({ command }) =>
    command.map((word) => JSON.stringify(word)).join(' '),
  );
  const [rkv, redis] = [answers.rkv, answers.redis].map((reply) => JSON.stringify(reply));
  return `differs: ${lines.join('; ')}\n    rkv   ${rkv}\n    redis ${redis}`;
}

async function startRedis(): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', flags, { stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  for (const deadline = performance.now() + START_MS; performance.now() < deadline; await pause(20)) {
    const talk = await Talk.open('redis-server', port).catch(() => undefined);
    talk?.close();
    if (talk !== undefined) return { child, port };
  }
  throw new Error('redis-server does not answer');
}

function fail(why: string): void {
  process.exitCode = 1;
  console.error(why);
}
