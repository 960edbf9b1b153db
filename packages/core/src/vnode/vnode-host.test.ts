/** A vnode whose module has a bug: what becomes of the command, of the vnode, and of those who waited for it. */
import { describe, expect, it, vi } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { ManualStore } from '../../test/manual-store.ts';
import { noBounds } from '../../test/no-bounds.ts';
import { BrokenInvariant } from '../base/assert.ts';
import { WireError } from '../base/bytes.ts';
import { putStampMs, STAMP_BYTES, ZERO_STAMP } from '../base/hybrid-clock.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { silentLogger, type Logger } from '../contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META } from '../contracts/store.ts';
import type { ReplyToken, Vnode, VnodeContext, VnodeModule } from '../contracts/vnode.ts';
import { VnodeToken } from './mailbox.ts';
import { VnodeHost } from './vnode-host.ts';
import { decodeVnodeRecord, vnodeRecordKey, type VnodeRecord } from './vnode-record.ts';
import { WorkerPool } from './worker-pool.ts';

/** Keeps the last word it was told in the store, and in its head how often it was asked. */
class Parrot implements Vnode<string, string> {
  readonly #context: VnodeContext;
  #asked = 0;
  #waiting: (() => void)[] = [];

  constructor(context: VnodeContext) {
    this.#context = context;
  }

  handleCommand(command: string, token: ReplyToken<string>): void {
    const { store, place } = this.#context;
    this.#asked++;
    const [verb, word = ''] = command.split(' ');
    if (verb === 'throw') throw new TypeError('x is not a function');
    if (verb === 'break') throw new BrokenInvariant('this holds');
    if (verb === 'count') {
      let counted = 0;
      return this.#context.pool.run(token, () => {
        if (++counted < 3) return false;
        token.reply(`counted ${counted}`);
        if (word === 'badly') throw new TypeError('y is not a function');
        return true;
      });
    }
    if (verb === 'stumble') {
      return this.#context.pool.run(token, () => {
        throw new TypeError('z is not a function');
      });
    }
    if (verb === 'say') return token.reply(`asked ${this.#asked}`);
    const value = new TextEncoder().encode(word);
    store.submit([{ space: SPACE_ENTRY, place, hashHi: 0, hashLo: 0, key: 'word', value }]);
    this.#waiting.push(() => token.reply(`learnt ${word}`));
  }
  onStoreProgress(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }
  isEmpty(): boolean {
    return true;
  }
  walkItems(): { items: Uint8Array[]; next: undefined } {
    return { items: [], next: undefined };
  }
  close(inOrder: boolean): void {
    closed.push(inOrder);
  }
  handleHandoffItem(): void {}
  handleItemHandedOff(): void {}
  clearSome(): boolean {
    return true;
  }
}

class Asker extends VnodeToken {
  readonly told: string[] = [];
  readonly #then: () => void;
  constructor(then: () => void) {
    super();
    this.#then = then;
  }
  reply(reply: unknown): void {
    if (this.use()) this.told.push(String(reply));
    host.telling++;
    this.#then();
    host.telling--;
  }
  refuse(why: string): void {
    if (this.use()) this.told.push(`refused: ${why}`);
  }
  fail(why: string): void {
    if (this.use()) this.told.push(`failed: ${why}`);
  }
}

const FLOOR_MS = 7;
const floor = new Uint8Array(STAMP_BYTES);
putStampMs(floor, 0, FLOOR_MS);

let host: VnodeHost;
let clock: ManualHost;
let pool: WorkerPool;
let store: ManualStore;
let errors: string[];
/** How vnodes were closed. */
let closed: boolean[];

function open(reopens: boolean, others: { whole?: boolean; fencedForMs?: number } = {}): void {
  store = new ManualStore();
  start(reopens, others);
}

/** One life of it. */
function start(reopens: boolean, { whole = true, fencedForMs = 0 } = {}): void {
  store.start({ onProgress: () => host.onStoreProgress(), onFailure: (from) => host.onStoreProgress(from) });
  errors = [];
  closed = [];
  clock = new ManualHost();
  pool = new WorkerPool(clock);
  const logger: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message) };
  const open = (context: VnodeContext): Parrot => new Parrot(context);
  const module = { name: 'parrot', codec: {}, reopens, fencedForMs, open };
  host = new VnodeHost({
    bounds: { ...noBounds, floor },
    self: 'a' as NodeId,
    place: { ringBits: 3, partition: 0 as PartitionId },
    module: module as unknown as VnodeModule<unknown, unknown>,
    host: clock,
    store,
    logger,
    pool,
    durability: 'process',
    standing: 'owner',
    whole,
    intact: true,
    forgotten: false,
    epoch: 1 as Epoch,
    clusterId: 'c',
  });
  store.commit();
}

function ask(command: string, then = (): void => {}): string[] {
  const asker = new Asker(then);
  host.handle(command, asker, 1_000);
  return asker.told;
}

it('who asked is told that it failed, the log has it, and the vnode lives on', () => {
  open(false);
  expect(ask('throw')).toEqual(['failed: the vnode threw: TypeError: x is not a function']);
  expect(errors).toEqual(['a vnode threw over a command; who asked is told']);
  for (let i = 0; i < 10; i++) ask('throw');
  expect(ask('say')).toEqual(['asked 12']);
});

it('a broken invariant is not caught', () => {
  open(true);
  expect(() => ask('break')).toThrow('broken invariant: this holds');
});

it('nor is what an asker throws over its answer', () => {
  open(true);
  const angry = (): void => {
    throw new TypeError('the asker has a bug too');
  };
  expect(() => ask('say', angry)).toThrow('the asker has a bug too');
  expect(errors).toEqual([]);
});

it('one that keeps throwing is opened anew once the store has what was on its way', () => {
  open(true);
  const learnt = ask('learn a');
  ask('throw');
  ask('throw');
  ask('throw');
  expect(ask('say')).toEqual(['refused: overload']);
  expect(learnt).toEqual([]);
  store.commit(store.committedSeq + 1);
  expect(ask('say')).toEqual(['refused: overload']);
  store.commit();
  expect(learnt).toEqual(['learnt a']);
  expect(ask('say')).toEqual(['asked 1']);
  expect(errors).toHaveLength(4);
  // It may have been wrong about what it held.
  expect(closed).toEqual([false]);
  host.close();
  expect(closed).toEqual([false, true]);
});

it('takes no item of another copy while it waits for that', () => {
  open(true);
  for (let i = 0; i < 3; i++) ask('throw');
  const told: string[] = [];
  host.merge(Uint8Array.of(1), ZERO_STAMP, (merged) => told.push(merged));
  expect(told).toEqual(['failed']);
});

it('an item of another copy below a reap floor that has risen since it was read fails, for nothing is proven by it', () => {
  open(false);
  const late: boolean[] = [];
  host.vnode.mayBeReaped = (_item, floorHasRisen): boolean => {
    late.push(floorHasRisen);
    return true;
  };
  const told: string[] = [];
  const early = new Uint8Array(STAMP_BYTES);
  putStampMs(early, 0, FLOOR_MS - 1);
  for (const asOf of [early, floor]) host.merge(Uint8Array.of(1), asOf, (merged) => told.push(merged));
  expect(late).toEqual([true, false]);
  expect(told).toEqual(['failed', 'same']);
});

it('an item of another copy that makes no sense is not stored, and that is said', () => {
  open(false);
  vi.spyOn(host.vnode, 'handleHandoffItem').mockImplementation(() => {
    throw new WireError('cut short');
  });
  const told: string[] = [];
  host.merge(Uint8Array.of(1), ZERO_STAMP, (merged) => told.push(merged));
  expect(told).toEqual(['failed']);
  expect(errors).toEqual(['an item made no sense; it was not stored']);
});

it('also when the store loses what was on its way', () => {
  open(true);
  for (let i = 0; i < 3; i++) ask('throw');
  store.fail();
  expect(ask('say')).toEqual(['asked 1']);
});

it('long work is done in the pool, and answers when it is done', () => {
  open(false);
  const told = ask('count');
  expect(told).toEqual([]);
  clock.advance(10);
  expect(told).toEqual(['counted 3']);
});

it('a job that throws fails its command, or, if that was answered, is only logged', () => {
  open(false);
  const [stumbled, counted] = [ask('stumble'), ask('count badly')];
  clock.advance(10);
  expect(stumbled).toEqual(['failed: the vnode threw: TypeError: z is not a function']);
  expect(counted).toEqual(['counted 3']);
  expect(errors).toHaveLength(2);
});

describe('in a majority of the owners', () => {
  const EPOCH = 4 as Epoch;
  const place = { ringBits: 3, partition: 0 as PartitionId };
  const stored = (): VnodeRecord | undefined => {
    store.commit();
    const bytes = store.get(SPACE_META, place, vnodeRecordKey('parrot'));
    return bytes && decodeVnodeRecord(bytes);
  };

  it.each<[string, () => void, boolean]>([
    ['a whole owner counts', () => {}, true],
    ['a partial one does not', () => host.become('owner', EPOCH, 'partial'), false],
    ['a receiver does not, though whole', () => host.become('receiving', EPOCH, 'whole'), false],
    ['a stand-in does not', () => host.become('hint', EPOCH, 'whole'), false],
    ['a sealed owner does not', () => host.seal(EPOCH), false],
    [
      'one that was unsealed does, if it stayed whole',
      () => {
        host.seal(EPOCH);
        host.unseal('whole');
      },
      true,
    ],
    [
      'one that was unsealed does not, if it may have been away',
      () => {
        host.seal(EPOCH);
        host.unseal('partial');
      },
      false,
    ],
  ])('%s', (_, prepare, counts) => {
    open(false);
    prepare();
    expect(host.countsInMajorities).toBe(counts);
  });

  it('a sealed owner is an owner in all else', () => {
    open(false);
    host.seal(EPOCH);
    expect([host.sealed, host.standing, host.whole, host.standsIn, host.comparable]).toEqual([
      true,
      'owner',
      true,
      false,
      true,
    ]);
    expect(ask('say')).toEqual(['asked 1']);
  });

  it('a seal is on disk, with the ring under which it was made, and is written once', () => {
    open(false);
    host.seal(EPOCH);
    expect(stored()).toMatchObject({ sealed: true, epoch: EPOCH, role: 'owner', state: 'whole' });
    const { length } = store.submitted;
    host.seal(EPOCH);
    expect(store.submitted).toHaveLength(length);
    host.unseal('whole');
    expect(stored()?.sealed).toBeUndefined();
  });

  it('a seal that the store did not take holds, and is written when it is asked for again', () => {
    open(false);
    store.full = true;
    host.seal(EPOCH);
    expect(host.countsInMajorities).toBe(false);
    store.full = false;
    expect(stored()?.sealed).toBeUndefined();
    host.seal(EPOCH);
    expect(stored()?.sealed).toBe(true);
  });

  it('and so is one that was lost on its way', () => {
    open(false);
    host.seal(EPOCH);
    store.fail();
    store.full = false;
    expect(host.sealed).toBe(true);
    host.seal(EPOCH);
    expect(stored()?.sealed).toBe(true);
  });

  it('who goes on as an owner stays sealed, whatever becomes of its wholeness', () => {
    open(false);
    host.seal(EPOCH);
    host.become('owner', 5 as Epoch, 'partial');
    host.become('owner', 6 as Epoch, 'whole');
    expect(stored()).toMatchObject({ sealed: true, state: 'whole' });
  });

  it('who may have forgotten what he answered does not count until nobody can count that any more, in a later life neither', () => {
    const forgetful = { whole: false, fencedForMs: 30_000 };
    open(false, forgetful);
    host.become('owner', EPOCH, 'whole');
    expect(host.countsInMajorities).toBe(false);
    expect(stored()).toMatchObject({ state: 'whole', forgetful: true });
    start(false, forgetful);
    expect([host.whole, host.countsInMajorities]).toEqual([true, false]);
    clock.advance(29_999);
    expect(host.countsInMajorities).toBe(false);
    clock.advance(1);
    expect(host.countsInMajorities).toBe(true);
    expect(stored()?.forgetful).toBeUndefined();
    start(false, forgetful);
    expect(host.countsInMajorities).toBe(true);
  });

  it('and sets no timer where nobody counts anything', () => {
    open(false, { whole: false });
    expect(clock.timers).toBe(0);
    host.become('owner', EPOCH, 'whole');
    expect(host.countsInMajorities).toBe(true);
    expect(stored()?.forgetful).toBeUndefined();
  });

  it('another standing ends it, also when the partition comes back', () => {
    open(false);
    host.seal(EPOCH);
    host.become('hint', 5 as Epoch, 'partial');
    expect([host.sealed, stored()?.sealed]).toEqual([false, undefined]);
    host.become('owner', 6 as Epoch, 'whole');
    expect(host.countsInMajorities).toBe(true);
  });
});
