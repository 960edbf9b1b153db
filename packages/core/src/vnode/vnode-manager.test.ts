/** How vnodes stand as the ring changes and lives follow one another (`test/vnode-lives.ts`). */
import { describe, expect, it } from 'vitest';
import { ManualStore } from '../../test/manual-store.ts';
import {
  AGAIN,
  all,
  BY_LENGTH,
  DOUBTFUL,
  FIRST,
  handle,
  Life,
  placeOf,
  ring,
  type KeyVnode,
} from '../../test/vnode-lives.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { SPACE_ENTRY } from '../contracts/store.ts';
import type { RingDocument } from '../ring/document.ts';
import type { VnodeHost } from './vnode-host.ts';
import { encodeVnodeRecord, type VnodeRecord } from './vnode-record.ts';

describe('at its start', () => {
  it('a node that is born owns everything and lacks nothing', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    expect(life.standings).toEqual(all('owner whole'));
    expect(life.record(5)).toMatchObject({ role: 'owner', state: 'whole', storeId: 'store-1', epoch: 1 });
    expect(life.record(5)?.actor).toMatch(/^[0-9a-f]{16}$/);
  });

  it('it is what it was, with the same actors', () => {
    const first = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const again = first.next(ring(1, 'aaaaaaaa'), AGAIN);
    expect(again.standings).toEqual(all('owner whole'));
    expect(again.record(5)).toEqual(first.record(5));
  });

  it.each([
    ['a store without its records', new Life(), undefined],
    ['the store of another node', new Life().start(ring(1, 'aaaaaaaa'), FIRST), 'store-2'],
  ])('%s proves nothing: its vnodes are partial', (_, before, storeId) => {
    expect(before.next(ring(1, 'aaaaaaaa'), AGAIN, storeId).standings).toEqual(all('owner partial'));
  });

  it('a store that may have lost its tail makes its vnodes partial, under actors of their own', () => {
    const before = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const after = before.next(ring(1, 'aaaaaaaa'), DOUBTFUL);
    expect(after.standings).toEqual(all('owner partial'));
    expect(after.record(5)?.actor).not.toBe(before.record(5)?.actor);
    expect(after.next(ring(1, 'aaaaaaaa'), AGAIN).standings).toEqual(all('owner partial'));
  });

  it("items that nobody has a record of are somebody's hints", () => {
    const store = new ManualStore();
    store.submit([
      {
        space: SPACE_ENTRY,
        place: { ringBits: 3, partition: 2 as PartitionId },
        hashHi: 0,
        hashLo: 0,
        key: 'k',
        value: Uint8Array.of(1),
      },
    ]);
    store.commit();
    expect(new Life({ store }).start(ring(4, 'bbbbbbbb'), AGAIN).standings).toEqual(['2 hint partial']);
  });

  it('every service has vnodes of its own', () => {
    const life = new Life({ services: ['kv', 'locks'] }).start(ring(1, 'aaaaaaaa'), FIRST);
    expect(life.standings).toHaveLength(16);
    expect(life.vnode(0, 'locks')).not.toBe(life.vnode(0));
    expect(life.record(0, 'locks')?.actor).not.toBe(life.record(0)?.actor);
  });
});

describe('as the ring changes', () => {
  it('a partition that comes is received, partial until all of it is there, and then owned as it is', () => {
    const life = new Life().start(ring(1, 'bbbbbbbb'), FIRST);
    life.adopt(ring(2, 'bbbbbbbb', '0 b a', '1 b a'));
    expect(life.standings).toEqual(['0 receiving partial', '1 receiving partial']);
    life.vnode(0)?.become('receiving', 2 as Epoch, 'whole');
    life.adopt(ring(3, 'aabbbbbb'));
    expect(life.standings).toEqual(['0 owner whole', '1 owner partial']);
    expect(life.record(0)).toMatchObject({ role: 'owner', state: 'whole', epoch: 3 });
  });

  it('what was whole in the ring of another cluster is partial in this one, owned at once or not', () => {
    const other = (epoch: number, owners: string, ...pending: string[]): RingDocument => ({
      ...ring(epoch, owners, ...pending),
      clusterId: 'd',
    });
    const alone = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    alone.adopt(other(9, 'aabbbbbb', '2 b a'));
    expect(alone.standings.slice(0, 4)).toEqual([
      '0 owner partial',
      '1 owner partial',
      '2 receiving partial',
      '3 hint partial',
    ]);
    expect(alone.record(0)).toMatchObject({ state: 'partial', clusterId: 'd' });
    alone.vnode(0)?.become('owner', 9 as Epoch, 'whole');
    alone.adopt(other(10, 'aabbbbbb', '2 b a'));
    expect(alone.standings[0], 'what it has fetched counts').toBe('0 owner whole');
  });

  it('nor is it when the node died between the two rings', () => {
    const alone = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    expect(alone.next({ ...ring(9, 'abbbbbbb'), clusterId: 'd' }, AGAIN).standings[0]).toBe(
      '0 owner partial',
    );
  });

  it('a record that names no cluster is of the one that the node is in', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const { clusterId: _, ...former } = life.record(0) as VnodeRecord;
    life.store.submit([encodeVnodeRecord('kv', placeOf(3, 0), former)]);
    life.store.commit();
    const next = life.next(ring(1, 'aaaaaaaa'), AGAIN);
    expect(next.standings[0]).toBe('0 owner whole');
    expect(next.record(0)?.clusterId).toBe('c');
  });

  it('a partition that goes leaves a stand-in behind, which proves nothing', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    life.adopt(ring(2, 'baaaaaaa'));
    expect(life.standings[0]).toBe('0 hint partial');
    expect(life.record(0)).toMatchObject({ role: 'hint', state: 'partial', epoch: 2 });
  });

  it('a transfer that is called off leaves what came as hints', () => {
    const life = new Life().start(ring(1, 'bbbbbbbb'), FIRST);
    life.adopt(ring(2, 'bbbbbbbb', '0 b a')).adopt(ring(3, 'bbbbbbbb'));
    expect(life.standings).toEqual(['0 hint partial']);
  });

  it('a stand-in that is to own the partition becomes its receiver, with all that it holds', () => {
    const life = new Life().start(ring(1, 'bbbbbbbb'), FIRST);
    const hint = life.manager.findOrStandIn('kv', 0 as PartitionId);
    life.adopt(ring(2, 'bbbbbbbb', '0 b a'));
    expect(life.vnode(0)).toBe(hint);
    expect(life.standings).toEqual(['0 receiving partial']);
  });

  it('a receiver that is whole stays so while other things move', () => {
    const life = new Life().start(ring(1, 'bbbbbbbb'), FIRST).adopt(ring(2, 'bbbbbbbb', '0 b a', '1 b c'));
    life.vnode(0)?.become('receiving', 2 as Epoch, 'whole');
    life.adopt(ring(3, 'bcbbbbbb', '0 b a'));
    expect(life.standings).toEqual(['0 receiving whole']);
  });

  it('a partition that is given without a transfer is owned, and partial', () => {
    const life = new Life().start(ring(1, 'bbbbbbbb'), FIRST).adopt(ring(2, 'abbbbbbb'));
    expect(life.standings).toEqual(['0 owner partial']);
  });

  it('a life later a vnode stands as the ring says, not as it stood', () => {
    const before = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const after = before.next(ring(5, 'abaaaaab'), AGAIN);
    expect(after.standings.filter((line) => line.includes('hint'))).toEqual([
      '1 hint partial',
      '7 hint partial',
    ]);
  });

  it('but a retired one stays retired: its data is on its way out', () => {
    const before = new Life().start(ring(1, 'aaaaaaaa'), FIRST).adopt(ring(2, 'baaaaaaa'));
    before.vnode(0)?.become('retired', 2 as Epoch);
    before.store.commit();
    expect(before.next(ring(2, 'baaaaaaa'), AGAIN).standings[0]).toBe('0 retired partial');
  });
});

/** Of a ring of eight that becomes one of sixteen; a place is said with its ring: `8/0`. */
describe('as the ring takes another size', () => {
  const EIGHT = 'abababab';
  const SIXTEEN = 'babababababababa';
  const resizing = (epoch: number): RingDocument => ({
    ...ring(epoch, EIGHT),
    resize: { ringSize: 16, owners: [...SIXTEEN] as NodeId[] },
  });
  const resized = (epoch: number): RingDocument => ({ ...ring(epoch, SIXTEEN), ringSize: 16 });
  const standings = (life: Life): string[] =>
    life.manager
      .all()
      .map(
        ({ place, standing, whole }) =>
          `${1 << place.ringBits}/${place.partition} ${standing} ${whole ? 'whole' : 'partial'}`,
      )
      .toSorted();

  function filling() {
    const life = new Life().start(ring(1, EIGHT), FIRST).adopt(resizing(2));
    for (const partition of [1, 3])
      life.manager.findOrOpenAt('kv', placeOf(4, partition)).become('receiving', 2 as Epoch, 'whole');
    life.store.commit();
    return life;
  }

  it('its places are opened when they are filled, beside those that serve', () => {
    expect(standings(filling())).toEqual([
      '16/1 receiving whole',
      '16/3 receiving whole',
      '8/0 owner whole',
      '8/2 owner whole',
      '8/4 owner whole',
      '8/6 owner whole',
    ]);
    expect(filling().vnode(1), 'of the ring that serves there is none').toBeUndefined();
  });

  it('with the switch those that were filled are owners, the others too but partial, and the old ones hand over', () => {
    const life = filling().adopt(resized(3));
    expect(standings(life).slice(0, 3)).toEqual([
      '16/1 owner whole',
      '16/11 owner partial',
      '16/13 owner partial',
    ]);
    expect(standings(life).filter((line) => line.startsWith('8/'))).toEqual(
      [0, 2, 4, 6].map((partition) => `8/${partition} hint partial`),
    );
    expect(life.vnode(1)?.place).toEqual(placeOf(4, 1));
  });

  it('when it is aborted what was filled is redundant', () => {
    const life = filling().adopt(ring(3, EIGHT));
    expect(standings(life).slice(0, 2)).toEqual(['16/1 retired partial', '16/3 retired partial']);
  });

  it('after a start what was being filled may lack what was passed on meanwhile', () => {
    const life = filling().next(resizing(2), AGAIN);
    expect(standings(life).slice(0, 2)).toEqual(['16/1 receiving partial', '16/3 receiving partial']);
  });

  it('after a start under the new ring the old places are there until they are empty', () => {
    const life = filling().next(resized(3), AGAIN);
    expect(standings(life).filter((line) => line.startsWith('8/'))).toHaveLength(4);
    expect(standings(life)[0], 'it may have missed the last').toBe('16/1 owner partial');
  });

  it('a place of a former ring of that size is filled anew once it is on its way out', () => {
    const life = filling().adopt(ring(3, EIGHT)).adopt(resizing(4));
    expect(life.manager.findOrOpenAt('kv', placeOf(4, 1)).standing).toBe('receiving');
  });
});

describe('in which capacity it answers', () => {
  it.each<[string, (life: Life) => void, string, boolean]>([
    ['an owner', () => {}, 'primary', false],
    ['a partial owner', (life) => life.vnode(0)?.become('owner', 1 as Epoch, 'partial'), 'primary', true],
    ['a receiver', (life) => life.vnode(0)?.become('receiving', 1 as Epoch, 'whole'), 'fallback', true],
    ['a hint', (life) => life.vnode(0)?.become('hint', 1 as Epoch), 'fallback', true],
  ])('%s', (_, prepare, role, standsIn) => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    prepare(life);
    const host = life.vnode(0) as VnodeHost;
    expect([host.role, host.standsIn]).toEqual([role, standsIn]);
    expect((host.vnode as unknown as KeyVnode).context.role()).toBe(role);
  });
});

describe('the record comes first', () => {
  it('a stand-in has its record in the store before its first item', () => {
    const life = new Life().start(ring(2, 'bbbbbbbb'), AGAIN);
    handle(life.manager.findOrStandIn('kv', 0 as PartitionId), 'k');
    expect(life.store.submitted.at(-2)).toBe('+(vnode:kv)');
    expect(life.store.submitted.at(-1)).toBe('+k');
  });

  it('a retired vnode that is written to holds something again, and says so first', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST).adopt(ring(2, 'baaaaaaa'));
    const host = life.vnode(0);
    host?.become('retired', 2 as Epoch);
    handle(host, 'get k');
    expect(host?.standing).toBe('retired');
    handle(host, 'k');
    expect(host?.standing).toBe('hint');
    expect(life.store.submitted.slice(-2)).toEqual(['+(vnode:kv)', '+k']);
  });

  it('a record that the store did not take is written again before an item is', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    life.store.full = true;
    life.manager.adopt(ring(2, 'baaaaaaa'));
    life.store.full = false;
    handle(life.vnode(0), 'k');
    life.store.commit();
    expect(life.record(0)).toMatchObject({ role: 'hint', epoch: 2 });
  });

  it('and so is one that was lost on its way', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    life.manager.adopt(ring(2, 'baaaaaaa'));
    life.store.fail();
    life.store.full = false;
    handle(life.vnode(0), 'k');
    life.store.commit();
    expect(life.record(0)).toMatchObject({ role: 'hint', epoch: 2 });
  });

  it('what does not change is not written again', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const before = life.store.submitted.length;
    life.adopt(ring(2, 'aaaaaaaa'));
    expect(life.store.submitted).toHaveLength(before);
  });
});

describe('a stand-in that has nothing', () => {
  it('is closed, its record with it', () => {
    const life = new Life().start(ring(2, 'bbbbbbbb'), AGAIN);
    life.manager.discard(life.manager.findOrStandIn('kv', 0 as PartitionId));
    life.store.commit();
    expect(life.standings).toEqual([]);
    expect(life.record(0)).toBeUndefined();
  });

  it('may be opened again before that has reached the store, and keeps its new record', () => {
    const life = new Life().start(ring(2, 'bbbbbbbb'), AGAIN);
    const first = life.manager.findOrStandIn('kv', 0 as PartitionId);
    life.store.commit();
    life.manager.discard(first);
    expect(life.manager.findOrStandIn('kv', 0 as PartitionId)).not.toBe(first);
    life.store.commit();
    expect(life.record(0)).toMatchObject({ role: 'hint' });
  });

  it('an owner is never closed', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    expect(() => life.manager.discard(life.vnode(0) as never)).toThrow('an owned vnode stays open');
  });
});

describe('what changes', () => {
  it('is passed on to those who take it over, and encoded for nobody else', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const passed: number[] = [];
    const passOn = (item: Uint8Array) => passed.push(item[0] as number);
    const sink = { ranges: [{ start: 0, end: 3 * BY_LENGTH }], passOn };
    const host = life.vnode(0);
    handle(host, 'a');
    host?.addSink(sink);
    handle(host, 'bb');
    handle(host, 'longer');
    host?.removeSink(sink);
    handle(host, 'ccc');
    expect(passed).toEqual([2]);
  });
});

describe('the store moves on', () => {
  it.each(['process', 'power'] as const)(
    'durable as %s: who waits for everything so far is told in order',
    (durability) => {
      const life = new Life({ durability }).start(ring(1, 'aaaaaaaa'), FIRST);
      life.store.flush();
      const told: string[] = [];
      const [one, two] = [life.store.submit([]) as number, life.store.submit([]) as number];
      life.manager.whenStored(one, () => told.push('one'));
      life.manager.whenStored(two, () => told.push('two'));
      life.store.commit(one);
      expect(told).toEqual(durability === 'process' ? ['one'] : []);
      life.store.commit();
      life.store.flush();
      expect(told).toEqual(['one', 'two']);
      life.manager.whenStored(two, () => told.push('at once'));
      expect(told).toHaveLength(3);
    },
  );

  it('nobody is told that something is stored that was lost', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const told: string[] = [];
    life.manager.whenStored(life.store.submit([]) as number, () => told.push('lost'));
    life.store.fail();
    life.store.full = false;
    life.store.submit([]);
    life.store.submit([]);
    life.store.commit();
    expect(told).toEqual([]);
  });

  it('who waits for the flush of what came before the loss is told of it', () => {
    const life = new Life({ durability: 'power' }).start(ring(1, 'aaaaaaaa'), FIRST);
    life.store.flush();
    const told: string[] = [];
    const one = life.store.submit([]) as number;
    life.manager.whenStored(one, () => told.push('one'));
    life.manager.whenStored(life.store.submit([]) as number, () => told.push('lost'));
    life.store.commit(one);
    life.store.fail(one + 1);
    expect(told).toEqual([]);
    life.store.flush();
    expect(told).toEqual(['one']);
  });

  it('a flush is told of when it has come, or is known not to come', () => {
    const life = new Life({ durability: 'process' }).start(ring(1, 'aaaaaaaa'), FIRST);
    life.store.flush();
    const told: string[] = [];
    const tell = (name: string) => life.manager.whenFlushed((flushed) => told.push(`${name} ${flushed}`));
    tell('nothing to flush');
    const one = life.store.submit([]) as number;
    life.store.submit([]);
    life.store.commit(one);
    tell('one');
    life.store.commit();
    tell('two');
    expect(told).toEqual(['nothing to flush true']);
    life.store.flush(one);
    expect(told.slice(1)).toEqual(['one true']);
    life.store.fail(one + 1);
    expect(told.slice(2)).toEqual(['two false']);
    life.store.flush();
    expect(told).toHaveLength(3);
  });

  it('every vnode hears of it, and from where on it failed', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const vnode = life.vnode(3)?.vnode as unknown as KeyVnode;
    vnode.progress = [];
    life.store.submit([]);
    life.store.fail(9);
    expect(vnode.progress).toEqual([9]);
  });
});
