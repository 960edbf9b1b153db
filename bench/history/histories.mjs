/**
 * Histories as a store would leave them: clients that ask one thing after the other, each answered from the state at some
 * moment between begin and end. What has an unknown outcome happens then, or later, or never.
 */
import { Prng } from '@rkv/core';

/**
 * `kinds(dice, serial)` gives what is asked next, `model` answers. Times are in mean latencies.
 * `unknown`: the share of changes whose client gives up.
 */
export function drawHistory({ seed, operations: count, keys, clients, unknown, model, kinds }) {
  const dice = new Prng(seed);
  const unit = () => dice.u32() / 2 ** 32;
  const operations = [];
  const free = Array.from({ length: clients }, (_, at) => ({ client: `c${at}`, at: unit() }));
  while (operations.length < count) {
    const asker = free.reduce((first, other) => (other.at < first.at ? other : first));
    const asked = kinds(dice, operations.length);
    const begin = asker.at;
    const end = begin - Math.log(1 - unit());
    const key = `key ${dice.below(keys)}`;
    const base = { client: asker.client, key, ...asked, begin };
    const isLost = !model.isRead({ ...base, outcome: 'ok' }) && unit() < unknown;
    if (isLost) {
      const moment = unit() < 0.5 ? Infinity : begin + 20 * unit() ** 3;
      operations.push({ operation: { ...base, end: Infinity, outcome: 'indefinite' }, moment });
      asker.at = begin + 10;
    } else {
      operations.push({ operation: { ...base, end, outcome: 'ok' }, moment: begin + unit() * (end - begin) });
      asker.at = end + unit();
    }
  }
  answer(operations, model);
  return operations.map(({ operation }) => operation);
}

/** In the order of their moments, each by the state that its key has then. */
function answer(drawn, model) {
  const states = new Map();
  for (const { operation, moment } of drawn.toSorted((a, b) => a.moment - b.moment)) {
    if (moment === Infinity) continue;
    const state = states.get(operation.key) ?? model.initial();
    const { next, output } = model.apply(state, operation);
    states.set(operation.key, next);
    if (operation.outcome === 'ok' && output !== undefined) operation.output = output;
  }
}

const isRead = ({ kind }) => ['read', 'total', 'members'].includes(kind);

/** Half reads; the rest writes, with some deletes and conditional writes. */
export const REGISTER = {
  kinds: (dice, serial) => {
    const value = `v${serial}`;
    const die = dice.below(20);
    if (die < 10) return { kind: 'read' };
    if (die < 16) return { kind: 'write', input: value };
    if (die < 17) return { kind: 'delete' };
    if (die < 18) return { kind: 'writeIfAbsent', input: value };
    return { kind: 'compareAndSet', input: [`v${Math.max(0, serial - 1 - dice.below(40))}`, value] };
  },
  model: {
    isRead,
    initial: () => null,
    apply: (state, { kind, input }) => {
      if (kind === 'read') return { next: state, output: state };
      if (kind === 'write') return { next: input };
      if (kind === 'delete') return { next: null, output: state !== null };
      const [from, to] = kind === 'writeIfAbsent' ? [null, input] : input;
      return { next: state === from ? to : state, output: state === from };
    },
  },
};

/** Half increments that tell the count, half reads. */
export const COUNTER = {
  kinds: (dice) => (dice.chance(0.5) ? { kind: 'total' } : { kind: 'increment', input: 1 + dice.below(3) }),
  model: {
    isRead,
    initial: () => 0,
    apply: (state, { kind, input = 0 }) => ({
      next: state + input,
      output: kind === 'total' ? state : state + input,
    }),
  },
};

/** A hundred members come and go; one operation in ten lists them. */
export const SET = {
  kinds: (dice) => {
    if (dice.chance(0.1)) return { kind: 'members' };
    return { kind: dice.chance(0.5) ? 'add' : 'remove', input: `m${dice.below(100)}` };
  },
  model: {
    isRead,
    initial: () => new Set(),
    apply: (state, { kind, input }) => {
      if (kind === 'members') return { next: state, output: [...state] };
      const had = state.has(input);
      const next = new Set(state);
      if (kind === 'add') next.add(input);
      else next.delete(input);
      return { next, output: had === (kind === 'remove') };
    },
  },
};
