/**
 * Whatever speaks Redis: rkv, redis-server and their like, measured by the same client in the same way.
 *
 * Each worker has a connection of its own, to one of the URLs in turn, so several nodes share the load. A connection that
 * is lost counts as an error of the operation that noticed, and is made again by the client meanwhile.
 */
import { createClient } from '@redis/client';
import type { Driver, Key, Outcome, Value } from '../contracts/driver.ts';
import { bytesOfKey } from '../generators/keys.ts';
import { OwnPuts } from './own-puts.ts';

/** Anything that speaks Redis. */
export interface RedisSpec {
  readonly kind: 'redis';
  /** `redis://[user:password@]host:port`; default redis://127.0.0.1:6379. */
  readonly urls?: readonly string[];
  /** A reply that takes longer is the error `timeout`. Default 5,000. */
  readonly timeoutMs?: number;
  /** After each put `WAIT replicas timeoutMs`, as part of it: what a Redis with replicas needs to promise as much. */
  readonly wait?: { readonly replicas: number; readonly timeoutMs: number };
}

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const TIMEOUT_MS = 5_000;
const RECONNECT_AFTER_MS = 100;

type Client = ReturnType<typeof clientFor>;
interface State {
  readonly client: Client;
  readonly own: OwnPuts;
}
type Operation = 'get' | 'put' | 'delete' | 'getOwnPuts' | 'ping';

export function redisDriver(spec: RedisSpec): Driver<State, Operation> {
  const { urls = [DEFAULT_URL], timeoutMs = TIMEOUT_MS, wait } = spec;
  return {
    name: `Redis at ${urls.map(withoutPassword).join(', ')}`,
    operations: ['get', 'put', 'delete', 'getOwnPuts', 'ping'],
    async new({ id, random }) {
      const client = clientFor(urls[(id - 1) % urls.length] ?? DEFAULT_URL, timeoutMs);
      await connected(client);
      return { client, own: new OwnPuts(random) };
    },
    async run(operation, nextKey, nextValue, { client, own }) {
      const key = operation === 'getOwnPuts' ? own.pick() : operation === 'ping' ? '' : nextKey();
      if (key === undefined) return 'silent';
      try {
        const outcome = await inTime(ask(client, operation, key, nextValue, wait), timeoutMs);
        if (operation === 'put' && outcome === 'ok') own.add(key);
        return outcome;
      } catch (error) {
        return { error: kindOf(error) };
      }
    },
    terminate(_reason, { client }) {
      client.destroy();
    },
  };
}

async function ask(
  client: Client,
  operation: Operation,
  key: Key,
  nextValue: () => Value,
  wait: RedisSpec['wait'],
): Promise<Outcome> {
  const name = text(key);
  if (operation === 'ping') {
    await client.sendCommand(['PING']);
  } else if (operation === 'delete') {
    await client.sendCommand(['DEL', name]);
  } else if (operation === 'put') {
    const set = client.sendCommand(['SET', name, text(nextValue())]);
    if (wait === undefined) {
      await set;
    } else {
      const waited = client.sendCommand(['WAIT', String(wait.replicas), String(wait.timeoutMs)]);
      const [, replicas] = await Promise.all([set, waited]);
      if (Number(replicas) < wait.replicas) return { error: 'too few replicas' };
    }
  } else {
    await client.sendCommand(['GET', name]);
  }
  return 'ok';
}

class ReplyTimeout extends Error {}

/** The client's own time limit ends when a command is written. What is answered later is dropped. */
function inTime<T>(reply: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ReplyTimeout()), timeoutMs);
    reply.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Bytes go to the wire as they are. */
function text(value: Key | Value): string | Buffer {
  return typeof value === 'object' ? Buffer.from(bytesOfKey(value)) : String(value);
}

function clientFor(url: string, timeoutMs: number) {
  return createClient({
    url,
    // Today's servers all know it, and rkv's own tests speak both.
    RESP: 2,
    disableOfflineQueue: true,
    socket: { connectTimeout: timeoutMs, reconnectStrategy: RECONNECT_AFTER_MS },
  });
}

/** The first connection is made or the run does not begin; lost later, it is made again. */
async function connected(client: Client): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let isFirst = true;
    client.on('error', (error: Error) => {
      if (isFirst) {
        client.destroy();
        reject(error);
      }
    });
    client.connect().then(() => {
      isFirst = false;
      resolve();
    }, reject);
  });
}

/** The first word of an error reply, such as BUSY; `timeout`; or that the connection is not there. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const name = error.constructor.name;
  if (/Timeout/.test(name)) return 'timeout';
  if (/Closed|Offline|Disconnect|Socket|Reconnect/i.test(name)) return 'disconnected';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return /^[A-Z]+/.exec(error.message)?.[0] ?? name;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
