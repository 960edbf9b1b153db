/**
 * The transport over TCP: every node dials each peer for what it *sends*, one connection per lane; what it
 * receives comes on connections that the peers dialled.
 *
 * So each connection has one writer and one reader, and who may send on a connection and who closes it is never a
 * question. Peers prove a shared secret to each other first (handshake.ts), what follows is frames
 * (frame-reader.ts), in records when there is a secret (record.ts). Without a secret the port is open to this
 * machine only.
 *
 * A peer is up while this node's link to it stands (routes.ts). It is called down when the link breaks, when the
 * peer's own control connection to this node ends (arrivals.ts), or when it refuses this node: once for one loss,
 * however many connections tell of it.
 *
 * Not here: TLS; a stream that survives its connection (who needs an answer asks again).
 */
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import type {
  DialResult,
  Hello,
  Lane,
  PeerAddress,
  Transport,
  TransportHandler,
} from '../contracts/transport.ts';
import type { HostPort } from './address.ts';
import { anotherLife, Arrivals } from './arrivals.ts';
import { Keyring } from './keyring.ts';
import { defaultTcpLimits } from './limits.ts';
import type { TcpLimits } from './limits.ts';
import { listenAt } from './listener.ts';
import type { Listener } from './listener.ts';
import type { OutgoingConnection } from './outgoing.ts';
import { Routes } from './routes.ts';
import { ChunkPool } from './send-queue.ts';
import { SparseLog } from './sparse-log.ts';

/** Where a transport listens, what it may use, and what it demands of strangers. */
export interface TcpTransportInit {
  /** Where peers reach this node. Port 0: any that is free. */
  readonly listen: HostPort;
  readonly host: Host;
  readonly logger: Logger;
  readonly limits?: Partial<TcpLimits>;
  /** What all nodes of the cluster know. Of several, the first proves and any is believed: see keyring.ts. */
  readonly secret?: string | readonly string[];
}

/** Since the transport was made. */
export interface TcpCounters {
  framesSent: number;
  framesReceived: number;
  /** `send` answered false: no connection, or a full queue. */
  framesNotTaken: number;
  peersUp: number;
  peersDown: number;
}

/** 4 MiB of chunks for all lanes together; a burst takes more and leaves the rest to the garbage collector. */
const CHUNKS_KEPT_MAX = 64;

export class TcpTransport implements Transport {
  readonly counters: TcpCounters = {
    framesSent: 0,
    framesReceived: 0,
    framesNotTaken: 0,
    peersUp: 0,
    peersDown: 0,
  };
  readonly #listen: HostPort;
  readonly #host: Host;
  readonly #logger: Logger;
  readonly #limits: TcpLimits;
  readonly #keyring: Keyring;
  readonly #arrivals: Arrivals;
  readonly #routes: Routes;
  readonly #troubles: SparseLog;
  #handler: TransportHandler | undefined;
  #stopped = false;
  #listener: Listener | undefined;
  #pingTimer: Timer | undefined;
  /** Sockets that came before the start. */
  #early: Socket[] = [];
  /** Connections with something to write when the turn ends. */
  #unflushed: OutgoingConnection[] = [];

  constructor({ listen, host, logger, limits, secret = [] }: TcpTransportInit) {
    this.#listen = listen;
    this.#host = host;
    this.#logger = logger;
    this.#limits = { ...defaultTcpLimits, ...limits };
    this.#keyring = new Keyring(typeof secret === 'string' ? [secret] : secret);
    this.#troubles = new SparseLog(logger, host);
    this.#arrivals = this.#makeArrivals();
    this.#routes = this.#makeRoutes();
  }

  /** Opens the cluster port and tells which it is. Before `start`; rejects with a `TransportError`. */
  async listen(): Promise<{ readonly port: number }> {
    assert(this.#listener === undefined, 'a transport listens once');
    const listener = await listenAt({
      at: this.#listen,
      secret: this.#keyring.secret,
      onSocket: (socket) => this.#handleSocket(socket),
      onTrouble: (error) => this.#troubles.warn('accept', { error }, 'cannot take connections'),
    });
    this.#listener = listener;
    if (this.#stopped) listener.close();
    return { port: listener.port };
  }

  start(handler: TransportHandler): void {
    assert(this.#handler === undefined, 'a transport is started once');
    this.#handler = handler;
    this.#host.defer(() => this.#admitEarly());
    this.#pingLater();
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (!this.#stopped) this.#routes.setPeers(this.#hello('member').nodeId, peers);
  }

  dial(address: string, purpose: Hello['purpose'], done: (result: DialResult) => void): void {
    if (this.#stopped) return;
    this.#routes.dial(address, purpose, (result) => {
      if (!this.#stopped) done(result);
    });
  }

  send(to: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): boolean {
    const taken = this.#routes.send(to, lane, bytes, start, end);
    if (taken) this.counters.framesSent++;
    else this.counters.framesNotTaken++;
    return taken;
  }

  limits(): LimitUse[] {
    return [this.#arrivals.limit, ...this.#routes.limits()];
  }

  stop(): void {
    this.#stopped = true;
    this.#pingTimer?.cancel();
    this.#listener?.close();
    for (const socket of this.#early) socket.destroy();
    this.#early = [];
    this.#arrivals.close();
    this.#routes.close();
  }

  #makeArrivals(): Arrivals {
    const components = {
      host: this.#host,
      keyring: this.#keyring,
      limits: this.#limits,
      logger: this.#logger,
    };
    return new Arrivals(components, {
      hello: () => this.#hello('member'),
      judge: (peer) => this.#judge(peer),
      onArrived: (peer) => this.#routes.hurry(peer.nodeId, peer.address),
      onFrame: (from, lane, bytes, start, end) => {
        this.counters.framesReceived++;
        this.#handler?.onFrame(from, lane, bytes, start, end);
      },
      onLeft: (peer, reason) => {
        if (!this.#routes.maybeReset(peer, reason)) this.#handleDown(peer, reason);
      },
    });
  }

  #makeRoutes(): Routes {
    const components = {
      host: this.#host,
      keyring: this.#keyring,
      limits: this.#limits,
      logger: this.#logger,
      chunks: new ChunkPool(CHUNKS_KEPT_MAX),
      flushLater: (connection: OutgoingConnection) => this.#flushLater(connection),
      hello: (purpose: Hello['purpose']) => this.#hello(purpose),
    };
    return new Routes(components, {
      onUp: (peer) => {
        this.counters.peersUp++;
        this.#handler?.onPeerUp(peer);
      },
      onDown: (peer, reason) => this.#handleDown(peer, reason),
    });
  }

  #hello(purpose: Hello['purpose']): Hello {
    assert(this.#handler !== undefined, 'a transport is started before it is used');
    return this.#handler.hello(purpose);
  }

  /** On top of what the connections that came in say: this node's own id, and the life that it has a link to. */
  #judge(peer: Hello): string | undefined {
    const self = this.#hello('member');
    if (peer.nodeId === self.nodeId) {
      return peer.start === self.start ? 'that address is this node itself' : anotherLife(peer);
    }
    const linked = this.#routes.up(peer.nodeId);
    if (linked !== undefined && linked.start !== peer.start) return anotherLife(peer);
    return this.#handler?.admit(peer);
  }

  #handleDown(peer: NodeId, reason: string): void {
    this.#arrivals.noteDown(peer);
    this.counters.peersDown++;
    if (!this.#stopped) this.#handler?.onPeerDown(peer, reason);
  }

  #handleSocket(socket: Socket): void {
    if (this.#stopped) socket.destroy();
    else if (this.#handler !== undefined) this.#arrivals.take(socket);
    else this.#early.push(socket.on('error', () => socket.destroy()));
  }

  #admitEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const socket of early) this.#handleSocket(socket);
  }

  #pingLater(): void {
    this.#pingTimer = this.#host.setTimer(this.#limits.pingIntervalMs, () => {
      this.#pingLater();
      this.#routes.ping();
      this.#arrivals.checkSilence();
    });
  }

  #flushLater(connection: OutgoingConnection): void {
    if (this.#unflushed.push(connection) === 1) this.#host.defer(() => this.#flush());
  }

  #flush(): void {
    const unflushed = this.#unflushed;
    this.#unflushed = [];
    for (const connection of unflushed) connection.flush();
  }
}
