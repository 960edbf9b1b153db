/**
 * Preference list: who should hold a key, and who stands in while they are away.
 *
 * Walk the ring from the key's partition; the first n partitions are the primaries. For each primary whose
 * node is down, the walk goes on round the ring and the next partition whose node is up gives the fallback: it
 * answers for the *primary's* partition and hands the data back later.
 *
 * Source: Dynamo (SOSP 2007) 4.3, 4.6; Riak's riak_core_apl, whose order this keeps.
 * Holds: primaries first; nobody listed is down; at most n entries, fewer when too little is up; each partition once.
 * Not here: n *distinct* nodes. Among primaries that is claim's promise; a fallback may well be a node that is in
 * the list already (a lone survivor stands in for everyone).
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { VnodeRole } from '../contracts/vnode.ts';

/** One entry of a preference list: a partition, and the node that answers for it now. */
export interface Replica {
  readonly partition: PartitionId;
  /** Of the ring that the partition is one of: a request may outlive it. */
  readonly ringSize: number;
  readonly node: NodeId;
  readonly role: VnodeRole;
}

/** The n partitions from `first` on, with their owners, whether up or not. n is capped by the ring size. */
export function primariesOf(first: PartitionId, n: number, owners: readonly NodeId[]): Replica[] {
  const size = owners.length;
  const list: Replica[] = [];
  for (let i = 0; i < Math.min(n, size); i++) {
    const partition = ((first + i) % size) as PartitionId;
    list.push({ partition, ringSize: size, node: owners[partition] as NodeId, role: 'primary' });
  }
  return list;
}

/** The active preference list: live primaries first, then a fallback for each primary that is down while any is left. */
export function preferenceList(
  first: PartitionId,
  n: number,
  owners: readonly NodeId[],
  isUp: (node: NodeId) => boolean,
): Replica[] {
  const size = owners.length;
  const primaries = primariesOf(first, n, owners);
  const list = primaries.filter((replica) => isUp(replica.node));
  let next = primaries.length;
  for (const away of primaries) {
    if (isUp(away.node)) continue;
    while (next < size && !isUp(owners[(first + next) % size] as NodeId)) next++;
    if (next === size) break;
    const node = owners[(first + next) % size] as NodeId;
    list.push({ partition: away.partition, ringSize: size, node, role: 'fallback' });
    next++;
  }
  return list;
}
