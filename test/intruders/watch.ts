/**
 * A process of its own that goes on working while the port is attacked: PING, SET and GET at the node under attack, and
 * the same key read at another node, every 50 ms. It tells its parent what the slowest answer took and what went wrong.
 */
import { Redis } from 'ioredis';

const INTERVAL_MS = 50;

export interface Watched {
  readonly rounds: number;
  readonly slowestMs: number;
  readonly failures: number;
  readonly firstFailure: string | undefined;
}

function connectTo(port: number): Redis {
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 0, retryStrategy: () => 100 });
  client.on('error', () => {}); // every command that it hits tells of it
  return client;
}

const [ports, keys] = process.argv.slice(2).map((list) => list.split(',')) as [string[], string[]];
const [attacked, other] = ports.map((port) => connectTo(Number(port))) as [Redis, Redis];
let rounds = 0;
let failures = 0;
let slowestMs = 0;
let firstFailure: string | undefined;

async function timed<T>(work: Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await work;
  } finally {
    slowestMs = Math.max(slowestMs, performance.now() - started);
  }
}

async function round(number: number): Promise<void> {
  const key = keys[number % keys.length] as string;
  const value = `value ${number}`;
  try {
    await timed(attacked.ping());
    await timed(attacked.set(key, value));
    const answers = [await timed(attacked.get(key)), await timed(other.get(key))];
    if (answers.some((answer) => answer !== value))
      throw new Error(`read ${JSON.stringify(answers)} for ${value}`);
  } catch (error) {
    failures++;
    firstFailure ??= (error as Error).message;
  }
  rounds++;
}

/** Since the last time that it was asked. */
process.on('message', () => {
  const watched: Watched = { rounds, slowestMs, failures, firstFailure };
  rounds = failures = slowestMs = 0;
  firstFailure = undefined;
  process.send?.(watched);
});
process.on('disconnect', () => process.exit());

let next = performance.now();
for (let number = 0; process.connected; number++) {
  await round(number);
  next = Math.max(next + INTERVAL_MS, performance.now());
  await new Promise((resolve) => setTimeout(resolve, next - performance.now()));
}
