/** A member that is not waited for: what it keeps, what it does not take part in, and how it comes back. */
import { describe, expect, it } from 'vitest';
import { clusterOf } from '../../test/membership-play.ts';
import { id, ring, show } from '../../test/ring-text.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { encodeDocument, votersOf, type RingDocument } from '../ring/document.ts';
import { markDown } from './down.ts';
import { applyReports, isFreeToGo } from './reports.ts';

const move = (partition: number, from: string, to: string) => ({
  partition: partition as PartitionId,
  from: id(from),
  to: id(to),
});
const down = (document: RingDocument, ...names: string[]) => markDown(document, names.map(id));
const back = (document: RingDocument, name: string): RingDocument =>
  applyReports(encodeDocument(document), [{ kind: 'back', node: id(name) }]);

describe('down', () => {
  it.each([
    ['a b c', 'b', 'a* b! c'],
    ['a b c', 'b c', 'a* b! c!'],
    ['a b c-', 'c', 'a* b c!'],
    ['a b c', 'a', 'a! b* c'],
    ['a b! c', 'b', 'a* b! c'],
    ['a b', 'a b', 'only_member'],
    ['a b-', 'a', 'only_member'],
    ['a b!', 'a', 'only_member'],
    ['a b', 'x', 'not_member'],
    ['a b+', 'b', 'not_member'],
  ])('%s, %s is down: %s', (members, names, after) => {
    expect(show(down(ring(members), ...names.split(' ')))).toBe(after);
  });

  it('takes out what would move from or to it, and keeps the owners', () => {
    const before = { ...ring('a b c'), pending: [move(1, 'a', 'b'), move(2, 'a', 'c'), move(3, 'c', 'a')] };
    const after = down(before, 'c') as RingDocument;
    expect(after.pending).toEqual([move(1, 'a', 'b')]);
    expect(after.owners).toEqual(before.owners);
  });

  it('takes back that it was to hand over, not that it is to be removed', () => {
    const staged = 'leave a, replace b by e, force-remove c';
    expect(show(down(ring('a b c d e+', { staged }), 'a', 'b', 'c'))).toBe(
      'a! b! c! d* e+ staged force-remove c',
    );
  });

  it('has no vote', () => {
    expect(votersOf(ring('a b! c- d+')).map(({ name }) => name)).toEqual(['a', 'c']);
  });

  it('does not let one that was leaving go, though it owns nothing', () => {
    expect(isFreeToGo(ring('a b!-'), id('b'))).toBe(false);
    expect(isFreeToGo(ring('a b-'), id('b'))).toBe(true);
  });
});

describe('back', () => {
  it('makes it what it was, and says nothing of one that is not down', () => {
    expect(show(back(ring('a b!'), 'b'))).toBe('a* b');
    expect(show(back(ring('a b!-'), 'b'))).toBe('a* b-');
    expect(back(ring('a b!'), 'b').members[1]).toEqual(ring('a b').members[1]);
    const plain = ring('a b-');
    expect(back(plain, 'b')).toBe(plain);
  });
});

describe('in a cluster', () => {
  const three = () => clusterOf('a', 'b', 'c');

  it('who can be reached is not down, whatever the operator says', () => {
    const play = three();
    expect(play.ask('a', { kind: 'down', nodes: [id('b')], force: false })).toMatchObject({ code: 'is_up' });
    expect(play.ask('a', { kind: 'down', nodes: [id('x')], force: false })).toMatchObject({
      code: 'not_member',
    });
  });

  it('two of three are a majority again once the third is down, and a second may go; back, it votes again', () => {
    const play = three();
    play.crash('c');
    play.run(1_000);
    expect(play.ask('a', { kind: 'down', nodes: [id('c')], force: false })).toMatchObject({ kind: 'done' });
    expect(play.ring('b')).toContain('a* b c! owners');
    play.start('c');
    play.run(3_000);
    for (const name of ['a', 'b', 'c']) expect(play.ring(name)).toContain('a* b c owners');
    play.crash('b');
    play.run(1_000);
    expect(play.ask('a', { kind: 'down', nodes: [id('b')], force: false }), 'a and c agree').toMatchObject({
      kind: 'done',
    });
    expect(play.errors()).toEqual([]);
  });

  it('who are left agree by a majority of themselves, however many have gone before', () => {
    const play = clusterOf('a', 'b', 'c', 'd', 'e');
    for (const name of ['e', 'd', 'c']) {
      play.crash(name);
      play.run(1_000);
      const request = { kind: 'down', nodes: [id(name)], force: false } as const;
      expect(play.ask('a', request), name).toMatchObject({ kind: 'done' });
    }
    expect(play.ring('b')).toContain('a* b c! d! e! owners');
  });

  it('a claimant that is down hands its duty on and does not take it back', () => {
    const play = three();
    play.crash('a');
    play.run(1_000);
    expect(play.ask('b', { kind: 'down', nodes: [id('a')], force: false })).toMatchObject({ kind: 'done' });
    expect(play.ring('c')).toContain('a! b* c owners');
    play.start('a');
    play.run(3_000);
    expect(play.ring('a')).toContain('a b* c owners');
    expect(play.errors()).toEqual([]);
  });

  it('asked twice at once, one finds it done', () => {
    const play = three();
    play.crash('c');
    play.run(1_000);
    for (const requestId of [91, 92])
      play.step('a', {
        kind: 'request',
        requestId,
        request: { kind: 'down', nodes: [id('c')], force: false },
      });
    play.settle();
    expect([play.results.get(91), play.results.get(92)]).toMatchObject([{ kind: 'done' }, { kind: 'done' }]);
  });
});
