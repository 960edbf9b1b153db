/** What is recorded, and what of it comes back from a file. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HistoryFile, parseHistory, readHistory } from './history-file.ts';
import { History } from './history.ts';
import { describeOperation, type Operation } from './operation.ts';

const asked = { client: 'c1', node: 'n1', key: 'k' };

/** A little of everything, by a clock that stands still. */
function record(history: History): void {
  const first = history.begin({ ...asked, kind: 'write', input: 'a' });
  history.ok(first, { version: '01' });
  history.failed(history.begin({ ...asked, kind: 'write', input: 'b' }), 'no node runs');
  history.indefinite(history.begin({ ...asked, kind: 'delete' }), 'timeout');
  history.begin({ ...asked, kind: 'compareAndSet', input: ['a', 'c'] });
  history.ok(history.begin({ ...asked, kind: 'read' }), { output: null });
  history.addQuiet({ from: 10, to: 20 });
  history.addCopy({ key: 'k', replica: 'n2 p5', value: 'a', version: '01' });
}

describe('a history', () => {
  it('has what was asked and what came of it', () => {
    const history = new History({ now: () => 7 });
    record(history);
    expect(history.operations.map(describeOperation)).toEqual([
      'write a',
      'write b failed',
      'delete -> ?',
      'compareAndSet ["a","c"] -> ?',
      'read -> null',
    ]);
    expect(history.operations.map(({ outcome }) => outcome)).toEqual([
      'ok',
      'failed',
      'indefinite',
      undefined,
      'ok',
    ]);
    expect([history.count, history.quiet.length, history.copies.length]).toEqual([5, 1, 1]);
  });

  it('knows what came first when its clock does not', () => {
    const history = new History({ now: () => 7 });
    record(history);
    const moments = history.operations.flatMap(({ begin, end }) => [begin, end]).filter(Number.isFinite);
    expect(new Set(moments).size).toBe(9);
    const [first, second] = history.operations as [Operation, Operation];
    expect(first.end).toBeLessThan(second.begin);
    expect(Math.max(...moments)).toBeLessThan(7.001);
  });

  it('keeps nothing that a file keeps, if it is told so', () => {
    let events = 0;
    const history = new History({ now: () => 7, onEvent: () => events++, forgets: true });
    record(history);
    expect([history.operations, history.quiet, history.copies, events]).toEqual([[], [], [], 11]);
  });
});

describe('a history in a file', () => {
  const inFolder = (use: (path: string) => void): void => {
    const folder = mkdtempSync(join(tmpdir(), 'rkv-history-'));
    try {
      use(join(folder, 'history.jsonl'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('is read as it was written', () => {
    inFolder((path) => {
      const file = new HistoryFile(path);
      const history = new History({ now: () => 7, onEvent: (event) => file.add(event) });
      for (let times = 0; times < 300; times++) record(history);
      file.close();
      const { operations, quiet, copies } = history;
      expect(readHistory(path)).toEqual({ operations, quiet, copies });
    });
  });

  it('can be read when its writer was killed: what was under way has no outcome', () => {
    inFolder((path) => {
      const file = new HistoryFile(path);
      const history = new History({ now: () => 7, onEvent: (event) => file.add(event) });
      const open = history.begin({ ...asked, kind: 'write', input: 'a' });
      file.flush();
      appendFileSync(path, '{"at":8,"ok":');
      const [operation] = readHistory(path).operations;
      expect([operation?.outcome, operation?.end]).toEqual([undefined, Infinity]);
      history.ok(open);
      file.close();
    });
  });

  const begun = '{"at":1,"begin":1,"client":"c","key":"k","kind":"read"}';
  it.each([
    ['{"at":1,', 'line 2: '],
    ['{"at":2,"ok":2}', 'line 2: 2 is not under way'],
    ['{"at":2,"ok":1}\n{"at":3,"ok":1}', 'line 3: 1 is not under way'],
    [begun, 'line 2: 1 has begun before'],
    ['{"at":2,"begin":2,"client":"c","kind":"read"}', 'line 2: no key'],
    ['{"ok":1}', 'line 2: no time'],
    ['{"at":2}', 'line 2: none of begin, ok, failed, indefinite, quiet, copy'],
  ])('that is damaged is not read: %s', (line, message) => {
    expect(() => parseHistory(`${begun}\n${line}\n`)).toThrow(message);
  });
});
