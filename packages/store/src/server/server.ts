/**
 * A whole node of the store in this process: data directory, engine, ring node, Redis door, operator's door.
 *
 * It comes up in the order in which things rest on each other, and goes down the other way: first no new work and the
 * other nodes are told, then what is under way is finished, then the store is flushed and closed, last the lock goes. The
 * operator's door stays open to monitors as long as there is something to see.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeDocument,
  DRIFT_LIMIT_MS,
  FileStableStore,
  HybridClock,
  LoopDelay,
  membershipPresets,
  Node,
  openDataDirectory,
  replicasMax,
  SystemHost,
  TcpTransport,
  type DataDirectory,
  type Host,
  type Logger,
  type NodeId,
  type StableStore,
  type Store,
} from '@rkv/core';
import { AdminError, AdminServer, type Admin, type LoadView } from '../admin/index.ts';
import { formatAddress, type Address, type ServerConfig } from '../config/index.ts';
import { ChangeDesk, kvModule, QuorumStore, Service, ValuesUnderWay, type Coordinator } from '../kv/index.ts';
import { RedisServer } from '../redis/index.ts';
import { memoryStore } from '../storage/index.ts';
import { loadIdentity } from './identity.ts';
import { MemoryStableStore } from './memory-stable-store.ts';
import { loadOf } from './load.ts';
import { countLocalKeys } from './local-keys.ts';
import { NodeAdmin } from './node-admin.ts';
import { StandingJoin } from './standing-join.ts';
import { StoreKeeper } from './store-keeper.ts';
import { VERSION } from './version.ts';

/** Where the doors are; a door that is closed has none. */
export interface Ports {
  readonly cluster: number;
  readonly redis?: number;
  readonly http?: number;
}

/**
 * It was stopped; or it left its cluster with nothing in hand; or it is in no ring any more and keeps what it holds; or its
 * store is unsound or may be, and its next life sets that aside or looks at it.
 */
export type Ending = 'stopped' | 'left' | 'stranded' | 'unsound';

/** A node with its doors open. */
export interface RunningServer {
  readonly id: NodeId;
  readonly admin: Admin;
  readonly kv: QuorumStore;
  readonly service: Service;
  /** Undefined of a node that was stopped before it was ready. */
  readonly ports: Ports;
  /** It may be before its doors are open: a store that is found unsound does not wait for that. */
  readonly isStopping: boolean;
  /** Drain and close everything; called again it is the same ending. */
  stop(): Promise<void>;
  readonly finished: Promise<Ending>;
}

/** A server may also be wholly in memory, identity and ring included: then there is no data directory. */
export type ServerInit = Omit<ServerConfig, 'dataDir'> & { readonly dataDir: string | undefined };

/** How long a starting node looks for its peers before its Redis door opens anyway and says what is wrong. */
const WAIT_FOR_PEERS_MS = 5_000;
const REQUEST_TIMEOUT_MS = 1_000;
const VALUE_BYTES_MAX = 16 * 1024 * 1024;

/** What a server is given besides its settings. */
export interface ServerComponents {
  readonly logger: Logger;
  /** Whoever runs it starts it again when its store is found unsound, or is doubted. Otherwise that waits for its next life. */
  readonly endsWhenUnsound?: boolean;
}

/** Start a node and open the doors that it is told of. Rejects when one of them cannot be opened. */
export async function startServer(
  config: ServerInit,
  { logger, endsWhenUnsound = false }: ServerComponents,
): Promise<RunningServer> {
  const directory = config.dataDir === undefined ? undefined : openDataDirectory(config.dataDir);
  try {
    const host = new SystemHost();
    const stable = directory === undefined ? new MemoryStableStore(host) : fileStableStore(directory, logger);
    const identity = await loadIdentity(stable, host);
    const { cluster: listen, secrets } = config;
    const transport = new TcpTransport({
      listen,
      host,
      logger,
      ...(secrets.length > 0 ? { secret: secrets } : {}),
    });
    const { port } = await transport.listen();
    const server = await makeServer({
      config,
      directory,
      logger,
      host,
      stable,
      identity,
      transport,
      clusterPort: port,
      endsWhenUnsound,
    });
    await server.start();
    return server;
  } catch (error) {
    directory?.release();
    throw error;
  }
}

interface Parts {
  readonly config: ServerInit;
  readonly directory: DataDirectory | undefined;
  readonly logger: Logger;
  readonly host: Host;
  readonly stable: StableStore;
  readonly identity: NodeId;
  readonly transport: TcpTransport;
  readonly store: Store;
  /** Undefined where the store is in memory. */
  readonly keeper: StoreKeeper | undefined;
  readonly clusterPort: number;
  readonly endsWhenUnsound: boolean;
}

/** A node that must not start on what it finds leaves nothing open. */
async function makeServer(parts: Omit<Parts, 'store' | 'keeper'>): Promise<Server> {
  const { config, directory, transport, logger, stable, identity } = parts;
  let server: Server | undefined;
  const keeper =
    config.storage === 'memory' || directory === undefined
      ? undefined
      : new StoreKeeper({
          directory: directory.path,
          logger,
          hasOthers: () => hasOthers(stable, identity),
          onUnsound: (why) => server?.becomeUnsound(why),
          onDoubtful: (why) => server?.becomeDoubtful(why),
        });
  try {
    const store = keeper === undefined ? memoryStore() : await keeper.open();
    try {
      server = new Server({ ...parts, store, keeper });
      return server;
    } catch (error) {
      await new Promise<void>((resolve) => store.close(resolve));
      keeper?.closed();
      throw error;
    }
  } catch (error) {
    transport.stop();
    throw error;
  }
}

class Server implements RunningServer {
  readonly id: NodeId;
  readonly finished: Promise<Ending>;
  readonly #parts: Parts;
  readonly #node: Node;
  readonly #module: ReturnType<typeof kvModule>;
  readonly #clock: HybridClock;
  readonly #desk = new ChangeDesk();
  readonly #values = new ValuesUnderWay();
  readonly #tidied = { swept: 0, reaped: 0 };
  readonly #loopDelay = new LoopDelay();
  #admin!: NodeAdmin;
  #kv!: QuorumStore;
  #service!: Service;
  #redis: RedisServer | undefined;
  #http: AdminServer | undefined;
  #ports!: Ports;
  #finish!: (why: Ending) => void;
  #becomeReady!: () => void;
  readonly #ready: Promise<void>;
  readonly #startedAt: number;
  #ending: Ending = 'stopped';
  /** What was told of a store that this node goes on with. */
  #unsound: string | undefined;
  #opening: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #standingJoin: StandingJoin | undefined;

  constructor(parts: Parts) {
    const { config, host, logger, identity, transport, stable, store, clusterPort } = parts;
    this.#parts = parts;
    this.id = identity;
    this.#startedAt = host.monotonic();
    this.finished = new Promise((resolve) => (this.#finish = resolve));
    this.#ready = new Promise((resolve) => (this.#becomeReady = resolve));
    this.#clock = new HybridClock({
      now: () => host.now(),
      random: () => host.random(),
      driftLimitMs: DRIFT_LIMIT_MS,
    });
    this.#module = kvModule(this.#clock, {
      desk: this.#desk,
      counts: this.#tidied,
      onUnsound: (why) => this.becomeUnsound(why),
    });
    this.#node = new Node({
      id: identity,
      name: config.name,
      address: formatAddress({ ...config.cluster, port: clusterPort }),
      location: config.location,
      birth: { ringSize: config.ringSize, n: config.n, level: config.level },
      host,
      transport,
      store,
      stable,
      logger,
      durability: config.durability,
      bootId: machineBootId(),
      modules: [this.#module],
      preset: membershipPresets[config.preset],
      onReady: () => this.#becomeReady(),
      onRemoved: (why) => {
        this.#ending = why;
        void this.stop();
      },
    });
  }

  get admin(): Admin {
    return this.#admin;
  }

  get kv(): QuorumStore {
    return this.#kv;
  }

  get service(): Service {
    return this.#service;
  }

  get ports(): Ports {
    return this.#ports;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async start(): Promise<void> {
    const { config, host, logger } = this.#parts;
    this.#loopDelay.start();
    this.#node.start();
    await Promise.race([this.#ready, this.finished]);
    if (this.isStopping) return this.stop();
    const coordinator: Coordinator = {
      host,
      clock: this.#clock,
      clusterTime: () => this.#node.clusterTime(),
      port: this.#node.port(this.#module),
      defaults: { r: config.r, w: config.w, timeoutMs: REQUEST_TIMEOUT_MS, valueBytesMax: VALUE_BYTES_MAX },
      values: this.#values,
    };
    this.#desk.attach(coordinator);
    this.#kv = new QuorumStore(coordinator, logger);
    this.#service = new Service(coordinator);
    this.#admin = new NodeAdmin({
      node: this.#node,
      coordinator,
      kv: this.#kv,
      service: this.#service,
      load: () => this.#load(),
    });
    this.#sayWhatTheRingRules();
    this.#opening = this.#openDoors();
    try {
      await this.#opening;
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (config.join !== undefined && !this.isStopping) this.#join(formatAddress(config.join)).start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** With nobody else up who holds copies there is nothing better to go on with. */
  becomeUnsound(why: string): void {
    const { logger, keeper, endsWhenUnsound } = this.#parts;
    if (this.#ending === 'unsound' || this.#stopping !== undefined) return;
    if (keeper === undefined || !this.#isHelped()) {
      if (this.#unsound !== why)
        logger.error(
          { why },
          'the store of this node is damaged, and no other member is up that has copies: it goes on with what can be read',
        );
      this.#unsound = why;
      return;
    }
    if (!keeper.markUnsound(why)) return;
    logger.error({ why }, 'the store of this node is damaged: its next life sets it aside');
    this.#ending = 'unsound';
    if (endsWhenUnsound) void this.stop();
  }

  /** A look takes a life of its own: nothing may write meanwhile. */
  becomeDoubtful(why: string): void {
    const { logger, keeper, endsWhenUnsound } = this.#parts;
    if (this.#ending === 'unsound' || this.#stopping !== undefined || !this.#isHelped()) return;
    if (keeper?.markDoubtful(why) !== true) return;
    logger.error({ why }, 'the store of this node may be damaged: its next life looks at all of it first');
    if (!endsWhenUnsound) return;
    this.#ending = 'unsound';
    void this.stop();
  }

  /** Before it has a ring of its own, by the last life's. */
  #isHelped(): boolean {
    const { stable } = this.#parts;
    if (!this.#node.ready) return hasOthers(stable, this.id);
    const { document } = this.#node;
    return (
      replicasMax(document) > 1 && document.members.some(({ id }) => id !== this.id && this.#node.isUp(id))
    );
  }

  async #stop(): Promise<void> {
    const { directory, keeper } = this.#parts;
    this.#standingJoin?.stop();
    if (this.#admin !== undefined) this.#admin.stopping = true;
    await this.#opening.catch(() => {}); // who started it hears of that
    this.#http?.drain(this.#ending === 'left' ? 'left' : 'stopping');
    const drained = new Promise<void>((resolve) => this.#node.drain(resolve));
    await Promise.all([this.#redis?.close(), drained]);
    await this.#http?.close();
    await new Promise<void>((resolve) => this.#node.stop(resolve));
    this.#loopDelay.stop();
    // What a node that left still has on disk belongs to nobody: it comes back, if ever, as a new one.
    if (this.#ending === 'left' && directory !== undefined) {
      // The store first: with the records still there, an end in between is finished by the next life.
      keeper?.remove();
      await rm(join(directory.path, STABLE), { recursive: true, force: true });
    } else keeper?.closed();
    directory?.release();
    this.#finish(this.#ending);
  }

  #load(): LoadView {
    return loadOf({
      node: this.#node,
      transport: this.#parts.transport,
      values: this.#values,
      tidied: this.#tidied,
      loopDelay: this.#loopDelay,
      redis: this.#redis,
      http: this.#http,
      store: this.#parts.store,
    });
  }

  /** Clients are not let in to a node that is stopped meanwhile. */
  async #openDoors(): Promise<void> {
    const { config, clusterPort } = this.#parts;
    const http = await this.#openHttp(config.http);
    await this.#waitForPeers();
    const redis = this.isStopping ? {} : await this.#openRedis(config.redis);
    this.#ports = { cluster: clusterPort, ...http, ...redis };
  }

  async #openHttp(address: Address | 'off'): Promise<{ http?: number }> {
    if (address === 'off') return {};
    this.#http = new AdminServer({
      admin: this.#admin,
      node: this.#parts.config.name,
      logger: this.#parts.logger,
    });
    const { port } = await openDoor('http', address, this.#http);
    return { http: port };
  }

  async #openRedis(address: Address | 'off'): Promise<{ redis?: number }> {
    if (address === 'off') return {};
    const { config, host, logger } = this.#parts;
    this.#redis = new RedisServer({
      kv: this.#kv,
      logger,
      info: () => ({
        nodeName: config.name,
        nodeId: this.id,
        version: VERSION,
        storage: config.storage,
        uptimeMs: host.monotonic() - this.#startedAt,
        ringSize: this.#node.document.ringSize,
        members: this.#node.document.members.length,
        keys: countLocalKeys(this.#node),
      }),
    });
    const { port } = await openDoor('redis', address, this.#redis);
    return { redis: port };
  }

  /** Peers that are there answer within moments; those that are not must not keep this node's door shut for ever. */
  async #waitForPeers(): Promise<void> {
    const { host, logger } = this.#parts;
    const until = host.monotonic() + WAIT_FOR_PEERS_MS;
    while (this.#node.troubles.length > 0 && host.monotonic() < until) {
      await new Promise<void>((resolve) => host.setTimer(20, resolve));
      if (this.isStopping) return;
    }
    for (const reason of this.#node.troubles)
      logger.warn({}, `this node opens its doors all the same: ${reason}`);
  }

  /** Ring size, n and level are given at the birth of a ring; later the document rules. */
  #sayWhatTheRingRules(): void {
    const { config, logger } = this.#parts;
    const { ringSize, buckets } = this.#node.document;
    const rule = buckets.find((bucket) => bucket.prefix === '');
    const differs = ringSize !== config.ringSize || rule?.n !== config.n || rule?.level !== config.level;
    if (!differs) return;
    const { n, level } = rule ?? {};
    logger.info(
      { ringSize, n, level },
      `the ring says: size ${ringSize}, n ${n}, ${level}; other settings for these are ignored`,
    );
  }

  #join(address: string): StandingJoin {
    const { host, logger } = this.#parts;
    this.#standingJoin = new StandingJoin({
      address,
      host,
      logger,
      join: (other) => this.#admin.join(other),
      isOnItsWay: () => this.#node.document.members.length > 1 || this.#node.prospect !== undefined,
    });
    return this.#standingJoin;
  }
}

const STABLE = 'node';

function fileStableStore(directory: DataDirectory, logger: Logger): StableStore {
  return new FileStableStore({ directory: join(directory.path, STABLE), logger });
}

/** By the ring that it was last in: others hold copies of what this node holds. */
function hasOthers(stable: StableStore, self: NodeId): boolean {
  const bytes = stable.load('ring');
  if (bytes === undefined) return false;
  const { document } = decodeDocument(bytes);
  return document.members.some(({ id }) => id !== self) && replicasMax(document) > 1;
}

interface Door {
  listen(host: string, port: number): Promise<{ port: number }>;
}

async function openDoor(name: 'http' | 'redis', address: Address, door: Door): Promise<{ port: number }> {
  try {
    return await door.listen(address.host, address.port);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    const where = formatAddress(address);
    throw new AdminError(
      'address_in_use',
      `the ${name} address ${where} is in use by another program; choose another with --${name}`,
    );
  }
}

/** Linux draws one at each boot. Elsewhere an unclean end under `process` durability proves nothing. */
function machineBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return randomUUID();
  }
}
