/**
 * Peers: whom this node listens to, who of them is up, and what each has said of itself.
 *
 * They are the other members of the ring and of the prospect, and change with each document. What a stranger says is not
 * kept.
 *
 *   liveness    who is up           gossip    who has which document           cluster clock    what time it is
 *
 * Each change of who is up, or of what somebody who is up runs, is given back as data.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { PeerAddress } from '../contracts/transport.ts';
import { votersOf, type AgreedDocument } from '../ring/document.ts';
import { ClusterClock } from './cluster-clock.ts';
import { Gossip, heartbeatOf, newsFor, type GossipVerdict, type Held } from './gossip.ts';
import { Liveness, type LivenessChange } from './liveness.ts';
import type { DocumentMessage, Heartbeat, MembershipMessage } from './messages.ts';
import type { MembershipPreset } from './preset.ts';

export interface PeersInit {
  readonly self: NodeId;
  /** The wall clock, milliseconds since 1970. Only ever told to others and compared with theirs. */
  readonly wallClock: () => number;
  /** The services whose vnodes this node runs. */
  readonly services: readonly string[];
  /** How many vnodes that this node owns are partial; asked anew for each heartbeat. */
  readonly partial: () => number;
  /** What is wrong with this node's disk, in a word; undefined: nothing. Asked anew for each heartbeat. */
  readonly disk?: (() => string | undefined) | undefined;
  readonly preset: MembershipPreset;
}

export class Peers {
  readonly #init: PeersInit;
  readonly #liveness: Liveness;
  readonly #gossip: Gossip;
  readonly #clock: ClusterClock;
  #stopping = false;
  #addresses: readonly PeerAddress[] = [];

  constructor(init: PeersInit) {
    this.#init = init;
    this.#liveness = new Liveness(init.preset);
    this.#gossip = new Gossip(init.preset.heartbeatIntervalMs);
    this.#clock = new ClusterClock(init.wallClock);
  }

  /** All but this node. */
  get addresses(): readonly PeerAddress[] {
    return this.#addresses;
  }

  isUp(node: NodeId): boolean {
    return node === this.#init.self || this.#liveness.isUp(node);
  }

  /** Up, and runs vnodes of this service, as far as it has said. */
  runs(node: NodeId, service: string): boolean {
    if (node === this.#init.self) return this.#init.services.includes(service);
    return this.#liveness.isUp(node) && this.#gossip.runs(node, service);
  }

  /** Undefined: it has not said. */
  servicesOf(node: NodeId): readonly string[] | undefined {
    return node === this.#init.self ? this.#init.services : this.#gossip.wordOf(node)?.services;
  }

  /** How many vnodes that this member owns are partial, as it said last. */
  partialOf(node: NodeId): number {
    return node === this.#init.self ? this.#init.partial() : (this.#gossip.wordOf(node)?.partial ?? 0);
  }

  /** What is wrong with this member's disk, as it said last; undefined: nothing is known. */
  diskOf(node: NodeId): string | undefined {
    return node === this.#init.self ? this.#init.disk?.() : this.#gossip.wordOf(node)?.disk;
  }

  /** The epoch that this peer said last of this cluster. */
  epochOf(node: NodeId, clusterId: string): Epoch | undefined {
    const word = this.#gossip.wordOf(node);
    return word?.clusterId === clusterId ? word.epoch : undefined;
  }

  /** The median of the members' wall clocks, as far as they were heard; `now` is the monotonic clock. */
  clusterTime(now: number): number {
    return this.#clock.median(now);
  }

  /**
   * How far this member's wall clock is ahead of the cluster's time, ms; below zero: behind. Undefined for one that is not up: what
   * was heard of it last may have been long on its way.
   */
  clockOffset(node: NodeId, now: number): number | undefined {
    if (!this.isUp(node)) return undefined;
    return node === this.#init.self ? this.#clock.ownOffset(now) : this.#clock.offset(node, now);
  }

  /** The lowest of the members' wall clocks; undefined: somebody is not up. */
  lowestClock(now: number): number | undefined {
    const nodes = this.#addresses.map(({ id }) => id);
    return nodes.every((node) => this.isUp(node)) ? this.#clock.lowest(nodes, now) : undefined;
  }

  /** Whether this member was last heard with exactly this document. */
  has(node: NodeId, agreed: AgreedDocument): boolean {
    return node === this.#init.self || this.#gossip.has(node, agreed);
  }

  heard(node: NodeId, message: MembershipMessage, now: number): LivenessChange[] {
    return this.#liveness.heard(node, now, message.kind === 'heartbeat' ? message : undefined);
  }

  connectionLost(node: NodeId, now: number): LivenessChange[] {
    return this.#liveness.connectionLost(node, now);
  }

  /** Whether this node hears the peer, though the peer may not hear it. */
  hears(node: NodeId): boolean {
    return this.#liveness.wordFor(node).hears === true;
  }

  /** Up, and its event loop has been late for seconds. */
  isSlow(node: NodeId): boolean {
    const { self, preset } = this.#init;
    return node === self ? this.#liveness.lagMs > preset.slowLagMs : this.#liveness.isSlow(node);
  }

  tick(now: number): LivenessChange[] {
    return this.#liveness.tick(now);
  }

  /** `held`: what we have of the heartbeat's cluster. `news`: it runs other services than before. */
  heardOf(
    from: NodeId,
    heartbeat: Heartbeat,
    held: Held,
    now: number,
  ): { readonly verdict: GossipVerdict; readonly news: boolean } {
    const before = this.#gossip.wordOf(from)?.services;
    const verdict = this.#gossip.heard(from, heartbeat, held, now);
    this.#clock.heard(from, heartbeat.wallMs, now);
    const after = this.#gossip.wordOf(from)?.services;
    return { verdict, news: this.#liveness.isWatched(from) && !isSameList(before, after) };
  }

  /** The members of these documents, from now on; the first is that of this node's ring. `moved`: the peers or their addresses are others than before. */
  follow(documents: readonly AgreedDocument[]): {
    readonly moved: boolean;
    readonly changes: readonly LivenessChange[];
  } {
    const peers = new Map<NodeId, PeerAddress>();
    for (const { document } of documents) {
      for (const { id, address } of document.members)
        if (id !== this.#init.self) peers.set(id, { id, address });
    }
    const ids = new Set(peers.keys());
    this.#gossip.keepOnly(ids);
    const [inForce] = documents.map(({ document }) => votersOf(document).map(({ id }) => id));
    const voters = new Set(inForce);
    this.#clock.follow({ nodes: ids, voters, isVoter: voters.has(this.#init.self) });
    const moved =
      peers.size !== this.#addresses.length ||
      this.#addresses.some((peer) => peers.get(peer.id)?.address !== peer.address);
    this.#addresses = [...peers.values()];
    return { moved, changes: this.#liveness.watch(ids) };
  }

  /** True once per interval. */
  isHeartbeatDue(now: number): boolean {
    return this.#gossip.isDue(now);
  }

  /** From now on this node says that it runs nothing, and is stood in for at once; it is a member and votes all the same. */
  beginStopping(): void {
    this.#stopping = true;
  }

  /** For one that was heard with an older document than this. */
  newsFor(to: NodeId, agreed: AgreedDocument): Heartbeat | DocumentMessage {
    return newsFor(to, agreed, this.heartbeat(agreed, to));
  }

  heartbeat(shared: AgreedDocument, to: NodeId): Heartbeat {
    const { wallClock, partial } = this.#init;
    const services = this.#stopping ? [] : this.#init.services;
    const disk = this.#init.disk?.();
    const word = { services, partial: partial(), ...(disk !== undefined && { disk }) };
    return heartbeatOf(shared, wallClock(), { ...word, ...this.#liveness.wordFor(to) });
  }
}

function isSameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === b || (a?.length === b?.length && a?.every((name, at) => name === b?.[at]) === true);
}
