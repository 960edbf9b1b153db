import { describe, expect, it } from 'vitest';
import { MapVnode } from '../../test/handoff-stage.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange } from '../contracts/store.ts';
import { birthDocument, type RingDocument } from '../ring/document.ts';
import { covers, rangeOf } from '../ring/ranges.ts';
import { dutiesOf } from './duties.ts';
import type { TransferableVnode } from './port.ts';

const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
const document: RingDocument = birthDocument({
  clusterId: 'c',
  ringSize: 16,
  self,
  n: 3,
  level: 'eventual',
});

/** A place of the ring of eight that was, which holds something of these of its ranges. */
function targetsOf(partition: number, ranges: readonly number[]): number[] {
  const vnode = new MapVnode('kv', partition, 'hint', ['k=v']);
  const held = ranges.map((range) => rangeOf(range as PartitionId, 3).start);
  const countItems = (within: readonly HashRange[]): number =>
    held.filter((hash) => covers(within, hash)).length;
  const counting = { ...vnode, vnode: { ...vnode.vnode, countItems } };
  const vnodes = [counting as unknown as TransferableVnode];
  const duties = dutiesOf({ self: self.id, document, services: ['kv'], vnodes });
  return duties.map(({ target }) => target.partition);
}

describe('what a place of a ring of another size still holds', () => {
  it('goes to the same position in the list that its keys have now', () => {
    // The first half of range 5 of eight is range 9 of sixteen: there partition 6 was second, here partition 10 is.
    expect(targetsOf(6, [5])).toEqual([10]);
    expect(targetsOf(6, [5, 6])).toEqual([10, 11]);
  });

  it('does so where it lies further down than any bucket has copies: of a larger n that was', () => {
    expect(targetsOf(6, [2])).toEqual([7]);
    expect(targetsOf(6, [2, 5]), 'those that count come first').toEqual([10]);
  });

  it('is told to all when nobody knows where it belongs', () => {
    expect(targetsOf(6, [])).toEqual([9, 10, 11, 12]);
  });
});
