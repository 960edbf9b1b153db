/**
 * A register: a key that holds one value, or nothing.
 *
 * Values are written as the strings that they are; null is nothing. Tests see most when no value is written twice.
 */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Model, type Transition } from './model.ts';

type Register = string | null;

export const register: Model<Register> = {
  name: 'register',
  kinds: ['read', 'write', 'delete', 'writeIfAbsent', 'compareAndSet'],

  isRead: ({ kind, outcome, output }) => kind === 'read' || (outcome === 'ok' && output === false),

  isBlind: (operation) =>
    operation.kind === 'write' || (operation.kind === 'delete' && toldOf(operation) === undefined),

  open: () => ({ initial: null, transition, describe: (state) => state ?? 'nothing' }),
};

/** What it leaves behind, whatever was there before; undefined: nothing new. For those who judge by the last write only. */
export function leftBehind(operation: Operation): Register | undefined {
  const { kind, input } = operation;
  if (kind === 'read' || toldOf(operation) === false) return undefined;
  if (kind === 'compareAndSet') return (input as readonly Register[])[1];
  return kind === 'delete' ? null : (input as string);
}

function transition(operation: Operation): Transition<Register> {
  const { kind, input } = operation;
  const told = toldOf(operation);
  switch (kind) {
    case 'read':
      return (state) => (told === undefined || state === told ? state : undefined);
    case 'write':
      return () => input as string;
    case 'delete':
      return (state) => (told === undefined || told === (state !== null) ? null : undefined);
    case 'writeIfAbsent':
      return when((state) => state === null, input as string, told as boolean | undefined);
    case 'compareAndSet': {
      const [from, to] = input as [Register, Register];
      return when((state) => state === from, to, told as boolean | undefined);
    }
    default:
      throw new Error(`a register knows no operation "${kind}"`);
  }
}

/** It does something in some states only, and may have told whether it did. */
function when(does: (state: Register) => boolean, to: Register, told?: boolean): Transition<Register> {
  return (state) => {
    const done = does(state);
    if (told !== undefined && told !== done) return undefined;
    return done ? to : state;
  };
}
