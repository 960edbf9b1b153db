/** The checker on small histories: what is right passes, and every planted wrong is found by name. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkHistory, describeVerdict, type FindingKind } from './check-history.ts';
import { HistoryFile, readHistory, type Operation, type QuietTime } from './history.ts';

const QUIET: QuietTime = { from: 100, to: 200 };

type Times = readonly [begin: number, end: number];
const base = { key: 'k', connection: 'c1/1', node: 'n1', outcome: 'ok' } as const;
const write = (value: string, [begin, end]: Times, more: Partial<Operation> = {}): Operation => ({
  ...base,
  kind: 'write',
  value,
  begin,
  end,
  ...more,
});
const del = ([begin, end]: Times, more: Partial<Operation> = {}): Operation => ({
  ...base,
  kind: 'delete',
  value: null,
  begin,
  end,
  ...more,
});
const read = (value: string | null, [begin, end]: Times, more: Partial<Operation> = {}): Operation => ({
  ...base,
  kind: 'read',
  value,
  begin,
  end,
  ...more,
});

const kindsOf = (...operations: Operation[]): FindingKind[] =>
  checkHistory({ operations, quiet: [QUIET] }).findings.map(({ kind }) => kind);

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
        write('b', [3, 4], { outcome: 'unknown' }),
        write('c', [5, 6]),
        read('b', [110, 111]),
        read('c', [112, 113]),
      ],
    ],
    [
      'a delete that was not acknowledged',
      [write('a', [1, 2]), del([3, 4], { outcome: 'unknown' }), read('a', [110, 111])],
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
      [write('a', [1, 2]), del([3, 4], { outcome: 'unknown' }), del([5, 6]), read('a', [110, 111])],
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
      read(null, [110, 111], { node: 'n2', connection: 'c2/1' }),
    ];
    const { findings } = checkHistory({ operations: history, quiet: [QUIET] });
    expect(findings.map(({ kind, read: { node } }) => [kind, node])).toEqual([['lost', 'n2']]);
    expect(describeVerdict(checkHistory({ operations: history, quiet: [QUIET] }))).toContain(
      'lost: n2 told c2/1 at 111 that k holds nothing, and not a, acknowledged by n1 at 2',
    );
  });
});

describe('out of quiet times', () => {
  it('past values are counted and nothing more, phantoms are wrong all the same', () => {
    const operations = [write('a', [1, 2]), write('b', [3, 4]), read('a', [10, 11]), read('z', [10, 11])];
    const { findings, staleReads, quietReads } = checkHistory({ operations, quiet: [QUIET] });
    expect([findings.map(({ kind }) => kind), staleReads, quietReads]).toEqual([['phantom'], 1, 0]);
  });

  it('a read that only begins or only ends in one is not in it', () => {
    expect(kindsOf(write('a', [1, 2]), read(null, [99, 110]), read(null, [190, 201]))).toEqual([]);
  });
});

describe('a history in a file', () => {
  it('is read as it was written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rkv-history-'));
    try {
      const operations = Array.from({ length: 1_201 }, (_, at) => write(`v${at}`, [at, at + 0.5]));
      const file = new HistoryFile(join(folder, 'history'));
      for (const operation of operations) file.add(operation);
      file.addQuiet(QUIET);
      file.close();
      expect(readHistory(file.path)).toEqual({ operations, quiet: [QUIET] });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
