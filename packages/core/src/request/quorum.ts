/**
 * The arithmetic of one quorum: who was asked, who answered, whether it is enough, whether it still can be.
 *
 * Placement follows the ring, counting does not: answers count once per *partition*, however often it answers,
 * and they must also come from enough *distinct nodes* - two copies on one machine are one machine's word.
 *
 * On a list whose primaries have fewer owners than n (three nodes, sixteen partitions) a dead node can take
 * several copies with it. A read there is also complete when everybody has answered or failed, and r primaries have
 * answered, or *all* primaries of each of r - (n - owners) nodes: what is unheard then is too few copies, or on too few
 * nodes, for a write of w (r + w > n) that counted its distinct nodes. Half of a node proves nothing: the write may
 * lie in the other half. quorum.paper.test.ts looks at every case; docs/decisions/0003 has the argument.
 *
 * Source: Dynamo 4.5 (sloppy quorum); rules 8 (counting).
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { Replica } from '../ring/preference-list.ts';

/** A preference list with what counting needs, made once per ring and set of live nodes. At most 30 replicas. */
export interface CountedList {
  readonly replicas: readonly Replica[];
  /** Replicas asked for, were everybody up. */
  readonly n: number;
  /** Distinct nodes that own the n primaries, up or not. */
  readonly owners: number;
  /** By replica: one bit per distinct node. */
  readonly nodeBits: readonly number[];
  /** Bits of the replicas that are primaries. */
  readonly primaryMask: number;
  /** Position of a replica on this node, or -1. */
  readonly local: number;
}

export interface Quorum {
  /** Vnodes that must answer. */
  readonly needed: number;
  /** Distinct nodes they must lie on. */
  readonly neededNodes: number;
  /** Primaries that must be among them (pr, pw). */
  readonly neededPrimaries: number;
}

/** The list with what counting needs to know of it: how many distinct nodes there are to be asked. */
export function countedList(
  replicas: readonly Replica[],
  n: number,
  owners: number,
  self: NodeId,
): CountedList {
  assert(replicas.length <= 30, 'a preference list fits a bit mask');
  const nodes: NodeId[] = [];
  let primaryMask = 0;
  const nodeBits = replicas.map((replica, at) => {
    if (replica.role === 'primary') primaryMask |= 1 << at;
    let position = nodes.indexOf(replica.node);
    if (position < 0) position = nodes.push(replica.node) - 1;
    return 1 << position;
  });
  return {
    replicas,
    n,
    owners,
    nodeBits,
    primaryMask,
    local: replicas.findIndex((replica) => replica.node === self),
  };
}

/** What r answers (or w) mean on this list: that many vnodes, on as many distinct nodes as the primaries' owners allow. */
export function quorumOf(list: CountedList, needed: number, neededPrimaries = 0): Quorum {
  return { needed, neededNodes: Math.min(needed, list.owners), neededPrimaries };
}

/** Counts the answers of one request. It is used again: `begin` forgets the last one. */
export class QuorumCount {
  #list!: CountedList;
  #quorum!: Quorum;
  /** Bits of the replicas that were asked, whose answers count, and who cannot answer any more. */
  asked = 0;
  counted = 0;
  spent = 0;
  /** Bits of those that answered as stand-ins or partial: good for a value, never as a primary. */
  standIns = 0;

  begin(list: CountedList, quorum: Quorum): void {
    this.#list = list;
    this.#quorum = quorum;
    this.asked = 0;
    this.counted = 0;
    this.spent = 0;
    this.standIns = 0;
  }

  /** A replica answered; `counts` when its answer is one (a stand-in's "not found" is none). */
  answered(at: number, counts: boolean, standIn = false): void {
    this.spent |= 1 << at;
    if (counts) this.counted |= 1 << at;
    if (standIn) this.standIns |= 1 << at;
  }

  /** A replica was asked and will not answer. */
  failed(at: number): void {
    this.spent |= 1 << at;
  }

  /** Enough have answered. */
  get met(): boolean {
    return this.#enough(this.counted);
  }

  /** Enough have answered, or still can. */
  get possible(): boolean {
    const all = (1 << this.#list.replicas.length) - 1;
    return this.#enough(this.counted | (all & ~this.spent));
  }

  /** Everybody who was asked has answered or failed. */
  get settled(): boolean {
    return (this.asked & ~this.spent) === 0;
  }

  /** Bits of those that were asked and have given no answer that counts. */
  get lacking(): number {
    return this.asked & ~this.counted;
  }

  /** For reads that nobody else can answer: the primaries that did suffice, see the header. */
  get metByPrimaries(): boolean {
    return this.#primariesSuffice(this.counted);
  }

  /** The same, or it still can be. */
  get possibleByPrimaries(): boolean {
    const all = (1 << this.#list.replicas.length) - 1;
    return this.#primariesSuffice(this.counted | (all & ~this.spent));
  }

  #primariesSuffice(mask: number): boolean {
    const { n, owners, primaryMask } = this.#list;
    const { needed, neededPrimaries } = this.#quorum;
    const heard = this.#primaries(mask);
    if (owners >= n || bitCount(heard) < neededPrimaries) return false;
    const nodesHeard = this.#nodeMask(heard) & ~this.#nodeMask(primaryMask & ~heard);
    return bitCount(heard) >= needed || bitCount(nodesHeard) >= Math.max(1, needed - (n - owners));
  }

  get got(): number {
    return bitCount(this.counted);
  }

  /** Nodes whose answers counted. */
  get from(): NodeId[] {
    const nodes = new Set<NodeId>();
    this.#list.replicas.forEach((replica, at) => {
      if ((this.counted & (1 << at)) !== 0) nodes.add(replica.node);
    });
    return [...nodes];
  }

  /**
   * Whom to ask next so that, if all of them answer, the quorum is met: bits of replicas not asked yet, nodes
   * without an answer first. Zero when nobody is left who would help.
   */
  nextToAsk(): number {
    const hoped = this.counted | (this.asked & ~this.spent);
    const onNewNodes = this.#helpers(hoped, true);
    return onNewNodes | this.#helpers(hoped | onNewNodes, false);
  }

  /** Of those not asked yet, as many as are missing when all that are hoped for answer. */
  #helpers(alreadyHoped: number, onNewNodes: boolean): number {
    const { replicas, nodeBits, local } = this.#list;
    let hoped = alreadyHoped;
    for (let i = 0; i < replicas.length && !this.#enough(hoped); i++) {
      const at = i === 0 && local > 0 ? local : i === local && local > 0 ? 0 : i;
      const bit = 1 << at;
      if (((this.asked | hoped) & bit) !== 0) continue;
      if (onNewNodes && (this.#nodeMask(hoped) & (nodeBits[at] as number)) !== 0) continue;
      hoped |= bit;
    }
    return hoped & ~alreadyHoped;
  }

  #enough(mask: number): boolean {
    const quorum = this.#quorum;
    return (
      bitCount(mask) >= quorum.needed &&
      this.#nodes(mask) >= quorum.neededNodes &&
      (quorum.neededPrimaries === 0 || bitCount(this.#primaries(mask)) >= quorum.neededPrimaries)
    );
  }

  #primaries(mask: number): number {
    return mask & this.#list.primaryMask & ~this.standIns;
  }

  #nodes(mask: number): number {
    return bitCount(this.#nodeMask(mask));
  }

  #nodeMask(mask: number): number {
    const bits = this.#list.nodeBits;
    let nodes = 0;
    for (let at = 0; at < bits.length; at++) if ((mask & (1 << at)) !== 0) nodes |= bits[at] as number;
    return nodes;
  }
}

/** How many bits are set. */
export function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
