/**
 * `npm run words`: real input and real deaths. A word list of more than 100,000 lines is loaded through
 * `redis-cli --pipe` at one node of three; from then on, whatever is killed, every word is read back from every node
 * that lives, value by value.
 *
 *     each node in turn   kill -9; read all from both others; write all anew through them; restart; read all from all
 *     all three           kill -9 at once; restart; read all from all
 *
 * Nothing is asked twice: a command that fails is wrong. The first phase with a wrong answer ends the run, exit 1.
 * Without redis-cli or a word list the run is skipped, exit 0; with CI=true that is a failure.
 */
import { readFileSync } from 'node:fs';
import { joinAll, Nodes, type TestNode } from '../cluster/nodes.ts';
import { loadThroughRedisCli, redisCliVersion } from './redis-cli.ts';
import { readAll, writeAll, type Pair, type Tally } from './traffic.ts';

const WORD_LIST = process.env['WORDS'] ?? '/usr/share/dict/words';
const WORDS_MIN = 100_000;
/** Many times what it takes. */
const LIMIT_MS = 25 * 60_000;

const words = readWords();
const lacks = whatIsMissing();
if (lacks === undefined) await run();
else if (process.env['CI'] === 'true') fail(`words: cannot run: ${lacks}`);
else console.log(`skipped: ${lacks}`);

function readWords(): readonly string[] {
  try {
    return readFileSync(WORD_LIST, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}

function whatIsMissing(): string | undefined {
  if (redisCliVersion() === undefined) return 'redis-cli is not there (Debian: redis-tools)';
  if (words.length === 0) return `${WORD_LIST} cannot be read (Debian: wamerican; or set WORDS to another list)`;
  if (words.length < WORDS_MIN) return `${WORD_LIST} has ${words.length} lines, and ${WORDS_MIN} are wanted`;
  return undefined;
}

async function run(): Promise<void> {
  // Leaving by the exit ends the nodes and removes their folder, however we come to it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  const limit = setTimeout(() => {
    fail(`words: not done after ${LIMIT_MS / 60_000} minutes`);
    process.exit();
  }, LIMIT_MS);
  const nodes = new Nodes({ ringSize: 16, storage: 'lmdb', flags: ['--durability', 'process'] });
  try {
    await new Play(nodes).run();
  } catch (error) {
    fail(error instanceof Wrong ? error.message : `words: ${(error as Error).stack}\n${nodes.describeLogs()}`);
  } finally {
    clearTimeout(limit);
    await nodes.end();
  }
}

function fail(why: string): void {
  process.exitCode = 1;
  console.error(why);
}

/** Answers were wrong; the message says how many and which was the first. */
class Wrong extends Error {}

class Play {
  readonly #nodes: Nodes;
  /** How often every word has been written anew; its value says so. */
  #edition = 0;
  #pairs = pairsOf(0);
  #reads = 0;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  async run(): Promise<void> {
    console.log(`${this.#pairs.length} words of ${WORD_LIST}, ${redisCliVersion()}`);
    const all = await this.#nodes.startLone('n1', 'n2', 'n3');
    await this.#phase('n2 and n3 joined n1', async () => joinAll(all));
    const [n1, n2, n3] = all;
    await this.#phase('loaded at n1 through redis-cli --pipe', () => this.#load(n1));
    await this.#read('read', [n2, n3]);
    for (const victim of all) await this.#killOne(victim, all);
    await Promise.all(all.map((node) => node.kill9()));
    await this.#phase('all three killed with -9, started again', () => startAll(all));
    await this.#read('read', all);
    console.log(`words: ${this.#pairs.length} keys, ${this.#reads} reads, 0 wrong`);
  }

  async #killOne(victim: TestNode, all: readonly TestNode[]): Promise<void> {
    const others = all.filter((node) => node !== victim);
    await victim.kill9();
    await this.#read(`${victim.name} killed with -9, read`, others);
    await this.#write('written anew', others);
    await this.#phase(`${victim.name} started again`, () => victim.start());
    await this.#read('read', all);
  }

  async #load(node: TestNode): Promise<Tally> {
    return { commands: await loadThroughRedisCli(node.ports.redis, this.#pairs), wrong: 0 };
  }

  async #read(what: string, nodes: readonly TestNode[]): Promise<void> {
    this.#reads += await this.#phase(`${what} ${at(nodes)}`, () => readAll(nodes, this.#pairs));
  }

  async #write(what: string, nodes: readonly TestNode[]): Promise<void> {
    this.#edition += 1;
    this.#pairs = pairsOf(this.#edition);
    await this.#phase(`${what} ${at(nodes)}`, () => writeAll(nodes, this.#pairs));
  }

  /** Resolves with the number of commands; rejects with `Wrong`. */
  async #phase(what: string, work: () => Promise<Tally | void>): Promise<number> {
    const started = performance.now();
    const { commands, wrong, firstWrong } = (await work()) ?? { commands: 0, wrong: 0 };
    const seconds = (performance.now() - started) / 1000;
    const rate = commands === 0 ? '' : `${commands} commands, ${Math.round(commands / seconds)} a second, ${wrong} wrong`;
    console.log(`${what.padEnd(44)} ${seconds.toFixed(1).padStart(6)} s  ${rate}`.trimEnd());
    if (wrong > 0) throw new Wrong(`words: ${wrong} of ${commands} answers were wrong (${what}); the first: ${firstWrong}`);
    return commands;
  }
}

/** A word that stands there twice counts by its last line. */
function pairsOf(edition: number): readonly Pair[] {
  const lines = new Map(words.map((word, at) => [word, at + 1]));
  return [...lines].map(([word, line]) => ({ key: word, value: `${line} ${word} ${edition}` }));
}

async function startAll(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()));
}

function at(nodes: readonly TestNode[]): string {
  return `at ${nodes.map((node) => node.name).join(', ')}`;
}
