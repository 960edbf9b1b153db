/**
 * A register: a key that holds one value, or nothing.
 *
 * Values are written as the strings that they are; null is nothing. Tests see most when no value is written twice.
 */
import type { Operation } from '../history/operation.ts';
import { toldOf, type Hints, type Model, type Transition } from './model.ts';

/** What the key holds; null: nothing. */
export type Register = string | null;

export const register: Model<Register> = {
  name: 'register',
  kinds: ['read', 'write', 'delete', 'writeIfAbsent', 'compareAndSet'],

  isRead: ({ kind, outcome, output }) => kind === 'read' || (outcome === 'ok' && output === false),

  open: (operations) => {
    const asked = askedFor(operations);
    const isAskedFor = (state: Register): boolean => state === null || asked.has(state);
    return {
      initial: null,
      describe: (state) => (state === SOME ? 'something of unknown outcome' : (state ?? 'nothing')),
      transition: (operation) => {
        const left = leftBehind(operation);
        const isNameless = operation.outcome !== 'ok' && left !== undefined && !isAskedFor(left);
        return transition(operation, isNameless ? SOME : left);
      },
      hints: {
        ...HINTS,
        nameOf: ({ kind, input }) => {
          const [from, to] = kind === 'compareAndSet' ? (input as Register[]) : [undefined, input ?? null];
          return JSON.stringify([kind, from, isAskedFor(to as Register) ? to : undefined]);
        },
      },
    };
  },
};

/**
 * What was written by something of unknown outcome, and is asked for by nobody: all such values are one. Else each of them
 * could stand for each other wherever only something has to be there, in so many ways that no search comes to its end.
 */
const SOME = '\0';

/** Values that somebody has seen, or asked for. */
function askedFor(operations: readonly Operation[]): Set<Register> {
  return new Set(
    operations.map(({ kind, input, output }) =>
      kind === 'compareAndSet'
        ? (input as readonly Register[])[0]
        : kind === 'read'
          ? (output as Register)
          : null,
    ),
  ) as Set<Register>;
}

const HINTS: Hints<Register> = {
  isBlind: (operation) =>
    operation.kind === 'write' || (operation.kind === 'delete' && toldOf(operation) === undefined),
  needs: (operation) => {
    const { kind, input } = operation;
    const told = toldOf(operation);
    if (kind === 'read') return told as Register | undefined;
    if (kind === 'delete') return told === false ? null : undefined;
    if (told !== true) return undefined;
    return kind === 'compareAndSet' ? (input as readonly Register[])[0] : null;
  },
  makes: leftBehind,
};

/** What it leaves behind, whatever was there before; undefined: nothing new. For those who judge by the last write only. */
export function leftBehind(operation: Operation): Register | undefined {
  const { kind, input } = operation;
  if (kind === 'read' || toldOf(operation) === false) return undefined;
  if (kind === 'compareAndSet') return (input as readonly Register[])[1];
  return kind === 'delete' ? null : (input as string);
}

/** `left`: what it leaves behind where it does something. */
function transition(operation: Operation, left: Register | undefined): Transition<Register> {
  const { kind, input } = operation;
  const to = left ?? null;
  const told = toldOf(operation);
  switch (kind) {
    case 'read':
      return (state) => (told === undefined || state === told ? state : undefined);
    case 'write':
      return () => to;
    case 'delete':
      return (state) => (told === undefined || told === (state !== null) ? null : undefined);
    case 'writeIfAbsent':
      return when((state) => state === null, to, told as boolean | undefined);
    case 'compareAndSet': {
      const [from] = input as [Register, Register];
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
