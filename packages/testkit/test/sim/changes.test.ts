/** What is promised of conditional writes, and of the latest change of a key: the rules, each on a history of a few lines. */
import { checkLinearizable, History as Told, isLinearizable } from '@rkv/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { History, type Condition, type Write } from './history.ts';
import { Latest } from './latest.ts';

const PEACE = 1;
let history: History;
let now: number;

function begin(value: string | undefined, others: Partial<Pick<Write, 'condition' | 'isAlone'>> = {}): Write {
  // Nobody else is at the key any more.
  now += 20_000;
  return history.begin({
    ...{ key: 'k', value, through: 'n1', epoch: 1, begunAt: now, peace: PEACE },
    ...{ placement: '', untilMs: 0, isAlone: false, ...others },
  });
}

function acknowledge(write: Write, version: number): void {
  history.acknowledged(write, { version: String(version).padStart(32, '0'), placement: '' }, now + 10);
}

/** What is said of it at peace. */
function judged(): string[] {
  return history.atPeace(PEACE, () => true, now + 100);
}

beforeEach(() => {
  history = new History();
  now = 0;
});

const ABSENT: Condition = { kind: 'absent' };
const PRESENT: Condition = { kind: 'present' };

describe('a condition, at peace and with nobody else at the key', () => {
  it.each<[string, Condition, boolean, boolean]>([
    ['nothing', ABSENT, true, true],
    ['nothing', ABSENT, false, false],
    ['nothing', PRESENT, true, false],
    ['nothing', PRESENT, false, true],
    ['nothing', { kind: 'equals', value: 'a' }, true, false],
    ['a', ABSENT, true, false],
    ['a', ABSENT, false, true],
    ['a', PRESENT, true, true],
    ['a', PRESENT, false, false],
    ['a', { kind: 'equals', value: 'a' }, true, true],
    ['a', { kind: 'equals', value: 'a' }, false, false],
    ['a', { kind: 'equals', value: 'b' }, true, false],
    ['a', { kind: 'equals', value: 'b' }, false, true],
  ])('where %s was settled: %j is met, %s, is %s', (settled, condition, isMet, isRight) => {
    if (settled !== 'nothing') acknowledge(begin(settled), 1);
    expect(judged()).toEqual([]);
    const write = begin('c', { condition });
    if (isMet) acknowledge(write, 2);
    else history.unmet(write, now + 10);
    if (isRight) expect(judged()).toEqual([]);
    else expect(judged().join()).toMatch(/^k: c was to be written if .*, where (a|nothing) was there$/);
  });

  it('may have come upon a write whose outcome nobody knows', () => {
    history.failed(begin('a'), false, now + 10);
    history.unmet(begin('b', { condition: ABSENT }), now + 10);
    acknowledge(begin('c', { condition: ABSENT }), 2);
    expect(judged()).toEqual([]);
  });

  it('is not judged beside another write', () => {
    acknowledge(begin('a'), 1);
    judged();
    const write = begin('c', { condition: ABSENT });
    history.begin({
      ...{ key: 'k', value: undefined, through: 'n2', epoch: 1, begunAt: now, peace: PEACE },
      ...{ placement: '', untilMs: 0, isAlone: false },
    });
    acknowledge(write, 3);
    expect(judged()).toEqual([]);
  });
});

describe('the latest change of a key', () => {
  it('is needed, unless it may go', () => {
    const latest = new Latest();
    const change = (version: string, through: string) => ({
      ...{ key: 'k', value: 'x', outcome: 'acknowledged' as const, through, version },
      ...{ begunAt: 0, endedAt: 1, epoch: 1, placement: '' },
    });
    expect(latest.neededOf('k')).toBeUndefined();
    latest.take(change('2', 'n2'));
    latest.take(change('1', 'n1'));
    expect(latest.neededOf('k')?.version).toBe('2');
    expect(latest.neededOf('k', ({ through }) => through === 'n2')?.version).toBe('1');
    expect(latest.excuse(({ through }) => through === 'n2')).toBe(1);
    expect(latest.neededOf('k')?.version).toBe('1');
  });
});

describe('a text', () => {
  const isRight = (told: (history: Told) => void): boolean => {
    let at = 0;
    const history = new Told({ now: () => ++at });
    told(history);
    return isLinearizable(checkLinearizable(history));
  };
  const append = (history: Told, input: string, output?: number): void => {
    const open = history.begin({ client: 'c', key: 'k', kind: 'append', input });
    if (output === undefined) history.indefinite(open);
    else history.ok(open, { output });
  };
  const read = (history: Told, output: string | null): void => {
    history.ok(history.begin({ client: 'c', key: 'k', kind: 'text' }), { output });
  };

  it('grows by what is appended, and tells how long it is', () => {
    const play = (last: string | null) => (history: Told) => {
      read(history, null);
      append(history, 'ab', 2);
      append(history, 'c');
      append(history, 'd');
      append(history, 'e', 4);
      read(history, last);
    };
    expect(isRight(play('abce'))).toBe(true);
    expect(isRight(play('abde'))).toBe(true);
    expect(isRight(play('abcde')), 'it is longer than was told').toBe(false);
    expect(isRight(play('abe')), 'it is shorter').toBe(false);
    expect(isRight(play(null)), 'it never goes').toBe(false);
  });
});
