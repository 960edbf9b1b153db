/** Copies that differ, on nodes that compare them. */
import { describe, expect, it } from 'vitest';
import { ExchangeStage, ringOf, SERVICE } from '../../test/exchange-stage.ts';
import type { ModelItem } from '../../test/model-vnode.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { Reader, Writer } from '../base/bytes.ts';
import { readAnswer } from './exchange-wire.ts';
import { rangeOf } from '../ring/ranges.ts';

const ROUND_MS = 12_000;

/** On a ring of eight: first in the list of partition 1. */
const range = rangeOf(1 as PartitionId, 3);
const item = (name: string, version: number, at = 12_345): ModelItem => ({
  hashHi: range.start + at,
  hashLo: 7,
  name,
  version,
});
const copies = (stage: ExchangeStage, partitions = [1, 2, 3]): string[] =>
  partitions.map((partition) => stage.content(partition, range));

describe('copies that are alike', () => {
  it('cost one question for all that two nodes share, and its answer, in ten seconds', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1));
    stage.host.advance(5_000);
    stage.frames.length = 0;
    stage.host.advance(10_000);
    expect(stage.frames).toHaveLength(12);
    expect(Math.max(...stage.frames.map(({ bytes }) => bytes.length))).toBeLessThan(100);
  });

  it('are known to be so since the last round', () => {
    const stage = new ExchangeStage();
    stage.host.advance(60_000);
    const { pairs } = stage.manager('a');
    // Of eight ranges with three copies each, a asks about every pair whose first copy is its own.
    expect(pairs).toHaveLength(9);
    for (const { alikeAt } of pairs) expect(60_000 - (alikeAt ?? 0)).toBeLessThan(ROUND_MS);
  });
});

describe('a copy that lacks something', () => {
  it.each([
    ['the first', [2, 3]],
    ['the last', [1, 2]],
    ['all but one', [2]],
  ])('is given it: %s', (_, held) => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), held);
    stage.host.advance(ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('that is older is replaced, on whichever side', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1));
    stage.put(item('other', 1, 99));
    stage.put(item('k', 2), [3]);
    stage.put(item('other', 2, 99), [1]);
    stage.host.advance(ROUND_MS);
    expect(copies(stage)).toEqual(Array(3).fill('other=2 k=2'));
  });

  it('of keys at one position is given those that it lacks', () => {
    const stage = new ExchangeStage();
    stage.put(item('a', 1), [1]);
    stage.put(item('b', 1), [2]);
    stage.put(item('c', 1), [1, 2, 3]);
    stage.host.advance(ROUND_MS);
    expect(copies(stage)).toEqual(Array(3).fill('a=1 b=1 c=1'));
  });

  it('lies on the same node as the other, and is found as well', () => {
    const stage = new ExchangeStage('aaaaaaaa');
    stage.put(item('k', 1), [3]);
    stage.put(item('l', 1, 99), [1]);
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(Array(3).fill('l=1 k=1'));
    expect(stage.frames).toEqual([]);
    // Each where it was merged.
    const { mendedHere, received } = stage.manager('a').totals;
    expect(mendedHere + received).toBe(4);
  });

  it('of many items is made whole page by page in one go, and each is counted once', () => {
    const stage = new ExchangeStage('abababab', 2);
    // Of these a frame holds some two hundred, a page of states five hundred; all lie in the leaves of one group.
    const name = (i: number): string => `${i}`.padEnd(250, '.');
    for (let i = 0; i < 3_000; i++) stage.put(item(name(i), 1, i * 20), i % 3 === 0 ? [1] : [2], 2);
    stage.host.advance(ROUND_MS);
    const items = stage.vnode(1).items;
    expect(items).toHaveLength(3_000);
    expect(stage.vnode(2).items).toEqual(items);
    const pair = stage.manager('b').pairs.find(({ range }) => range === 1);
    expect(pair).toMatchObject({ mendedHere: 2_000, mendedThere: 1_000 });
    expect(stage.manager('b').totals.differed).toBe(1);
  });

  it('is told once, though both sides had something to mend', () => {
    const stage = new ExchangeStage('abababab', 2);
    stage.put(item('k', 1), [1], 2);
    stage.put(item('l', 1, 99), [2], 2);
    stage.host.advance(ROUND_MS);
    const pair = stage.manager('b').pairs.find(({ range }) => range === 1);
    expect(pair).toMatchObject({ mine: 1, theirs: 2, owner: 'a', mendedHere: 1, mendedThere: 1 });
    expect(stage.manager('a').totals).toMatchObject({ received: 1, mendedHere: 0 });
  });

  it('of one item among many is found by moving little', () => {
    const stage = new ExchangeStage('abababab', 2);
    for (let i = 0; i < 2_000; i++) stage.put(item(`k${i}`, 1, i * 100_000), undefined, 2);
    stage.host.advance(ROUND_MS);
    stage.frames.length = 0;
    stage.put(item('new', 1, 777), [2], 2);
    stage.host.advance(ROUND_MS);
    expect(stage.content(1, range)).toContain('new=1');
    expect(stage.frames.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(4_096);
  });
});

describe('buckets of different n', () => {
  const mixed = (): ExchangeStage => {
    const stage = new ExchangeStage('abcdeabc');
    for (const node of 'abcde') {
      const document = ringOf('abcdeabc', 2);
      const buckets = [
        ...document.buckets,
        { prefix: 'one', n: 1, level: 'eventual' as const },
        { prefix: 'five', n: 5, level: 'eventual' as const },
      ];
      stage.adopt(node, { ...document, buckets });
    }
    return stage;
  };

  it('a key comes to lie on as many copies as its bucket has, from whichever it is on', () => {
    for (const held of [[1], [2], [3], [1, 3]]) {
      const stage = mixed();
      if (held.includes(1)) stage.put(item('one', 1, 5), [1], 5);
      stage.put(item('three', 1, 10), held, 5);
      stage.put(item('five', 1, 15), held, 5);
      stage.put(item('five too', 1, 20), [5], 5);
      stage.host.advance(2 * ROUND_MS);
      const one = held.includes(1) ? ['one=1'] : [];
      const rest = ['three=1', 'five=1', 'five too=1'];
      expect(copies(stage, [1, 2, 3, 4, 5])).toEqual([
        [...one, ...rest].join(' '),
        rest.join(' '),
        rest.join(' '),
        'five=1 five too=1',
        'five=1 five too=1',
      ]);
    }
  });

  it('copies that hold what they should are alike, and what a former n has left behind stays where it is', () => {
    const stage = mixed();
    stage.put(item('one', 1, 5), [1], 5);
    stage.put(item('three', 2, 10), [1, 2, 3], 5);
    stage.put(item('three', 1, 10), [5], 5);
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage, [1, 2, 3, 4, 5])).toEqual(['one=1 three=2', 'three=2', 'three=2', '', 'three=1']);
    for (const node of 'abcde') expect(stage.manager(node).totals.differed).toBe(0);
  });
});

describe('nodes that come and go', () => {
  it('are compared soon after they came back', () => {
    const stage = new ExchangeStage();
    stage.host.advance(11_000);
    stage.goDown('c');
    stage.put(item('k', 1), [1, 3]);
    stage.host.advance(60_000);
    expect(copies(stage)).toEqual(['k=1', '', 'k=1']);
    stage.comeBack('c');
    stage.host.advance(5_000);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('are asked only after a while, however long they were away: their hints go first', () => {
    const stage = new ExchangeStage();
    stage.goDown('c');
    stage.host.advance(60_000);
    stage.comeBack('c');
    const asked = stage.frames.length;
    stage.host.advance(2_900);
    const since = stage.frames.slice(asked);
    expect(since.filter(({ to, kind }) => to === 'c' && kind === 'ask')).toEqual([]);
  });

  it('again and again are asked while they are here', () => {
    const stage = new ExchangeStage();
    // The last in its list: it asks nobody about this range.
    const first = rangeOf(0 as PartitionId, 3);
    stage.goDown('c');
    stage.put({ ...item('k', 1), hashHi: first.start }, [0, 1]);
    for (let times = 0; times < 5; times++) {
      stage.host.advance(10_000);
      stage.comeBack('c');
      stage.host.advance(2_000);
      stage.goDown('c');
    }
    expect(stage.content(2, first)).toBe('k=1');
  });

  it('are asked anew: what waited for its turn does not begin on their return', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), [1]);
    // The pair with a is found first, and does not end.
    stage.delayOf = (from) => (from === 'c' ? 50 : 1);
    stage.vnode(3).held = [];
    stage.host.advance(ROUND_MS);
    expect(stage.manager('b').status().differing).toBe(2);
    stage.goDown('c');
    expect(stage.manager('b').status().differing).toBe(1);
  });

  it('are not asked while they are away, and the others compare with each other', () => {
    const stage = new ExchangeStage();
    stage.goDown('b');
    stage.put(item('k', 1), [3]);
    stage.host.advance(ROUND_MS);
    expect(stage.content(2, range)).toBe('k=1');
    expect(stage.frames.filter(({ to }) => to === 'b')).toEqual([]);
  });

  it('that die in the middle are left for later', () => {
    const stage = new ExchangeStage();
    for (let i = 0; i < 3_000; i++) stage.put(item(`k${i}`, 1, i * 50_000), [2]);
    while (stage.vnode(1).items.length === 0) stage.host.advance(1);
    stage.goDown('c');
    stage.host.advance(ROUND_MS);
    expect(stage.manager('b').pairs.find(({ owner, range }) => owner === 'c' && range === 1)?.reason).toBe(
      'node c is down',
    );
    stage.comeBack('c');
    stage.host.advance(2 * ROUND_MS);
    expect(stage.vnode(1).items).toHaveLength(3_000);
    expect(stage.vnode(3).items).toHaveLength(3_000);
  });

  it('count what they mended even when their answer is lost', () => {
    const stage = new ExchangeStage('abababab', 2);
    stage.put(item('k', 1), [1], 2);
    stage.isLost = (_, __, kind) => kind === 'tell' && stage.content(2, range) !== '';
    stage.host.advance(ROUND_MS);
    stage.isLost = () => false;
    stage.host.advance(2 * ROUND_MS);
    const [a, b] = ['a', 'b'].map((node) => stage.manager(node).totals);
    expect([a?.mendedHere, a?.received, b?.mendedHere, b?.received]).toEqual([0, 1, 0, 0]);
    expect(b?.mendedThere).toBe(0);
  });

  it('whose lane is full, or whose frames are lost, are asked again', () => {
    const stage = new ExchangeStage();
    stage.full.add('c');
    stage.isLost = (from, to) => from === 'b' && to === 'a';
    stage.put(item('k', 1), [1]);
    stage.host.advance(3 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', '', '']);
    const reasons = stage.manager('b').pairs.map(({ reason }) => reason);
    expect(reasons).toContain('the lane to node c is closed or full');
    expect(reasons).toContain('no answer in time');
    stage.full.clear();
    stage.isLost = () => false;
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('with another ring are not believed', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), [1]);
    stage.adopt('b', ringOf('abcabcab', 2));
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', '', '']);
    expect(stage.manager('b').pairs.map(({ reason }) => reason)).toContain(
      'node c has the ring of epoch 1, not 2',
    );
    for (const node of 'ac') stage.adopt(node, ringOf('abcabcab', 2));
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });
});

describe('what cannot be compared', () => {
  it('is a copy that is still being put together, or whose vnode is still counting', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), [1, 3]);
    stage.vnode(2).comparable = false;
    stage.vnode(3).isCounting = true;
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', '', 'k=1']);
    stage.vnode(2).comparable = true;
    stage.vnode(3).isCounting = false;
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('is a store that takes nothing: that is said, and tried again', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), [1, 2]);
    stage.vnode(3).isFull = true;
    stage.host.advance(ROUND_MS);
    const pair = stage.manager('b').pairs.find(({ theirs, range }) => theirs === 3 && range === 1);
    expect(pair?.reason).toBe('1 items could not be stored');
    stage.vnode(3).isFull = false;
    stage.host.advance(ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('is not sent everything when it takes nothing', () => {
    const stage = new ExchangeStage('abababab', 2);
    for (let i = 0; i < 2_000; i++) stage.put(item(`k${i}`, 1, i * 20), [1], 2);
    stage.vnode(2).isFull = true;
    stage.host.advance(ROUND_MS);
    const sent = stage.frames
      .filter(({ from }) => from === 'b')
      .reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(sent).toBeLessThan(8 * 1024);
  });

  it('may be a page that names nothing: what lies behind it is found', () => {
    const stage = new ExchangeStage('abababab', 2);
    stage.put(item('behind', 1, 99), [1], 2);
    stage.vnode(1).nameless = { hashHi: item('', 0, 98).hashHi, hashLo: 0 };
    stage.host.advance(ROUND_MS);
    expect(stage.content(2, range)).toBe('behind=1');
  });

  it(
    'has its turn and no more: a peer that answers slowly does not hold up the others',
    { timeout: 240_000 },
    () => {
      const stage = new ExchangeStage();
      for (let i = 0; i < 20_000; i++) stage.put(item(`k${i}`, 1, i * 20_000), [1]);
      stage.delayOf = (from) => (from === 'c' ? 2_000 : 1);
      stage.host.advance(90_000);
      const partner = stage.manager('b').pairs.find(({ owner, range }) => owner === 'a' && range === 1);
      expect(partner?.alikeAt).toBeDefined();
      expect(stage.vnode(3).items).toHaveLength(20_000);
    },
  );

  it('does not hold up the others for ever: a store that says nothing is given up', () => {
    const stage = new ExchangeStage();
    stage.put(item('k', 1), [2]);
    stage.vnode(1).held = [];
    stage.host.advance(ROUND_MS);
    expect(stage.vnode(1).held).toHaveLength(1);
    stage.put(item('other', 1, 99), [1]);
    stage.host.advance(100_000);
    expect(stage.content(3, range)).toBe('other=1 k=1');
  });

  it('is told by a node of another version', () => {
    const stage = new ExchangeStage();
    const out = new Writer();
    out.u32(77);
    out.u8(1);
    out.u8(0);
    stage.manager('a').onAsk('b' as NodeId, SERVICE, ringOf('abcabcab').epoch, new Reader(out.copy()));
    const { bytes } = stage.frames[0] as { bytes: Uint8Array };
    const input = new Reader(bytes);
    expect(input.u32()).toBe(77);
    expect(readAnswer(input)).toEqual({
      kind: 'refused',
      reason: 'node a speaks version 2 of exchange, not 1',
    });
  });
});

describe('an operator', () => {
  it('pauses it on a node, which answers others all the same', () => {
    const stage = new ExchangeStage();
    stage.manager('b').pause();
    stage.put(item('k', 1), [1]);
    stage.host.advance(2 * ROUND_MS);
    expect(stage.frames.filter(({ from, kind }) => from === 'b' && kind === 'ask')).toEqual([]);
    expect(stage.frames.filter(({ from, kind }) => from === 'b' && kind === 'tell')).not.toEqual([]);
    expect(copies(stage)).toEqual(['k=1', '', '']);
    stage.manager('b').resume();
    stage.host.advance(2 * ROUND_MS);
    expect(copies(stage)).toEqual(['k=1', 'k=1', 'k=1']);
  });

  it('pauses it in the middle: what is merged by then is counted all the same', () => {
    const stage = new ExchangeStage('abababab', 2);
    stage.put(item('k', 1), [2], 2);
    stage.vnode(1).held = [];
    stage.host.advance(ROUND_MS);
    stage.manager('b').pause();
    for (const say of stage.vnode(1).held ?? []) say();
    expect(stage.manager('b').totals.mendedHere).toBe(1);
  });

  it('pauses it in the middle: what was given by then is counted too', () => {
    const stage = new ExchangeStage('abababab', 2);
    for (let i = 0; i < 200; i++) stage.put(item(`k${i}`, 1, i), [1], 2);
    while (stage.vnode(2).items.length < 100) stage.host.advance(1);
    stage.manager('b').pause();
    stage.host.advance(10);
    expect(stage.manager('b').totals.mendedThere).toBe(stage.vnode(2).items.length);
  });
});
