/**
 * A set: members come and go, and somebody lists them all.
 *
 * A state is one bit for each member that the history of its key names, in a bigint: it is compared at once and takes
 * little room, however many states are remembered.
 */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Hints, type Model, type ModelOfKey, type Transition } from './model.ts';

export const set: Model<bigint> = {
  name: 'set',
  kinds: ['add', 'remove', 'members'],

  isRead: ({ kind, outcome, output }) => kind === 'members' || (outcome === 'ok' && output === false),

  open: () => new SetOfKey(),
};

class SetOfKey implements ModelOfKey<bigint> {
  readonly initial = 0n;
  readonly #bits = new Map<string, bigint>();

  transition(operation: Operation): Transition<bigint> {
    const { kind, input } = operation;
    const told = toldOf(operation);
    switch (kind) {
      case 'add': {
        const bit = this.#bitOf(input as string);
        return (state) => (told === undefined || told === ((state & bit) === 0n) ? state | bit : undefined);
      }
      case 'remove': {
        const bit = this.#bitOf(input as string);
        return (state) => (told === undefined || told === ((state & bit) !== 0n) ? state & ~bit : undefined);
      }
      case 'members': {
        if (told === undefined) return (state) => state;
        const listed = told as readonly string[];
        const seen = this.#stateOf(listed);
        const isSet = new Set(listed).size === listed.length;
        return (state) => (isSet && state === seen ? state : undefined);
      }
      default:
        throw new Error(`a set knows no operation "${kind}"`);
    }
  }

  readonly hints: Hints<bigint> = {
    mayHelp: ({ input }, state, other) => {
      const told = toldOf(other);
      if (told === undefined) return false;
      if (other.kind !== 'members') return input === other.input;
      return ((state ^ this.#stateOf(told as readonly string[])) & this.#bitOf(input as string)) !== 0n;
    },
  };

  describe(state: bigint): string {
    return `{${[...this.#bits].flatMap(([member, bit]) => ((state & bit) === 0n ? [] : [member])).join(' ')}}`;
  }

  #bitOf(member: string): bigint {
    let bit = this.#bits.get(member);
    if (bit === undefined) this.#bits.set(member, (bit = 1n << BigInt(this.#bits.size)));
    return bit;
  }

  #stateOf(members: readonly string[]): bigint {
    return members.reduce((state, member) => state | this.#bitOf(member), 0n);
  }
}
