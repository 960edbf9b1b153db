/** What is deleted goes, everywhere, once nobody can bring it back; and as long as somebody could, it stays. */
import { latin1Encode, partitionOf, putStampMs, ringBits, STAMP_BYTES, type PartitionId } from '@rkv/core';
import {
  encodeItem,
  encodeString,
  encodeTombstone,
  KV_SERVICE,
  placeKey,
  TOMBSTONE,
  typeOf,
} from '@rkv/store';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const NODES = ['n1', 'n2', 'n3'];

/** How many vnodes hold a tombstone of this key, and how many something else. */
function copiesOf(cluster: KvCluster, key: string): { tombstones: number; values: number } {
  const copies = { tombstones: 0, values: 0 };
  for (const name of NODES) {
    if (cluster.machines.node(name)?.kv === undefined) continue;
    const { ringSize } = cluster.node(name).document;
    for (let p = 0; p < ringSize; p++) {
      const held = cluster.held(name, p as PartitionId, key);
      if (held !== undefined) copies[typeOf(held) === TOMBSTONE ? 'tombstones' : 'values']++;
    }
  }
  return copies;
}

const GONE = { tombstones: 0, values: 0 };

describe('a deleted key', () => {
  it('leaves nothing behind', () => {
    const cluster = new KvCluster();
    cluster.form(...(NODES as ['n1', 'n2', 'n3']));
    cluster.put('n1', 'kept', 'v');
    cluster.put('n1', 'k', 'v');
    expect(cluster.delete('n2', 'k')).toBe('deleted');
    cluster.until('all have heard of it', () => copiesOf(cluster, 'k').tombstones === 3);
    cluster.until('the tombstones are gone', () => copiesOf(cluster, 'k').tombstones === 0);
    expect(copiesOf(cluster, 'k')).toEqual(GONE);
    expect(NODES.map((name) => cluster.get(name, 'k'))).toEqual(['missing', 'missing', 'missing']);
    expect(NODES.map((name) => cluster.get(name, 'kept'))).toEqual(['value v', 'value v', 'value v']);
    // What the nodes compare from now on is alike, and stays so.
    cluster.world.runFor(30_000);
    expect(NODES.map((name) => cluster.node(name).exchange.status().differing)).toEqual([0, 0, 0]);
  });

  it('that has expired goes the same way', () => {
    const cluster = new KvCluster();
    cluster.form(...(NODES as ['n1', 'n2', 'n3']));
    cluster.put('n1', 'k', 'v', { untilMs: (cluster.citizen('n1').kv?.now() ?? 0) + 3_000 });
    cluster.until('nothing is left of it', () => {
      const { tombstones, values } = copiesOf(cluster, 'k');
      return tombstones + values === 0;
    });
    expect(cluster.get('n2', 'k')).toBe('missing');
  });

  it('stays while a member is down that may hold what it deleted, and goes once that is back', () => {
    const cluster = new KvCluster();
    cluster.form(...(NODES as ['n1', 'n2', 'n3']));
    cluster.put('n1', 'k', 'v');
    cluster.machines.crash('n3');
    cluster.world.runFor(2_000);
    expect(cluster.delete('n1', 'k')).toBe('deleted');
    cluster.world.runFor(120_000);
    expect(copiesOf(cluster, 'k').tombstones).toBeGreaterThan(1);
    cluster.machines.restart('n3');
    cluster.until('the tombstones are gone', () => {
      const { tombstones, values } = copiesOf(cluster, 'k');
      return tombstones + values === 0;
    });
    expect(NODES.map((name) => cluster.get(name, 'k'))).toEqual(['missing', 'missing', 'missing']);
  });

  it('of a lone node is gone as well, and what it kept is not lost when it joins others whose floor is above', () => {
    const cluster = new KvCluster();
    cluster.start('n1', 'n2', 'n3');
    cluster.put('n3', 'old', 'v');
    cluster.world.runFor(20_000);
    cluster.join('n1', 'n2');
    cluster.until('the ring has settled', () => cluster.isSettled('n1', 'n2'));
    cluster.put('n1', 'k', 'v');
    cluster.delete('n1', 'k');
    cluster.until('the tombstones are gone', () => copiesOf(cluster, 'k').tombstones === 0);
    cluster.join('n1', 'n3');
    cluster.until('the ring has settled', () => cluster.isSettled('n1', 'n2', 'n3'));
    cluster.world.runFor(30_000);
    expect(NODES.map((name) => cluster.get(name, 'old'))).toEqual(['value v', 'value v', 'value v']);
    expect(copiesOf(cluster, 'old')).toEqual({ tombstones: 0, values: 3 });
  });

  describe('of which a newcomer brings an old value', () => {
    /** The cluster has removed the tombstones of `k`. What `bring` hands over to its i-th owner is older. */
    function reaped(): {
      cluster: KvCluster;
      bring: (i: number, entryAt: (stamp: Uint8Array) => Uint8Array) => void;
    } {
      const cluster = new KvCluster();
      cluster.form(...(NODES as ['n1', 'n2', 'n3']));
      const stamp = new Uint8Array(STAMP_BYTES);
      putStampMs(stamp, 0, cluster.machines.clock('n1').wall());
      cluster.world.runFor(10_000);
      cluster.put('n1', 'k', 'v');
      cluster.delete('n1', 'k');
      cluster.until('the tombstones are gone', () => copiesOf(cluster, 'k').tombstones === 0);
      const at = placeKey('k');
      const { ringSize } = cluster.node('n1').document;
      const first = partitionOf(at.hashHi, ringBits(ringSize));
      const bring = (i: number, entryAt: (stamp: Uint8Array) => Uint8Array): void => {
        const partition = ((first + i) % ringSize) as PartitionId;
        const owner = NODES.map((name) => cluster.node(name).vnode(KV_SERVICE, partition)).find(
          (vnode) => vnode?.standing === 'owner',
        );
        owner?.vnode.handleHandoffItem(encodeItem(at, entryAt(stamp)), () => {});
      };
      return { cluster, bring };
    }

    const value = (stamp: Uint8Array): Uint8Array => encodeString('k', stamp, latin1Encode('brought'));

    it('is that value again, though it was lost when one owner had it', () => {
      const { cluster, bring } = reaped();
      bring(0, value);
      cluster.until('all have it', () => copiesOf(cluster, 'k').values === 3);
      expect(NODES.map((name) => cluster.get(name, 'k'))).toEqual(Array(3).fill('value brought'));
    });

    it('is that value, or gone, with all owners alike, where one of them still had the tombstone', () => {
      const { cluster, bring } = reaped();
      bring(1, (stamp) => encodeTombstone('k', stamp.with(STAMP_BYTES - 1, 1)));
      for (const i of [0, 1, 2]) bring(i, value);
      cluster.world.runFor(60_000);
      expect([GONE, { tombstones: 0, values: 3 }]).toContainEqual(copiesOf(cluster, 'k'));
    });
  });

  it('is written anew by a clock that stands below the floor, and deleted by it', () => {
    const cluster = new KvCluster();
    cluster.form(...(NODES as ['n1', 'n2', 'n3']));
    cluster.put('n1', 'k', 'v');
    cluster.delete('n1', 'k');
    cluster.put('n1', 'held', 'v');
    cluster.until('the tombstones are gone', () => copiesOf(cluster, 'k').tombstones === 0);
    cluster.machines.crash('n3');
    cluster.machines.clock('n3').jump(-3_600_000);
    cluster.machines.restart('n3');
    cluster.until('n3 serves', () => cluster.citizen('n3').kv !== undefined && cluster.isSettled(...NODES));
    expect(cluster.put('n3', 'k', 'again')).toBe('written');
    expect(NODES.map((name) => cluster.get(name, 'k'))).toEqual(Array(3).fill('value again'));
    expect(cluster.delete('n3', 'held')).toBe('deleted');
    cluster.world.runFor(60_000);
    expect(NODES.map((name) => cluster.get(name, 'held'))).toEqual(Array(3).fill('missing'));
  });
});
