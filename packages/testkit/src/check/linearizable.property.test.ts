/** The search and its dumb twin agree, whatever happened: on histories drawn at random, made to be right, and spoilt. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, Operation } from '../history/operation.ts';
import { counter } from './counter.ts';
import { checkLinearizable, isLinearizable } from './linearizable.ts';
import type { Model, PrimitiveState } from './model.ts';
import { register } from './register.ts';
import { set } from './set.ts';
import { text } from './text.ts';

type Asked = Pick<Operation, 'kind'> & { readonly input?: Json };

const some = fc.constantFrom('a', 'b', 'c');

interface Subject {
  readonly model: Model;
  readonly asked: fc.Arbitrary<Asked>;
  /** What such an operation might be told; undefined: nothing. */
  readonly answers: Readonly<Record<string, readonly (Json | undefined)[]>>;
}

const told = [true, false, undefined];
const counts = Array.from({ length: 37 }, (_, i) => i - 12);
const texts = ['', 'a', 'b', 'c', 'aa', 'ab', 'ba', 'bc', 'ca', 'abc', 'cab', 'abab'];
const subsets = [[], ['a'], ['b'], ['c'], ['a', 'b'], ['a', 'c'], ['c', 'b'], ['a', 'c', 'b']];

const SUBJECTS: readonly Subject[] = [
  {
    model: register as Model,
    asked: fc.oneof(
      fc.constant({ kind: 'read' }),
      some.map((input) => ({ kind: 'write', input })),
      fc.constant({ kind: 'delete' }),
      some.map((input) => ({ kind: 'writeIfAbsent', input })),
      fc.tuple(fc.constantFrom('a', 'b', null), some).map((input) => ({ kind: 'compareAndSet', input })),
    ),
    answers: {
      read: ['a', 'b', 'c', null],
      write: [undefined],
      delete: told,
      writeIfAbsent: told,
      compareAndSet: told,
    },
  },
  {
    model: counter as Model,
    asked: fc.oneof(
      fc.constant({ kind: 'total' }),
      fc.integer({ min: -1, max: 2 }).map((input) => ({ kind: 'increment', input })),
    ),
    answers: { total: [...counts, null], increment: [...counts, undefined] },
  },
  {
    model: set as Model,
    asked: fc.oneof(
      fc.constant({ kind: 'members' }),
      some.map((input) => ({ kind: 'add', input })),
      some.map((input) => ({ kind: 'remove', input })),
    ),
    answers: { members: subsets, add: told, remove: told },
  },
  {
    model: text as Model,
    asked: fc.oneof(
      fc.constant({ kind: 'text' }),
      some.map((input) => ({ kind: 'append', input })),
    ),
    answers: { text: [...texts, null], append: [1, 2, 3, undefined] },
  },
];

/** Few moments, so that many are equal. */
const MOMENTS = 12;
const times = fc
  .tuple(fc.integer({ min: 0, max: MOMENTS }), fc.integer({ min: 0, max: 5 }))
  .map(([begin, length]) => ({ begin, end: begin + length }));
const outcome = fc.constantFrom<NonNullable<Operation['outcome']>>(
  'ok',
  'ok',
  'ok',
  'indefinite',
  'indefinite',
  'failed',
);

const base = { client: 'c', key: 'k' };

function withAnswer(operation: Operation, output: Json | undefined): Operation {
  const { output: _former, ...rest } = operation;
  return output === undefined ? rest : { ...rest, output };
}

/** The lower numbers are the likelier ones, as they are in right histories. */
const anyOf = (answers: readonly (Json | undefined)[]): fc.Arbitrary<Json | undefined> =>
  answers.length > 20 ? fc.constantFrom(...answers.slice(10, 18)) : fc.constantFrom(...answers);

const drawn = ({ asked, answers }: Subject): fc.Arbitrary<Operation> =>
  fc.tuple(asked, times, outcome).chain(([what, when, outcome]) => {
    const operation: Operation = { ...base, ...what, ...when, outcome };
    if (outcome === 'indefinite') return fc.constant({ ...operation, end: Infinity });
    if (outcome === 'failed') return fc.constant(operation);
    return anyOf(answers[what.kind] ?? []).map((output) => withAnswer(operation, output));
  });

/** One of unknown outcome, as if it had been answered without a word: what a model knows of such is not used here. */
const done = (operation: Operation): Operation => ({ ...operation, outcome: 'ok' });

/** Each has a moment between its begin and its end, and is told what a single client would have been told there. */
const right = (subject: Subject): fc.Arbitrary<Operation[]> =>
  fc
    .array(
      fc.tuple(subject.asked, times, fc.double({ min: 0, max: 1, noNaN: true }), outcome, fc.boolean()),
      {
        minLength: 1,
        maxLength: 12,
      },
    )
    .map((plays) => {
      const ofKey = subject.model.open([]);
      let state = ofKey.initial;
      const inOrder = plays
        .map(([asked, { begin, end }, share, outcome, isTold]) => {
          const operation: Operation = { ...base, ...asked, begin, end, outcome };
          // One of unknown outcome may happen after it was given up, even long after.
          const moment = outcome === 'indefinite' ? begin + share * MOMENTS : begin + share * (end - begin);
          return { operation, moment, isTold };
        })
        .toSorted((a, b) => a.moment - b.moment);
      return inOrder.map(({ operation, isTold }) => {
        if (operation.outcome === 'failed') return operation;
        if (operation.outcome === 'indefinite') {
          if (isTold) state = ofKey.transition(done(operation))(state) ?? state; // or it never happens
          return { ...operation, end: Infinity };
        }
        const right = (subject.answers[operation.kind] ?? []).filter(
          (output) => ofKey.transition(withAnswer(operation, output))(state) !== undefined,
        );
        const answered = withAnswer(operation, isTold ? right[0] : right.at(-1));
        state = ofKey.transition(answered)(state) as PrimitiveState;
        return answered;
      });
    });

/** Tries every order, and remembers nothing. */
function dumbLinearizable(operations: readonly Operation[], model: Model): boolean {
  const ofKey = model.open(operations);
  const isCertain = ({ outcome }: Operation): boolean => outcome === 'ok';
  const canFinish = (left: readonly Operation[], state: PrimitiveState): boolean =>
    !left.some(isCertain) ||
    left.some((operation) => {
      const precedes = (other: Operation): boolean => isCertain(other) && other.end < operation.begin;
      if (left.some(precedes)) return false;
      const next = ofKey.transition(done(operation))(state);
      return (
        next !== undefined &&
        canFinish(
          left.filter((other) => other !== operation),
          next,
        )
      );
    });
  return canFinish(
    operations.filter(({ outcome }) => outcome !== 'failed'),
    ofKey.initial,
  );
}

const isRight = (operations: readonly Operation[]): boolean =>
  isLinearizable(checkLinearizable({ operations }));

describe.each(SUBJECTS.map((subject) => [subject.model.name, subject] as const))('a %s', (_name, subject) => {
  it('is judged as the dumb twin does, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(drawn(subject), { minLength: 1, maxLength: 6 }), (operations) => {
        expect(isRight(operations)).toBe(dumbLinearizable(operations, subject.model));
      }),
      { numRuns: 3_000 },
    );
  });

  it('is right when a single client could have been told the same', () => {
    fc.assert(
      fc.property(right(subject), (operations) => {
        expect(isRight(operations)).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });

  it('is judged as the dumb twin does when one answer of a right history is another one', () => {
    let wrong = 0;
    const spoilt = right(subject)
      .filter((operations) => operations.length <= 7 && operations.some(({ outcome }) => outcome === 'ok'))
      .chain((operations) => {
        const answered = operations.filter(({ outcome }) => outcome === 'ok');
        return fc
          .constantFrom(...answered)
          .chain((operation) =>
            anyOf(subject.answers[operation.kind] ?? []).map((output) =>
              operations.with(operations.indexOf(operation), withAnswer(operation, output)),
            ),
          );
      });
    fc.assert(
      fc.property(spoilt, (operations) => {
        const isFine = isRight(operations);
        if (!isFine) wrong++;
        expect(isFine).toBe(dumbLinearizable(operations, subject.model));
      }),
      { numRuns: 1_000 },
    );
    expect(wrong).toBeGreaterThan(50);
  });
});
