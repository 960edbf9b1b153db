/** A keyed vnode and what goes wrong: handlers that throw, values that are none or too large, members that fall silent. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { ManualStore } from '../../test/manual-store.ts';
import { Writer } from '../base/bytes.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { SPACE_META, type StoreRecord } from '../contracts/store.ts';
import { silentLogger } from '../contracts/logger.ts';
import type { ReplyToken, Vnode, VnodeContext } from '../contracts/vnode.ts';
import { ALL_HASHES } from '../ring/ranges.ts';
import { WorkerPool } from '../vnode/worker-pool.ts';
import { keyedCodec, encodeItem, placeOf, type KeyedCommand, type KeyedReply } from './keyed-wire.ts';
import { keyedService } from './service.ts';

interface Notes {
  add(text: string): unknown;
  fill(letters: number): number;
  all(): string[];
}

const notes = keyedService<Notes, string[]>({
  name: 'notes',
  commands: {
    add: {
      change: (held = [], _, text) => {
        if (text === 'nothing') throw new Error('say something');
        if (text === 'number') return { value: [...held, text], reply: 2n ** 64n };
        return { value: [...held, text].toSorted(), reply: held.length };
      },
    },
    fill: { change: (_, __, letters) => ({ value: ['x'.repeat(letters)], reply: letters }) },
    all: { read: (held = []) => held },
  },
  merge: (a, b) => [...new Set([...a, ...b])].toSorted(),
  isPast: (held) => held.includes('past'),
});

const MEBIBYTE = 2 ** 20;
let host: ManualHost;
let store: ManualStore;
let vnode: Vnode<KeyedCommand, KeyedReply>;
let lowestClock: () => number | undefined;
let errors: string[];

beforeEach(() => {
  host = new ManualHost();
  store = new ManualStore();
  store.immediate = true;
  lowestClock = () => 1;
  errors = [];
  const pool = new WorkerPool(host);
  vnode = notes.open({
    self: 'n1' as NodeId,
    place: { ringBits: 3, partition: 2 as PartitionId },
    host,
    store,
    logger: { ...silentLogger, error: (_, message) => errors.push(message) },
    pool: { run: (token, step) => pool.add({ owner: pool, token, step }) },
    durability: 'process',
    role: () => 'primary',
    bounds: { lowestClock: () => lowestClock(), floor: new Uint8Array(16), bar: new Uint8Array(16) },
    beforeChange() {},
    doubt() {},
    changed() {},
  } satisfies VnodeContext);
});

/** What is told, as it comes over the wire. */
function ask(command: KeyedCommand): unknown {
  let told: unknown = 'nothing';
  const token: ReplyToken<KeyedReply> = {
    reply: (reply) => {
      const out = new Writer();
      keyedCodec.encodeReply(reply, out);
      told = reply;
    },
    refuse: (why) => (told = why),
    fail: () => (told = 'failed'),
  };
  vnode.handleCommand(command, token);
  return told;
}

function run(key: string, name: string, ...args: unknown[]): unknown {
  return ask({ kind: 'run', key, now: 0, name, args });
}

function held(key: string): unknown {
  const reply = ask({ kind: 'fetch', key }) as KeyedReply;
  if (reply.kind !== 'held') return reply;
  return reply.value && JSON.parse(Buffer.from(reply.value).toString());
}

describe('a handler', () => {
  it('that throws is told to who asked, and changes nothing, however often', () => {
    run('k', 'add', 'a');
    for (let times = 0; times < 5; times++)
      expect(run('k', 'add', 'nothing')).toEqual({ kind: 'threw', why: 'Error: say something' });
    expect(held('k')).toEqual(['a']);
    expect(errors).toHaveLength(5);
  });

  it('whose reply is no JSON changes nothing either', () => {
    expect(run('k', 'add', 'number')).toMatchObject({ kind: 'threw' });
    expect(held('k')).toBeUndefined();
  });

  it('whose value is too large for one frame changes nothing', () => {
    expect((run('k', 'fill', 16 * MEBIBYTE) as KeyedReply).kind).toBe('threw');
    expect(held('k') === undefined).toBe(true);
    expect((run('k', 'fill', MEBIBYTE) as KeyedReply).kind).toBe('ran');
  });
});

describe('a value of another copy', () => {
  it('that is none is not taken, where nothing is held neither', () => {
    expect(ask({ kind: 'merge', key: 'k', value: Uint8Array.of(1, 2, 3) })).toBe('bad_request');
    expect(held('k')).toBeUndefined();
    run('k', 'add', 'a');
    expect(ask({ kind: 'merge', key: 'k', value: Uint8Array.of(1, 2, 3) })).toBe('bad_request');
    expect(held('k')).toEqual(['a']);
  });
});

describe('looking for what is past', () => {
  /** How often a clock was asked for. */
  let looks: number;

  beforeEach(() => {
    looks = 0;
    const value = new TextEncoder().encode('["past"]');
    for (let i = 0; i < 1_000; i++) vnode.handleHandoffItem(encodeItem(placeOf(`k${i}`), value), () => {});
  });

  function sweep(clock: (look: number) => number | undefined): number | undefined {
    lowestClock = () => clock(++looks);
    host.advance(31_000);
    return vnode.countItems?.([ALL_HASHES]);
  }

  it('comes by every key', () => expect(sweep(() => 1)).toBe(0));

  it('ends when a member falls silent in the midst of it, and is begun again', () => {
    expect(sweep((look) => (look === 1 ? 1 : undefined))).toBe(800);
    expect(looks).toBe(2);
    expect(sweep(() => 1)).toBe(0);
  });

  it('ends when the vnode is closed in the midst of it', () => {
    sweep((look) => {
      if (look === 2) vnode.close?.(true);
      return 1;
    });
    expect(looks).toBeLessThan(4);
    expect(host.timers).toBe(0);
  });

  it('leaves what is no value, and goes on behind it', () => {
    const [damaged] = store.valuesOf(SPACE_META).filter(({ key }) => key.startsWith('item:'));
    store.submit([{ ...(damaged as StoreRecord), value: Uint8Array.of(1, 2, 3) }]);
    expect(sweep(() => 1)).toBe(1);
  });
});
