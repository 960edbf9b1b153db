/**
 * Lists here are drawn as `0@a 1@b 2@c!`: partition, node, and `!` for a stand-in. Answers are positions in the list.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Replica } from '../ring/preference-list.ts';
import { bitCount, countedList, QuorumCount, quorumOf, type CountedList } from './quorum.ts';

function listOf(drawing: string, { n = 3, owners = 3, self = 'z' } = {}): CountedList {
  const replicas = drawing.split(' ').map((text): Replica => {
    const [partition = '', node = ''] = text.replace('!', '').split('@');
    const role = text.endsWith('!') ? 'fallback' : 'primary';
    return { partition: Number(partition) as PartitionId, ringSize: 8, node: node as NodeId, role };
  });
  return countedList(replicas, n, owners, self as NodeId);
}

const bits = (positions: readonly number[]): number => positions.reduce((mask, at) => mask | (1 << at), 0);
const positions = (mask: number): number[] => [...Array(30).keys()].filter((at) => (mask & (1 << at)) !== 0);

interface Counted {
  readonly needed: number;
  readonly primaries?: number;
  /** Whose answers count. */
  readonly answered?: readonly number[];
  /** Who answered nothing that counts. */
  readonly empty?: readonly number[];
  readonly failed?: readonly number[];
  readonly asked?: readonly number[];
}

function count(
  list: CountedList,
  { needed, primaries = 0, answered = [], empty = [], failed = [], asked }: Counted,
) {
  const quorum = new QuorumCount();
  quorum.begin(list, quorumOf(list, needed, primaries));
  quorum.asked = asked === undefined ? bits([...list.replicas.keys()]) : bits(asked);
  for (const at of answered) quorum.answered(at, true);
  for (const at of empty) quorum.answered(at, false);
  for (const at of failed) quorum.failed(at);
  return quorum;
}

describe('a counted list', () => {
  it('knows primaries, distinct nodes and the replica that is here', () => {
    const list = listOf('0@a 1@b 2@a 3@c!', { self: 'b' });
    expect(positions(list.primaryMask)).toEqual([0, 1, 2]);
    expect(list.nodeBits).toEqual([1, 2, 1, 4]);
    expect(list.local).toBe(1);
    expect(listOf('0@a', { self: 'b' }).local).toBe(-1);
  });

  it('fits a bit mask or is refused', () => {
    const drawing = [...Array(31).keys()].map((at) => `${at}@a`).join(' ');
    expect(() => listOf(drawing)).toThrow('fits a bit mask');
  });
});

describe('enough answers', () => {
  const abc = listOf('0@a 1@b 2@c');
  const aab = listOf('0@a 1@a 2@b', { owners: 2 });
  const lone = listOf('0@a 1@a 2@a', { owners: 1 });
  const fallback = listOf('0@a 2@c 1@d!');

  it.each<[string, CountedList, Counted, { met: boolean; possible: boolean }]>([
    ['none yet', abc, { needed: 2 }, { met: false, possible: true }],
    ['two of three', abc, { needed: 2, answered: [0, 2] }, { met: true, possible: true }],
    ['the same one twice is one', abc, { needed: 2, answered: [0, 0] }, { met: false, possible: true }],
    [
      'one, and two failed',
      abc,
      { needed: 2, answered: [0], failed: [1, 2] },
      { met: false, possible: false },
    ],
    [
      'an answer that says nothing',
      abc,
      { needed: 2, answered: [0], empty: [1] },
      { met: false, possible: true },
    ],
    ['two on one node are one node', aab, { needed: 2, answered: [0, 1] }, { met: false, possible: true }],
    [
      'and with the other node gone too few',
      aab,
      { needed: 2, answered: [0, 1], failed: [2] },
      { met: false, possible: false },
    ],
    ['one on each node', aab, { needed: 2, answered: [1, 2] }, { met: true, possible: true }],
    [
      'all three on two nodes, as many as there are',
      aab,
      { needed: 3, answered: [0, 1, 2] },
      { met: true, possible: true },
    ],
    ['a lone node counts by partition', lone, { needed: 2, answered: [0, 1] }, { met: true, possible: true }],
    ['a stand-in counts', fallback, { needed: 2, answered: [0, 2] }, { met: true, possible: true }],
    [
      'but not as a primary',
      fallback,
      { needed: 2, primaries: 2, answered: [0, 2] },
      { met: false, possible: true },
    ],
    [
      'both primaries there',
      fallback,
      { needed: 2, primaries: 2, answered: [0, 1] },
      { met: true, possible: true },
    ],
    ['three primaries of two', fallback, { needed: 3, primaries: 3 }, { met: false, possible: false }],
    ['more than there are', abc, { needed: 4 }, { met: false, possible: false }],
  ])('%s', (_, list, counted, expected) => {
    const { met, possible } = count(list, counted);
    expect({ met, possible }).toEqual(expected);
  });

  it('a primary that is partial answers, but not as a primary', () => {
    const quorum = count(abc, { needed: 2, primaries: 2, answered: [0] });
    quorum.answered(1, true, true);
    expect(quorum).toMatchObject({ met: false, possible: true, got: 2 });
    quorum.answered(2, true);
    expect(quorum.met).toBe(true);
  });

  it('tells how many answered, and who', () => {
    const quorum = count(aab, { needed: 2, answered: [0, 1], failed: [2] });
    expect(quorum.got).toBe(2);
    expect(quorum.from).toEqual(['a']);
  });

  it('is settled when nobody who was asked can still speak', () => {
    const quorum = count(abc, { needed: 3, asked: [0, 1], answered: [0] });
    expect(quorum.settled).toBe(false);
    quorum.failed(1);
    expect(quorum.settled).toBe(true);
  });

  it('begins anew without a memory', () => {
    const quorum = count(abc, { needed: 1, answered: [0], failed: [1] });
    quorum.begin(abc, quorumOf(abc, 1));
    expect(quorum).toMatchObject({ asked: 0, met: false, possible: true, got: 0 });
  });
});

describe('where the primaries have fewer owners than n', () => {
  const aab = listOf('0@a 1@a 2@b', { owners: 2 });
  /** b is down: it took partition 2 with it, and d stands in. */
  const bDown = listOf('0@a 1@a 2@d!', { owners: 2 });
  /** a is down, and two copies with it. */
  const aDown = listOf('2@b 0@d! 1@e!', { owners: 2 });

  it.each<[string, CountedList, Counted, boolean]>([
    ['everything of one node', bDown, { needed: 2, answered: [0, 1], empty: [2] }, true],
    ['the only copy of the node that lives', aDown, { needed: 2, answered: [0], empty: [1, 2] }, true],
    [
      'half of a node proves nothing: the write may lie in its other half',
      bDown,
      { needed: 2, answered: [1], failed: [0], empty: [2] },
      false,
    ],
    [
      'nor does it with the other node there but failing',
      aab,
      { needed: 2, answered: [1], failed: [0, 2] },
      false,
    ],
    ['r of n suffice wherever they lie', aab, { needed: 2, answered: [0, 1], failed: [2] }, true],
    ['nobody', aab, { needed: 2, failed: [0, 1, 2] }, false],
    ['a stand-in alone', aDown, { needed: 2, failed: [0], answered: [1, 2] }, false],
    [
      'primaries are asked for by name',
      aDown,
      { needed: 2, primaries: 2, answered: [0], empty: [1, 2] },
      false,
    ],
  ])('%s', (_, list, counted, expected) => expect(count(list, counted).metByPrimaries).toBe(expected));

  it('a partial primary proves nothing either', () => {
    const quorum = count(aDown, { needed: 2, empty: [1, 2] });
    quorum.answered(0, true, true);
    expect(quorum.metByPrimaries).toBe(false);
  });

  it('does not apply where the owners are distinct', () => {
    const abc = listOf('0@a 1@b 2@c');
    expect(count(abc, { needed: 2, answered: [0], failed: [1, 2] }).metByPrimaries).toBe(false);
  });
});

describe('whom to ask', () => {
  const next = (list: CountedList, counted: Counted): number[] => positions(count(list, counted).nextToAsk());

  it.each<[string, CountedList, Counted, number[]]>([
    [
      'as many as are needed, in the order of the list',
      listOf('0@a 1@b 2@c'),
      { needed: 2, asked: [] },
      [0, 1],
    ],
    ['this node first', listOf('0@a 1@b 2@c', { self: 'c' }), { needed: 2, asked: [] }, [1, 2]],
    ['distinct nodes first', listOf('0@a 1@a 2@b', { owners: 2 }), { needed: 2, asked: [] }, [0, 2]],
    ['then whoever is left', listOf('0@a 1@a 2@b', { owners: 2 }), { needed: 3, asked: [] }, [0, 1, 2]],
    [
      'nobody while hope is left in those asked',
      listOf('0@a 1@b 2@c'),
      { needed: 2, asked: [0, 1], answered: [0] },
      [],
    ],
    [
      'another one for the one that failed',
      listOf('0@a 1@b 2@c'),
      { needed: 2, asked: [0, 1], failed: [1] },
      [2],
    ],
    [
      'another one for an answer that does not count',
      listOf('0@a 1@b 2@c'),
      { needed: 2, asked: [0, 1], empty: [0] },
      [2],
    ],
    ['nobody twice', listOf('0@a 1@b 2@c'), { needed: 3, asked: [0, 1, 2], failed: [1] }, []],
    [
      'primaries beyond a stand-in that is near',
      listOf('0@a 1@b 2@d!', { self: 'd' }),
      { needed: 2, primaries: 2, asked: [] },
      [0, 1, 2],
    ],
  ])('%s', (_, list, counted, expected) => expect(next(list, counted)).toEqual(expected));
});

describe('counting bits', () => {
  it.each([
    [0, 0],
    [1, 1],
    [0b1011, 3],
    [2 ** 30 - 1, 30],
  ])('%i has %i', (mask, count) => {
    expect(bitCount(mask)).toBe(count);
  });
});
