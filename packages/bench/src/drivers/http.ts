/**
 * Whatever speaks HTTP: each operation is a method and a path with a place for the key.
 *
 * Each worker has a connection that is kept. A status of 400 and above is the error `HTTP 503` and so on, but for 404 on a
 * GET: not there is an answer. Left out, the operations are those of rkv's HTTP door.
 */
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Driver, Key, Outcome, Value } from '../contracts/driver.ts';
import { bytesOfKey } from '../generators/keys.ts';

/** One request: what is in braces, `{key}`, is filled in. */
export interface HttpOperation {
  readonly method: string;
  /** `{key}` is where the key goes, percent-encoded. */
  readonly path: string;
  /** A value is sent as the body. */
  readonly body?: boolean;
}

/** Requests over HTTP: rkv's own door, or operations of one's own. */
export interface HttpSpec {
  readonly kind: 'http';
  /** `http://host:port`, or https; workers take them in turn. Default http://127.0.0.1:8098. */
  readonly urls?: readonly string[];
  readonly operations?: Readonly<Record<string, HttpOperation>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_URL = 'http://127.0.0.1:8098';
const TIMEOUT_MS = 5_000;

const RKV_OPERATIONS: Readonly<Record<string, HttpOperation>> = {
  get: { method: 'GET', path: '/api/get?key={key}' },
  put: { method: 'PUT', path: '/api/put?key={key}', body: true },
  delete: { method: 'DELETE', path: '/api/del?key={key}' },
};

interface State {
  readonly base: URL;
  readonly agent: HttpAgent;
}

export function httpDriver(spec: HttpSpec): Driver<State> {
  const { urls = [DEFAULT_URL], operations = RKV_OPERATIONS, headers = {}, timeoutMs = TIMEOUT_MS } = spec;
  return {
    name: `HTTP at ${urls.join(', ')}`,
    operations: Object.keys(operations),
    new({ id }) {
      const base = new URL(urls[(id - 1) % urls.length] ?? DEFAULT_URL);
      const options = { keepAlive: true, maxSockets: 1 };
      return { base, agent: base.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options) };
    },
    run(operation, nextKey, nextValue, { base, agent }) {
      const { method, path, body = false } = operations[operation] as HttpOperation;
      const target = new URL(
        path.replace('{key}', () => encodeKey(nextKey())),
        base,
      );
      const send = base.protocol === 'https:' ? httpsRequest : httpRequest;
      const request = send(target, { method, agent, headers, timeout: timeoutMs });
      return outcomeOf(request, method, body ? nextValue() : undefined);
    },
    terminate(_reason, { agent }) {
      agent.destroy();
    },
  };
}

function outcomeOf(request: ClientRequest, method: string, body: Value | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const fail = (kind: string): void => resolve({ error: kind });
    request.once('timeout', () => {
      fail('timeout');
      request.destroy();
    });
    request.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.name));
    request.once('response', (response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      response.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.name));
      response.once('end', () =>
        status < 400 || (status === 404 && method === 'GET') ? resolve('ok') : fail(`HTTP ${status}`),
      );
      response.resume();
    });
    request.end(body === undefined ? undefined : bytesOfKey(body));
  });
}

/** Byte by byte, so that keys that are no text arrive as they are. */
function encodeKey(key: Key): string {
  if (typeof key !== 'object') return encodeURIComponent(String(key));
  return Array.from(key, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
