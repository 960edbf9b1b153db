/**
 * A model: what a thing does that is only ever used by one client at a time. Linearizable is what looks like that.
 *
 * To check a service of your own, write its model: which kinds of operations it has, and for each of them what it does to
 * a state and which answers are right. States are compared by `===`: make them strings, numbers, bigints or null.
 */
import type { Operation } from '../history/operation.ts';

/** Undefined: in this state the operation would not have been answered as it was. */
export type Transition<State> = (state: State) => State | undefined;

/** A state that can be compared with `===`. */
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
  /** For one key, and all that was done to it. */
  open(operations: readonly Operation[]): ModelOfKey<State>;
}

/** How one key behaves: its first state, and what each operation makes of a state. */
export interface ModelOfKey<State extends PrimitiveState = PrimitiveState> {
  readonly initial: State;
  /**
   * Of one that is ok the output is what was answered, and undefined where nobody told. Of an indefinite one there is
   * none, and every answer is right.
   */
  transition(operation: Operation): Transition<State>;
  describe(state: State): string;
  readonly hints?: Hints<State>;
}

/**
 * What else is known of a model, and saves a search from trying in vain. Each may be left out: then it is slower, not wrong.
 * One that says more than is true makes the answers wrong.
 */
export interface Hints<State extends PrimitiveState = PrimitiveState> {
  /** It can be done in every state, answered as it was, and leaves the same one behind in each. */
  isBlind?(operation: Operation): boolean;
  /** It can be done in this state only. Such a state must not come back but by what `makes` it. */
  needs?(operation: Operation): State | undefined;
  /** Where it changes anything, it leaves this state behind. To be told of each operation that may lead back to a state. */
  makes?(operation: Operation): State | undefined;
  /** Whether this state can still turn into one that some operation `needs`, whatever is done. */
  canBecome?(state: State, needed: State): boolean;
  /**
   * Whether one of unknown outcome, done in this state, brings it nearer to one that is right for the other. Where it does
   * not, the two must be such that their order does not matter, or that the first is in vain.
   */
  mayHelp?(unknown: Operation, state: State, other: Operation): boolean;
  /**
   * Of one whose outcome is unknown: what it does, in words. Two share them only when nobody can tell which of the two was
   * done. When left out: its kind, and what went in.
   */
  nameOf?(unknown: Operation): string;
}

/** What an operation was told, if it was told anything. */
export function toldOf({ outcome, output }: Operation): Operation['output'] {
  return outcome === 'ok' ? output : undefined;
}
