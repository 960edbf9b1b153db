/** Why a node cannot serve all it should: one sentence each, empty when it can. Pure. */
import type { PartitionId } from '../contracts/ids.ts';
import { quorumOf } from '../request/quorum.ts';
import { replicasMax, type RingDocument } from '../ring/document.ts';
import type { ListOf } from './ring-view.ts';

/** The first partition for which too few nodes are up, by service. */
export function missingQuorums(document: RingDocument, lists: ReadonlyMap<string, ListOf>): string[] {
  const n = replicasMax(document);
  const needed = Math.floor(n / 2) + 1;
  for (const [service, listOf] of lists) {
    for (let p = 0; p < document.ringSize; p++) {
      const list = listOf(p as PartitionId, n);
      const nodes = new Set(list.replicas.map((replica) => replica.node)).size;
      if (nodes < quorumOf(list, needed).neededNodes)
        return [`too few nodes that run ${service} are up for a quorum of partition ${p}`];
    }
  }
  return [];
}
