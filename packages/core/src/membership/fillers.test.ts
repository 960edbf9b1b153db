/** When a ring that is being filled takes over: rings by epoch, words by node. */
import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { ring } from '../../test/ring-text.ts';
import type { RingDocument } from '../ring/document.ts';
import { Fillers } from './fillers.ts';
import { switchRing } from './reports.ts';

const resizing = (epoch: number, ringSize = 32): RingDocument => ({
  ...ring('a b'),
  epoch: epoch as Epoch,
  resize: { ringSize, owners: Array.from({ length: ringSize }, (_, p) => (p % 2 ? 'a' : 'b') as NodeId) },
});

function desk() {
  const fillers = new Fillers(1_000);
  const says = (node: string, now: number, { epoch = 5, ringSize = 32, full = true } = {}): void =>
    fillers.heard({ kind: 'filled', node: node as NodeId, ringSize, epoch: epoch as Epoch, full }, now);
  fillers.look(resizing(5), 0);
  return { fillers, says };
}

describe('it switches', () => {
  it('when all who are to own a part say so, and not before', () => {
    const { fillers, says } = desk();
    says('a', 10);
    expect(fillers.look(resizing(5), 10)).toBeUndefined();
    says('b', 20);
    expect(fillers.look(resizing(5), 20)).toBe(32);
  });

  it('not on a word that was taken back, or has grown old', () => {
    const { fillers, says } = desk();
    says('a', 10);
    says('b', 10);
    says('a', 20, { full: false });
    expect(fillers.look(resizing(5), 20)).toBeUndefined();
    says('a', 3_000);
    expect(fillers.look(resizing(5), 3_011), 'b is silent').toBeUndefined();
  });

  it('not on a word about another size, or about an attempt that was aborted', () => {
    const { fillers, says } = desk();
    for (const node of 'ab') says(node, 10, { ringSize: 64 });
    expect(fillers.look(resizing(5), 10)).toBeUndefined();
    for (const node of 'ab') says(node, 20);
    fillers.look({ ...ring('a b'), epoch: 6 as Epoch }, 30);
    for (const node of 'ab') says(node, 40);
    expect(fillers.look(resizing(8), 50), 'said under the ring of epoch 5').toBeUndefined();
    for (const node of 'ab') says(node, 60, { epoch: 8 });
    expect(fillers.look(resizing(9), 60)).toBe(32);
  });
});

describe('the switch', () => {
  it('makes the coming ring the ring, whole', () => {
    const before = resizing(5);
    const after = switchRing(before, 32);
    expect(after.owners).toBe(before.resize?.owners);
    expect(after).toMatchObject({ ringSize: 32 });
    expect('resize' in after).toBe(false);
  });

  it('changes nothing where another size, or none, is being filled', () => {
    expect(switchRing(resizing(5), 64)).toEqual(resizing(5));
    expect(switchRing(ring('a b'), 32)).toEqual(ring('a b'));
  });
});
