/**
 * What time it is in the cluster, whatever this node's own clock says: the median of its members' wall clocks.
 *
 * One clock that is an hour off moves the median by nothing as long as most are right; so a coordinator that goes by it
 * neither ends a key early nor brings one back, even when the clock that is off is its own. Each heartbeat tells what
 * its sender's clock shows. What is kept of it is the sender's clock at the zero of our monotonic one: a wall clock
 * of ours that jumps moves nobody else's.
 *
 * Who has been let in and has not entered yet, or was put aside, is no voter: its clock does not count, not even for itself once it has
 * heard a voter. A member that is silent keeps its own: its clock is a better witness than none, and where two of three are
 * right, one of these going down must not leave the word to the third. Of two that differ the lower counts: a key ends late
 * rather than early.
 *
 * The *lowest* clock is for what must be over on all of them; there a member that is not up has the last word, which is no.
 *
 * Source: rules 10. Late by a message's way. Not promised: that it never goes back; it does when members come and go
 * whose clocks are wrong.
 */
import type { NodeId } from '../contracts/ids.ts';

export interface Electorate {
  /** What these said is kept. */
  readonly nodes: ReadonlySet<NodeId>;
  /** The median is that of their clocks. */
  readonly voters: ReadonlySet<NodeId>;
  /** Whether ours is among them. */
  readonly isVoter: boolean;
}

export class ClusterClock {
  readonly #wallClock: () => number;
  /** By peer: its wall clock when our monotonic one stood at zero. */
  readonly #zeros = new Map<NodeId, number>();
  /** Whose clocks count for the median. */
  #voters: ReadonlySet<NodeId> = new Set();
  #isVoter = true;
  #inOrder: number[] | undefined;

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  heard(node: NodeId, wallMs: number, now: number): void {
    this.#zeros.set(node, wallMs - now);
    this.#inOrder = undefined;
  }

  /** Forget what others than these nodes said. */
  follow({ nodes, voters, isVoter }: Electorate): void {
    for (const node of this.#zeros.keys()) if (!nodes.has(node)) this.#zeros.delete(node);
    this.#voters = voters;
    this.#isVoter = isVoter;
    this.#inOrder = undefined;
  }

  /** Whole milliseconds since 1970. By our own clock alone, as long as no voter was heard. */
  median(now: number): number {
    const others = (this.#inOrder ??= this.#zerosOfVoters());
    if (!this.#isVoter && others.length > 0)
      return Math.floor((others[(others.length - 1) >> 1] as number) + now);
    // With our own put in its place among them, this one stands in the middle, or just below it.
    const middle = others.length >> 1;
    const ours = this.#wallClock() - now;
    const zero = Math.min(Math.max(ours, others[middle - 1] ?? ours), others[middle] ?? ours);
    return Math.floor(zero + now);
  }

  /** How far this node's clock is ahead of the median, ms, or behind it (below zero); undefined: it was not heard. */
  offset(node: NodeId, now: number): number | undefined {
    const zero = this.#zeros.get(node);
    return zero === undefined ? undefined : Math.round(zero + now - this.median(now));
  }

  /** The same of ours. */
  ownOffset(now: number): number {
    return Math.round(this.#wallClock() - this.median(now));
  }

  #zerosOfVoters(): number[] {
    const zeros = [...this.#zeros].flatMap(([node, zero]) => (this.#voters.has(node) ? [zero] : []));
    return zeros.toSorted((a, b) => a - b);
  }

  /** Of our clock and these; undefined: one of them has not been heard. */
  lowest(nodes: Iterable<NodeId>, now: number): number | undefined {
    let lowest = this.#wallClock() - now;
    for (const node of nodes) {
      const zero = this.#zeros.get(node);
      if (zero === undefined) return undefined;
      lowest = Math.min(lowest, zero);
    }
    return Math.floor(lowest + now);
  }
}
