/**
 * What carries frames from node to node.
 *
 * A transport promises little, and a node relies on no more: on one lane, frames from one life of a peer to
 * one life of this node arrive in the order sent, each at most once - or not at all. Loss shows as
 * `onPeerDown` when it can be seen and as silence when it cannot. Implementations: TCP (net/), the simulated
 * network (testkit). Both are held to `transportSuite` in testing/.
 */
import type { NodeId, StartNumber } from './ids.ts';

/** Separate queues to each peer, so that bulk never delays a heartbeat. */
export type Lane = 'data' | 'control' | 'bulk';
/** All lanes. The place in this list is the lane's number in a hello on the wire. */
export const LANES: readonly Lane[] = ['data', 'control', 'bulk'];

/** What two nodes tell each other before anything else. */
export interface Hello {
  readonly nodeId: NodeId;
  readonly start: StartNumber;
  readonly name: string;
  /** Where others reach this node's cluster port, `host:port`. */
  readonly address: string;
  readonly clusterId: string;
  /** `member`: I act on a ring that has us both. `join`: I stand outside and ask to be let in. */
  readonly purpose: 'member' | 'join';
  /** Optional abilities by name; what both name may be used. */
  readonly features: readonly string[];
}

/** What this version names in its hello: nothing yet. A name stands here for good, and is never given to another ability. */
export const FEATURES: readonly string[] = [];

/** Who is on a transport: what it is asked, and told. Its methods are called one at a time. */
export interface TransportHandler {
  /** This node's side of a handshake, asked anew for each one. */
  hello(purpose: Hello['purpose']): Hello;
  /** A reason to refuse this peer, or undefined to let it in. The reason is told to the peer and logged. */
  admit(peer: Hello): string | undefined;
  /**
   * One frame, `bytes[start..end)`. The bytes are borrowed: they may be overwritten after the call, so
   * whoever keeps something copies it.
   */
  onFrame(from: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): void;
  /** Frames can be sent to this peer from now on. Called once per connection made, with the peer's hello. */
  onPeerUp(peer: Hello): void;
  /** A connection to or from this peer ended or was refused. Frames in flight may be lost. */
  onPeerDown(peer: NodeId, reason: string): void;
}

/** Whom to keep a connection to, and where. */
export interface PeerAddress {
  readonly id: NodeId;
  /** `host:port` */
  readonly address: string;
}

/** What came of a dial: the peer's hello, or why not. */
export type DialResult =
  { readonly kind: 'connected'; readonly peer: Hello } | { readonly kind: 'failed'; readonly reason: string };

export interface Transport {
  /** Called once, before anything else. No handler method is called before `start` returned. */
  start(handler: TransportHandler): void;
  /**
   * Keep connections to exactly these peers (and those dialled): connect, and reconnect with back-off, for as
   * long as they are named. An address that changed is used for the next connection.
   */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Connect to an address whose node is not known yet. The peer stays connected until `setPeers` leaves it out. */
  dial(address: string, purpose: Hello['purpose'], done: (result: DialResult) => void): void;
  /**
   * Queue one frame; `bytes` is copied before the call returns. False when the frame was not taken: no
   * connection, or the lane's queue is full. A taken frame may still be lost. Small frames find room in a full lane too,
   * up to `SMALL_FRAMES_RESERVE`: what tells a peer that there is no room must not fail for want of it.
   */
  send(to: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): boolean;
  /** Close everything. No handler method is called afterwards. */
  stop(): void;
}

/** The largest frame a transport carries, bytes: a value of 16 MiB, its key and room for headers. */
export const FRAME_BYTES_MAX = 17 * 1024 * 1024 + 65_536;

/** A frame of at most so many bytes is small: any answer without a value. */
export const SMALL_FRAME_BYTES = 256;
/** So many bytes of small frames, with 4 more for each, a lane takes beyond its limit: some twenty thousand refusals. */
export const SMALL_FRAMES_RESERVE = 1024 * 1024;
