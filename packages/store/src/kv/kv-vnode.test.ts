/**
 * A vnode over a store whose commits and failures happen when the test says so. What is written at 7 is later than what
 * is written at 3; what a vnode holds is said as `7:text`, a tombstone as `7:-`.
 */
import {
  HybridClock,
  latin1Encode,
  silentLogger,
  SPACE_ENTRY,
  stampMs,
  type NodeId,
  type PartitionId,
  type RecordKey,
  type Refusal,
  type ReplyToken,
  type VnodeContext,
} from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../../core/test/manual-host.ts';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { describeEntry, getting, merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { merge } from '../entry/merge.ts';
import type { KvCommand, KvReply, PageReply, TallyReply } from './commands.ts';
import { placeKey } from './coordinator.ts';
import { decodeItem, encodeItem } from './items.ts';
import { rangeAt, positionOf } from './key-space.ts';
import { KvVnode } from './kv-vnode.ts';
import { VnodeTallies } from './range-tally.ts';

const BITS = 3;

class Stage {
  readonly host = new ManualHost();
  readonly store: ManualStore;
  readonly vnode: KvVnode;
  /** What was said to whoever sent a command, in order. */
  readonly told: string[] = [];
  readonly passedOn: string[] = [];
  readonly clock: HybridClock;
  readonly #context: VnodeContext;

  constructor({ store = new ManualStore(), durability = 'process' as 'process' | 'power' } = {}) {
    this.host.wallOffset = 1_000;
    this.store = store;
    this.clock = new HybridClock({ now: () => this.host.now(), random: () => 0, driftLimitMs: 60_000 });
    this.#context = {
      self: 'a' as NodeId,
      place: { ringBits: BITS, partition: 0 as PartitionId },
      host: this.host,
      store,
      logger: silentLogger,
      role: () => 'primary',
      durability,
      beforeChange: () => {},
      changed: (encode) => this.passedOn.push(describeItem(encode())),
    };
    this.vnode = new KvVnode(this.#context, this.clock);
    store.start({
      onProgress: () => this.vnode.onStoreProgress(),
      onFailure: (fromSeq) => this.vnode.onStoreProgress(fromSeq),
    });
  }

  send(command: KvCommand): void {
    this.vnode.handleCommand(command, this.#token(command));
  }

  put(key: string, time: number, text = 'v'): void {
    this.send(merging(key, valueAt(key, time, text)));
  }

  /** What is told at once, or `waits`. */
  ask(command: KvCommand): string {
    const before = this.told.length;
    this.send(command);
    return this.told.slice(before).join() || 'waits';
  }

  get(key: string): string {
    return this.ask(getting(key));
  }

  /** Keys with their entries, as the store holds them. */
  get content(): string[] {
    const found: string[] = [];
    this.store.walk(SPACE_ENTRY, this.#context.place, undefined, 10_000, (_hi, _lo, key, entry) => {
      found.push(`${key} ${describeEntry(entry)}`);
      return true;
    });
    return found.toSorted();
  }

  takeIn(key: string, entry: Uint8Array): void {
    this.vnode.handleHandoffItem(encodeItem(placeKey(key), entry), (stored) => this.told.push(`${key} stored ${stored}`));
  }

  #token(command: KvCommand): ReplyToken<KvReply> {
    const name = 'key' in command ? command.key : command.kind;
    return {
      reply: (reply) => this.told.push(`${name} ${describeReply(reply)}`),
      refuse: (why: Refusal) => this.told.push(`${name} refused: ${why}`),
      fail: () => this.told.push(`${name} failed`),
    };
  }
}

function describeReply(reply: KvReply): string {
  switch (reply.kind) {
    case 'merged':
      return `merged${reply.existed ? ', existed' : ''}${reply.later === undefined ? '' : ', later held'}`;
    case 'held':
      return reply.whole ? describeEntry(reply.entry) : `state ${reply.entry === undefined ? 'of nothing' : 'held'}`;
    default:
      return reply.kind;
  }
}

const describeItem = (item: Uint8Array): string => {
  const { at, entry } = decodeItem(item);
  return `${at.key} ${describeEntry(entry)}`;
};

function walk(stage: Stage, budget = 1, between: () => void = () => {}): string[] {
  const found: string[] = [];
  let cursor: Uint8Array | undefined;
  do {
    const page = stage.vnode.walkItems(cursor, budget);
    found.push(...page.items.map(describeItem));
    cursor = page.next;
    between();
  } while (cursor !== undefined);
  return found;
}

describe('a write', () => {
  it('is acknowledged when the store has it, and says whether something was there', () => {
    const stage = new Stage();
    stage.put('k', 1, 'one');
    expect(stage.told).toEqual([]);
    stage.store.commit();
    stage.put('k', 2, 'two');
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged, existed']);
    expect(stage.get('k')).toBe('k 2:two');
  });

  it('for a power cut waits until it is flushed', () => {
    const stage = new Stage({ durability: 'power' });
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.told).toEqual([]);
    stage.store.flush();
    expect(stage.told).toEqual(['k merged']);
  });

  it('on a store that commits at once is acknowledged at once', () => {
    const store = new ManualStore();
    store.immediate = true;
    const stage = new Stage({ store });
    stage.put('k', 1);
    expect(stage.told).toEqual(['k merged']);
  });

  it('of two in one turn the later survives, in either order', () => {
    const stage = new Stage();
    stage.put('a', 2, 'later');
    stage.put('a', 1, 'earlier');
    stage.put('b', 1, 'earlier');
    stage.put('b', 2, 'later');
    stage.store.commit();
    expect(stage.content).toEqual(['a 2:later', 'b 2:later']);
    expect(stage.told).toEqual(['a merged', 'a merged, existed, later held', 'b merged', 'b merged, existed']);
  });

  it('that changes nothing waits for what it found, if that is still on its way', () => {
    const stage = new Stage();
    stage.put('k', 1);
    stage.put('k', 1);
    expect(stage.told).toEqual([]);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged, existed']);
    stage.put('k', 1);
    expect(stage.told).toHaveLength(3);
  });

  it('over a tombstone finds nothing there; a delete of nothing too', () => {
    const stage = new Stage();
    stage.send(merging('k', tombstoneAt('k', 1)));
    stage.put('k', 2);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged']);
  });

  it('over a value that has expired finds nothing there', () => {
    const stage = new Stage();
    stage.send(merging('k', valueAt('k', 1, 'v', 900)));
    stage.put('k', 2);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged']);
  });

  it('is refused while the store takes none, and leaves no trace', () => {
    const stage = new Stage();
    stage.store.full = true;
    stage.put('k', 1);
    expect(stage.told).toEqual(['k refused: read_only']);
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(stage.get('k')).toBe('k nothing');
  });

  it('is passed on as it is submitted; one that changes nothing is not', () => {
    const stage = new Stage();
    stage.put('k', 2, 'later');
    stage.put('k', 1, 'earlier');
    expect(stage.passedOn).toEqual(['k 2:later']);
  });

  it('ten thousand wait, more are refused, and reads of what is on its way too', () => {
    const stage = new Stage();
    for (let i = 0; i < 10_000; i++) stage.put(`k${i}`, 1);
    expect(stage.ask(merging('more', valueAt('more', 1, 'v')))).toBe('more refused: overload');
    expect(stage.ask(getting('k7'))).toBe('k7 refused: overload');
    expect(stage.ask(getting('other'))).toBe('other nothing');
    stage.store.commit();
    expect(stage.ask(getting('k7'))).toBe('k7 1:v');
  });
});

describe('a read', () => {
  it('of a key on its way waits until the store has it: nobody is told what a crash takes back', () => {
    const stage = new Stage();
    stage.put('k', 1, 'old');
    stage.store.commit();
    stage.put('k', 2, 'new');
    stage.told.length = 0;
    expect(stage.get('k')).toBe('waits');
    expect(stage.get('other')).toBe('other nothing');
    stage.store.commit();
    expect(stage.told).toEqual(['other nothing', 'k merged, existed', 'k 2:new']);
  });

  it('that waits is told what is there when what it waited for was lost', () => {
    const stage = new Stage();
    stage.put('k', 1, 'old');
    stage.store.commit();
    stage.put('k', 2, 'new');
    stage.told.length = 0;
    stage.send(getting('k'));
    stage.store.fail();
    expect(stage.told).toEqual(['k failed', 'k 1:old']);
  });

  it('of the state alone', () => {
    const stage = new Stage();
    expect(stage.ask(getting('k', false))).toBe('k state of nothing');
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.ask(getting('k', false))).toBe('k state held');
  });
});

describe('a store that fails', () => {
  it('fails what was on its way, keeps what is there, and is written to again later', () => {
    const stage = new Stage();
    stage.put('a', 1, 'kept');
    stage.store.commit();
    stage.put('a', 2, 'lost');
    stage.put('b', 1, 'lost');
    stage.store.fail();
    expect(stage.told.slice(1)).toEqual(['a failed', 'b failed']);
    expect(stage.get('a')).toBe('a 1:kept');
    stage.store.full = false;
    stage.put('a', 2, 'again');
    stage.store.commit();
    expect(stage.content).toEqual(['a 2:again']);
  });

  it('from a later batch on does not fail the earlier ones', () => {
    const stage = new Stage();
    stage.put('a', 1);
    stage.put('b', 1);
    stage.store.fail(2);
    expect(stage.told).toEqual(['b failed']);
    stage.store.full = false;
    stage.store.commit();
    expect(stage.told).toEqual(['b failed', 'a merged']);
  });

  it('what a lost write covered is on its way as before: nothing earlier is stored over it', () => {
    const stage = new Stage();
    stage.put('k', 5, 'on its way');
    stage.put('k', 7, 'lost');
    stage.store.fail(2);
    stage.store.full = false;
    stage.put('k', 3, 'earlier');
    stage.store.commit();
    expect(stage.content).toEqual(['k 5:on its way']);
    expect(stage.told).toEqual(['k failed', 'k merged', 'k merged, existed, later held']);
  });

  it('leaves the tallies as a recount finds them', () => {
    const stage = new Stage();
    stage.put('a', 1);
    stage.put('b', 1);
    stage.store.commit(1);
    stage.put('a', 2);
    stage.put('b', 2);
    stage.put('b', 3);
    stage.put('c', 1);
    stage.store.fail(4);
    stage.store.full = false;
    stage.store.commit();
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });
});

function talliesOf(stage: Stage): unknown[] {
  return ([...Array(8).keys()] as PartitionId[]).map((range) => {
    let tally: TallyReply | undefined;
    stage.vnode.handleCommand({ kind: 'tally', range }, { reply: (reply) => (tally = reply as TallyReply), refuse() {}, fail() {} });
    const { kind, ...sums } = tally as TallyReply;
    return sums;
  });
}

function recountOf(stage: Stage): unknown[] {
  const fresh = new VnodeTallies({ ringBits: BITS, partition: 0 as PartitionId }, undefined);
  stage.store.walk(SPACE_ENTRY, { ringBits: BITS, partition: 0 as PartitionId }, undefined, 10_000, (hashHi, hashLo, key, entry) => {
    fresh.changed({ hashHi, hashLo, key }, undefined, entry);
    return true;
  });
  return ([...Array(8).keys()] as PartitionId[]).map((range) => ({ ...fresh.of(range) }));
}

describe('whatever happens', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.record({ move: fc.constant('put'), key, time: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ move: fc.constant('delete'), key, time: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 2, arbitrary: fc.record({ move: fc.constant('handoff'), key, time: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ move: fc.constant('commit'), key, time: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ move: fc.constant('fail'), key, time: fc.nat(5) }) },
  );

  it('what was acknowledged is there, and the tallies are right, in the next life too', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 50 }), (moves) => {
        const stage = new Stage();
        const acknowledged = new Map<string, Uint8Array>();
        const acknowledge = (key: string, entry: Uint8Array): void => {
          acknowledged.set(key, merge(key, acknowledged.get(key), entry));
        };
        for (const { move, key, time } of moves) {
          const entry = move === 'delete' ? tombstoneAt(key, time) : valueAt(key, time, `${key}${time}`);
          if (move === 'commit') stage.store.commit(Math.min(stage.store.submittedSeq, stage.store.committedSeq + time));
          else if (move === 'fail') {
            stage.store.fail(stage.store.committedSeq + 1 + time);
            stage.store.full = false;
          } else if (move === 'handoff') {
            stage.vnode.handleHandoffItem(encodeItem(placeKey(key), entry), (stored) => stored && acknowledge(key, entry));
          } else {
            stage.vnode.handleCommand(merging(key, entry), { reply: () => acknowledge(key, entry), refuse() {}, fail() {} });
          }
        }
        stage.store.commit();
        for (const [key, entry] of acknowledged) {
          const held = stage.store.get(SPACE_ENTRY, { ringBits: BITS, partition: 0 as PartitionId }, placeKey(key)) as Uint8Array;
          expect(describeEntry(held && merge(key, held.slice(), entry))).toBe(describeEntry(held));
        }
        expect(talliesOf(stage)).toEqual(recountOf(stage));
        expect(talliesOf(new Stage({ store: stage.store.reopen() }))).toEqual(recountOf(stage));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a walk over all items', () => {
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);

  it('comes by each of them, a page at a time', () => {
    const stage = new Stage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    expect(walk(stage).toSorted()).toEqual(keys.map((key) => `${key} 1:v`).toSorted());
    expect(stage.vnode.walkItems(undefined, 1).items).toHaveLength(1);
    expect(stage.vnode.walkItems(undefined, 1_000_000).items).toHaveLength(20);
  });

  it('comes by what is on its way when it begins: it may be committed behind the walk', () => {
    const stage = new Stage();
    for (const key of keys) stage.put(key, 1);
    const found = walk(stage, 1, () => stage.store.commit());
    for (const key of keys) expect(found).toContain(`${key} 1:v`);
  });

  it('misses nothing that is written meanwhile and passed on', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(19)), fc.integer({ min: 1, max: 200 }), fc.infiniteStream(fc.boolean()), (writes, budget, commits) => {
        const stage = new Stage();
        for (const key of keys) stage.put(key, 1);
        stage.store.commit(10);
        stage.passedOn.length = 0;
        let time = 2;
        const between = (): void => {
          const next = writes.shift();
          if (next !== undefined) stage.put(keys[next] as string, time++);
          if (commits.next().value === true) stage.store.commit();
        };
        const received = new Map<string, string>();
        for (const item of [...walk(stage, budget, between), ...stage.passedOn]) {
          const [key = '', held = ''] = item.split(' ');
          if (parseInt(held) >= parseInt(received.get(key) ?? '0')) received.set(key, held);
        }
        stage.store.commit();
        expect([...received].map((pair) => pair.join(' ')).toSorted()).toEqual(stage.content);
      }),
      { numRuns: 100 },
    );
  });

  it('passes over a damaged entry, which is not for others', () => {
    const store = new ManualStore();
    const place = { ringBits: BITS, partition: 0 as PartitionId };
    const damaged = valueAt('bad', 1, 'v');
    damaged[damaged.length - 1] = 0;
    store.submit([{ space: SPACE_ENTRY, place, ...placeKey('bad'), value: damaged }]);
    store.submit([{ space: SPACE_ENTRY, place, ...placeKey('good'), value: valueAt('good', 1, 'v') }]);
    store.commit();
    expect(walk(new Stage({ store }))).toEqual(['good 1:v']);
  });
});

describe('an item handed over', () => {
  it('is merged, and stored when the store has it', () => {
    const stage = new Stage();
    stage.put('k', 2, 'later');
    stage.store.commit();
    stage.takeIn('k', valueAt('k', 1, 'earlier'));
    stage.takeIn('j', valueAt('j', 1, 'new'));
    expect(stage.told).toEqual(['k merged', 'k stored true']);
    stage.store.commit();
    expect(stage.content).toEqual(['j 1:new', 'k 2:later']);
    expect(stage.told.at(-1)).toBe('j stored true');
  });

  it('that is held already, but only on its way, waits as well', () => {
    const stage = new Stage();
    stage.put('k', 1);
    stage.takeIn('k', valueAt('k', 1, 'v'));
    expect(stage.told).toEqual([]);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k stored true']);
  });

  it('is not stored when the store takes nothing, or loses it, or when it is damaged', () => {
    const stage = new Stage();
    const damaged = valueAt('d', 1, 'v');
    damaged[40] = 0xff;
    stage.takeIn('d', damaged);
    stage.takeIn('k', valueAt('k', 1, 'v'));
    stage.store.fail();
    stage.takeIn('j', valueAt('j', 1, 'v'));
    expect(stage.told).toEqual(['d stored false', 'k stored false', 'j stored false']);
  });
});

describe('an item that was handed off', () => {
  const handOff = (stage: Stage, key: string, entry: Uint8Array): void => stage.vnode.handleItemHandedOff(encodeItem(placeKey(key), entry));

  it('is forgotten', () => {
    const stage = new Stage();
    stage.put('k', 1);
    stage.store.commit();
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    expect(stage.vnode.isEmpty()).toBe(false);
    stage.store.commit();
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(stage.content).toEqual([]);
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it.each<[string, (stage: Stage) => void]>([
    ['a later version', (stage) => stage.put('k', 2)],
    ['other content under the same version', (stage) => stage.put('k', 1, 'w')],
    ['a delete', (stage) => stage.send(merging('k', tombstoneAt('k', 2)))],
  ])('stays when it has changed meanwhile: %s', (_, change) => {
    for (const commits of [true, false]) {
      const stage = new Stage();
      stage.put('k', 1);
      stage.store.commit();
      change(stage);
      if (commits) stage.store.commit();
      handOff(stage, 'k', valueAt('k', 1, 'v'));
      stage.store.commit();
      expect(stage.content).toHaveLength(1);
    }
  });

  it('stays when the store takes no removal', () => {
    const stage = new Stage();
    stage.put('k', 1);
    stage.store.commit();
    stage.store.full = true;
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    expect(stage.get('k')).toBe('k 1:v');
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('is there again when it comes back while its removal is on its way', () => {
    const stage = new Stage();
    stage.put('k', 1);
    stage.store.commit();
    handOff(stage, 'k', valueAt('k', 1, 'v'));
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.content).toEqual(['k 1:v']);
    expect(stage.told.at(-1)).toBe('k merged');
  });
});

describe('clearing', () => {
  it('forgets everything, in steps', () => {
    const stage = new Stage();
    for (let i = 0; i < 1_200; i++) stage.put(`k${i}`, 1);
    stage.store.commit();
    let steps = 1;
    while (!stage.vnode.clearSome() && steps < 100) {
      stage.store.commit();
      steps++;
    }
    expect(stage.content).toEqual([]);
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(steps).toBeGreaterThan(3);
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('counts what expires rightly', () => {
    const stage = new Stage();
    stage.send(merging('k', valueAt('k', 1, 'v'.repeat(900), 2_000_000)));
    stage.store.commit();
    stage.vnode.clearSome();
    stage.store.commit();
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('waits for what is on its way, and goes on when the store takes writes again', () => {
    const stage = new Stage();
    stage.put('k', 1);
    expect(stage.vnode.clearSome()).toBe(false);
    stage.store.commit();
    stage.store.full = true;
    expect(stage.vnode.clearSome()).toBe(false);
    stage.store.full = false;
    stage.vnode.clearSome();
    stage.store.commit();
    expect(stage.vnode.clearSome()).toBe(true);
    expect(stage.content).toEqual([]);
  });

  it('does not hold whole values in memory', () => {
    const stage = new Stage();
    const big = 'v'.repeat(100_000);
    for (let i = 0; i < 50; i++) stage.put(`k${i}`, 1, big);
    stage.store.commit();
    const copies: number[] = [];
    class Watched extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
        const copy = new Uint8Array(this).slice(start, end);
        copies.push(copy.length);
        return copy;
      }
    }
    const walk = stage.store.walk.bind(stage.store);
    stage.store.walk = (space, place, after, limit, visit) =>
      walk(space, place, after, limit, (hi, lo, key, entry) => visit(hi, lo, key, new Watched(entry)));
    stage.vnode.clearSome();
    expect(copies).toHaveLength(50);
    expect(Math.max(...copies)).toBeLessThan(1_000);
  });
});

describe('a page of a range', () => {
  const page = (stage: Stage, range: PartitionId, limit = 100, after?: RecordKey): PageReply => {
    let found: PageReply | undefined;
    stage.vnode.handleCommand({ kind: 'page', range, limit, after }, { reply: (reply) => (found = reply as PageReply), refuse() {}, fail() {} });
    return found as PageReply;
  };
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
  const rangeOf = (key: string): PartitionId => {
    const { hashHi, hashLo } = placeKey(key);
    return rangeAt(positionOf(hashHi, hashLo), BITS);
  };

  it.each([...Array(8).keys()] as PartitionId[])('range %i holds its own keys and no others, in hash order', (range) => {
    const stage = new Stage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    const { items, more } = page(stage, range);
    expect(items.map(({ key }) => key).toSorted()).toEqual(keys.filter((key) => rangeOf(key) === range).toSorted());
    expect(items.map(({ hashHi }) => hashHi)).toEqual(items.map(({ hashHi }) => hashHi).toSorted((a, b) => a - b));
    expect(more).toBe(false);
  });

  it.each([...Array(8).keys()] as PartitionId[])('range %i can be walked through in small pages', (range) => {
    const stage = new Stage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    const found: string[] = [];
    let after: RecordKey | undefined;
    for (let reply = page(stage, range, 2); ; reply = page(stage, range, 2, after)) {
      found.push(...reply.items.map(({ key }) => key));
      after = reply.items.at(-1);
      if (!reply.more) break;
    }
    expect(found.toSorted()).toEqual(keys.filter((key) => rangeOf(key) === range).toSorted());
  });

  it('says what is alive, at the clock of now', () => {
    const stage = new Stage();
    stage.put('k1', 1);
    stage.send(merging('k1', tombstoneAt('k1', 2)));
    stage.put('k2', 1);
    stage.send(merging('k3', valueAt('k3', 1, 'v', 1_500)));
    stage.store.commit();
    const alive = (): string[] => ([...Array(8).keys()] as PartitionId[]).flatMap((range) => page(stage, range).items.filter(({ live }) => live).map(({ key }) => key)).toSorted();
    expect(alive()).toEqual(['k2', 'k3']);
    stage.host.advance(500);
    expect(alive()).toEqual(['k2']);
  });

  it('ends early where keys are long, but never before a second place in hash space: a walk must get on', () => {
    const stage = new Stage();
    const long = keys.slice(0, 8).map((key) => key.padEnd(300_000, 'x'));
    for (const key of long) stage.put(key, 1);
    stage.store.commit();
    for (const range of new Set(long.map(rangeOf))) {
      const { items, more } = page(stage, range);
      const all = long.filter((key) => rangeOf(key) === range).length;
      expect(items).toHaveLength(Math.min(2, all));
      if (all > 2) expect(more).toBe(true);
    }
  });
});

describe('small things', () => {
  it('a ping is answered', () => {
    expect(new Stage().ask({ kind: 'ping', n: 3 })).toBe('ping pong');
  });

  it('the clock follows what it sees', () => {
    const stage = new Stage();
    const next = new Uint8Array(16);
    stage.put('k', 50_000);
    stage.clock.write(next, 0);
    expect(stampMs(next, 0)).toBe(50_000);
    stage.takeIn('j', valueAt('j', 55_000, 'v'));
    stage.clock.write(next, 0);
    expect(stampMs(next, 0)).toBe(55_000);
  });

  it('a value is what came in, byte for byte', () => {
    const stage = new Stage();
    const bytes = latin1Encode('\x00\xff\x80');
    stage.put('\x00\xff', 1, '\x00\xff\x80');
    stage.store.commit();
    expect(stage.get('\x00\xff')).toBe(`\x00\xff 1:${String.fromCharCode(...bytes)}`);
  });
});
