/** Two copies of a million items that differ in one of them: how much the two nodes say to each other until they are alike. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ExchangeNodes, RING_BITS } from '../../test/exchange-stage.ts';
import { drawPlaces, LargeVnode, type Places } from '../../test/large-vnode.ts';
import { Prng } from '../base/prng.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { rangeOf } from '../ring/ranges.ts';

const ITEMS = 1_000_000;
const ODD = 777_777;
const ROUND_MS = 12_000;
/** All frames of both nodes. In fact it is some 2,600: sums of three levels of the tree, and the states of one leaf, some sixty items. */
const BYTES_MAX = 4 * 1024;

/** On a ring of eight that two nodes share in turn: in the list of partitions 1 and 2. */
const range = rangeOf(1 as PartitionId, RING_BITS);
let places: Places;
let nodes: ExchangeNodes<LargeVnode>;
beforeAll(() => {
  places = drawPlaces(new Prng(1), range, ITEMS);
  const none = new Uint32Array(0);
  nodes = new ExchangeNodes('abababab', 2, (partition) => {
    const holds = partition === 1 || partition === 2;
    return new LargeVnode({ ringBits: RING_BITS, range, places: holds ? places : none });
  });
  nodes.host.advance(ROUND_MS);
});

function isAlike(): boolean {
  return Buffer.compare(nodes.vnode(1).versions, nodes.vnode(2).versions) === 0;
}

/** While they are alike, and then while they find out that they are not and mend it. */
function bytesOfOneRound(): number {
  nodes.frames.length = 0;
  nodes.host.advance(ROUND_MS);
  return nodes.frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

describe('of a million items', () => {
  it.each<[string, (copy: LargeVnode) => void, version: number]>([
    ['is missing', (copy) => copy.remove(ODD), 1],
    ['is a later one', (copy) => copy.set(ODD, 2), 2],
  ])('one that %s on one copy is found by moving little, and mended', (_what, spoil, version) => {
    const copy = nodes.vnode(1);
    const { totals } = nodes.manager('b');
    const mended = (): number => totals.mendedHere + totals.mendedThere;
    const mendedBefore = mended();
    const whenAlike = bytesOfOneRound();
    expect([isAlike(), mended()]).toEqual([true, mendedBefore]);

    spoil(copy);
    expect(isAlike()).toBe(false);
    const whenNot = bytesOfOneRound();
    console.log(
      `${whenAlike} bytes in ten seconds when alike; ${whenNot} to find and mend one item of ${ITEMS}`,
    );
    expect([isAlike(), copy.versions[ODD], mended() - mendedBefore]).toEqual([true, version, 1]);
    expect(whenNot).toBeLessThan(BYTES_MAX);
    expect(whenNot).toBeGreaterThan(whenAlike);
  });
});
