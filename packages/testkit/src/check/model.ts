/**
 * A model: what a thing does that is only ever used by one client at a time. Linearizable is what looks like that.
 *
 * To check a service of your own, write its model: which kinds of operations it has, and for each of them what it does to
 * a state and which answers are right. States are compared by `===`: make them strings, numbers, bigints or null.
 */
import type { Operation } from '../history/operation.ts';

/** Undefined: in this state the operation would not have been answered as it was. */
export type Transition<State> = (state: State) => State | undefined;

export type PrimitiveState = string | number | bigint | boolean | null;

export interface Model<State extends PrimitiveState = PrimitiveState> {
  readonly name: string;
  /** The kinds of operations on such a key. Kinds of two models must not be alike. */
  readonly kinds: readonly string[];
  /**
   * Whether this operation, answered as it was, changes nothing in whatever state. Such operations are cheap. To say no is
   * always right, to say yes of one that changes something is not.
   */
  isRead(operation: Operation): boolean;
  /**
   * Whether this operation, answered as it was, can be done in every state and leaves the same one behind in each. When many
   * outcomes are unknown this saves much. To say no is always right here, too; and so is to leave it out.
   */
  isBlind?(operation: Operation): boolean;
  /** For one key. What it numbers or remembers is that key's alone. */
  open(): ModelOfKey<State>;
}

export interface ModelOfKey<State extends PrimitiveState = PrimitiveState> {
  readonly initial: State;
  /**
   * Of one that is ok the output is what was answered, and undefined where nobody told. Of an indefinite one there is
   * none, and every answer is right.
   */
  transition(operation: Operation): Transition<State>;
  describe(state: State): string;
}

/** What an operation was told, if it was told anything. */
export function toldOf({ outcome, output }: Operation): Operation['output'] {
  return outcome === 'ok' ? output : undefined;
}
