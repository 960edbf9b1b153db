/**
 * One ballot of a proposer: first a majority of promises, then a majority of acceptances.
 *
 * A proposer that has forgotten what it promised (acceptor.ts, amnesic) uses a ballot to find out. Then its own word
 * counts for nothing, and so many others must promise that every majority which it may have been one of has
 * another of its members among them. Whatever those report accepted, nothing below the ballot can be chosen any more.
 *
 * The node's own promise comes first and is durable before anyone else is asked. So a ballot that others have
 * seen is remembered by the node it names, and its next life cannot use it again for another value.
 *
 * Source: Lamport, "Paxos Made Simple" (2001), 2.2; decision 0006.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { AgreedDocument } from '../ring/document.ts';
import { isMajority } from './majority.ts';
import { compareBallots, type AcceptedValue, type Ballot } from './acceptor.ts';

export type AttemptPhase = 'reserving' | 'preparing' | 'accepting' | 'chosen';

export interface AttemptInit {
  readonly slot: Epoch;
  readonly ballot: Ballot;
  readonly voters: readonly NodeId[];
  /** When it counts as failed. */
  readonly deadline: number;
  /** The proposer, when it is amnesic and asks the others what it has forgotten. */
  readonly amnesic?: NodeId | undefined;
}

export class Attempt {
  readonly slot: Epoch;
  readonly ballot: Ballot;
  readonly deadline: number;
  readonly #voters: ReadonlySet<NodeId>;
  readonly #amnesic: NodeId | undefined;
  readonly #promisedBy = new Set<NodeId>();
  readonly #acceptedBy = new Set<NodeId>();
  #highest: AcceptedValue | undefined;
  #phase: AttemptPhase = 'reserving';
  #value: AgreedDocument | undefined;

  constructor({ slot, ballot, voters, deadline, amnesic }: AttemptInit) {
    this.slot = slot;
    this.ballot = ballot;
    this.deadline = deadline;
    this.#voters = new Set(voters);
    this.#amnesic = amnesic;
  }

  get phase(): AttemptPhase {
    return this.#phase;
  }

  /** The value being accepted or chosen; undefined before. */
  get value(): AgreedDocument | undefined {
    return this.#value;
  }

  /** The proposer asks what it has forgotten, and proposes nothing. */
  get isRecovery(): boolean {
    return this.#amnesic !== undefined;
  }

  /** What must be proposed instead of a value of our own, known once a majority has promised. */
  get inherited(): AcceptedValue | undefined {
    return this.#highest;
  }

  becomePreparing(): void {
    this.#phase = 'preparing';
  }

  becomeAccepting(value: AgreedDocument): void {
    this.#phase = 'accepting';
    this.#value = value;
  }

  becomeChosen(): void {
    this.#phase = 'chosen';
  }

  /** True when this promise makes a majority, or tells all that was forgotten. Promises count once per voter. */
  countPromise(from: NodeId, accepted: AcceptedValue | null): boolean {
    this.#promisedBy.add(from);
    if (accepted !== null && (this.#highest === undefined || isHigher(accepted, this.#highest))) {
      this.#highest = accepted;
    }
    if (this.#phase !== 'preparing') return false;
    return this.isRecovery ? this.#isRecollection() : this.#isMajority(this.#promisedBy);
  }

  /** True when this acceptance makes a majority: the value is chosen. */
  countAccepted(from: NodeId): boolean {
    this.#acceptedBy.add(from);
    return this.#phase === 'accepting' && this.#isMajority(this.#acceptedBy);
  }

  /** With m of n in a majority, so many others that m - 1 of the n - 1 cannot all be missing: n - m + 1. */
  #isRecollection(): boolean {
    let others = 0;
    for (const node of this.#promisedBy) if (this.#voters.has(node) && node !== this.#amnesic) others++;
    return others * 2 >= this.#voters.size;
  }

  #isMajority(nodes: ReadonlySet<NodeId>): boolean {
    let votes = 0;
    for (const node of nodes) if (this.#voters.has(node)) votes++;
    return isMajority(votes, this.#voters.size);
  }
}

function isHigher(a: AcceptedValue, b: AcceptedValue): boolean {
  return compareBallots(a.ballot, b.ballot) > 0;
}
