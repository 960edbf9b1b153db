/**
 * This node's way to one peer: a connection per lane, made anew with back-off for as long as the peer is wanted.
 *
 * Control is dialled first: it tells who answers, and whether this node is wanted there. The other lanes follow
 * together, and once all stand the link is up. Lanes live and die together: when one breaks all are closed, so
 * that a peer is either wholly reachable or not, and no lane speaks to an earlier life of it than the others.
 *
 *     waiting -> control -> lanes -> up
 *        ^----------'---------'-----'        any connection lost
 */
import type { Timer } from '../contracts/host.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import { LANES, type Hello, type Lane } from '../contracts/transport.ts';
import { parseAddress } from './address.ts';
import type { HostPort } from './address.ts';
import { OutgoingConnection } from './outgoing.ts';
import type { OutgoingComponents, OutgoingInit } from './outgoing.ts';
import { SparseLog } from './sparse-log.ts';

export interface PeerLinkComponents extends OutgoingComponents {
  readonly logger: Logger;
  hello(purpose: Hello['purpose']): Hello;
}

export interface PeerLinkInit {
  /** `host:port` */
  readonly address: string;
  readonly purpose: Hello['purpose'];
  /** Why the peer that answers is not the one wanted, or undefined: then it does not even learn that it was dialled. */
  judge(peer: Hello): string | undefined;
  /**
   * The control connection stands: this peer answers at the address. Returns why it is not the one wanted, or
   * undefined. May close the link.
   */
  identify(peer: Hello): string | undefined;
  onUp(peer: Hello): void;
  /** The link was up and is no more, or a try to get it up failed; a new one follows unless `close` is called. */
  onLost(lost: LinkLoss): void;
}

export interface LinkLoss {
  readonly reason: string;
  readonly wasUp: boolean;
  /** The peer is there and said that it does not want this node. */
  readonly refusedBy: Hello | undefined;
}

type Judged = Pick<OutgoingInit, 'judge' | 'onReady'>;

export class PeerLink {
  readonly #components: PeerLinkComponents;
  readonly #init: PeerLinkInit;
  readonly #log: SparseLog;
  #state: 'waiting' | 'control' | 'lanes' | 'up' | 'closed' = 'waiting';
  #data: OutgoingConnection | undefined;
  #control: OutgoingConnection | undefined;
  #bulk: OutgoingConnection | undefined;
  #peer: Hello | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #upSinceMs = 0;
  /** Frames that a lane had no room for, in all lives of this link. */
  readonly #noRoom: Record<Lane, number> = { data: 0, control: 0, bulk: 0 };
  /** Used by the next connection. */
  address: string;
  purpose: Hello['purpose'];

  constructor(components: PeerLinkComponents, init: PeerLinkInit) {
    this.#components = components;
    this.#init = init;
    this.#log = new SparseLog(components.logger, components.host);
    this.address = init.address;
    this.purpose = init.purpose;
    this.#waitThenConnect(0);
  }

  /** The peer at the other end, while the link is up. */
  get up(): Hello | undefined {
    return this.#state === 'up' ? this.#peer : undefined;
  }

  send(lane: Lane, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state !== 'up') return false;
    const connection = this.#connection(lane);
    if (connection === undefined) return false;
    const taken = connection.send(bytes, start, end);
    if (!taken) this.#noRoom[lane]++;
    return taken;
  }

  limits(): LimitUse[] {
    const peer = this.#peer?.name ?? this.address;
    return LANES.map((lane) => ({
      limit: 'lane_bytes',
      of: { peer, lane },
      used: this.#connection(lane)?.queuedBytes ?? 0,
      max: this.#components.limits.queueBytesMax[lane],
      reached: this.#noRoom[lane],
    }));
  }

  ping(): void {
    this.#control?.ping();
  }

  /** There is reason to believe that the peer can be reached now: do not wait any longer. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#retry?.cancel();
    this.#waitThenConnect(0);
  }

  /** The peer is known to have lost its way to us: give up a link that is up, and connect anew. */
  maybeReset(reason: string): void {
    if (this.#state === 'up') this.#handleLost(reason, undefined);
  }

  /** Without a word to `onLost`. */
  close(): void {
    this.#state = 'closed';
    this.#retry?.cancel();
    this.#closeLanes();
  }

  #connection(lane: Lane): OutgoingConnection | undefined {
    return lane === 'data' ? this.#data : lane === 'control' ? this.#control : this.#bulk;
  }

  /** Never within the call that asked for it, so that whoever asked has finished. */
  #waitThenConnect(delayMs: number): void {
    this.#retry = this.#components.host.setTimer(delayMs, () => this.#connect());
  }

  #connect(): void {
    const to = parseAddress(this.address);
    if (to === undefined) {
      this.#handleLost(`"${this.address}" is no address of the form host:port`, undefined);
      return;
    }
    this.#state = 'control';
    this.#control = this.#dial('control', to, {
      judge: (peer) => this.#init.judge(peer),
      onReady: (peer) => this.#handleControlReady(peer, to),
    });
  }

  #handleControlReady(peer: Hello, to: HostPort): void {
    const objection = this.#init.identify(peer);
    if (this.#state !== 'control') return;
    if (objection !== undefined) {
      this.#handleLost(objection, undefined);
      return;
    }
    this.#peer = peer;
    this.#state = 'lanes';
    const lane: Judged = {
      judge: ({ nodeId, start }) =>
        nodeId === peer.nodeId && start === peer.start
          ? undefined
          : `${this.address} answers now as one node, now as another`,
      onReady: () => {
        if (this.#data?.ready === true && this.#bulk?.ready === true) this.#becomeUp(peer);
      },
    };
    this.#data = this.#dial('data', to, lane);
    this.#bulk = this.#dial('bulk', to, lane);
  }

  #becomeUp(peer: Hello): void {
    this.#state = 'up';
    this.#upSinceMs = this.#components.host.monotonic();
    this.#components.logger.info({ peer: peer.nodeId, address: this.address }, `connected to ${peer.name}`);
    this.#init.onUp(peer);
  }

  #dial(lane: Lane, to: HostPort, judged: Judged): OutgoingConnection {
    return new OutgoingConnection(this.#components, {
      to,
      lane,
      hello: this.#components.hello(this.purpose),
      ...judged,
      onClosed: (reason, refusedBy) => this.#handleLost(reason, refusedBy),
    });
  }

  #handleLost(what: string, refusedBy: Hello | undefined): void {
    const reason = refusedBy === undefined ? what : `${refusedBy.name} refused: ${what}`;
    const wasUp = this.#state === 'up';
    const failures = this.#failuresSoFar(wasUp);
    this.#state = 'waiting';
    this.#closeLanes();
    this.#failures = failures + 1;
    this.#waitThenConnect(this.#backoffMs(failures));
    this.#report(reason, wasUp);
    this.#init.onLost({ reason, wasUp, refusedBy });
  }

  #closeLanes(): void {
    this.#control?.close();
    this.#data?.close();
    this.#bulk?.close();
    this.#control = this.#data = this.#bulk = undefined;
  }

  /** A link that stood for a while was good; one that broke at once is as bad as one that never stood. */
  #failuresSoFar(wasUp: boolean): number {
    const { host, limits } = this.#components;
    return wasUp && host.monotonic() - this.#upSinceMs >= limits.backoffCapMs ? 0 : this.#failures;
  }

  /** Half to all of the full delay, so that nodes that lost each other together do not return together. */
  #backoffMs(failures: number): number {
    const { host, limits } = this.#components;
    const full = Math.min(limits.backoffCapMs, limits.backoffFirstMs * 2 ** Math.min(failures, 30));
    return full * (0.5 + host.random() / 2 ** 33);
  }

  #report(reason: string, wasUp: boolean): void {
    const fields = { peer: this.#peer?.nodeId, address: this.address, reason };
    if (wasUp) this.#components.logger.warn(fields, `lost the connection to ${this.#peer?.name}`);
    else this.#log.warn('connect', fields, `cannot connect to ${this.address}`);
  }
}
