/**
 * Gossip: each node tells its peers at every heartbeat which ring document it has, and whoever is behind gets it.
 *
 * Chosen documents are pushed once to all when they are chosen; heartbeats repair whatever that push missed. They
 * also carry the sender's wall clock, from which a coordinator takes the median, which services it runs, how many of
 * its vnodes are partial, and whether it hears the addressee.
 *
 * Holds: two live members that hear each other have the same document after two heartbeats.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { AgreedDocument } from '../ring/document.ts';
import type { HealthWord } from './liveness.ts';
import type { Heartbeat } from './messages.ts';

/** What a peer said last. */
export interface PeerWord {
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly digest: string;
  /** The peer's wall clock less ours, milliseconds, when it was heard; late by the message's way. */
  readonly clockOffsetMs: number;
  /** Undefined: it does not say. */
  readonly services: readonly string[] | undefined;
  readonly partial: number;
}

/** What a node says of itself beside its ring, to one peer. */
export interface SelfReport extends HealthWord {
  readonly services: readonly string[];
  readonly partial: number;
}

/** What to do about a heartbeat: nothing, ask, send ours, or cry out. */
export type GossipVerdict = 'same' | 'behind' | 'ahead' | 'contradiction';

export class Gossip {
  readonly #words = new Map<NodeId, PeerWord>();
  readonly #intervalMs: number;
  #dueAt: number | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  wordOf(node: NodeId): PeerWord | undefined {
    return this.#words.get(node);
  }

  /** Whether `node` said that it runs this service, or did not say which. */
  runs(node: NodeId, service: string): boolean {
    const word = this.#words.get(node);
    return word !== undefined && (word.services === undefined || word.services.includes(service));
  }

  /** True when `node` was last heard with exactly this document. */
  has(node: NodeId, agreed: AgreedDocument): boolean {
    return this.#words.get(node)?.digest === agreed.digest;
  }

  /** `behind`: we are; `ahead`: we are. `ours` is our document of the heartbeat's cluster, if we have one. */
  heard(from: NodeId, heartbeat: Heartbeat, ours: AgreedDocument | undefined, wallMs: number): GossipVerdict {
    const { clusterId, epoch, digest, services, partial = 0 } = heartbeat;
    if (ours === undefined) return 'same';
    const clockOffsetMs = heartbeat.wallMs - wallMs;
    this.#words.set(from, { clusterId, epoch, digest, clockOffsetMs, services, partial });
    if (epoch !== ours.document.epoch) return epoch > ours.document.epoch ? 'behind' : 'ahead';
    return digest === ours.digest ? 'same' : 'contradiction';
  }

  /** Forget what strangers said. */
  keepOnly(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#words.keys()) if (!nodes.has(node)) this.#words.delete(node);
  }

  /** True once per interval. */
  isDue(now: number): boolean {
    if (this.#dueAt !== undefined && now < this.#dueAt) return false;
    this.#dueAt = now + this.#intervalMs;
    return true;
  }
}

export function heartbeatOf(
  { document, digest }: AgreedDocument,
  wallMs: number,
  self: SelfReport,
): Heartbeat {
  const { clusterId, epoch } = document;
  return { kind: 'heartbeat', clusterId, epoch, digest, wallMs, ...self };
}
