/**
 * The operator's door: HTTP over `Admin`, for the command line, monitors and people.
 *
 * A refusal is JSON, `{error: {code, message, definite ...}}`: 409 when the cluster refuses, 503 when too few replicas
 * answer or the node cannot serve, 400 when the question makes no sense. Everything that a stranger can make large or
 * slow (headers, bodies, connections, time) has a limit. Connections beyond theirs are told so, and pages for monitors
 * are answered even there: a door that is full must still be able to say so.
 *
 * The door has no password in this version, so it stands on loopback only - where every web page that the operator
 * opens can knock too. Hence two rules against browsers: a request must name a loopback host (a page that points a
 * name of its own at 127.0.0.1 does not), and one that carries an `Origin` must come from this very door.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { LimitUse, Logger } from '@rkv/core';
import { isLoopback } from '../config/address.ts';
import { AdminError, type ErrorFacts } from './admin-error.ts';
import type { Admin } from './api.ts';
import { Query } from './query.ts';
import { adminRoutes, type Answer, json, type Method, type Routes } from './routes.ts';

export interface AdminServerLimits {
  /** Bytes of a request body; a value put here is no larger. */
  readonly bodyBytes: number;
  /** Bytes of request line and headers, and with them of a key: a key takes up to three chars per byte there. */
  readonly headerBytes: number;
  /** Bytes of all bodies that are kept at one time. At least `bodyBytes`. */
  readonly bodiesBytes: number;
  /** Those that are served. As many again are told that there are too many; what comes then is closed without a word. */
  readonly connections: number;
  /** For a request to arrive whole, and again for its answer to be found. */
  readonly requestMs: number;
  /** After this `close` ends connections whose answers are still on their way. */
  readonly drainMs: number;
}

const adminServerLimits: AdminServerLimits = {
  bodyBytes: 16 * 1024 * 1024,
  headerBytes: 64 * 1024,
  bodiesBytes: 64 * 1024 * 1024,
  connections: 256,
  requestMs: 60_000,
  drainMs: 5_000,
};

export interface AdminServerInit {
  readonly admin: Admin;
  /** This node's name. */
  readonly node: string;
  readonly logger: Logger;
  readonly limits?: Partial<AdminServerLimits>;
}

/** What a node on its way out answers to all that it does no more. */
const LAST_WORDS = {
  stopping: 'this node was asked to end and drains',
  left: 'this node has left the cluster and ends',
};

/** What a full door still answers. */
const FOR_MONITORS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

/** The body of one request, as far as it is kept. */
class Held {
  chunks: Buffer[] = [];
  bytes = 0;
}

export class AdminServer {
  readonly #routes: Routes;
  readonly #logger: Logger;
  readonly #limits: AdminServerLimits;
  readonly #server: Server;
  #closing: Promise<void> | undefined;
  #draining: { readonly code: string; readonly message: string } | undefined;
  #connections = 0;
  /** Came when there were as many as there may be. */
  readonly #surplus = new WeakSet<Socket>();
  #bodiesBytes = 0;
  readonly #reached = { connections: 0, body: 0, bodies: 0 };
  #host = '';

  constructor({ admin, node, logger, limits }: AdminServerInit) {
    this.#routes = adminRoutes(admin, node);
    this.#logger = logger;
    this.#limits = { ...adminServerLimits, ...limits };
    const { headerBytes, requestMs, connections } = this.#limits;
    const timeouts = {
      headersTimeout: Math.min(requestMs, 10_000),
      requestTimeout: requestMs,
      keepAliveTimeout: 5_000,
    };
    this.#server = createServer({ maxHeaderSize: headerBytes, ...timeouts }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.maxConnections = 2 * connections;
    this.#server.on('connection', (socket) => this.#admit(socket));
    this.#server.on('drop', () => this.#reached.connections++);
  }

  limits(): LimitUse[] {
    const { connections, bodyBytes, bodiesBytes, headerBytes } = this.#limits;
    const reached = this.#reached;
    return [
      { limit: 'http_connections', used: this.#connections, max: connections, reached: reached.connections },
      { limit: 'http_body_bytes', max: bodyBytes, reached: reached.body },
      { limit: 'http_bodies_bytes', used: this.#bodiesBytes, max: bodiesBytes, reached: reached.bodies },
      { limit: 'http_header_bytes', max: headerBytes },
    ];
  }

  /** Rejects with the system's error (EADDRINUSE, ...) when it cannot. */
  listen(host: string, port: number): Promise<{ port: number }> {
    this.#host = host;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve({ port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /** From now on only monitors are answered: the node is on its way out, and all others are told why. */
  drain(code: 'stopping' | 'left'): void {
    this.#draining = { code, message: LAST_WORDS[code] };
  }

  /** Takes no more requests, and resolves once those at hand are answered or `drainMs` have passed. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const patience = setTimeout(() => this.#server.closeAllConnections(), this.#limits.drainMs);
      this.#server.close(() => {
        clearTimeout(patience);
        resolve();
      });
    });
    return this.#closing;
  }

  #admit(socket: Socket): void {
    socket.once('close', () => this.#connections--);
    if (++this.#connections <= this.#limits.connections) return;
    this.#surplus.add(socket);
    this.#reached.connections++;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch((error: unknown) => this.#refusal(error, request));
    if (response.destroyed) return;
    if (this.#closing !== undefined || this.#surplus.has(request.socket))
      response.setHeader('connection', 'close');
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'",
      'x-content-type-options': 'nosniff',
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? '' : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const stranger = this.#strangerProblem(request);
    if (stranger !== undefined) throw new AdminError('forbidden', stranger);
    const query = new Query(request.url ?? '/');
    if (this.#surplus.has(request.socket) && !FOR_MONITORS.has(query.path)) {
      const { connections } = this.#limits;
      throw new AdminError('overload', `there are ${connections} connections here, as many as there may be`);
    }
    if (this.#draining !== undefined && !FOR_MONITORS.has(query.path))
      throw new AdminError(this.#draining.code, this.#draining.message);
    const row = this.#routes.get(query.path);
    if (row === undefined) throw new AdminError('no_such_path', `there is nothing at ${query.path}`);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const handler = row[method as Method];
    if (handler === undefined) return notAllowed(query.path, Object.keys(row));
    const held = new Held();
    const trace = request.headers['x-rkv-trace']?.toString();
    const answer = handler({ query, trace, body: () => this.#body(request, held) });
    return this.#withinTime(answer.finally(() => this.#letGo(held)));
  }

  /** A sentence when this request may be a web page's doing, see above. */
  #strangerProblem({ headers }: IncomingMessage): string | undefined {
    if (!isLoopback(this.#host)) return undefined;
    if (!isLoopback(hostOf(headers.host ?? '')))
      return 'this door answers to loopback names only, such as localhost';
    if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) {
      return `pages of ${headers.origin} may not ask here`;
    }
    return undefined;
  }

  /** A body beyond a limit is read to its end but not kept, so that the sender gets to read why it is refused. */
  async #body(request: IncomingMessage, held: Held): Promise<Buffer> {
    const { bodyBytes, bodiesBytes } = this.#limits;
    let size = 0;
    let noRoom = false;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      noRoom ||= this.#bodiesBytes + chunk.length > bodiesBytes;
      if (size <= bodyBytes && !noRoom) this.#hold(held, chunk);
      else this.#letGo(held);
    }
    if (size > bodyBytes) {
      this.#reached.body++;
      throw new AdminError('too_large', `a body may have ${bodyBytes} bytes, and this one has ${size}`);
    }
    if (noRoom) {
      this.#reached.bodies++;
      throw new AdminError(
        'overload',
        `bodies of other requests take all of the ${bodiesBytes} bytes for them`,
      );
    }
    const whole = Buffer.concat(held.chunks, size);
    held.chunks = [whole];
    return whole;
  }

  #hold(held: Held, chunk: Buffer): void {
    held.chunks.push(chunk);
    held.bytes += chunk.length;
    this.#bodiesBytes += chunk.length;
  }

  #letGo(held: Held): void {
    this.#bodiesBytes -= held.bytes;
    held.bytes = 0;
    held.chunks = [];
  }

  async #withinTime(answer: Promise<Answer>): Promise<Answer> {
    const { requestMs } = this.#limits;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = `no answer within ${requestMs} ms; what was asked for may still happen`;
      timer = setTimeout(() => reject(new AdminError('timeout', why)), requestMs);
    });
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  #refusal(error: unknown, request: IncomingMessage): Answer {
    if (error instanceof AdminError)
      return refusal(statusOf(error.code), error.code, error.message, error.facts);
    const connectionGone = request.destroyed && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    if (!connectionGone)
      this.#logger.error({ err: error, url: request.url }, 'a request of an operator failed');
    return refusal(500, 'internal', 'this failed inside the node; its log has the reason');
  }
}

/** The name in a Host header, without its port. */
function hostOf(header: string): string {
  return header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function refusal(status: number, code: string, message: string, facts: ErrorFacts = {}): Answer {
  return json({ error: { code, message, ...facts } }, status);
}

function notAllowed(path: string, methods: readonly string[]): Answer {
  const allow = (methods.includes('GET') ? [...methods, 'HEAD'] : methods).join(', ');
  return { ...refusal(405, 'method_not_allowed', `${path} takes ${allow}`), headers: { allow } };
}

const STATUSES: ReadonlyMap<string, number> = new Map([
  ['bad_request', 400],
  ['forbidden', 403],
  ['no_such_path', 404],
  ['too_large', 413],
  ['timeout', 503],
  ['unreachable', 503],
  ['overload', 503],
  ['read_only', 503],
  ['stopping', 503],
  ['busy', 503],
  ['left', 503],
]);

/** What is none of these is the cluster's refusal: the request is good, the state of things forbids it. */
function statusOf(code: string): number {
  return STATUSES.get(code) ?? 409;
}
