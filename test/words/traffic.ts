/** All words read or written through some nodes, in pipelines of ioredis, and what was wrong with the answers. */
import type { TestNode } from '../cluster/nodes.ts';
import { exchange, withRedis } from '../cluster/redis-client.ts';

export interface Pair {
  readonly key: string;
  readonly value: string;
}

export interface Tally {
  readonly commands: number;
  readonly wrong: number;
  /** A sentence about the first that was wrong. */
  readonly firstWrong?: string;
}

/** Few enough that each is answered long before its second is over, also where the machine has other work. */
const BATCH = 250;

/** Every key from each of the nodes, side by side. */
export function readAll(nodes: readonly TestNode[], pairs: readonly Pair[]): Promise<Tally> {
  return together(nodes, () => pairs, {
    command: ({ key }) => ['get', key],
    problem: ({ key, value }, answer) =>
      answer === value
        ? undefined
        : `GET ${quote(key)} gave ${quote(answer)}, and ${quote(value)} was acknowledged`,
  });
}

/** Every key once: each node gets its share, turn and turn about. */
export function writeAll(nodes: readonly TestNode[], pairs: readonly Pair[]): Promise<Tally> {
  return together(nodes, (turn) => pairs.filter((_, at) => at % nodes.length === turn), {
    command: ({ key, value }) => ['set', key, value],
    problem: ({ key }, answer) => (answer === 'OK' ? undefined : `SET ${quote(key)} gave ${quote(answer)}`),
  });
}

interface Traffic {
  readonly command: (pair: Pair) => string[];
  /** A sentence when this is not the answer that must come. An error reply is an answer too. */
  readonly problem: (pair: Pair, answer: unknown) => string | undefined;
}

async function together(
  nodes: readonly TestNode[],
  share: (turn: number) => readonly Pair[],
  traffic: Traffic,
): Promise<Tally> {
  const tallies = await Promise.all(nodes.map((node, turn) => through(node, share(turn), traffic)));
  return tallies.reduce(add);
}

function through(node: TestNode, pairs: readonly Pair[], { command, problem }: Traffic): Promise<Tally> {
  return withRedis(node, async (client) => {
    let tally: Tally = { commands: 0, wrong: 0 };
    for (let at = 0; at < pairs.length; at += BATCH) {
      const batch = pairs.slice(at, at + BATCH);
      const answers = await exchange(client, batch.map(command));
      const problems = batch
        .map((pair, index) => problem(pair, answers[index]))
        .filter((one) => one !== undefined);
      tally = add(tally, describe(node, batch.length, problems));
    }
    return tally;
  });
}

function describe(node: TestNode, commands: number, [first, ...more]: readonly string[]): Tally {
  if (first === undefined) return { commands, wrong: 0 };
  return { commands, wrong: 1 + more.length, firstWrong: `at ${node.name}, ${first}` };
}

function add(one: Tally, other: Tally): Tally {
  const firstWrong = one.firstWrong ?? other.firstWrong;
  return {
    commands: one.commands + other.commands,
    wrong: one.wrong + other.wrong,
    ...(firstWrong === undefined ? {} : { firstWrong }),
  };
}

function quote(answer: unknown): string {
  return answer instanceof Error
    ? `the error ${JSON.stringify(answer.message)}`
    : JSON.stringify(answer ?? null);
}
