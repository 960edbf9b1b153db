/**
 * An ioredis client that hides nothing: by default it keeps from its caller what goes wrong on the way, by connecting
 * and sending again. Here it is one command, one answer.
 */
import { Redis } from 'ioredis';
import type { TestNode } from './nodes.ts';

const ANSWER_MS = 60_000;
const PIPELINE = 100;

export function connect({ ports, place }: TestNode, answerMs = ANSWER_MS): Redis {
  const client = new Redis(ports.redis, place.host, {
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: answerMs,
  });
  client.on('error', () => {}); // every command that it hits tells of it
  return client;
}

/** A connection for as long as `work` takes. */
export async function withRedis<T>(node: TestNode, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = connect(node);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** All of them in one pipeline: an answer for each, errors among them. */
export async function exchange(client: Redis, commands: string[][]): Promise<unknown[]> {
  if (commands.length === 0) return [];
  const answers = await client.pipeline(commands).exec();
  return commands.map((_, at) => {
    const [error, answer] = answers?.[at] ?? [new Error('no answer'), undefined];
    return error ?? answer;
  });
}

/** A command for each key, over one connection in pipelines of a hundred. Fails at the first that is answered with an error. */
export function sendForEach(
  node: TestNode,
  keys: readonly string[],
  commandOf: (key: string) => string[],
): Promise<void> {
  return withRedis(node, async (client) => {
    for (let from = 0; from < keys.length; from += PIPELINE) {
      const commands = keys.slice(from, from + PIPELINE).map((key) => commandOf(key));
      for (const answer of await exchange(client, commands)) if (answer instanceof Error) throw answer;
    }
  });
}

/** `name 0`, `name 1` and so on. */
export function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`);
}
