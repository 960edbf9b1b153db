/**
 * The transport of one life of a node on the simulated network.
 *
 * What it sends to a peer goes over the one connection that it dialled; what it receives comes over those that
 * the peers dialled. It dials whom it was told to, again and again with growing waits, until told otherwise.
 */
import {
  assert,
  FRAME_BYTES_MAX,
  type DialResult,
  type Hello,
  type Lane,
  type NodeId,
  type PeerAddress,
  type Prng,
  type Timer,
  type Transport,
  type TransportHandler,
} from '@rkv/core';
import type { Life } from '../life/life.ts';
import type { Connection, Party } from './connection.ts';
import { Handshake, type HandshakeOutcome } from './handshake.ts';
import type { SimNetwork } from './network.ts';

export interface SimTransportInit {
  readonly network: SimNetwork;
  readonly life: Life;
  readonly address: string;
}

/** Someone this node wants to send to. */
interface Peer {
  readonly id: NodeId;
  address: string;
  connection: Connection | undefined;
  handshake: Handshake | undefined;
  retry: Timer | undefined;
  backoffMs: number;
}

/** A connection that a peer dialled. */
interface Arrival {
  readonly connection: Connection;
  /** `onPeerDown` was called since it came: its own end is no news. */
  noted: boolean;
}

export type Verdict =
  { readonly kind: 'welcome'; readonly hello: Hello } | { readonly kind: 'refused'; readonly reason: string };

/** One node's end of the simulated network. */
export class SimTransport implements Transport, Party {
  readonly life: Life;
  readonly address: string;
  readonly #network: SimNetwork;
  readonly #prng: Prng;
  readonly #label: string;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #incoming = new Map<NodeId, Arrival>();
  readonly #dials = new Set<Handshake>();
  #handler: TransportHandler | undefined;
  #stopped = false;

  constructor({ network, life, address }: SimTransportInit) {
    this.#network = network;
    this.life = life;
    this.address = address;
    this.#prng = network.world.prng(`transport ${life.machine} ${life.number}`);
    this.#label = `dial ${life.machine}`;
  }

  start(handler: TransportHandler): void {
    assert(this.#handler === undefined, 'a transport is started once');
    this.#handler = handler;
    this.#network.listen(this);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    const named = new Map(peers.map((peer) => [peer.id, peer.address]));
    named.delete(this.id);
    for (const peer of this.#peers.values()) {
      if (!named.has(peer.id)) this.#forget(peer);
    }
    for (const [id, address] of named) {
      const known = this.#peers.get(id);
      if (known === undefined) this.#connectSoon(this.#addPeer(id, address), 0);
      else known.address = address;
    }
  }

  dial(address: string, purpose: Hello['purpose'], done: (result: DialResult) => void): void {
    this.#soon(0, () => {
      const reached = this.#upAt(address);
      if (reached !== undefined) {
        done({ kind: 'connected', peer: reached });
        return;
      }
      const handshake: Handshake = this.#handshake(address, undefined, purpose, (outcome) => {
        this.#dials.delete(handshake);
        done(this.#concludeDial(address, outcome));
      });
      this.#dials.add(handshake);
    });
  }

  send(to: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): boolean {
    assert(end - start <= FRAME_BYTES_MAX, 'a frame is not larger than a transport carries');
    const connection = this.#peers.get(to)?.connection;
    return connection !== undefined && !this.#stopped && connection.send(lane, bytes, start, end);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#network.unlisten(this);
    for (const dial of this.#dials) dial.cancel();
    for (const peer of this.#peers.values()) this.#forget(peer);
    for (const { connection } of this.#incoming.values()) connection.abandon('closed by the peer');
    this.#incoming.clear();
  }

  // What follows is for the network.

  /** Which node this is. */
  get id(): NodeId {
    return this.#started().hello('member').nodeId;
  }

  /** Whether to let a peer in that knocks. */
  judge(peer: Hello): Verdict {
    if (this.#stopped) return { kind: 'refused', reason: 'the node has stopped' };
    const own = this.#started().hello('member');
    if (peer.nodeId === own.nodeId) return { kind: 'refused', reason: 'this is the node that is dialled' };
    const reason = this.#twinOf(peer) ?? this.#started().admit(peer);
    return reason === undefined ? { kind: 'welcome', hello: own } : { kind: 'refused', reason };
  }

  /** A peer was let in. A connection that it had before is over, and there is no need to wait before dialling it. */
  accept(connection: Connection): void {
    const { nodeId } = connection.dialer.hello;
    this.#incoming.get(nodeId)?.connection.abandon('replaced by a newer connection');
    this.#incoming.set(nodeId, { connection, noted: false });
    const peer = this.#peers.get(nodeId);
    if (peer !== undefined && peer.connection === undefined && peer.handshake === undefined) {
      this.#connectSoon(peer, 0);
    }
  }

  receive(peer: Hello, lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#stopped) this.#started().onFrame(peer.nodeId, lane, bytes, start, end);
  }

  connectionEnded(connection: Connection, reason: string): void {
    if (this.#stopped) return;
    if (connection.acceptor.party === this) this.#incomingEnded(connection, reason);
    else this.#outgoingEnded(connection, reason);
  }

  /** A peer that has lost its way to this node is not trusted to be there for the other way either. */
  #incomingEnded(connection: Connection, reason: string): void {
    const { nodeId } = connection.dialer.hello;
    const arrival = this.#incoming.get(nodeId);
    if (arrival?.connection !== connection) return;
    this.#incoming.delete(nodeId);
    if (arrival.noted) return;
    const peer = this.#peers.get(nodeId);
    if (peer?.connection !== undefined) this.#reconnect(peer);
    this.#started().onPeerDown(nodeId, reason);
  }

  #outgoingEnded(connection: Connection, reason: string): void {
    const { nodeId } = connection.acceptor.hello;
    const peer = this.#peers.get(nodeId);
    if (peer?.connection !== connection) return;
    this.#reconnect(peer);
    const arrival = this.#incoming.get(nodeId);
    if (arrival !== undefined) arrival.noted = true;
    this.#started().onPeerDown(nodeId, reason);
  }

  #reconnect(peer: Peer): void {
    peer.connection?.close();
    peer.connection = undefined;
    this.#connectSoon(peer, this.#nextBackoffMs(peer));
  }

  #started(): TransportHandler {
    assert(this.#handler !== undefined, 'the transport was started');
    return this.#handler;
  }

  /**
   * A copied disk: the same node id in two processes at once. Whether the earlier process still lives is known
   * here for sure; a real transport has to ask it.
   */
  #twinOf(peer: Hello): string | undefined {
    const earlier = this.#incoming.get(peer.nodeId)?.connection;
    if (earlier === undefined || earlier.dialer.hello.start === peer.start) return undefined;
    const party = earlier.dialer.party as SimTransport;
    if (party.life.hasEnded || party.#stopped) return undefined;
    return `node ${peer.nodeId} is connected already, with another start number`;
  }

  #upAt(address: string): Hello | undefined {
    for (const peer of this.#peers.values()) {
      if (peer.address === address && peer.connection !== undefined) return peer.connection.acceptor.hello;
    }
    return undefined;
  }

  #addPeer(id: NodeId, address: string): Peer {
    const backoffMs = this.#network.timings.backoffMs[0];
    const peer: Peer = {
      id,
      address,
      connection: undefined,
      handshake: undefined,
      retry: undefined,
      backoffMs,
    };
    this.#peers.set(id, peer);
    return peer;
  }

  #forget(peer: Peer): void {
    this.#peers.delete(peer.id);
    peer.retry?.cancel();
    peer.handshake?.cancel();
    peer.connection?.close();
  }

  #connectSoon(peer: Peer, delayMs: number): void {
    peer.retry?.cancel();
    peer.retry = this.#soon(delayMs, () => {
      if (this.#peers.get(peer.id) !== peer || peer.connection !== undefined) return;
      peer.handshake = this.#handshake(peer.address, peer.id, 'member', (outcome) => {
        peer.handshake = undefined;
        this.#concludeConnect(peer, outcome);
      });
    });
  }

  #nextBackoffMs(peer: Peer): number {
    const waitMs = peer.backoffMs * (0.5 + this.#prng.below(1024) / 1024);
    peer.backoffMs = Math.min(peer.backoffMs * 2, this.#network.timings.backoffMs[1]);
    return waitMs;
  }

  #handshake(
    address: string,
    expected: NodeId | undefined,
    purpose: Hello['purpose'],
    onOutcome: (outcome: HandshakeOutcome) => void,
  ): Handshake {
    const hello = this.#started().hello(purpose);
    return new Handshake({ network: this.#network, dialer: this, address, hello, expected, onOutcome });
  }

  #concludeConnect(peer: Peer, outcome: HandshakeOutcome): void {
    if (outcome.kind === 'connected') {
      this.#becomeUp(peer, outcome.connection);
      return;
    }
    this.#connectSoon(peer, this.#nextBackoffMs(peer));
    if (outcome.kind === 'refused') this.#started().onPeerDown(peer.id, outcome.reason);
  }

  #concludeDial(address: string, outcome: HandshakeOutcome): DialResult {
    if (outcome.kind !== 'connected') return { kind: 'failed', reason: outcome.reason };
    const { hello } = outcome.connection.acceptor;
    const peer = this.#peers.get(hello.nodeId) ?? this.#addPeer(hello.nodeId, address);
    this.#becomeUp(peer, outcome.connection);
    return { kind: 'connected', peer: hello };
  }

  #becomeUp(peer: Peer, connection: Connection): void {
    peer.retry?.cancel();
    peer.handshake?.cancel();
    peer.connection?.close();
    peer.connection = connection;
    peer.backoffMs = this.#network.timings.backoffMs[0];
    this.#started().onPeerUp(connection.acceptor.hello);
  }

  #soon(delayMs: number, run: () => void): Timer {
    const unlessStopped = (): void => {
      if (!this.#stopped) run();
    };
    return this.#network.world.schedule(delayMs, unlessStopped, this.#label, this.life);
  }
}
