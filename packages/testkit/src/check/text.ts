/** A text: appends, which tell how long it is after them or nothing, and readers of the whole. Nobody deletes it. */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Hints, type Model, type Transition } from './model.ts';

export const text: Model<string> = {
  name: 'text',
  kinds: ['append', 'text'],
  isRead: ({ kind }) => kind === 'text',
  open: () => ({ initial: '', transition, describe: (state) => JSON.stringify(state), hints: GROWING }),
};

/** What was written stays, so what does not begin as it should never will. */
const GROWING: Hints<string> = {
  needs: (operation) => (operation.kind === 'text' ? textOf(operation) : undefined),
  canBecome: (state, needed) => needed.startsWith(state),
  mayHelp: (unknown, state, other) => {
    const longer = state + String(unknown.input);
    if (other.kind === 'text') return textOf(other)?.startsWith(longer) === true;
    const told = toldOf(other) as number | undefined;
    return told === undefined || longer.length + String(other.input).length <= told;
  },
};

/** As a reader was told it, if he was. */
function textOf(operation: Operation): string | undefined {
  const told = toldOf(operation);
  return told === undefined ? undefined : String(told ?? '');
}

function transition(operation: Operation): Transition<string> {
  const told = toldOf(operation);
  if (operation.kind === 'text') {
    const seen = textOf(operation);
    return (state) => (seen === undefined || seen === state ? state : undefined);
  }
  return (state) => {
    const longer = state + String(operation.input);
    return told === undefined || told === longer.length ? longer : undefined;
  };
}
