/**
 * Vnodes of a ring of eight on node a: how each stands, as the ring changes and lives follow one another.
 * Rings are drawn by owner, `aaaaaaaa`, and transfers `0 a b`.
 */
import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { ManualStore } from '../../test/manual-store.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { silentLogger } from '../contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META } from '../contracts/store.ts';
import type { ReplyToken, Vnode, VnodeContext, VnodeModule } from '../contracts/vnode.ts';
import { birthDocument, type RingDocument } from '../ring/document.ts';
import type { VnodeHost } from './vnode-host.ts';
import { VnodeManager, type StartProof } from './vnode-manager.ts';
import { decodeVnodeRecord, vnodeRecordKey } from './vnode-record.ts';

const self = 'a' as NodeId;
const FIRST: StartProof = { firstLife: true, intact: true };
const AGAIN: StartProof = { firstLife: false, intact: true };
const DOUBTFUL: StartProof = { firstLife: false, intact: false };

/** A key's hash begins with its length times this. */
const BY_LENGTH = 0x1000_0000;

/** Writes the key it is told to, and says so. */
class KeyVnode implements Vnode<string, string> {
  readonly context: VnodeContext;
  progress: (number | undefined)[] = [];

  constructor(context: VnodeContext) {
    this.context = context;
  }

  handleCommand(key: string, token: ReplyToken<string>): void {
    const { store, place, beforeChange, changed } = this.context;
    if (key.startsWith('get ')) return token.reply(key);
    beforeChange();
    store.submit([{ space: SPACE_ENTRY, place, hashHi: 0, hashLo: 0, key, value: Uint8Array.of(1) }]);
    changed(key.length * BY_LENGTH, () => Uint8Array.of(key.length));
    token.reply(key);
  }
  onStoreProgress(failedFrom?: number): void {
    this.progress.push(failedFrom);
  }
  isEmpty(): boolean {
    return true;
  }
  walkItems(): { items: Uint8Array[]; next: undefined } {
    return { items: [], next: undefined };
  }
  handleHandoffItem(_item: Uint8Array, done: (stored: boolean) => void): void {
    done(true);
  }
  handleItemHandedOff(): void {}
  clearSome(): boolean {
    return true;
  }
}

const codec = { encodeCommand() {}, decodeCommand: () => '', encodeReply() {}, decodeReply: () => '' };
const moduleNamed = (name: string): VnodeModule<unknown, unknown> => ({
  name,
  codec,
  open: (context) => new KeyVnode(context) as Vnode<unknown, unknown>,
});
const token: ReplyToken<unknown> = { reply() {}, refuse() {}, fail() {} };

function ring(epoch: number, owners: string, ...pending: string[]): RingDocument {
  const document = birthDocument({
    clusterId: 'c',
    ringSize: 8,
    self: { id: self, name: 'a', address: 'a:1', location: '' },
    n: 3,
    level: 'eventual',
  });
  const transfers = pending.map((text) => {
    const [partition, from, to] = text.split(' ');
    return { partition: Number(partition) as PartitionId, from: from as NodeId, to: to as NodeId };
  });
  return { ...document, epoch: epoch as Epoch, owners: [...owners] as NodeId[], pending: transfers };
}

let lives = 0;

class Life {
  readonly store: ManualStore;
  readonly manager: VnodeManager;

  constructor({
    store = new ManualStore(),
    durability = 'process' as 'process' | 'power',
    services = ['kv'],
  } = {}) {
    this.store = store;
    store.start({
      onProgress: () => this.manager.onStoreProgress(),
      onFailure: (fromSeq) => this.manager.onStoreProgress(fromSeq),
    });
    const modules = services.map(moduleNamed);
    this.manager = new VnodeManager({
      self,
      host: new ManualHost(++lives),
      store,
      logger: silentLogger,
      durability,
      modules,
    });
  }

  start(document: RingDocument, proof: StartProof): this {
    this.manager.start(document, proof);
    this.store.commit();
    return this;
  }

  adopt(document: RingDocument): this {
    this.manager.adopt(document);
    this.store.commit();
    return this;
  }

  vnode(partition: number, service = 'kv') {
    return this.manager.find(service, partition as PartitionId);
  }

  /** `0 owner whole`, as the vnode says. */
  get standings(): string[] {
    const hosts = this.manager.all().toSorted((a, b) => a.place.partition - b.place.partition);
    return hosts.map(
      ({ place, standing, whole }) => `${place.partition} ${standing} ${whole ? 'whole' : 'partial'}`,
    );
  }

  /** And as it is on disk. */
  record(partition: number, service = 'kv') {
    const place = { ringBits: 3, partition: partition as PartitionId };
    const bytes = this.store.get(SPACE_META, place, vnodeRecordKey(service));
    return bytes && decodeVnodeRecord(bytes);
  }

  /** The next life on the same disk, or on one that was exchanged. */
  next(document: RingDocument, proof: StartProof, storeId?: string): Life {
    const store = this.store.reopen();
    if (storeId !== undefined) store.storeId = storeId;
    return new Life({ store }).start(document, proof);
  }
}

const all = (standing: string): string[] => [...Array(8).keys()].map((p) => `${p} ${standing}`);

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

  it('the ring keeps its size', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    expect(() => life.manager.adopt({ ...ring(2, 'aaaaaaaa'), ringSize: 16 })).toThrow('keeps its ring size');
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
    life.manager.findOrStandIn('kv', 0 as PartitionId).handle('k', token);
    expect(life.store.submitted.at(-2)).toBe('+(vnode:kv)');
    expect(life.store.submitted.at(-1)).toBe('+k');
  });

  it('a retired vnode that is written to holds something again, and says so first', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST).adopt(ring(2, 'baaaaaaa'));
    const host = life.vnode(0);
    host?.become('retired', 2 as Epoch);
    host?.handle('get k', token);
    expect(host?.standing).toBe('retired');
    host?.handle('k', token);
    expect(host?.standing).toBe('hint');
    expect(life.store.submitted.slice(-2)).toEqual(['+(vnode:kv)', '+k']);
  });

  it('a record that the store did not take is written again before an item is', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    life.store.full = true;
    life.manager.adopt(ring(2, 'baaaaaaa'));
    life.store.full = false;
    life.vnode(0)?.handle('k', token);
    life.store.commit();
    expect(life.record(0)).toMatchObject({ role: 'hint', epoch: 2 });
  });

  it('and so is one that was lost on its way', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    life.manager.adopt(ring(2, 'baaaaaaa'));
    life.store.fail();
    life.store.full = false;
    life.vnode(0)?.handle('k', token);
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
    host?.handle('a', token);
    host?.addSink(sink);
    host?.handle('bb', token);
    host?.handle('longer', token);
    host?.removeSink(sink);
    host?.handle('ccc', token);
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

  it('every vnode hears of it, and from where on it failed', () => {
    const life = new Life().start(ring(1, 'aaaaaaaa'), FIRST);
    const vnode = life.vnode(3)?.vnode as unknown as KeyVnode;
    vnode.progress = [];
    life.store.submit([]);
    life.store.fail(9);
    expect(vnode.progress).toEqual([9]);
  });
});
