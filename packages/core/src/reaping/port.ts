/** What reaping needs of its node: given to the machines at birth, played in tests. */
import type { Host } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { RingDocument } from '../ring/document.ts';
import type { ReapAnswer, ReapQuestion } from './reap-wire.ts';

export interface ReapingPort {
  readonly self: NodeId;
  readonly host: Host;
  readonly document: RingDocument;
  /** Another one whenever this node may have lost something that it held. */
  life(): string;
  isUp(node: NodeId): boolean;
  /** Of all rounds only this node's are begun. */
  leads(): boolean;
  /** A moment that is past on the wall clock of every member; undefined: one of them is not up. */
  lowestClock(): number | undefined;
  /** Items here that could go. */
  tombstones(): number;
  /** Why no bar may rise now: something goes on here that writes under a stamp drawn earlier. */
  whyBarMustWait(): string | undefined;
  /** Why this node may hold something that not every replica of it has been sent; undefined: it does not. */
  unclean(): string | undefined;
  /** Compare all pairs again, soon. */
  compareSoon(): void;
  /** Each pair that this node asks about was alike, or made so, as of this moment or later. */
  comparedSince(at: number): boolean;
  /** Items that this node has read for a repair of another copy, or been sent for one of its own, are not merged yet. */
  isRepairing(): boolean;
  /** A batch that is durable when all before it is; undefined: the store takes nothing. */
  markStored(): number | undefined;
  /** A power cut does not take it. */
  isFlushed(mark: number): boolean;
  /** Undefined: no answer that makes sense. */
  ask(to: NodeId, question: ReapQuestion, done: (answer: ReapAnswer | undefined) => void): void;
  save(record: Uint8Array, done: () => void): void;
  /** This node knows bar and floor from now on. */
  onKnown(): void;
}
