/**
 * Whether a cluster is at peace: every member up and of one ring, nothing on its way, nobody standing in for anybody.
 *
 * A member whose disk was lost never comes back. Until operators have removed or replaced it, what waits for it -
 * transfers, hints - waits rightly.
 */
import type { NodeId, PartitionId, RingDocument } from '@rkv/core';
import { KV_SERVICE } from '@rkv/store';
import type { SimCluster } from '@rkv/testkit';
import type { SimNode } from './rkv-cluster.ts';

export interface Realm {
  readonly cluster: SimCluster<SimNode>;
  /** The cluster that everybody is to be in. */
  readonly clusterId: string | undefined;
  /** Members whose disk is gone. */
  readonly lost: ReadonlySet<NodeId>;
}

/** The nodes that run and have a ring. */
export function readyNodes({ cluster }: Realm): SimNode[] {
  return cluster.running
    .map((name) => cluster.node(name))
    .filter((citizen) => citizen?.node.ready === true) as SimNode[];
}

/** The ready nodes whose ring is that of the cluster. */
export function citizensOf(realm: Realm): SimNode[] {
  return readyNodes(realm).filter(({ node }) => node.document.clusterId === realm.clusterId);
}

/** Why the cluster is not at peace, or undefined when it is. */
export function unrest(realm: Realm): string | undefined {
  const citizens = citizensOf(realm);
  const first = citizens[0];
  if (first === undefined) return 'nobody is in the cluster';
  const { document } = first.node;
  const byId = new Map(citizens.map((citizen) => [citizen.node.id, citizen]));
  for (const { id, name, status } of document.members) {
    if (realm.lost.has(id)) continue;
    const citizen = byId.get(id);
    if (status !== 'joining' && citizen === undefined) return `${name} (${status}) is not there`;
  }
  if (document.resize !== undefined && realm.lost.size === 0)
    return `the ring is being resized to ${document.resize.ringSize}`;
  const waiting = document.pending.find(({ from, to }) => !realm.lost.has(from) && !realm.lost.has(to));
  if (waiting !== undefined)
    return `partition ${waiting.partition} is pending, and ${document.pending.length} in all`;
  for (const citizen of citizens) {
    const why = unrestAt(citizen, document, realm.lost);
    if (why !== undefined) return `${citizen.machine}: ${why}`;
  }
  return undefined;
}

function unrestAt({ node }: SimNode, document: RingDocument, lost: ReadonlySet<NodeId>): string | undefined {
  const own = node.document;
  if (own.epoch !== document.epoch) return `epoch ${own.epoch} while another has ${document.epoch}`;
  if (!own.members.some((member) => member.id === node.id)) return 'removed, and does not know';
  for (const { id, name, status } of own.members) {
    if (status !== 'joining' && !lost.has(id) && !node.isUp(id)) return `does not hear ${name}`;
  }
  for (let p = 0; p < own.ringSize; p++) {
    const vnode = node.vnode(KV_SERVICE, p as PartitionId);
    if (vnode === undefined) continue;
    const owner = own.owners[p] as NodeId;
    if (vnode.standing === 'owner') {
      if (!vnode.whole) return `partition ${p} is partial`;
    } else if (vnode.standing !== 'receiving' && !lost.has(owner))
      return `partition ${p} is here as ${vnode.standing}`;
  }
  const former = node.places.find(({ ringBits }) => 1 << ringBits !== own.ringSize);
  if (former !== undefined && lost.size === 0 && own.resize === undefined)
    return `partition ${former.partition} of a ring of ${1 << former.ringBits} is here`;
  return lost.size === 0 && node.troubles.length > 0 ? node.troubles.join(', ') : undefined;
}
