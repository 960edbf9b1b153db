/** What levels promise, and what a history makes of a write that was to lie on one copy only. */
import { describe, expect, it } from 'vitest';
import { History, isFirm, type Write } from './history.ts';
import { certaintyOf, promisedBy, type ReadLevels, type WriteLevels } from './levels.ts';

const PEACE = 1;

describe('a write', () => {
  it.each<[WriteLevels, copies: number, primaries: number, isFlushed: boolean]>([
    [{}, 2, 0, false],
    [{ w: 1 }, 1, 0, false],
    [{ w: 3 }, 3, 0, false],
    [{ pw: 1 }, 2, 1, false],
    [{ w: 1, pw: 2 }, 2, 2, false],
    [{ pw: 3 }, 3, 3, false],
    [{ w: 1, dw: 1 }, 1, 0, true],
    [{ dw: 3, pw: 1 }, 3, 1, true],
  ])('of %j lies on %i copies, %i of them primaries, flushed: %s', (levels, copies, primaries, isFlushed) => {
    expect(promisedBy(levels)).toEqual({ copies, primaries, isFlushed });
  });
});

describe('a read', () => {
  it.each<[ReadLevels, string]>([
    [{}, 'always'],
    [{ r: 2, notfoundOk: false }, 'always'],
    [{ r: 1, pr: 2 }, 'always'],
    [{ r: 1 }, 'never'],
    [{ r: 1, pr: 1, notfoundOk: true }, 'never'],
    [{ r: 1, notfoundOk: false }, 'at peace'],
  ])('of %j finds what is settled: %s', (levels, certainty) => {
    expect(certaintyOf(levels)).toBe(certainty);
  });
});

describe('what is acknowledged by one copy', () => {
  function acknowledged(history: History, levels: WriteLevels, version: number): Write {
    const write = history.begin({
      ...{ key: 'k', value: `v${version}`, through: 'n1', epoch: 1, begunAt: version, peace: PEACE },
      ...{ placement: '', untilMs: 0, isAlone: false, promised: promisedBy(levels) },
    });
    history.acknowledged(write, { version: String(version).padStart(32, '0'), placement: '' }, version + 10);
    return write;
  }
  const settle = (history: History): string[] => history.atPeace(PEACE, () => true, 1_000);

  it('is not settled by peace, and in the end it is', () => {
    const history = new History();
    acknowledged(history, {}, 100);
    acknowledged(history, { w: 1 }, 200);
    expect(settle(history)).toEqual([]);
    expect(history.settledOf('k')?.value).toBe('v100');
    history.settleAll(2_000);
    expect(history.settledOf('k')?.value).toBe('v200');
  });

  it('may go with a disk', () => {
    const history = new History();
    acknowledged(history, {}, 100);
    acknowledged(history, { w: 1 }, 200);
    history.excuse((write) => !isFirm(write));
    history.settleAll(2_000);
    expect(history.settledOf('k')?.value).toBe('v100');
  });

  it.each<[WriteLevels, number]>([
    [{}, 1],
    [{ w: 1, pw: 2 }, 1],
    [{ w: 1 }, 0],
  ])('of %j may be stamped below what was settled before it: %i problems', (levels, problems) => {
    const history = new History();
    acknowledged(history, {}, 50_000);
    expect(settle(history)).toEqual([]);
    acknowledged(history, levels, 20_000);
    expect(settle(history)).toHaveLength(problems);
  });
});
