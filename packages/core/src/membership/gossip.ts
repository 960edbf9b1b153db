/**
 * Gossip: each node tells its peers at every heartbeat which ring document it has, and whoever is behind gets it.
 *
 * Chosen documents are pushed once to all when they are chosen; heartbeats repair whatever that push missed. They
 * also carry the sender's wall clock, from which a coordinator takes the median.
 *
 * Holds: two live members that hear each other have the same document after two heartbeats.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { AgreedDocument } from '../ring/document.ts';
import type { Heartbeat } from './messages.ts';

/** What a peer said last. */
export interface PeerWord {
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly digest: string;
  /** The peer's wall clock less ours, milliseconds, when it was heard; late by the message's way. */
  readonly clockOffsetMs: number;
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

  /** True when `node` was last heard with exactly this document. */
  has(node: NodeId, agreed: AgreedDocument): boolean {
    return this.#words.get(node)?.digest === agreed.digest;
  }

  /** `behind`: we are; `ahead`: we are. `ours` is our document of the heartbeat's cluster, if we have one. */
  heard(from: NodeId, heartbeat: Heartbeat, ours: AgreedDocument | undefined, wallMs: number): GossipVerdict {
    const { clusterId, epoch, digest } = heartbeat;
    if (ours === undefined) return 'same';
    this.#words.set(from, { clusterId, epoch, digest, clockOffsetMs: heartbeat.wallMs - wallMs });
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

export function heartbeatOf({ document, digest }: AgreedDocument, wallMs: number): Heartbeat {
  return { kind: 'heartbeat', clusterId: document.clusterId, epoch: document.epoch, digest, wallMs };
}
