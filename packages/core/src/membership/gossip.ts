/**
 * Gossip: each node tells its peers at every heartbeat which ring document it has, and whoever is behind gets it.
 *
 * Chosen documents are pushed once to all when they are chosen; heartbeats repair whatever that push missed. Nobody
 * else pushes: whoever is behind asks, one peer at a time, and not for what is on its way to its disk already. For a
 * moment after each change half of the members have not saved it yet, and a push from all who have, to all who have
 * not, would carry the document a thousand times among a hundred. Heartbeats also carry the sender's wall clock, from
 * which a coordinator takes the median, which services it runs, how many of its vnodes are partial, and whether it
 * hears the addressee.
 *
 * Holds: two live members that hear each other have the same document after two heartbeats, or three when a peer that
 * was asked in between is gone.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { memberOf, type AgreedDocument } from '../ring/document.ts';
import type { HealthWord } from './liveness.ts';
import type { DocumentMessage, Heartbeat } from './messages.ts';

/** What a peer said last. */
export interface PeerWord {
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly digest: string;
  /** Undefined: it does not say. */
  readonly services: readonly string[] | undefined;
  readonly partial: number;
  readonly disk: string | undefined;
}

/** What a node says of itself beside its ring, to one peer. */
export interface SelfReport extends HealthWord {
  readonly services: readonly string[];
  readonly partial: number;
  readonly disk?: string;
}

/** What to do about a heartbeat: nothing, ask for its document, tell of ours, or cry out. */
export type GossipVerdict = 'same' | 'behind' | 'ahead' | 'contradiction';

/** What a node has of the cluster that a heartbeat tells of. */
export interface Held {
  readonly agreed: AgreedDocument;
  /** The newest epoch that is here or on its way to disk, where that is known. */
  readonly newest: number;
}

export class Gossip {
  readonly #words = new Map<NodeId, PeerWord>();
  readonly #intervalMs: number;
  #dueAt: number | undefined;
  /** For the document of this epoch a peer was asked. */
  #asked: { readonly clusterId: string; readonly epoch: Epoch; readonly at: number } | undefined;

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

  /** `behind`: we are, and this peer is to be asked; `ahead`: we are. */
  heard(from: NodeId, heartbeat: Heartbeat, held: Held, now: number): GossipVerdict {
    const { clusterId, epoch, digest, services, partial = 0, disk } = heartbeat;
    this.#words.set(from, { clusterId, epoch, digest, services, partial, disk });
    const { agreed, newest } = held;
    if (epoch > agreed.document.epoch)
      return epoch > newest && this.#mayAsk(clusterId, epoch, now) ? 'behind' : 'same';
    if (epoch < agreed.document.epoch) return 'ahead';
    return digest === agreed.digest ? 'same' : 'contradiction';
  }

  /** Another peer only for something newer still, or when the one that was asked has had an interval to answer. */
  #mayAsk(clusterId: string, epoch: Epoch, now: number): boolean {
    const asked = this.#asked;
    const waits = asked?.clusterId === clusterId && epoch <= asked.epoch && now < asked.at + this.#intervalMs;
    if (!waits) this.#asked = { clusterId, epoch, at: now };
    return !waits;
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

/** What a peer that is behind is told: a member that there is something to ask for, whoever is none what has become of it. */
export function newsFor(
  to: NodeId,
  agreed: AgreedDocument,
  heartbeat: Heartbeat,
): Heartbeat | DocumentMessage {
  const isMember = memberOf(agreed.document, to) !== undefined;
  return isMember ? heartbeat : { kind: 'document', document: agreed };
}

export function heartbeatOf(
  { document, digest }: AgreedDocument,
  wallMs: number,
  self: SelfReport,
): Heartbeat {
  const { clusterId, epoch } = document;
  return { kind: 'heartbeat', clusterId, epoch, digest, wallMs, ...self };
}
