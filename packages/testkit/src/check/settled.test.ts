/** The checker on small histories: what is right passes, and every planted wrong is found by name. */
import { describe, expect, it } from 'vitest';
import type { Copy, Json, Operation, QuietTime } from '../history/operation.ts';
import { checkSettled, describeSettled, type FindingKind } from './settled.ts';

const QUIET: QuietTime = { from: 100, to: 200 };

type Times = readonly [begin: number, end: number];
const base = { key: 'k', client: 'c1/1', node: 'n1', outcome: 'ok' } as const;
const does = (kind: string, [begin, end]: Times, more: Partial<Operation>): Operation => ({
  ...base,
  kind,
  begin,
  end,
  ...more,
});
const write = (value: string, when: Times, more: Partial<Operation> = {}): Operation =>
  does('write', when, { input: value, ...more });
const del = (when: Times, more: Partial<Operation> = {}): Operation => does('delete', when, more);
const read = (value: string | null, when: Times, more: Partial<Operation> = {}): Operation =>
  does('read', when, { output: value, ...more });
const add = (member: string, when: Times, more: Partial<Operation> = {}): Operation =>
  does('add', when, { input: member, ...more });
const remove = (member: string, when: Times, more: Partial<Operation> = {}): Operation =>
  does('remove', when, { input: member, ...more });
const members = (listed: readonly string[], when: Times = [110, 111]): Operation =>
  does('members', when, { output: listed });
const increment = (by: number, when: Times, more: Partial<Operation> = {}): Operation =>
  does('increment', when, { input: by, ...more });
const total = (count: Json, when: Times = [110, 111]): Operation => does('total', when, { output: count });

const check = (
  operations: readonly Operation[],
  copies: readonly Copy[] = [],
): ReturnType<typeof checkSettled> => checkSettled({ operations, quiet: [QUIET], copies });
const kindsOf = (...operations: Operation[]): FindingKind[] =>
  check(operations).findings.map(({ kind }) => kind);

describe('nothing is wrong', () => {
  it.each<[string, Operation[]]>([
    ['nothing happened', []],
    ['the last acknowledged value', [write('a', [1, 2]), write('b', [3, 4]), read('b', [110, 111])]],
    ['either of two that overlapped', [write('a', [1, 9]), write('b', [2, 8]), read('a', [110, 111])]],
    [
      'a write that is under way, or not yet',
      [write('a', [1, 2]), write('b', [110, 120]), read('a', [111, 112]), read('b', [113, 114])],
    ],
    [
      'a write of unknown outcome, before and after a later one',
      [
        write('a', [1, 2]),
        write('b', [3, 4], { outcome: 'indefinite' }),
        write('c', [5, 6]),
        read('b', [110, 111]),
        read('c', [112, 113]),
      ],
    ],
    [
      'a delete that was not acknowledged',
      [write('a', [1, 2]), del([3, 4], { outcome: 'indefinite' }), read('a', [110, 111])],
    ],
    ['nothing, of what was never written', [read(null, [110, 111])]],
    ['nothing, after a delete', [write('a', [1, 2]), del([3, 4]), read(null, [110, 111])]],
    [
      'a refused write that is not there',
      [write('a', [1, 2], { outcome: 'failed' }), read(null, [110, 111])],
    ],
    ['a read that failed', [write('a', [1, 2]), read(null, [110, 111], { outcome: 'failed' })]],
    ['another key', [write('a', [1, 2], { key: 'other' }), read(null, [110, 111])]],
  ])('%s', (_what, operations) => {
    expect(kindsOf(...operations)).toEqual([]);
  });
});

describe('a wrong is found', () => {
  it.each<[string, FindingKind, Operation[]]>([
    ['an acknowledged write that is not there', 'lost', [write('a', [1, 2]), read(null, [110, 111])]],
    [
      'its predecessor instead of it',
      'lost',
      [write('a', [1, 2]), write('b', [3, 4]), read('a', [110, 111])],
    ],
    [
      'a write after a delete that is not there',
      'lost',
      [write('a', [1, 2]), del([3, 4]), write('b', [5, 6]), read(null, [110, 111])],
    ],
    ['a deleted value', 'resurrected', [write('a', [1, 2]), del([3, 4]), read('a', [110, 111])]],
    [
      'a deleted value, though a delete before was not acknowledged',
      'resurrected',
      [write('a', [1, 2]), del([3, 4], { outcome: 'indefinite' }), del([5, 6]), read('a', [110, 111])],
    ],
    ['a value that nobody wrote', 'phantom', [write('a', [1, 2]), read('z', [110, 111])]],
    ['a value of another key', 'phantom', [write('z', [1, 2], { key: 'other' }), read('z', [110, 111])]],
    ['a value before it was written', 'phantom', [read('a', [110, 111]), write('a', [112, 113])]],
    [
      'a value that was refused for certain',
      'phantom',
      [write('a', [1, 2], { outcome: 'failed' }), read('a', [110, 111])],
    ],
    [
      'an older value on the connection that had read the newer one',
      'wentBack',
      [write('a', [1, 2]), write('b', [3, 4]), read('b', [110, 111]), read('a', [112, 113])],
    ],
  ])('%s', (_what, kind, operations) => {
    expect(kindsOf(...operations)).toEqual([kind]);
  });

  it('each read of it by itself: one node may be right and another wrong', () => {
    const history = [
      write('a', [1, 2]),
      read('a', [110, 111]),
      read(null, [110, 111], { node: 'n2', client: 'c2/1' }),
    ];
    const { findings } = check(history);
    expect(findings.map(({ kind, look: { client } }) => [kind, client])).toEqual([['lost', 'c2/1']]);
    expect(describeSettled(check(history))).toContain(
      'lost: n2 told c2/1 at 111 that k holds nothing, and not a, acknowledged by n1 at 2',
    );
  });
});

describe('out of quiet times', () => {
  it('past values are counted and nothing more, phantoms are wrong all the same', () => {
    const operations = [write('a', [1, 2]), write('b', [3, 4]), read('a', [10, 11]), read('z', [10, 11])];
    const { findings, staleReads, quietReads } = check(operations);
    expect([findings.map(({ kind }) => kind), staleReads, quietReads]).toEqual([['phantom'], 1, 0]);
  });

  it('a read that only begins or only ends in one is not in it', () => {
    expect(kindsOf(write('a', [1, 2]), read(null, [99, 110]), read(null, [190, 201]))).toEqual([]);
  });
});

describe('where stamps are known', () => {
  const low = { version: '01' };
  const high = { version: '02' };

  it.each<[string, FindingKind[], Operation[]]>([
    [
      'they say what is later, and not the time of day',
      [],
      [write('a', [1, 2], high), write('b', [3, 4], low), read('a', [110, 111])],
    ],
    [
      'the lower one is past, though it came later',
      ['lost'],
      [write('a', [1, 2], high), write('b', [3, 4], low), read('b', [110, 111])],
    ],
    [
      'a deleted key is back under a lower one',
      ['resurrected'],
      [del([1, 2], high), write('b', [3, 4], low), read('b', [110, 111])],
    ],
    [
      'what was found under a higher one is right, whoever wrote it',
      [],
      [write('b', [1, 2], { outcome: 'indefinite' }), write('a', [3, 4], low), read('b', [110, 111], high)],
    ],
    [
      'and one of unknown outcome is past when it was found under a lower one',
      ['lost'],
      [write('b', [1, 2], { outcome: 'indefinite' }), write('a', [3, 4], high), read('b', [110, 111], low)],
    ],
  ])('%s', (_what, kinds, operations) => {
    expect(kindsOf(...operations)).toEqual(kinds);
  });
});

describe('conditional writes', () => {
  it.each<[string, FindingKind[], Operation[]]>([
    [
      'that were done are writes',
      ['lost'],
      [
        does('writeIfAbsent', [1, 2], { input: 'a', output: true }),
        does('compareAndSet', [3, 4], { input: ['a', 'b'], output: true }),
        read('a', [110, 111]),
      ],
    ],
    [
      'that were not done are none',
      ['phantom'],
      [
        write('a', [1, 2]),
        does('compareAndSet', [3, 4], { input: ['x', 'b'], output: false }),
        read('a', [110, 111]),
        read('b', [110, 111]),
      ],
    ],
  ])('%s', (_what, kinds, operations) => {
    expect(kindsOf(...operations)).toEqual(kinds);
  });
});

describe('a set', () => {
  it.each<[string, FindingKind[], Operation[]]>([
    ['has what was added', [], [add('a', [1, 2]), add('b', [1, 2]), members(['a', 'b'])]],
    ['and may have what perhaps was', [], [add('a', [1, 2], { outcome: 'indefinite' }), members(['a'])]],
    ['or not', [], [add('a', [1, 2], { outcome: 'indefinite' }), members([])]],
    ['lacks a member', ['lost'], [add('a', [1, 2]), add('b', [1, 2]), members(['a'])]],
    ['has one that was removed', ['resurrected'], [add('a', [1, 2]), remove('a', [3, 4]), members(['a'])]],
    [
      'has one that was removed and added at the same time, or has not',
      [],
      [add('a', [1, 5]), remove('a', [2, 4]), members(['a']), members([])],
    ],
    ['has one that nobody added', ['phantom'], [add('a', [1, 2]), members(['a', 'z'])]],
    ['that was refused', ['phantom'], [add('a', [1, 2], { outcome: 'failed' }), members(['a'])]],
  ])('%s', (_what, kinds, operations) => {
    expect(kindsOf(...operations)).toEqual(kinds);
  });
});

describe('a counter', () => {
  it.each<[string, FindingKind[], Operation[]]>([
    ['counts what was acknowledged', [], [increment(1, [1, 2]), increment(2, [1, 2]), total(3)]],
    [
      'and what may have happened, or not',
      [],
      [increment(1, [1, 2]), increment(2, [1, 2], { outcome: 'indefinite' }), total(1), total(3)],
    ],
    ['lost one', ['lost'], [increment(1, [1, 2]), increment(2, [1, 2]), total(2)]],
    ['counted one twice', ['phantom'], [increment(1, [1, 2]), total(2)]],
    [
      'counted one that was refused',
      ['phantom'],
      [increment(1, [1, 2]), increment(1, [1, 2], { outcome: 'failed' }), total(2)],
    ],
    ['was never incremented', [], [increment(1, [1, 2], { outcome: 'failed' }), total(null)]],
    ['counts down', ['lost'], [increment(3, [1, 2]), increment(-1, [1, 2]), total(2), total(1)]],
    ['counts too much at any time', ['phantom'], [increment(1, [1, 2]), total(2, [3, 4])]],
    ['may be behind out of quiet times', [], [increment(1, [1, 2]), total(0, [3, 4])]],
  ])('%s', (_what, kinds, operations) => {
    expect(kindsOf(...operations)).toEqual(kinds);
  });
});

describe('copies', () => {
  const copy = (replica: string, value: Json, more: Partial<Copy> = {}): Copy => ({
    key: 'k',
    replica,
    value,
    at: 150,
    ...more,
  });
  const operations = [write('a', [1, 2]), write('b', [3, 4])];
  const kindsIn = (...copies: Copy[]): FindingKind[] =>
    check(operations, copies).findings.map(({ kind }) => kind);

  it.each<[string, FindingKind[], Copy[]]>([
    ['are the same', [], [copy('n1', 'b'), copy('n2', 'b')]],
    ['of which one is past', ['lost', 'diverged'], [copy('n1', 'b'), copy('n2', 'a')]],
    ['of which one is missing', ['lost', 'diverged'], [copy('n1', 'b'), copy('n2', null)]],
    ['that hold what nobody wrote', ['phantom', 'phantom'], [copy('n1', 'z'), copy('n2', 'z')]],
    [
      'of one value under two stamps',
      ['diverged'],
      [copy('n1', 'b', { version: '01' }), copy('n2', 'b', { version: '02' })],
    ],
    ['that differ out of quiet times', [], [copy('n1', 'b', { at: 50 }), copy('n2', 'a', { at: 50 })]],
    ['of a key that nobody wrote', ['phantom'], [copy('n1', 'b'), copy('n1', 'a', { key: 'other' })]],
  ])('%s', (_what, kinds, copies) => {
    expect(kindsIn(...copies)).toEqual(kinds);
  });

  it('are named by where they lie', () => {
    const copies = [copy('n1 p3', 'b'), copy('n2 p4', 'a')];
    expect(describeSettled(check(operations, copies))).toBe(
      [
        'changes: 2 acknowledged, 0 unknown, 0 refused; reads: 0, 0 of them in quiet times, 0 of the others found a past value; 2 copies',
        '2 things are wrong:',
        '  lost: the copy on n2 p4 says at 150 that k holds a, and not b, acknowledged by n1 at 4',
        '  diverged: the copy on n2 p4 says at 150 that k holds a, and not "b", as the copy on n1 p3 says',
      ].join('\n'),
    );
  });
});
