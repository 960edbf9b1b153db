/**
 * Who has come in: strangers in mid-handshake, and per peer the connections of its one life.
 *
 * A stranger counts as one until its socket is closed, the one that was refused and is given a moment to read why too:
 * whoever may not come in holds no more sockets in one way than in another.
 *
 * A node id belongs to one life at a time. While a life's control connection stands, another start number with
 * that id is refused and named: a data directory was copied, or a first process still runs. Once it is gone the
 * newcomer is a restarted node and is let in. A peer that connects a lane anew has given up the older connection.
 */
import type { Socket } from 'node:net';
import type { Host } from '../contracts/host.ts';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Hello, Lane } from '../contracts/transport.ts';
import { IncomingConnection } from './incoming.ts';
import type { IncomingComponents } from './incoming.ts';
import { Intake } from './intake.ts';
import { SparseLog } from './sparse-log.ts';

export interface ArrivalsComponents extends IncomingComponents {
  readonly host: Host;
  readonly logger: Logger;
}

export interface ArrivalsInit {
  /** This node. */
  hello(): Hello;
  /** Why a proven peer that nothing is known against is not let in, or undefined. */
  judge(peer: Hello): string | undefined;
  /** A life of a peer has its control connection. */
  onArrived(peer: Hello): void;
  onFrame(from: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): void;
  /** A life's control connection ended, and the others with it. Not told again for a loss already noted. */
  onLeft(peer: NodeId, reason: string): void;
}

interface Life {
  readonly start: StartNumber;
  readonly lanes: Map<Lane, IncomingConnection>;
  /** Bytes that had come on control when the peer was last called down. */
  bytesWhenDown: number;
}

export class Arrivals {
  readonly #components: ArrivalsComponents;
  readonly #init: ArrivalsInit;
  readonly #log: SparseLog;
  readonly #strangers = new Set<IncomingConnection>();
  readonly #lives = new Map<NodeId, Life>();
  readonly #intake = new Intake();
  #crowdedOut = 0;

  constructor(components: ArrivalsComponents, init: ArrivalsInit) {
    this.#components = components;
    this.#init = init;
    this.#log = new SparseLog(components.logger, components.host);
  }

  get limit(): LimitUse {
    const max = this.#components.limits.handshakesMax;
    return { limit: 'handshakes', used: this.#strangers.size, max, reached: this.#crowdedOut };
  }

  /** A stranger, paused. When there are too many, the one that has dawdled longest makes room. */
  take(accepted: Socket): void {
    const [oldest] = this.#strangers;
    if (oldest !== undefined && this.#strangers.size >= this.#components.limits.handshakesMax) {
      this.#crowdedOut++;
      this.#strangers.delete(oldest);
      oldest.close();
      this.#log.warn('crowd', { remote: oldest.remote }, 'too many connections in mid-handshake');
    }
    const socket = this.#intake.open(accepted, (bytes, length) =>
      // No Buffer: who keeps something of a frame takes a slice of it, and a Buffer's slice is no copy.
      connection.receive(new Uint8Array(bytes.buffer, bytes.byteOffset, length)),
    );
    socket.once('close', () => this.#strangers.delete(connection));
    const connection = new IncomingConnection(this.#components, {
      socket,
      hello: () => this.#init.hello(),
      judge: (peer) => this.#takenBy(peer) ?? this.#init.judge(peer),
      onAccepted: (accepted) => this.#handleAccepted(accepted),
      onFrame: (from, lane, bytes, start, end) => this.#init.onFrame(from.nodeId, lane, bytes, start, end),
      onClosed: (closed, reason, refused) => this.#handleClosed(closed, reason, refused),
    });
    this.#strangers.add(connection);
    socket.resume();
  }

  /** Called at each ping interval. */
  checkSilence(): void {
    for (const life of this.#lives.values()) life.lanes.get('control')?.checkSilence();
  }

  /** The peer is being called down: `onLeft` does not repeat it unless something is heard from it after this. */
  noteDown(peer: NodeId): void {
    const life = this.#lives.get(peer);
    if (life !== undefined) life.bytesWhenDown = life.lanes.get('control')?.bytesRead ?? 0;
  }

  close(): void {
    for (const stranger of this.#strangers) stranger.close();
    for (const life of this.#lives.values()) closeLanes(life);
    this.#strangers.clear();
    this.#lives.clear();
  }

  #takenBy(peer: Hello): string | undefined {
    const life = this.#lives.get(peer.nodeId);
    if (life === undefined || life.start === peer.start || !life.lanes.has('control')) return undefined;
    return anotherLife(peer);
  }

  #handleAccepted(connection: IncomingConnection): void {
    const { peer, lane } = connection;
    if (peer === undefined) return;
    this.#strangers.delete(connection);
    const life = this.#lifeOf(peer);
    const older = life.lanes.get(lane);
    life.lanes.set(lane, connection);
    older?.close();
    if (lane === 'control') {
      life.bytesWhenDown = -1;
      this.#init.onArrived(peer);
    }
  }

  #lifeOf(peer: Hello): Life {
    const known = this.#lives.get(peer.nodeId);
    if (known?.start === peer.start) return known;
    if (known !== undefined) closeLanes(known);
    const life = { start: peer.start, lanes: new Map<Lane, IncomingConnection>(), bytesWhenDown: -1 };
    this.#lives.set(peer.nodeId, life);
    return life;
  }

  #handleClosed(connection: IncomingConnection, reason: string, refused: Hello | undefined): void {
    const { peer, lane, remote } = connection;
    if (peer === undefined) {
      if (connection.isGone) this.#strangers.delete(connection);
      this.#reportStranger(remote, reason, refused);
      return;
    }
    if (connection.isBroken) {
      const fields = { remote, peer: peer.nodeId, lane, reason };
      this.#log.warn('broken', fields, `broke a connection from ${peer.name}: ${reason}`);
    }
    const life = this.#lives.get(peer.nodeId);
    if (life?.lanes.get(lane) !== connection) return;
    life.lanes.delete(lane);
    if (lane === 'control') this.#handleLeft(peer.nodeId, life, connection, reason);
  }

  #handleLeft(peer: NodeId, life: Life, control: IncomingConnection, reason: string): void {
    closeLanes(life);
    this.#lives.delete(peer);
    if (control.bytesRead > life.bytesWhenDown) this.#init.onLeft(peer, reason);
  }

  #reportStranger(remote: string, reason: string, refused: Hello | undefined): void {
    if (refused === undefined) {
      this.#log.warn('handshake', { remote, reason }, 'a connection came to nothing');
    } else {
      const { nodeId, name, address } = refused;
      // The operator must hear of a copied disk however many others are refused for other reasons.
      const kind = reason === anotherLife(refused) ? 'another life' : 'refused';
      this.#log.warn(kind, { remote, peer: nodeId, address, reason }, `refused ${name}: ${reason}`);
    }
  }
}

/** Told to whoever comes with a node id that is in use. */
export function anotherLife(peer: Hello): string {
  return (
    `node id ${peer.nodeId} is in use by another process: its data directory was copied, ` +
    'or it died and that has not been noticed yet'
  );
}

function closeLanes(life: Life): void {
  for (const connection of life.lanes.values()) connection.close();
  life.lanes.clear();
}
