/**
 * Which copies a node compares with which: of every range each copy with each that stands behind it in the list.
 *
 * So of two copies one asks, always the same, and while it is away the others still find each other.
 *
 * Source: Riak's active anti-entropy, which compares all pairs of a preference list.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { RingDocument } from '../ring/document.ts';
import { replicasMax } from '../ring/document.ts';
import { primariesOf } from '../ring/preference-list.ts';

/** Two copies of one range. */
export interface Pair {
  /** The partition whose range it is: the first of its keys' preference lists. */
  readonly range: PartitionId;
  /** The copy that asks, on this node. */
  readonly mine: PartitionId;
  readonly theirs: PartitionId;
  readonly owner: NodeId;
}

/** Those that this node asks about. */
export function pairsOf(self: NodeId, document: RingDocument): Pair[] {
  const n = replicasMax(document);
  return document.owners.flatMap((_, range) => {
    const primaries = primariesOf(range as PartitionId, n, document.owners);
    return primaries.flatMap(({ node, partition: mine }, at) => {
      if (node !== self) return [];
      return primaries.slice(at + 1).map(({ partition: theirs, node: owner }) => ({
        range: range as PartitionId,
        mine,
        theirs,
        owner,
      }));
    });
  });
}

/** Names a pair as long as both copies stay where they are. */
export function pairKey(service: string, { range, mine, theirs, owner }: Pair): string {
  return `${service}/${range}:${mine}-${theirs}@${owner}`;
}
