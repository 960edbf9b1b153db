/**
 * What must hold of rings while a run goes on, looked at whenever a node adopts one.
 *
 * One document per cluster and epoch; one owner per partition and epoch, as the vnodes themselves see it; the epochs of
 * a node never go back, not even over its deaths; and a node that has entered a cluster is in no other ever after.
 *
 * A ring that was forced in a minority is of a later era, so its line is told from the other by the epochs: one document and
 * one owner in each. Two lines that meet are one in the end because nobody goes back and everybody has one ring at peace.
 */
import type { AgreedDocument, NodeId, PartitionId } from '@rkv/core';
import { KV_SERVICE } from '@rkv/store';
import { Agreement } from '@rkv/testkit';
import type { SimNode } from './rkv-cluster.ts';

interface Past {
  clusterId: string;
  epoch: number;
  readonly clustersLeft: Set<string>;
}

export class RingWatch {
  readonly #documents = new Agreement('the ring of epoch');
  readonly #owners = new Agreement('the owner in epoch');
  readonly #past = new Map<NodeId, Past>();
  readonly #epochOf = new Map<string, number>();
  readonly #report: (problem: string) => void;
  /** Sizes that any ring has had. */
  readonly ringSizes = new Set<number>();
  /** How often a cluster's ring has taken another size. */
  resizes = 0;
  readonly #sizeIn = new Map<string, number>();

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** `citizen` has adopted this ring, and its vnodes stand as they do under it. */
  adopted(citizen: SimNode, { document, digest }: AgreedDocument): void {
    const { node, machine } = citizen;
    const { clusterId, epoch } = document;
    this.#epochOf.set(digest, epoch);
    this.#lookAtSize(document.ringSize, clusterId, epoch);
    this.#documents.report(`${epoch} of ${clusterId}`, digest, machine);
    this.#follow(citizen, clusterId, epoch);
    for (let p = 0; p < document.ringSize; p++) {
      const owns = node.vnode(KV_SERVICE, p as PartitionId)?.standing === 'owner';
      if (owns) this.#owners.report(`${epoch} of ${clusterId}, partition ${p}`, node.id, machine);
      if (owns === (document.owners[p] === node.id)) continue;
      this.#report(
        `${machine} ${owns ? 'acts' : 'does not act'} as owner of partition ${p} in epoch ${epoch}`,
      );
    }
  }

  #lookAtSize(ringSize: number, clusterId: string, epoch: number): void {
    this.ringSizes.add(ringSize);
    const name = (at: number): string => `${clusterId} ${at}`;
    if (this.#sizeIn.has(name(epoch))) return;
    this.#sizeIn.set(name(epoch), ringSize);
    const before = this.#sizeIn.get(name(epoch - 1));
    if (before !== undefined && before !== ringSize) this.resizes++;
  }

  /** How many rings anybody has adopted. */
  get rings(): number {
    return this.#documents.size;
  }

  /** An operator has taken from its disk what binds this node to its cluster. */
  freed(id: NodeId): void {
    this.#past.delete(id);
  }

  /** Of the document with this digest, if anybody has adopted it. */
  epochOf(digest: string): number | undefined {
    return this.#epochOf.get(digest);
  }

  /** Whether this node has ever been a member of this cluster; what it brought along is there, too. */
  wasIn(id: string, clusterId: string | undefined): boolean {
    return this.#past.get(id as NodeId)?.clusterId === clusterId;
  }

  #follow({ node, machine }: SimNode, clusterId: string, epoch: number): void {
    const past = this.#past.get(node.id);
    if (past === undefined) {
      this.#past.set(node.id, { clusterId, epoch, clustersLeft: new Set() });
      return;
    }
    if (past.clustersLeft.has(clusterId))
      this.#report(`${machine} is back in cluster ${clusterId}, which it had left`);
    if (past.clusterId !== clusterId) past.clustersLeft.add(past.clusterId);
    else if (epoch < past.epoch) this.#report(`${machine} went back from epoch ${past.epoch} to ${epoch}`);
    past.clusterId = clusterId;
    past.epoch = epoch;
  }
}
