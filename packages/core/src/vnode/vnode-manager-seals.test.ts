/** What becomes of a seal as the ring changes and lives follow one another (`test/vnode-lives.ts`). */
import { describe, expect, it } from 'vitest';
import { AGAIN, DOUBTFUL, FIRST, Life, ring } from '../../test/vnode-lives.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { RingDocument } from '../ring/document.ts';
import type { VnodeHost } from './vnode-host.ts';
import type { VnodeRecord } from './vnode-record.ts';

describe('a vnode that is sealed, as its partition is on its way', () => {
  const OWNED = 'aaaaaaaa';
  const LEAVING = ring(2, OWNED, '0 a b', '1 a b');

  /** 0 is about to go. */
  function sealed() {
    const life = new Life().start(ring(1, OWNED), FIRST).adopt(LEAVING);
    life.vnode(0)?.seal(2 as Epoch);
    life.store.commit();
    return life;
  }
  /** `owner whole sealed`, in memory and on disk. */
  const standing = (life: Life): string => {
    const host = life.vnode(0) as VnodeHost;
    const { role, state, sealed } = life.record(0) as VnodeRecord;
    expect([role, state, sealed === true]).toEqual([
      host.standing,
      host.whole ? 'whole' : 'partial',
      host.sealed,
    ]);
    return `${role} ${state}${sealed === true ? ' sealed' : ''}`;
  };

  it('stays sealed as long as it is, through other rings and other lives', () => {
    const life = sealed().adopt(ring(3, OWNED, '0 a b'));
    expect(standing(life)).toBe('owner whole sealed');
    const next = life.next(ring(3, OWNED, '0 a b'), AGAIN);
    expect(standing(next)).toBe('owner whole sealed');
    expect(standing(next.adopt(ring(9, OWNED, '0 a b')))).toBe('owner whole sealed');
  });

  it('and while the ring takes another size, until that is called off', () => {
    const resize = { ringSize: 16, owners: [...'abababababababab'] as NodeId[] };
    const life = sealed().adopt({ ...ring(3, OWNED), resize });
    expect(standing(life)).toBe('owner whole sealed');
    expect(standing(life.adopt(ring(4, OWNED)))).toBe('owner whole');
  });

  it('is whole again when the very next ring has it that it stays: it never left', () => {
    const life = sealed().adopt(ring(3, OWNED, '1 a b'));
    expect(standing(life)).toBe('owner whole');
    expect(life.vnode(0)?.countsInMajorities).toBe(true);
  });

  it('also when every ring in between was heard of', () => {
    const life = sealed()
      .adopt(ring(3, OWNED, '0 a b'))
      .adopt(ring(4, OWNED, '0 a b'))
      .adopt(ring(5, OWNED));
    expect(standing(life)).toBe('owner whole');
  });

  it('stays sealed when it is on its way to somebody else, and opens when another comes to it', () => {
    expect(standing(sealed().adopt(ring(3, OWNED, '0 a c')))).toBe('owner whole sealed');
    expect(standing(sealed().adopt(ring(3, OWNED, '0 b c')))).toBe('owner whole');
  });

  it('is partial when rings were missed: it may have left and come back', () => {
    const life = sealed().adopt(ring(4, OWNED));
    expect(standing(life)).toBe('owner partial');
    expect(life.vnode(0)?.countsInMajorities).toBe(false);
  });

  it('no better than before: a partial one stays partial', () => {
    const life = sealed();
    life.vnode(0)?.become('owner', 2 as Epoch, 'partial');
    expect(standing(life.adopt(ring(3, OWNED)))).toBe('owner partial');
  });

  it.each<[string, RingDocument, string]>([
    ['the same ring', LEAVING, 'owner whole sealed'],
    ['the next ring, in which it stays', ring(3, OWNED), 'owner whole'],
    ['a later ring, in which it stays', ring(4, OWNED), 'owner partial'],
    ['a ring in which it went', ring(3, 'baaaaaaa'), 'hint partial'],
  ])('after a start under %s', (_, document, expected) => {
    expect(standing(sealed().next(document, AGAIN))).toBe(expected);
  });

  it('after a start from a store that may have lost its tail it is partial, and as sealed', () => {
    expect(standing(sealed().next(LEAVING, DOUBTFUL))).toBe('owner partial sealed');
    expect(standing(sealed().next(ring(3, OWNED), DOUBTFUL))).toBe('owner partial');
  });

  it('goes as others go, and comes back as others come: no seal is left', () => {
    const life = sealed().adopt(ring(3, 'baaaaaaa'));
    expect(standing(life)).toBe('hint partial');
    life.adopt(ring(4, 'baaaaaaa', '0 b a'));
    life.vnode(0)?.become('receiving', 4 as Epoch, 'whole');
    expect(standing(life.adopt(ring(5, OWNED)))).toBe('owner whole');
  });
});
