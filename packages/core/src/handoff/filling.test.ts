/** What fills what: of rings of 8 and 16 partitions, n=3, drawn by owner. */
import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange } from '../contracts/store.ts';
import { birthDocument, type RingDocument } from '../ring/document.ts';
import { dutiesOf } from './duties.ts';
import { fillingsOf, provenSources } from './filling.ts';
import type { TransferableVnode } from './port.ts';

function ring(owners: string, coming?: string): RingDocument {
  const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
  const born = birthDocument({ clusterId: 'c', ringSize: owners.length, self, n: 3, level: 'eventual' });
  return {
    ...born,
    epoch: 2 as Epoch,
    owners: [...owners] as NodeId[],
    ...(coming && { resize: { ringSize: coming.length, owners: [...coming] as NodeId[] } }),
  };
}

const vnodeAt = (ringBits: number, partition: number, standing: TransferableVnode['standing']) =>
  ({
    place: { ringBits, partition: partition as PartitionId },
    service: 'kv',
    standing,
    vnode: { isEmpty: () => false },
  }) as TransferableVnode;

const describeAll = (places: { source: { partition: number }; target: { partition: number } }[]): string =>
  places.map(({ source, target }) => `${source.partition}>${target.partition}`).join(' ');

describe('a ring of 8 that becomes one of 16', () => {
  const document = ring('abcabcab', 'abcabcabcabcabca');

  it('has each of its places filled from as many as hold one of its three ranges in the same position', () => {
    const fillings = fillingsOf(document);
    for (let target = 0; target < 16; target++) {
      const into = fillings.filter((filling) => filling.target.partition === target);
      expect(new Set(into.map(({ source }) => source.partition)).size).toBe(into.length);
      const covered = into
        .flatMap(({ ranges }) => ranges)
        .reduce((sum, { start, end }) => sum + end - start, 0);
      expect(covered).toBe((3 * 2 ** 32) / 16);
    }
  });

  it('each node owes what its partitions hold, and to nobody when the ring is not resized', () => {
    const situation = { self: 'b' as NodeId, services: ['kv'], vnodes: [] };
    const duties = dutiesOf({ ...situation, document });
    expect(duties.every(({ kind }) => kind === 'resize')).toBe(true);
    expect(new Set(duties.map(({ source }) => source.partition))).toEqual(new Set([1, 4, 7]));
    expect(dutiesOf({ ...situation, document: ring('abcabcab') })).toEqual([]);
  });

  it('the same is said again without being worked out anew', () => {
    expect(fillingsOf(document)).toBe(fillingsOf(document));
  });
});

describe('what a place of a ring that is past still holds', () => {
  it('goes to the places in which its copies belong now', () => {
    const document = ring('abcabcabcabcabca');
    const hints = dutiesOf({
      self: 'b' as NodeId,
      document,
      services: ['kv'],
      vnodes: [vnodeAt(3, 1, 'hint'), vnodeAt(3, 4, 'retired')],
    });
    expect(hints.map(({ kind, to }) => `${kind} ${to}`)).toEqual(
      hints.map(({ target }) => `hinted ${document.owners[target.partition]}`),
    );
    expect(describeAll(hints)).toBe('1>1 1>2 1>0 1>15'.split(' ').toSorted(byTarget).join(' '));
  });

  it('is offered no more to those for whom nothing is left', () => {
    const document = ring('abcabcabcabcabca');
    const hintsOf = (count: (start: number) => number): string => {
      const vnode = vnodeAt(3, 1, 'hint');
      const countItems = (within: readonly HashRange[]): number =>
        within.reduce((sum, { start }) => sum + count(start), 0);
      const vnodes = [{ ...vnode, vnode: { ...vnode.vnode, countItems } }];
      return describeAll(dutiesOf({ self: 'b' as NodeId, document, services: ['kv'], vnodes }));
    };
    // Of partition 1 of eight the first range begins with the hashes.
    expect(hintsOf((start) => (start === 0 ? 1 : 0))).toBe('1>1');
    // What is in none of the ranges must not be forgotten in silence.
    expect(hintsOf(() => 0)).toBe('1>0 1>1 1>2 1>15');
  });
});

const byTarget = (a: string, b: string): number => Number(a.split('>')[1]) - Number(b.split('>')[1]);

describe('a source is redundant after the switch', () => {
  it('when every one of its transfers was quiet, and only then', () => {
    const before = ring('abcabcab', 'abcabcabcabcabca');
    const after = ring('abcabcabcabcabca');
    const source = vnodeAt(3, 1, 'hint');
    const transfers = fillingsOf(before)
      .filter((filling) => filling.source.partition === 1)
      .map(({ target }) => ({ kind: 'resize', target, vnode: source, machine: { quiet: true } }));
    expect([...provenSources(after, transfers)]).toEqual([source]);
    expect([...provenSources(before, transfers)], 'the switch has not come').toEqual([]);
    const [first, ...others] = transfers;
    expect([...provenSources(after, others)], 'one is missing').toEqual([]);
    const busy = { ...(first as (typeof transfers)[number]), machine: { quiet: false } };
    expect([...provenSources(after, [busy, ...others])], 'one is not acknowledged').toEqual([]);
  });
});
