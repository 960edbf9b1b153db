/** A counter: increments by any whole number, which tell the count that they have reached or nothing, and readers of it. */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Hints, type Model, type Transition } from './model.ts';

export const counter: Model<number> = {
  name: 'counter',
  kinds: ['increment', 'total'],

  isRead: ({ kind, input }) => kind === 'total' || input === 0,

  open: (operations) => {
    const onlyGrows = operations.every(({ input }) => input === undefined || (input as number) >= 0);
    const counter = { initial: 0, transition, describe: String };
    return onlyGrows ? { ...counter, hints: GROWING } : counter;
  },
};

/** What was passed never comes again, and what is too much stays so. */
const GROWING: Hints<number> = {
  needs: countBefore,
  mayHelp: ({ input }, count, other) => {
    const wanted = countBefore(other);
    return wanted !== undefined && count + (input as number) <= wanted;
  },
};

/** The count at which it was told what it was; undefined: any. */
function countBefore(operation: Operation): number | undefined {
  const { kind, input } = operation;
  const told = toldOf(operation);
  if (told === undefined) return undefined;
  return kind === 'increment' ? (told as number) - (input as number) : ((told ?? 0) as number);
}

function transition(operation: Operation): Transition<number> {
  const { kind, input } = operation;
  const told = toldOf(operation);
  switch (kind) {
    case 'increment':
      return (state) => {
        const sum = state + (input as number);
        return told === undefined || told === sum ? sum : undefined;
      };
    case 'total':
      return (state) => (told === undefined || (told ?? 0) === state ? state : undefined);
    default:
      throw new Error(`a counter knows no operation "${kind}"`);
  }
}
