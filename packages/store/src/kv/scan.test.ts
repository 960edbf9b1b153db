/** Walks over a whole cluster whose nodes answer within the call; rings of eight are drawn by owner. */
import { partitionOf, type NodeId, type PartitionId } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { tombstoneAt } from '../../test/kv/entries.ts';
import { coordinatorOn } from '../../test/kv/manual-port.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import { TOMBSTONE, typeOf } from '../entry/layout.ts';
import type { HeldReply } from './commands.ts';
import { placeKey, type RequestDefaults } from './coordinator.ts';
import { QuorumStore } from './kv-store.ts';

const keysUpTo = (count: number): string[] => Array.from({ length: count }, (_, i) => `key ${i}`);

class Stage {
  readonly port: VnodePort;
  readonly kv: QuorumStore;

  constructor(
    owners = 'abcabcab',
    { n = 3, defaults }: { n?: number; defaults?: Partial<RequestDefaults> } = {},
  ) {
    this.port = new VnodePort(owners, n);
    this.kv = new QuorumStore(coordinatorOn(this.port, defaults));
  }

  put(...keys: string[]): void {
    this.putUntil(0, ...keys);
  }

  putUntil(untilMs: number, ...keys: string[]): void {
    for (const key of keys) {
      this.kv.put(
        key,
        Uint8Array.of(1),
        { untilMs },
        {
          onWritten() {},
          onFailure: ({ message }) => expect.fail(message),
        },
      );
    }
  }

  remove(...keys: string[]): void {
    for (const key of keys)
      this.kv.delete(key, undefined, { onWritten() {}, onFailure: ({ message }) => expect.fail(message) });
  }

  /** One page, or the code of its failure. */
  page(cursor: bigint, count: number): { keys: string[]; cursor: bigint } | string {
    let answer: { keys: string[]; cursor: bigint } | string | undefined;
    this.kv.scan(cursor, count, {
      onPage: (keys, next) => (answer = { keys, cursor: next }),
      onFailure: ({ code }) => (answer = code),
    });
    this.settle(() => answer !== undefined);
    return answer as { keys: string[]; cursor: bigint } | string;
  }

  /** A whole walk; `between` is called after each page. */
  scan(count = 10, between: () => void = () => {}): string[] {
    const found: string[] = [];
    let cursor = 0n;
    for (let pages = 0; pages < 10_000; pages++) {
      const page = this.page(cursor, count);
      if (typeof page === 'string') throw new Error(page);
      found.push(...page.keys);
      cursor = page.cursor;
      if (cursor === 0n) return found;
      between();
    }
    throw new Error('the walk does not end');
  }

  count(): number | string {
    let answer: number | string | undefined;
    this.kv.count({ onCount: (count) => (answer = count), onFailure: ({ code }) => (answer = code) });
    this.settle(() => answer !== undefined);
    return answer as number | string;
  }

  flush(): string {
    let answer: string | undefined;
    this.kv.flush({ onFlushed: () => (answer = 'flushed'), onFailure: ({ code }) => (answer = code) });
    this.settle(() => answer !== undefined);
    return answer as string;
  }

  /** Of one vnode. */
  held(at: { partition: PartitionId; node: NodeId }, key: string): Uint8Array | undefined {
    let held: Uint8Array | undefined;
    this.port
      .vnode(at)
      .handleCommand(
        { kind: 'get', ...placeKey(key), whole: true },
        { reply: (reply) => (held = (reply as HeldReply).entry?.slice()), refuse() {}, fail() {} },
      );
    return held;
  }

  settle(done: () => boolean): void {
    for (let turns = 0; !done() && turns < 3_000; turns++) this.port.host.advance(1);
  }
}

const partitionOfKey = (key: string): PartitionId => partitionOf(placeKey(key).hashHi, 3);

describe('a scan', () => {
  it.each([
    ['three nodes', 'abcabcab'],
    ['two', 'abababab'],
    ['one', 'aaaaaaaa'],
  ])('on %s finds every key once, in hash order', (_, owners) => {
    const stage = new Stage(owners);
    const keys = keysUpTo(200);
    stage.put(...keys);
    const found = stage.scan();
    expect(found).toEqual(keys.toSorted((a, b) => placeKey(a).hashHi - placeKey(b).hashHi));
  });

  it('of nothing is over at once', () => {
    expect(new Stage().page(0n, 10)).toEqual({ keys: [], cursor: 0n });
  });

  it('gives about as many as asked for, and something whenever there is more', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(300));
    for (const count of [1, 10, 100]) {
      const page = stage.page(0n, count);
      if (typeof page === 'string') throw new Error(page);
      expect(page.keys.length).toBeGreaterThanOrEqual(Math.min(count, 10));
      expect(page.keys.length).toBeLessThan(count + 300 / 8 + 16);
    }
  });

  it('passes over deleted and expired keys', () => {
    const stage = new Stage();
    stage.put('a', 'b', 'c');
    stage.remove('b');
    expect(stage.scan().toSorted()).toEqual(['a', 'c']);
    expect(stage.count()).toBe(2);
    stage.put('d');
    stage.putUntil(stage.port.host.now() + 5_000, 'c');
    expect(stage.scan().toSorted()).toEqual(['a', 'c', 'd']);
    expect(stage.count()).toBe(3);
    stage.port.host.advance(5_000);
    expect(stage.scan().toSorted()).toEqual(['a', 'd']);
    expect(stage.count()).toBe(2);
  });

  it('finds what any of a quorum holds, and believes the later of two states', () => {
    const stage = new Stage();
    const [p, q] = [partitionOfKey('lone'), partitionOfKey('gone')];
    const owner = (partition: number): string => 'abcabcab'[partition % 8] as string;
    // Two of three hold it, so that every two of three have one who does.
    for (const i of [0, 1]) stage.port.plant((p + i) % 8, owner(p + i), 'lone', 7);
    for (const i of [0, 1, 2]) stage.port.plant((q + i) % 8, owner(q + i), 'gone', 7);
    for (const i of [1, 2]) stage.port.plant((q + i) % 8, owner(q + i), 'gone', 9, tombstoneAt('gone', 9));
    expect(stage.scan()).toEqual(['lone']);
    expect(stage.count()).toBe(1);
  });

  it('goes on from its cursor on a ring that has changed', () => {
    const stage = new Stage('aaaaaaaa');
    const keys = keysUpTo(300);
    stage.put(...keys);
    let turn = 0;
    const found = stage.scan(10, () => {
      // Every node holds everything here, as after a handoff; whoever is asked, the walk goes on.
      if (turn++ === 3) {
        for (const key of keys) {
          const first = partitionOfKey(key);
          for (let i = 0; i < 3; i++)
            stage.port.plant((first + i) % 8, 'bcabcabc'[(first + i) % 8] as string, key, 5_000);
        }
        stage.port.adopt('bcabcabc');
      }
    });
    expect(found.toSorted()).toEqual(keys.toSorted());
  });

  it('on a ring of another size too', () => {
    const small = new Stage('abcabcab');
    const large = new Stage('abcabcababcabcab');
    const keys = keysUpTo(300);
    for (const stage of [small, large]) stage.put(...keys);
    const first = small.page(0n, 100);
    if (typeof first === 'string') throw new Error(first);
    const found = [...first.keys];
    for (let cursor = first.cursor; cursor !== 0n;) {
      const page = large.page(cursor, 100);
      if (typeof page === 'string') throw new Error(page);
      found.push(...page.keys);
      cursor = page.cursor;
    }
    expect(found.toSorted()).toEqual(keys.toSorted());
  });

  it.each([2n ** 52n, 2n ** 52n - 1n, 2n ** 64n - 1n])('from beyond the end, %i, is over', (cursor) => {
    const stage = new Stage();
    stage.put('a', 'b');
    expect(stage.page(cursor, 10)).toEqual({ keys: [], cursor: 0n });
  });

  it('gets past keys that are longer than a page', () => {
    const stage = new Stage('aaaaaaaa', { n: 1 });
    const keys = keysUpTo(30).map((key, i) => (i % 3 === 0 ? key.padEnd(300_000, 'x') : key));
    stage.put(...keys);
    expect(stage.scan(5).toSorted()).toEqual(keys.toSorted());
  });

  it('of a large ring on one node does not pile up', () => {
    const stage = new Stage('a'.repeat(1024));
    stage.put('a', 'b');
    expect(stage.scan().toSorted()).toEqual(['a', 'b']);
    expect(stage.count()).toBe(2);
    expect(stage.flush()).toBe('flushed');
  });

  it('lets other things happen in between', () => {
    const stage = new Stage('a'.repeat(1024));
    let pages = 0;
    stage.kv.scan(0n, 10, { onPage: () => pages++, onFailure: ({ message }) => expect.fail(message) });
    expect(pages).toBe(0);
    stage.settle(() => pages > 0);
    expect(pages).toBe(1);
  });
});

describe('replicas that are not there', () => {
  it('a quorum of the others is enough', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    stage.port.down.add('b');
    expect(stage.scan()).toHaveLength(50);
    expect(stage.count()).toBe(50);
  });

  it('without one the walk fails, and says so', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    for (const node of 'bc') stage.port.down.add(node);
    expect(stage.page(0n, 10)).toBe('unreachable');
    expect(stage.count()).toBe('unreachable');
    expect(stage.flush()).toBe('unreachable');
  });

  it('a partial replica is heard and does not count', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    stage.port.partial.add('b');
    expect(stage.scan()).toHaveLength(50);
    stage.port.down.add('c');
    expect(stage.page(0n, 10)).toBe('unreachable');
  });

  it('when all primaries are partial there is nobody who could know better', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    for (const node of 'abc') stage.port.partial.add(node);
    expect(stage.scan()).toHaveLength(50);
    expect(stage.count()).toBe(50);
  });

  it('where one node took several copies with it the others suffice', () => {
    const stage = new Stage('aabaabaa');
    stage.put(...keysUpTo(50));
    stage.port.down.add('b');
    expect(stage.scan()).toHaveLength(50);
    expect(stage.count()).toBe(50);
  });
});

describe('a count', () => {
  it('is right where replicas differ: the range is walked through', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    const first = partitionOfKey('only here');
    for (const i of [0, 1])
      stage.port.plant((first + i) % 8, 'abcabcab'[(first + i) % 8] as string, 'only here', 7);
    expect(stage.count()).toBe(51);
  });

  it('needs no walk where they agree', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(50));
    stage.port.handled = 0;
    expect(stage.count()).toBe(50);
    expect(stage.port.handled).toBe(8 * 3);
  });
});

describe('buckets of different n', () => {
  const FIVE_NODES = 'abcdeabc';
  const ownerOf = (partition: number): string => FIVE_NODES[partition % 8] as string;
  const mixed = (): Stage => {
    const stage = new Stage(FIVE_NODES);
    stage.port.setBuckets(
      { prefix: 'five ', n: 5, level: 'eventual' },
      { prefix: 'one ', n: 1, level: 'eventual' },
    );
    return stage;
  };
  const keys = ['', 'five ', 'one '].flatMap((prefix) => keysUpTo(60).map((key) => prefix + key));

  it('every key is found once, in hash order, and counted', () => {
    const stage = mixed();
    stage.put(...keys);
    const inOrder = keys.toSorted((a, b) => placeKey(a).hashHi - placeKey(b).hashHi);
    expect(stage.scan(20)).toEqual(inOrder);
    expect(stage.scan(1_000)).toEqual(inOrder);
    expect(stage.count()).toBe(keys.length);
    expect(stage.flush()).toBe('flushed');
    expect(stage.count()).toBe(0);
  });

  it('a key is asked of a quorum of its own copies, though more of others would answer', () => {
    const stage = mixed();
    const first = partitionOfKey('lone');
    for (const i of [0, 1]) stage.port.plant(first + i, ownerOf(first + i), 'lone', 7);
    expect(stage.scan()).toEqual(['lone']);
    // Three of five others would answer for the range, and none of them has heard of it.
    for (const i of [0, 1]) stage.port.down.add(ownerOf(first + i));
    expect(stage.count()).toBe('unreachable');
  });

  it('what lies beyond the copies of a key does not count', () => {
    const stage = mixed();
    const first = partitionOfKey('one left');
    for (const i of [1, 2, 4]) stage.port.plant((first + i) % 8, ownerOf(first + i), 'one left', 7);
    expect(stage.scan()).toEqual([]);
    expect(stage.count()).toBe(0);
  });
});

describe('a flush', () => {
  it('deletes every key and says how many there were', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(600));
    expect(stage.flush()).toBe('flushed');
    expect(stage.scan()).toEqual([]);
    expect(stage.count()).toBe(0);
    expect(stage.flush()).toBe('flushed');
  });

  it('asks each node once, and not for each key', () => {
    const stage = new Stage();
    stage.put(...keysUpTo(300));
    stage.port.handled = 0;
    expect(stage.flush()).toBe('flushed');
    expect(stage.port.handled).toBeLessThan(3 * 10);
  });

  it('tells a replica that holds nothing of a key, where one that holds it is away', () => {
    const stage = new Stage();
    const first = partitionOfKey('k');
    const at = (i: number): { partition: PartitionId; node: NodeId } => ({
      partition: ((first + i) % 8) as PartitionId,
      node: 'abcabcab'[(first + i) % 8] as NodeId,
    });
    for (const i of [0, 2]) stage.port.plant(at(i).partition, at(i).node, 'k', 7);
    stage.port.down.add(at(2).node);
    expect(stage.flush()).toBe('flushed');
    const held = [0, 1].map((i) => stage.held(at(i), 'k'));
    expect(held.map((entry) => entry && typeOf(entry))).toEqual([TOMBSTONE, TOMBSTONE]);
    // It comes back with what it had, and one of those that had it is gone for good.
    stage.port.down.clear();
    stage.port.down.add(at(0).node);
    expect(stage.scan()).toEqual([]);
  });

  it('takes what only a stand-in holds', () => {
    const stage = new Stage('abcdabcd');
    const first = partitionOfKey('hinted');
    const outsider = 'abcd'[(first + 3) % 4] as NodeId;
    stage.port.plant(first, outsider, 'hinted', 7);
    expect(stage.flush()).toBe('flushed');
    const held = stage.held({ partition: first, node: outsider }, 'hinted');
    expect(held && typeOf(held)).toBe(TOMBSTONE);
  });

  it('takes what was stamped years ahead', () => {
    const stage = new Stage();
    const first = partitionOfKey('far');
    for (const i of [0, 1, 2])
      stage.port.plant((first + i) % 8, 'abcabcab'[(first + i) % 8] as string, 'far', 10 ** 11);
    expect(stage.scan()).toEqual(['far']);
    expect(stage.flush()).toBe('flushed');
    expect(stage.scan()).toEqual([]);
  });

  it('over a walk of many that are deleted: a page ends, empty, before the walk does', () => {
    const stage = new Stage('aaaaaaaa', { n: 1 });
    stage.put(...keysUpTo(30_000));
    expect(stage.flush()).toBe('flushed');
    const page = stage.page(0n, 10);
    if (typeof page === 'string') throw new Error(page);
    expect(page.keys).toEqual([]);
    expect(page.cursor).not.toBe(0n);
    expect(stage.scan()).toEqual([]);
  });

  it('of many keys on one node does not pile up, and lets others have their turn', () => {
    const stage = new Stage('aaaaaaaa', { n: 1 });
    stage.put(...keysUpTo(20_000));
    let turns = 0;
    const tick = (): void => {
      turns++;
      stage.port.host.setTimer(1, tick);
    };
    tick();
    expect(stage.flush()).toBe('flushed');
    expect(turns).toBeGreaterThan(1);
    expect(stage.count()).toBe(0);
  });
});
