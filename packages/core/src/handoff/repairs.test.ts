/**
 * Repairs on a ring of eight with three copies of each key, owned by a, b and c in turn. Every vnode of the stage holds
 * its keys in all ranges, so that each copy brings all that it has.
 */
import { describe, expect, it } from 'vitest';
import { HandoffStage, type MapVnode } from '../../test/handoff-stage.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';

const OWNERS = 'abcabcab';
const p = (partition: number): PartitionId => partition as PartitionId;

function cluster() {
  const stage = new HandoffStage('abc');
  for (let partition = 0; partition < 8; partition++)
    stage.node(OWNERS[partition] as string).open(partition, 'owner', [`k${partition}=v`, 'common=v']);
  for (const node of stage.nodes.values()) {
    node.document = stage.ring(2, OWNERS);
    node.manager.start();
  }
  const a = stage.node('a');
  const vnode = a.vnode(3) as MapVnode;
  return { stage, a, vnode };
}

/** Partition 3 has two neighbours on either side that share ranges with it. */
const REPAIRED = 'common=v k1=v k2=v k3=v k4=v k5=v';

describe('a repair', () => {
  it('merges all other copies of the ranges, and is over then', () => {
    const { stage, a, vnode } = cluster();
    expect(a.manager.repair(p(3))).toEqual({ begun: true });
    expect(vnode.repairAsked).toBe(true);
    expect(a.manager.waiting().map(({ from, reason }) => `${from}: ${reason}`)).toContain(
      'b: b was asked for its copy',
    );
    stage.run(2_000);
    expect(vnode).toMatchObject({ content: REPAIRED, repairAsked: false });
    expect([...stage.nodes.values()].flatMap((node) => node.waiting())).toEqual([]);
  });

  it('takes in no key that is to lie on fewer copies than reach so far', () => {
    const { stage, a, vnode } = cluster();
    const other = stage.node('b').vnode(7) as MapVnode;
    for (const item of ['five7=v', 'one3=v', 'one2=v']) other.write(item);
    for (const node of stage.nodes.values()) {
      const { buckets } = node.document;
      node.document = {
        ...stage.ring(2, OWNERS),
        buckets: [
          ...buckets,
          { prefix: 'five', n: 5, level: 'eventual' },
          { prefix: 'one', n: 1, level: 'eventual' },
        ],
      };
    }
    a.manager.repair(p(3));
    stage.run(4_000);
    expect(vnode.repairAsked).toBe(false);
    // Partition 3 is the fifth of range 7, the third of range 1, and the first of its own.
    expect(vnode.content).toMatch(/five7=v/);
    expect(vnode.content).toMatch(/k1=v .*k3=v/);
    expect(vnode.content).toMatch(/one3=v/);
    for (const key of ['k7', 'k0', 'k4', 'one2']) expect(vnode.content).not.toContain(key);
  });

  it('sends nothing that is there already', () => {
    const { stage, a, vnode } = cluster();
    a.manager.repair(p(3));
    stage.run(2_000);
    stage.wire.length = 0;
    a.manager.repair(p(3));
    stage.run(2_000);
    expect(vnode.content).toBe(REPAIRED);
    // The last frame of each of four copies, and no other.
    expect(stage.wire.filter((line) => line.includes('items'))).toHaveLength(4);
  });

  it('of what a copy beside it on its own node holds comes too', () => {
    const stage = new HandoffStage('a');
    const a = stage.node('a');
    for (let partition = 0; partition < 8; partition++) a.open(partition, 'owner', [`k${partition}=v`]);
    a.document = stage.ring(2, 'aaaaaaaa');
    a.manager.start();
    a.manager.repair(p(3));
    stage.run(2_000);
    expect(a.vnode(3)).toMatchObject({ content: 'k1=v k2=v k3=v k4=v k5=v', repairAsked: false });
  });

  it('asked twice is one', () => {
    const { stage, a } = cluster();
    a.manager.repair(p(3));
    expect(a.manager.repair(p(3))).toEqual({ begun: false });
    stage.run(2_000);
    expect(stage.wire.filter((line) => line.includes('offer'))).toHaveLength(4);
  });

  it('waits for a copy whose node is down, and says so', () => {
    const { stage, a, vnode } = cluster();
    a.down.add('b' as NodeId);
    a.manager.onUpChanged('b' as NodeId, false);
    a.manager.repair(p(3));
    stage.run(2_000);
    expect(vnode.repairAsked).toBe(true);
    expect(a.waiting()).toEqual(['repair 3 to a: b is down', 'repair 3 to a: b is down']);
    a.down.clear();
    a.manager.onUpChanged('b' as NodeId, true);
    stage.run(2_000);
    expect(vnode).toMatchObject({ content: REPAIRED, repairAsked: false });
  });

  it.each(['a', 'b', 'c'])('survives the death of %s', (name) => {
    for (let frames = 0; frames < 30; frames++) {
      const { stage, a, vnode } = cluster();
      a.manager.repair(p(3));
      for (let i = 0; i < frames; i++) stage.deliverOne();
      stage.node(name).dieAndStart();
      stage.run(20_000);
      expect(vnode, `after ${frames} frames`).toMatchObject({ content: REPAIRED, repairAsked: false });
    }
  });

  it('begins anew under another ring', () => {
    const { stage, a, vnode } = cluster();
    a.manager.repair(p(3));
    for (let i = 0; i < 6; i++) stage.deliverOne();
    for (const node of stage.nodes.values()) node.adopt(stage.ring(3, OWNERS));
    stage.run(10_000);
    expect(vnode).toMatchObject({ content: REPAIRED, repairAsked: false });
  });

  it('that is cancelled is given up, and its senders stop', () => {
    const { stage, a, vnode } = cluster();
    vnode.storing = 'never';
    a.manager.repair(p(3));
    stage.run(1_000);
    expect(a.manager.cancel(p(3))).toBe(1);
    stage.run(30_000);
    expect(vnode.repairAsked).toBe(false);
    for (const node of stage.nodes.values()) {
      expect(node.manager.active()).toEqual([]);
      expect(node.waiting()).toEqual([]);
    }
  });
});

describe('a repair is refused', () => {
  it('by a node that does not own the partition', () => {
    expect(cluster().a.manager.repair(p(1))).toEqual({ refusal: 'partition 1 is not owned by a' });
  });

  it('while the partition moves', () => {
    const { stage, a } = cluster();
    a.document = stage.ring(3, OWNERS, '3 a b');
    expect(a.manager.repair(p(3))).toEqual({
      refusal: 'partition 3 is moving to another node; repair it when it has arrived',
    });
  });

  it('while the ring is resized', () => {
    const { stage, a } = cluster();
    a.document = { ...stage.ring(3, OWNERS), resize: { ringSize: 16, owners: [] } };
    expect(a.manager.repair(p(3))).toEqual({
      refusal: 'the ring is being resized; repair when that is done',
    });
  });
});

describe('a partial vnode', () => {
  it('is repaired unasked, and whole when it has merged all other copies', () => {
    const { stage, vnode } = cluster();
    vnode.whole = false;
    stage.run(2_000);
    expect(vnode).toMatchObject({ content: REPAIRED, whole: true });
  });

  it('stays partial while one of them is missing', () => {
    const { stage, a, vnode } = cluster();
    vnode.whole = false;
    a.down.add('c' as NodeId);
    stage.run(30_000);
    expect(vnode.whole).toBe(false);
  });
});

describe('a request for a copy', () => {
  it.each([
    [2, 'b has a ring of 8 partitions, not 4'],
    [4, 'b has a ring of 8 partitions, not 16'],
    [40, 'b has a ring of 8 partitions, not 1099511627776'],
  ])('by a node whose ring has 2^%i partitions is refused', (ringBits, refusal) => {
    const { stage } = cluster();
    const { manager } = stage.node('b');
    const request = { service: 'kv', epoch: 2 as Epoch, ringBits, source: p(1), target: p(3) };
    expect(manager.takeCopyRequest('a' as NodeId, request)).toBe(refusal);
    expect(manager.waiting()).toEqual([]);
    expect(manager.takeCopyRequest('a' as NodeId, { ...request, ringBits: 3 })).toBeUndefined();
  });
});
