/** A counter: increments by any whole number, which tell the count that they have reached or nothing, and readers of it. */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Model, type Transition } from './model.ts';

export const counter: Model<number> = {
  name: 'counter',
  kinds: ['increment', 'total'],

  isRead: ({ kind, input }) => kind === 'total' || input === 0,

  open: () => ({ initial: 0, transition, describe: String }),
};

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
