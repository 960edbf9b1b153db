/**
 * The play with the words: who is killed when, and what is read and written in between. Prints a line for each phase.
 */
import { joinAll, type Nodes, type TestNode } from '../cluster/nodes.ts';
import { loadThroughRedisCli } from './redis-cli.ts';
import { readAll, writeAll, type Pair, type Tally } from './traffic.ts';

/** Answers were wrong; the message says how many and which was the first. */
export class Wrong extends Error {}

export class Play {
  readonly #nodes: Nodes;
  readonly #words: readonly string[];
  /** How often every word has been written anew; its value says so. */
  #edition = 0;
  #pairs: readonly Pair[];
  #reads = 0;

  /** A word that stands there twice counts by its last line. */
  constructor(nodes: Nodes, words: readonly string[]) {
    this.#nodes = nodes;
    this.#words = words;
    this.#pairs = pairsOf(words, this.#edition);
  }

  async run(): Promise<void> {
    const all = await this.#nodes.startLone('n1', 'n2', 'n3');
    await this.#phase('n2 and n3 joined n1', async () => joinAll(all));
    const [n1, n2, n3] = all;
    await this.#phase('loaded at n1 through redis-cli --pipe', () => this.#load(n1));
    await this.#read('read', [n2, n3]);
    for (const victim of all) await this.#killOne(victim, all);
    await this.#write('written anew', all);
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
    const commands = this.#pairs.length;
    const replies = await loadThroughRedisCli(node.ports.redis, this.#pairs);
    return { commands, wrong: Math.abs(commands - replies), firstWrong: `${replies} replies came` };
  }

  async #read(what: string, nodes: readonly TestNode[]): Promise<void> {
    this.#reads += await this.#phase(`${what} ${at(nodes)}`, () => readAll(nodes, this.#pairs));
  }

  async #write(what: string, nodes: readonly TestNode[]): Promise<void> {
    this.#edition += 1;
    this.#pairs = pairsOf(this.#words, this.#edition);
    await this.#phase(`${what} ${at(nodes)}`, () => writeAll(nodes, this.#pairs));
  }

  /** Resolves with the number of commands; rejects with `Wrong`. */
  async #phase(what: string, work: () => Promise<Tally | void>): Promise<number> {
    const started = performance.now();
    const { commands, wrong, firstWrong } = (await work()) ?? { commands: 0, wrong: 0 };
    const seconds = (performance.now() - started) / 1000;
    const rate =
      commands === 0
        ? ''
        : `${commands} commands, ${Math.round(commands / seconds)} a second, ${wrong} wrong`;
    console.log(`${what.padEnd(44)} ${seconds.toFixed(1).padStart(6)} s  ${rate}`.trimEnd());
    if (wrong > 0)
      throw new Wrong(
        `words: ${wrong} of ${commands} answers were wrong (${what}); the first: ${firstWrong}`,
      );
    return commands;
  }
}

function pairsOf(words: readonly string[], edition: number): readonly Pair[] {
  const lines = new Map(words.map((word, at) => [word, at + 1]));
  return [...lines].map(([word, line]) => ({ key: word, value: `${line} ${word} ${edition}` }));
}

async function startAll(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.start()));
}

function at(nodes: readonly TestNode[]): string {
  return `at ${nodes.map((node) => node.name).join(', ')}`;
}
