/** A vnode that lost what it held, and the others of its ranges. Rings of eight are drawn by owner; this node is a. */
import { partitionOf, silentLogger, type NodeId, type PartitionId } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { describeEntry, getting, tombstoneAt } from '../../test/kv/entries.ts';
import { coordinatorOn } from '../../test/kv/manual-port.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import { placeKey } from './coordinator.ts';
import { Healer } from './healing.ts';

const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);

class Stage {
  readonly port: VnodePort;
  readonly partial: Set<number>;
  readonly healer: Healer;

  constructor(owners = 'abcabcab', partial: readonly number[] = [0], n = 3) {
    this.port = new VnodePort(owners, n);
    this.partial = new Set(partial);
    this.healer = new Healer(
      coordinatorOn(this.port),
      {
        partial: () => [...this.partial] as PartitionId[],
        declareWhole: (partition) => this.partial.delete(partition),
      },
      silentLogger,
    );
  }

  get owners(): readonly NodeId[] {
    return this.port.document.owners;
  }

  /** Put a key into all its replicas but those of partition 0. */
  plantElsewhere(key: string, time: number, entry?: Uint8Array): void {
    const size = this.owners.length;
    const first = partitionOf(placeKey(key).hashHi, Math.log2(size));
    for (let i = 0; i < 3; i++) {
      const partition = (first + i) % size;
      if (partition !== 0) this.port.plant(partition, this.owners[partition] as string, key, time, entry);
    }
  }

  /** What partition 0 holds of a key. */
  held(key: string): string {
    let held = '';
    const ignore = { refuse() {}, fail() {} };
    this.port
      .vnode({ partition: 0 as PartitionId, node: this.owners[0] as NodeId })
      .handleCommand(getting(key), {
        ...ignore,
        reply: (reply) => (held = reply.kind === 'held' ? describeEntry(reply.entry) : ''),
      });
    return held;
  }

  /** Keys that partition 0 should hold a copy of. */
  get due(): string[] {
    return keys.filter((key) => {
      const first = partitionOf(placeKey(key).hashHi, 3);
      return [0, 1, 2].some((i) => (first + i) % 8 === 0);
    });
  }

  run(ms = 3_000): void {
    this.healer.start();
    this.port.host.advance(ms);
  }
}

describe('healing', () => {
  it('merges all that the others hold of its ranges, and then the vnode is whole', () => {
    const stage = new Stage();
    for (const key of keys) stage.plantElsewhere(key, 7);
    stage.run();
    expect(stage.due.map((key) => stage.held(key))).toEqual(stage.due.map(() => '7:v'));
    expect(stage.partial).toEqual(new Set());
    const others = keys.filter((key) => !stage.due.includes(key));
    expect(others.map((key) => stage.held(key))).toEqual(others.map(() => 'nothing'));
  });

  it('keeps what is later here, and takes deletes too', () => {
    const stage = new Stage();
    const [later, dead] = stage.due as [string, string];
    stage.port.plant(0, 'a', later, 9);
    stage.plantElsewhere(later, 7);
    stage.port.plant(0, 'a', dead, 7);
    stage.plantElsewhere(dead, 9, tombstoneAt(dead, 9));
    stage.run();
    expect([stage.held(later), stage.held(dead)]).toEqual(['9:v', '9:-']);
  });

  it('walks on where there is more than one page', () => {
    const stage = new Stage();
    const many = Array.from({ length: 3_000 }, (_, i) => `many ${i}`);
    for (const key of many) stage.plantElsewhere(key, 7);
    stage.run(10_000);
    expect(stage.partial).toEqual(new Set());
    const range = (key: string): number => partitionOf(placeKey(key).hashHi, 3);
    const due = many.filter((key) => [0, 1, 2].some((i) => (range(key) + i) % 8 === 0));
    expect(due.length).toBeGreaterThan(1_000);
    expect(due.filter((key) => stage.held(key) !== '7:v')).toEqual([]);
  });

  it('waits for each of the others: who has not been heard may hold what nobody else does', () => {
    const stage = new Stage();
    for (const key of keys) stage.plantElsewhere(key, 7);
    stage.port.moved.add('c');
    stage.run();
    expect(stage.partial).toEqual(new Set([0]));
    stage.port.moved.clear();
    stage.port.host.advance(3_000);
    expect(stage.partial).toEqual(new Set());
  });

  it('is no proof when the ring changed meanwhile', () => {
    const stage = new Stage();
    for (const key of keys) stage.plantElsewhere(key, 7);
    let changed = false;
    const { vnode } = stage.port;
    stage.port.vnode = function watched(at) {
      if (!changed && at.node === ('c' as NodeId)) {
        changed = true;
        stage.port.adopt('abcabcab');
      }
      return vnode.call(stage.port, at);
    };
    stage.healer.start();
    stage.port.host.advance(510);
    expect(changed).toBe(true);
    expect(stage.partial).toEqual(new Set([0]));
    stage.port.host.advance(3_000);
    expect(stage.partial).toEqual(new Set());
  });

  it('where everybody is partial all are merged all the same: what nobody holds is lost', () => {
    const stage = new Stage('abcabcab', [0, 3, 6]);
    for (const node of 'abc') stage.port.partial.add(node);
    for (const key of keys) stage.plantElsewhere(key, 7);
    stage.run();
    expect(stage.partial).toEqual(new Set());
    expect(stage.held(stage.due[0] as string)).toBe('7:v');
  });

  it('of a lone copy has nobody to ask', () => {
    const stage = new Stage('aaaaaaaa', [0], 1);
    stage.run();
    expect(stage.partial).toEqual(new Set());
  });

  it('of a large ring on one node does not pile up', () => {
    const stage = new Stage('a'.repeat(1024), [...Array(1024).keys()]);
    stage.run(20_000);
    expect(stage.partial).toEqual(new Set());
  });

  it('ends when it is told to', () => {
    const stage = new Stage();
    stage.healer.start();
    stage.healer.stop();
    stage.port.host.advance(5_000);
    expect(stage.partial).toEqual(new Set([0]));
    expect(stage.port.host.timers).toBe(0);
  });
});
