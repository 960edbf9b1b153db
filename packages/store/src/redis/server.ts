/**
 * The Redis door of a node: listens, counts, limits and closes; what a client says is for its connection.
 *
 * `listen` once, then `close` once: it takes no more clients, parts from each when it has nothing under way
 * (leave-taking.ts), and cuts off whoever has not read its replies in time.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Intake, type Logger } from '@rkv/core';
import type { KvStore } from '../kv/api.ts';
import { ByteBudget } from '../kv/byte-budget.ts';
import { Connection, type ConnectionDoor, type Traffic } from './connection.ts';
import type { DoorCounters, InfoFacts } from './info.ts';
import { LeaveTaking } from './leave-taking.ts';
import { defaultLimits, type RedisLimits } from './limits.ts';
import { ReplyWriter, WriterPool } from './writer.ts';

export interface RedisServerInit {
  readonly kv: KvStore;
  /** Asked at every INFO. */
  readonly info: () => InfoFacts;
  readonly logger: Logger;
  /** Left out: `defaultLimits`. */
  readonly limits?: Partial<RedisLimits>;
}

/** How often connections are looked after, at most. */
const SWEEP_MS = 1000;
const CLIENTS_MAX_REACHED = '-ERR max number of clients reached\r\n';

export class RedisServer implements ConnectionDoor {
  readonly kv: KvStore;
  readonly limits: RedisLimits;
  readonly writers = new WriterPool();
  readonly scratch = new ReplyWriter();
  readonly settings = new Map<string, string>();
  readonly gathered: ByteBudget;
  readonly traffic: Traffic = noTraffic();
  readonly logger: Logger;

  readonly #info: () => InfoFacts;
  readonly #server: Server;
  readonly #intake = new Intake();
  readonly #connections = new Set<Connection>();
  /** Whoever is to be woken at the end of this turn. */
  #due: Connection[] = [];
  readonly #sweepMs: number;
  #sweeper: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void) | undefined;

  #port = 0;
  #lastId = 0;
  #accepted = 0;
  #rejected = 0;
  #commandsPerSecond = 0;
  #commandsAtSweep = 0;

  constructor(init: RedisServerInit) {
    this.kv = init.kv;
    this.limits = { ...defaultLimits, ...init.limits };
    this.gathered = new ByteBudget('redis_gathered_bytes', this.limits.gatheredBytesMax);
    this.#sweepMs = Math.min(SWEEP_MS, this.limits.headerTimeoutMs, this.limits.drainTimeoutMs);
    this.#info = init.info;
    this.logger = init.logger;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Port 0 takes any free one. Rejects with Node's error when it cannot listen there. */
  async listen(host: string, port: number): Promise<{ port: number }> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 511 }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.logger.error({ error }, 'the redis door cannot accept'));
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : port;
    this.#sweeper = setInterval(() => this.#sweep(), this.#sweepMs);
    this.#sweeper.unref();
    return { port: this.#port };
  }

  /** Resolves when the last connection is gone. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const emptied = new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    new LeaveTaking(this.#connections).begin();
    if (this.#connections.size === 0) this.#whenEmpty?.();
    const timer = setTimeout(() => this.#cutAll(), this.limits.drainTimeoutMs);
    await emptied;
    clearTimeout(timer);
    await stopped;
  }

  // Door

  info(): InfoFacts {
    return this.#info();
  }

  sessions(): Iterable<Connection> {
    return this.#connections;
  }

  counters(): DoorCounters {
    return {
      ...this.traffic,
      port: this.#port,
      clients: this.#connections.size,
      clientsMax: this.limits.clientsMax,
      valueBytesMax: this.limits.valueBytesMax,
      connections: this.#accepted,
      rejectedConnections: this.#rejected,
      commandsPerSecond: this.#commandsPerSecond,
    };
  }

  resetCounters(): void {
    Object.assign(this.traffic, noTraffic());
    this.#commandsAtSweep = 0;
    this.#accepted = 0;
    this.#rejected = 0;
  }

  wake(connection: Connection): void {
    if (connection.waking) return;
    connection.waking = true;
    if (this.#due.length === 0) setImmediate(() => this.#wakeAll());
    this.#due.push(connection);
  }

  // Connections

  #accept(accepted: Socket): void {
    if (this.#connections.size >= this.limits.clientsMax) {
      this.#rejected++;
      accepted.on('error', () => accepted.destroy());
      accepted.write(CLIENTS_MAX_REACHED);
      accepted.destroySoon();
      return;
    }
    this.#accepted++;
    const socket = this.#intake.open(accepted, (bytes, length) => connection.receive(bytes, length));
    const connection = new Connection({ id: ++this.#lastId, nowMs: Date.now(), door: this, socket });
    this.#connections.add(connection);
    socket.on('error', (error) => this.logger.debug({ error }, 'redis client lost'));
    socket.on('close', () => this.#forget(connection));
    socket.resume();
  }

  #forget(connection: Connection): void {
    connection.handleClosed();
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  #wakeAll(): void {
    const due = this.#due;
    this.#due = [];
    for (const connection of due) {
      connection.waking = false;
      connection.onWake();
    }
  }

  #sweep(): void {
    this.#commandsPerSecond = Math.round(
      ((this.traffic.commands - this.#commandsAtSweep) * 1000) / this.#sweepMs,
    );
    this.#commandsAtSweep = this.traffic.commands;
    const nowMs = performance.now();
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  #cutAll(): void {
    for (const connection of this.#connections) connection.cut('replies not read before the door closed');
  }
}

function noTraffic(): Traffic {
  return {
    commands: 0,
    inputBytes: 0,
    outputBytes: 0,
    hits: 0,
    misses: 0,
    oversized: 0,
    broken: 0,
    paused: 0,
    overflowed: 0,
  };
}
