/** Writes, reads and a store that fails, as one vnode sees them. What a vnode holds is said as `7:text`: written at 7; a tombstone as `7:-`. */
import { latin1Encode, stampMs } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { getting, merging, stampOf, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { recountOf, talliesOf, VnodeStage } from '../../test/kv/vnode-stage.ts';
import type { HeldReply, KvReply, MergedReply } from './commands.ts';
import { placeKey } from './coordinator.ts';
import { encodeItem } from './items.ts';

describe('a write', () => {
  it('is acknowledged when the store has it, and says whether something was there', () => {
    const stage = new VnodeStage();
    stage.put('k', 1, 'one');
    expect(stage.told).toEqual([]);
    stage.store.commit();
    stage.put('k', 2, 'two');
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged, existed']);
    expect(stage.get('k')).toBe('k 2:two');
  });

  it('for a power cut waits until it is flushed', () => {
    const stage = new VnodeStage({ durability: 'power' });
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.told).toEqual([]);
    stage.store.flush();
    expect(stage.told).toEqual(['k merged']);
  });

  it('that asks for it waits for the flush, whatever the vnode waits for, and keeps nobody else waiting', () => {
    const stage = new VnodeStage();
    stage.send({ ...merging('k', valueAt('k', 1, 'v')), flushed: true });
    stage.put('other', 1);
    stage.store.commit();
    expect(stage.told).toEqual(['other merged']);
    expect(stage.get('k')).toBe('k 1:v');
    stage.store.flush();
    expect(stage.told.at(-1)).toBe('k merged');
  });

  it('that changes nothing waits until what it found is flushed', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.store.commit();
    const again = { ...merging('k', valueAt('k', 1, 'v')), flushed: true };
    expect(stage.ask(again)).toBe('waits');
    stage.store.flush();
    expect(stage.told.at(-1)).toBe('k merged, existed');
    expect(stage.ask(again)).toBe('k merged, existed');
  });

  it('that waits for a flush which fails is told so, once', () => {
    const stage = new VnodeStage();
    stage.send({ ...merging('k', valueAt('k', 1, 'v')), flushed: true });
    stage.store.fail();
    expect(stage.told).toEqual(['k failed']);
    stage.store.commit();
    stage.store.flush();
    expect(stage.told).toEqual(['k failed']);
  });

  it('on a store that commits at once is acknowledged at once', () => {
    const store = new ManualStore();
    store.immediate = true;
    const stage = new VnodeStage({ store });
    stage.put('k', 1);
    expect(stage.told).toEqual(['k merged']);
  });

  it('can be looked at before the store has it, and without its value', () => {
    const stage = new VnodeStage();
    stage.put('k', 7, 'secret');
    const seen: KvReply[] = [];
    const look = (): void =>
      stage.vnode.handleCommand(
        { ...getting('k'), kind: 'inspect' },
        { reply: (reply) => seen.push(reply), refuse() {}, fail() {} },
      );
    look();
    stage.store.commit();
    look();
    const { length } = valueAt('k', 7, 'secret');
    expect(seen).toMatchObject([
      { bytes: length, inFlight: true, role: 'primary' },
      { bytes: length, inFlight: false, damage: undefined },
    ]);
    expect((seen[1] as { head: Uint8Array }).head).toHaveLength(length - 'secret'.length);
  });

  it('of two in one turn the later survives, in either order', () => {
    const stage = new VnodeStage();
    stage.put('a', 2, 'later');
    stage.put('a', 1, 'earlier');
    stage.put('b', 1, 'earlier');
    stage.put('b', 2, 'later');
    stage.store.commit();
    expect(stage.content).toEqual(['a 2:later', 'b 2:later']);
    expect(stage.told).toEqual([
      'a merged',
      'a merged, existed, later held',
      'b merged',
      'b merged, existed',
    ]);
  });

  it('that changes nothing waits for what it found, if that is still on its way', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.put('k', 1);
    expect(stage.told).toEqual([]);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged, existed']);
    stage.put('k', 1);
    expect(stage.told).toHaveLength(3);
  });

  it('over a tombstone finds nothing there; a delete of nothing too', () => {
    const stage = new VnodeStage();
    stage.send(merging('k', tombstoneAt('k', 1)));
    stage.put('k', 2);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged']);
  });

  it('over a value that expires tells when: the coordinator knows what time it is', () => {
    const stage = new VnodeStage();
    stage.send(merging('k', valueAt('k', 1, 'v', 900)));
    stage.put('k', 2);
    stage.put('k', 3);
    stage.store.commit();
    expect(stage.told).toEqual(['k merged', 'k merged, existed until 900', 'k merged, existed']);
  });

  it('is refused while the store takes none, and leaves no trace', () => {
    const stage = new VnodeStage();
    stage.store.full = true;
    stage.put('k', 1);
    expect(stage.told).toEqual(['k refused: read_only']);
    expect(stage.vnode.isEmpty()).toBe(true);
    expect(stage.get('k')).toBe('k nothing');
  });

  it('is passed on as it is submitted; one that changes nothing is not', () => {
    const stage = new VnodeStage();
    stage.put('k', 2, 'later');
    stage.put('k', 1, 'earlier');
    expect(stage.passedOn).toEqual(['k 2:later']);
  });
});

describe('entries on their way into the store', () => {
  const large = 'x'.repeat(1 << 20);

  it('are counted in bytes, and a write that would be too many is refused', () => {
    const stage = new VnodeStage({ inFlightMax: 2 << 20 });
    stage.put('one', 1, large);
    expect(stage.ask(merging('two', valueAt('two', 1, large)))).toBe('two refused: overload');
    expect(stage.ask(merging('small', valueAt('small', 1, 'v')))).toBe('waits');
    expect(stage.vnode.limits().at(-1)).toMatchObject({ limit: 'vnode_in_flight_bytes', reached: 1 });
    stage.store.commit();
    expect(stage.inFlight.bytes).toBe(0);
    expect(stage.ask(merging('two', valueAt('two', 1, large)))).toBe('waits');
  });

  it('count once, however many replace or wait for them, until the store has them', () => {
    const stage = new VnodeStage();
    stage.put('k', 1, 'x'.repeat(1_000));
    const [one] = [stage.inFlight.bytes];
    stage.put('k', 2, 'x'.repeat(1_000));
    stage.put('k', 1, 'x'.repeat(1_000));
    stage.get('k');
    expect(stage.inFlight.bytes).toBe(2 * one);
    stage.store.commit();
    expect(stage.inFlight.bytes).toBe(0);
  });

  it('count no more when the store loses them', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.put('k', 2);
    stage.get('k');
    stage.store.fail();
    expect(stage.inFlight.bytes).toBe(0);
  });
});

describe('a read', () => {
  it('of a key on its way waits until the store has it: nobody is told what a crash takes back', () => {
    const stage = new VnodeStage();
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
    const stage = new VnodeStage();
    stage.put('k', 1, 'old');
    stage.store.commit();
    stage.put('k', 2, 'new');
    stage.told.length = 0;
    stage.send(getting('k'));
    stage.store.fail();
    expect(stage.told).toEqual(['k failed', 'k 1:old']);
  });

  it('of the state alone', () => {
    const stage = new VnodeStage();
    expect(stage.ask(getting('k', false))).toBe('k state of nothing');
    stage.put('k', 1);
    stage.store.commit();
    expect(stage.ask(getting('k', false))).toBe('k state held');
  });
});

describe('a store that fails', () => {
  it('fails what was on its way, keeps what is there, and is written to again later', () => {
    const stage = new VnodeStage();
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
    const stage = new VnodeStage();
    stage.put('a', 1);
    stage.put('b', 1);
    stage.store.fail(2);
    expect(stage.told).toEqual(['b failed']);
    stage.store.full = false;
    stage.store.commit();
    expect(stage.told).toEqual(['b failed', 'a merged']);
  });

  it('what a lost write covered is on its way as before: nothing earlier is stored over it', () => {
    const stage = new VnodeStage();
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
    const stage = new VnodeStage();
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

describe('small things', () => {
  it('a ping is answered', () => {
    expect(new VnodeStage().ask({ kind: 'ping', n: 3 })).toBe('ping pong');
  });

  it('the clock follows what it sees', () => {
    const stage = new VnodeStage();
    const next = new Uint8Array(16);
    stage.put('k', 50_000);
    stage.clock.write(next, 0);
    expect(stampMs(next, 0)).toBe(50_000);
    stage.takeIn('j', valueAt('j', 55_000, 'v'));
    stage.clock.write(next, 0);
    expect(stampMs(next, 0)).toBe(55_000);
  });

  it('a value is what came in, byte for byte', () => {
    const stage = new VnodeStage();
    const bytes = latin1Encode('\x00\xff\x80');
    stage.put('\x00\xff', 1, '\x00\xff\x80');
    stage.store.commit();
    expect(stage.get('\x00\xff')).toBe(`\x00\xff 1:${String.fromCharCode(...bytes)}`);
  });
});

describe('a read', () => {
  it('does not leave its value held: the memory would stay, long after it has been deleted', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.store.commit();
    const shown: KvReply[] = [];
    const entries: (Uint8Array | undefined)[] = [];
    const reply = (held: KvReply): void => {
      shown.push(held);
      entries.push((held as HeldReply).entry?.slice());
    };
    stage.vnode.handleCommand(getting('k'), { reply, refuse() {}, fail() {} });
    expect(entries).toEqual([valueAt('k', 1, 'v')]);
    expect(shown).toMatchObject([{ kind: 'held', entry: undefined }]);
  });
});

describe('below the bar', () => {
  const barred = (): VnodeStage => {
    const stage = new VnodeStage();
    stage.put('held', 3);
    stage.store.commit();
    stage.bounds.bar = stampOf(7);
    return stage;
  };

  it.each(['none', 'held'])('no write is taken, and its coordinator is told the bar: over %s', (key) => {
    const stage = barred();
    let later: Uint8Array | undefined;
    stage.vnode.handleCommand(merging(key, valueAt(key, 7, 'v')), {
      reply: (reply) => (later = (reply as MergedReply).later),
      refuse() {},
      fail() {},
    });
    expect(later).toEqual(stampOf(7));
    stage.store.commit();
    expect(stage.content).toEqual(['held 3:v']);
  });

  it('and above what is held: one new stamp is enough for both', () => {
    const stage = barred();
    stage.put('later', 9);
    stage.store.commit();
    let later: Uint8Array | undefined;
    stage.vnode.handleCommand(merging('later', valueAt('later', 5, 'v')), {
      reply: (reply) => (later = (reply as MergedReply).later),
      refuse() {},
      fail() {},
    });
    expect(later).toEqual(stampOf(9));
  });

  it('what is stamped above it is, and what a transfer brings is merged whatever its stamp', () => {
    const stage = barred();
    stage.put('above', 8);
    stage.takeIn('brought', valueAt('brought', 2, 'v'));
    stage.store.commit();
    expect(stage.content).toEqual(['above 8:v', 'brought 2:v', 'held 3:v']);
  });
});

describe('below the reap floor', () => {
  const MOMENT = 50_000;
  const tombstone = (time: number): Uint8Array => tombstoneAt('none', time);
  const value = (time: number): Uint8Array => valueAt('none', time, 'v');
  const expiring = (time: number): Uint8Array => valueAt('none', time, 'v', MOMENT);

  it.each<[string, Uint8Array, number | undefined, boolean]>([
    ['a tombstone', tombstone(7), MOMENT, true],
    ['a tombstone above it', tombstone(8), MOMENT, false],
    ['what has expired', expiring(7), MOMENT, true],
    ['what has expired, above it', expiring(8), MOMENT, false],
    ['what may have, by a clock that is not heard', expiring(7), undefined, true],
    [
      'what ends in some thousand years, with a clock that is not heard',
      valueAt('none', 7, 'v', 1e14),
      undefined,
      true,
    ],
    ['what has not on one of the clocks', expiring(7), MOMENT - 1, false],
    ['a value: nobody deleted it here', value(7), MOMENT, false],
  ])('of another copy, nothing of the key being held: %s', (_, entry, lowestMs, may) => {
    const stage = new VnodeStage();
    stage.bounds.floor = stampOf(7);
    stage.bounds.lowestMs = lowestMs;
    expect(stage.vnode.mayBeReaped(encodeItem(placeKey('none'), entry), false)).toBe(may);
  });

  it.each([
    ['at it', 7, true],
    ['above it', 8, false],
  ])(
    'of another copy, read before the floor rose, nothing of the key being held: a value %s',
    (_, time, may) => {
      const stage = new VnodeStage();
      stage.bounds.floor = stampOf(7);
      expect(stage.vnode.mayBeReaped(encodeItem(placeKey('none'), value(time)), true)).toBe(may);
    },
  );

  it.each(['held', 'underway'])('a tombstone of another copy is merged where the key is %s', (key) => {
    const stage = new VnodeStage();
    stage.put('held', 3);
    stage.store.commit();
    stage.put('underway', 3);
    stage.bounds.floor = stampOf(7);
    expect(stage.vnode.mayBeReaped(encodeItem(placeKey(key), tombstoneAt(key, 7)), true)).toBe(false);
  });

  it('what makes no sense is left to the merge to refuse', () => {
    const stage = new VnodeStage();
    stage.bounds.floor = stampOf(7);
    expect(stage.vnode.mayBeReaped(encodeItem(placeKey('k'), new Uint8Array(3)), true)).toBe(false);
  });

  it('tombstones are counted', () => {
    const stage = new VnodeStage();
    stage.put('k', 1);
    stage.send(merging('k', tombstoneAt('k', 2)));
    stage.put('l', 1);
    expect(stage.vnode.reapable()).toBe(1);
  });
});
