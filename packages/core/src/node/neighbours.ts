/**
 * Whom this node is connected to: the members of its ring, and for a while those that knock from outside.
 *
 * Each node sends only on connections that it dialled itself. So whoever is not in the ring - a node that asks to be
 * let in, or one that was removed and does not know it - is dialled back, and what it is to be told waits until the
 * connection stands. Who may come in at all is decided here too.
 *
 * And whoever leaves the ring stays connected for a while: its clients are served through the others until its doors are
 * closed, and their answers go on connections that the others keep to it.
 */
import type { Host } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Hello, PeerAddress, Transport } from '../contracts/transport.ts';
import type { MembershipMessage } from '../membership/messages.ts';
import type { RingDocument } from '../ring/document.ts';

export interface NeighboursParts {
  readonly self: NodeId;
  readonly host: Host;
  readonly transport: Transport;
  readonly logger: Logger;
  document(): RingDocument;
  /** The ring that this node has asked to enter. */
  prospect(): RingDocument | undefined;
  send(to: NodeId, message: MembershipMessage): void;
}

/** A message to a node that is being dialled back waits no longer than this. */
const DIAL_BACK_MS = 3_000;
/** Who knocked stays connected for as long as its answer may take. */
const KNOCKER_MS = 8_000;
/** Who has left the ring stays connected longer than the five seconds that its farewell may take. */
const LEAVER_MS = 8_000;

export class Neighbours {
  readonly #parts: NeighboursParts;
  /** Being dialled back, with what is to be told them. */
  readonly #dialBacks = new Map<NodeId, MembershipMessage[]>();
  /** Those that were, and those that have left: connected for a while, though the ring does not name them. */
  readonly #guests = new Map<NodeId, PeerAddress>();
  #members: readonly PeerAddress[] = [];
  /** Requests for entry that are not answered yet: whoever is asked dials back before it is known by id. */
  joinsUnderWay = 0;
  #stopped = false;

  constructor(parts: NeighboursParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Whom the membership wants connected. */
  setMembers(members: readonly PeerAddress[]): void {
    const former = this.#members;
    this.#members = members;
    // At the address of one that was replaced there may be somebody else by now.
    for (const peer of former)
      if (!members.some(({ id, address }) => id === peer.id || address === peer.address))
        this.#keepForAWhile(peer, LEAVER_MS);
    this.#connect();
  }

  /** A reason to refuse this peer, or undefined. */
  admit(peer: Hello): string | undefined {
    const { self } = this.#parts;
    const document = this.#parts.document();
    const prospect = this.#parts.prospect();
    if (peer.nodeId === self) return 'it bears the id of this very node: its data directory is a copy';
    const known = [document, prospect].some((ring) => ring?.members.some(({ id }) => id === peer.nodeId));
    const kin = peer.clusterId === document.clusterId || peer.clusterId === prospect?.clusterId;
    if (peer.purpose === 'join') {
      if (!known) this.#dialBack(peer);
      return undefined;
    }
    // A node that has been removed and does not know it: it must be told, and we keep no connection to it any more.
    if (kin && !known) this.#dialBack(peer);
    if (known || kin || this.joinsUnderWay > 0) return undefined;
    return `it is of another cluster (${peer.clusterId})`;
  }

  /** The transport did not take this: told later if the node is being dialled back, lost otherwise. */
  keepFor(to: NodeId, message: MembershipMessage): void {
    this.#dialBacks.get(to)?.push(message);
  }

  #dialBack(peer: Hello): void {
    const { host, transport } = this.#parts;
    if (this.#dialBacks.has(peer.nodeId)) return;
    const waiting: MembershipMessage[] = [];
    this.#dialBacks.set(peer.nodeId, waiting);
    host.defer(() => {
      if (this.#stopped) return;
      transport.dial(peer.address, 'member', (result) => {
        if (result.kind === 'connected') this.#tell(peer);
        else this.#giveUp(peer, result.reason);
      });
    });
    host.setTimer(DIAL_BACK_MS, () => {
      if (this.#dialBacks.get(peer.nodeId) === waiting) this.#dialBacks.delete(peer.nodeId);
    });
  }

  #tell({ nodeId, address }: Hello): void {
    const messages = this.#dialBacks.get(nodeId) ?? [];
    this.#dialBacks.delete(nodeId);
    this.#keepForAWhile({ id: nodeId, address }, KNOCKER_MS);
    for (const message of messages) this.#parts.send(nodeId, message);
  }

  #giveUp({ nodeId, name, address }: Hello, reason: string): void {
    this.#dialBacks.delete(nodeId);
    this.#parts.logger.warn(
      { peer: name, address, reason },
      'a node that comes from outside cannot be reached at the address it names',
    );
  }

  /** Of two that knock at one moment, the ring that lets one in must not cut off the other. */
  #keepForAWhile(guest: PeerAddress, forMs: number): void {
    this.#guests.set(guest.id, guest);
    this.#parts.host.setTimer(forMs, () => {
      // It may have knocked again since.
      if (this.#guests.get(guest.id) !== guest) return;
      this.#guests.delete(guest.id);
      if (!this.#stopped) this.#connect();
    });
  }

  #connect(): void {
    const named = new Set(this.#members.map(({ id }) => id));
    const others = [...this.#guests.values()].filter(({ id }) => !named.has(id));
    this.#parts.transport.setPeers([...this.#members, ...others]);
  }
}
