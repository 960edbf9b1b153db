/** What a story is told to be wrong, each on a history of a few lines: a judge that finds nothing proves nothing. */
import { History, type Json } from '@rkv/testkit';
import { describe, expect, it } from 'vitest';
import { describeVerdict, isRight, judgeStory } from './judge.ts';

type Did = readonly [
  kind: string,
  input?: Json | undefined,
  output?: Json | undefined,
  outcome?: 'ok' | 'failed' | 'indefinite',
];

/** One after the other. */
function told(key: string, all: readonly Did[]): History {
  let now = 0;
  const history = new History({ now: () => ++now });
  for (const [kind, input, output, outcome = 'ok'] of all) {
    const open = history.begin({ client: 'c', node: 'n1', key, kind, ...(input !== undefined && { input }) });
    if (outcome === 'ok') history.ok(open, output === undefined ? {} : { output });
    else history[outcome](open);
  }
  return history;
}

const nothing = told('k', []);

describe('what clients of a strict key were told', () => {
  it.each<[string, Did[]]>([
    [
      'reads, writes and conditional ones',
      [
        ['read', undefined, null],
        ['writeIfAbsent', 'a', true],
        ['writeIfAbsent', 'b', false],
        ['compareAndSet', ['a', 'c'], true],
        ['compareAndSet', ['a', 'd'], false],
        ['write', 'e'],
        ['delete', undefined, true],
        ['read', undefined, null],
      ],
    ],
    [
      'a count',
      [
        ['increment', 1, 1],
        ['increment', 1, 2],
        ['total', undefined, 2],
      ],
    ],
    [
      'a text',
      [
        ['append', 'a', 1],
        ['append', 'b', 2],
        ['text', undefined, 'ab'],
      ],
    ],
    [
      'what nobody knows the outcome of, and it was done',
      [
        ['write', 'a'],
        ['write', 'b', undefined, 'indefinite'],
        ['read', undefined, 'b'],
      ],
    ],
    [
      'or not',
      [
        ['increment', 1, 1],
        ['increment', 1, undefined, 'indefinite'],
        ['total', undefined, 1],
      ],
    ],
  ])('is right: %s', (_what, all) => {
    const verdict = judgeStory(nothing, told('strict', all));
    expect(isRight(verdict), describeVerdict(verdict)).toBe(true);
  });

  it.each<[string, Did[]]>([
    [
      'an acknowledged write is not there in the end',
      [
        ['write', 'a'],
        ['write', 'b'],
        ['read', undefined, 'a'],
      ],
    ],
    [
      'nor is an acknowledged append',
      [
        ['append', 'a', 1],
        ['append', 'b', 2],
        ['text', undefined, 'b'],
      ],
    ],
    [
      'one increment is missing',
      [
        ['increment', 1, 1],
        ['increment', 1, 2],
        ['total', undefined, 1],
      ],
    ],
    [
      'one was done twice',
      [
        ['increment', 1, undefined, 'indefinite'],
        ['total', undefined, 2],
      ],
    ],
    [
      'two came upon one value',
      [
        ['write', 'a'],
        ['compareAndSet', ['a', 'b'], true],
        ['compareAndSet', ['a', 'c'], true],
        ['read', undefined, 'c'],
      ],
    ],
    [
      'a deleted key is back',
      [
        ['write', 'a'],
        ['delete', undefined, true],
        ['read', undefined, 'a'],
      ],
    ],
    [
      'what surely was not done is there',
      [
        ['write', 'a'],
        ['write', 'b', undefined, 'failed'],
        ['read', undefined, 'b'],
      ],
    ],
  ])('is wrong: %s', (_what, all) => {
    const verdict = judgeStory(nothing, told('strict', all));
    expect([isRight(verdict), verdict.strict.impossible, verdict.unread]).toEqual([false, ['strict'], []]);
    expect(describeVerdict(verdict)).toContain('NOT LINEARIZABLE: 1 key, "strict"');
  });

  it('is not enough when nobody has read the key after its last change', () => {
    const verdict = judgeStory(
      nothing,
      told('strict', [
        ['read', undefined, null],
        ['write', 'a'],
      ]),
    );
    expect([isRight(verdict), verdict.strict.impossible, verdict.unread]).toEqual([false, [], ['strict']]);
    expect(describeVerdict(verdict)).toContain('nobody has read in the end: strict');
  });

  it('is counted by what was done', () => {
    const { strictDone } = judgeStory(
      nothing,
      told('strict', [
        ['write', 'a'],
        ['writeIfAbsent', 'b', false],
        ['write', 'c', undefined, 'indefinite'],
      ]),
    );
    expect(strictDone).toEqual({ write: 1 });
  });
});

it('of an eventual key, an acknowledged write must be there in a quiet time', () => {
  const history = told('k', [
    ['write', 'a'],
    ['write', 'b'],
    ['read', undefined, 'a'],
  ]);
  expect(isRight(judgeStory(history, nothing)), 'it may be late').toBe(true);
  history.addQuiet({ from: 0, to: history.moment() });
  const verdict = judgeStory(history, nothing);
  expect([isRight(verdict), verdict.eventual.findings.map(({ kind }) => kind)]).toEqual([false, ['lost']]);
});
