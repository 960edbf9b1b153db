/** A keyed service against its contract: what compiles, what a vnode does with commands, copies, crashes and walks. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { silentLogger } from '../contracts/logger.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import {
  SPACE_META,
  type LateRecord,
  type RecordKey,
  type Space,
  type Store,
  type StoreRecord,
} from '../contracts/store.ts';
import type { CoveragePage, ReplyToken, Vnode, VnodeContext } from '../contracts/vnode.ts';
import { ALL_HASHES, covers } from '../ring/ranges.ts';
import { bytesOf, textOf } from './key-text.ts';
import { keyedService } from './service.ts';
import { clientOf } from './client.ts';
import { placeOf, type KeyedCommand, type KeyedReply } from './keyed-wire.ts';

interface Tags {
  tag(name: string): boolean;
  tags(): string[];
}
interface Everywhere {
  tagged(name: string): string;
}

const tagsDefinition = {
  name: 'tags',
  commands: {
    tag: {
      change: (held: string[] | undefined, _: object, name: string) => ({
        value: [...new Set([...(held ?? []), name])].toSorted(),
        reply: held?.includes(name) !== true,
      }),
    },
    tags: { read: (held: string[] | undefined) => held ?? [] },
  },
  merge: (a: string[], b: string[]) => [...new Set([...a, ...b])].toSorted(),
  queries: {
    tagged: (held: string[], { key }: { key: string }, name: string) =>
      held.includes(name) ? key : undefined,
  },
} as const;
const tags = keyedService<Tags, string[], Everywhere>(tagsDefinition);

/** A store in memory that commits when it is told to. */
class SlowStore implements Store {
  readonly storeId = 'store';
  readonly records = new Map<string, StoreRecord>();
  committedSeq = 0;
  #waiting: { seq: number; records: readonly StoreRecord[]; late: LateRecord | undefined }[] = [];
  #seq = 0;
  isFull = false;

  get flushedSeq(): number {
    return this.committedSeq;
  }
  start(): void {}
  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    if (this.isFull) return undefined;
    this.#waiting.push({ seq: ++this.#seq, records, late });
    return this.#seq;
  }
  commit(): void {
    for (const { seq, records, late } of this.#waiting.splice(0)) {
      for (const record of records) this.#keep(record);
      if (late !== undefined) this.#keep({ ...late, value: late.bytes() });
      this.committedSeq = seq;
    }
  }
  /** All that waits is lost; the first of it. */
  lose(): number {
    const [first] = this.#waiting;
    this.#waiting = [];
    return first?.seq ?? this.#seq + 1;
  }
  get(_space: Space, _place: object, at: RecordKey): Uint8Array | undefined {
    return this.records.get(nameOf(at))?.value;
  }
  walk(
    space: Space,
    _place: object,
    after: RecordKey | undefined,
    limit: number,
    visit: (hashHi: number, hashLo: number, key: string, value: Uint8Array) => boolean,
  ): boolean {
    const inOrder = [...this.records.values()].filter((one) => one.space === space).toSorted(compare);
    const rest = inOrder.filter((one) => after === undefined || compare(one, after) > 0).slice(0, limit);
    for (const one of rest) if (!visit(one.hashHi, one.hashLo, one.key, one.value as Uint8Array)) return true;
    return false;
  }
  places(): [] {
    return [];
  }
  close(done: () => void): void {
    done();
  }
  #keep(record: StoreRecord): void {
    if (record.value === undefined) this.records.delete(nameOf(record));
    else this.records.set(nameOf(record), record);
  }
}

function nameOf({ hashHi, hashLo, key }: RecordKey): string {
  return `${hashHi} ${hashLo} ${key}`;
}
function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

function contextOf(store: SlowStore): VnodeContext {
  let random = 0;
  return {
    self: 'n1' as NodeId,
    place: { ringBits: 3, partition: 2 as PartitionId },
    host: {
      random: () => ++random,
      now: () => 0,
      monotonic: () => 0,
      setTimer: () => ({ cancel() {} }),
      defer() {},
    },
    store,
    logger: silentLogger,
    pool: {
      run: (_token: object, step: () => boolean) => {
        while (!step());
      },
    },
    durability: 'process',
    role: () => 'primary',
    bounds: { lowestClock: () => 1_000, floor: new Uint8Array(16), bar: new Uint8Array(16) },
    beforeChange() {},
    doubt() {},
    changed() {},
  } as unknown as VnodeContext;
}

function open(store: SlowStore): { vnode: Vnode<KeyedCommand, KeyedReply> } {
  return { vnode: tags.open(contextOf(store)) };
}

interface Heard extends ReplyToken<KeyedReply> {
  readonly heard: unknown[];
}
function token(): Heard {
  const heard: unknown[] = [];
  return {
    heard,
    reply: (reply) => heard.push(reply),
    refuse: (why) => heard.push(why),
    fail: (why) => heard.push(why),
  };
}

function tag(vnode: Vnode<KeyedCommand, KeyedReply>, key: string, name: string): Heard {
  const asked = token();
  vnode.handleCommand({ kind: 'run', key, now: 0, name: 'tag', args: [name] }, asked);
  return asked;
}

function held(vnode: Vnode<KeyedCommand, KeyedReply>, key: string): unknown {
  const asked = token();
  vnode.handleCommand({ kind: 'fetch', key }, asked);
  const [reply] = asked.heard as KeyedReply[];
  if (reply?.kind !== 'held') return 'no answer yet';
  return reply.value && JSON.parse(Buffer.from(reply.value).toString());
}

function itemsOf(vnode: Vnode<KeyedCommand, KeyedReply>): Uint8Array[] {
  const items: Uint8Array[] = [];
  let cursor: Uint8Array | undefined;
  do {
    const page = vnode.walkItems(cursor, 1, ALL_HASHES);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}

describe('what compiles', () => {
  it('takes replies and arguments from the face', () => {
    const client = clientOf(tags, undefined as never);
    expectTypeOf(client.tag).toEqualTypeOf<(key: string, name: string) => Promise<boolean>>();
    expectTypeOf(client.tags).toEqualTypeOf<(key: string) => Promise<string[]>>();
  });

  it('refuses a command that is forgotten, a wrong reply, wrong arguments', () => {
    const { merge, commands } = tagsDefinition;
    // @ts-expect-error `tags` is forgotten
    keyedService<Tags, string[]>({ name: 'tags', merge, commands: { tag: commands.tag } });
    // @ts-expect-error a list is promised, and a number is answered
    keyedService<Tags, string[]>({ name: 'tags', merge, commands: { ...commands, tags: { read: () => 1 } } });
    const wrong = { change: () => ({ value: 'no list', reply: true }) };
    // @ts-expect-error the value is a list
    keyedService<Tags, string[]>({ name: 'tags', merge, commands: { ...commands, tag: wrong } });
    // @ts-expect-error a name is wanted, and a number is given
    void (() => tags.ask(undefined as never, 'k', 'tag', [1], () => {}));
    // @ts-expect-error there is no such command
    void (() => tags.ask(undefined as never, 'k', 'untag', ['a'], () => {}));
  });
});

describe('the vnode of a keyed service', () => {
  it('answers a change once it is stored, and looks through what is on its way', () => {
    const store = new SlowStore();
    const { vnode } = open(store);
    const [first, second] = [tag(vnode, 'k', 'b'), tag(vnode, 'k', 'a')];
    expect([first.heard, second.heard, held(vnode, 'k')]).toEqual([[], [], 'no answer yet']);
    store.commit();
    vnode.onStoreProgress();
    expect(second.heard).toMatchObject([{ kind: 'ran', reply: true }]);
    expect(held(vnode, 'k')).toEqual(['a', 'b']);
    expect(tag(vnode, 'k', 'a').heard).toMatchObject([{ kind: 'ran', reply: false }]);
  });

  it('forgets what the store has lost, and tells who waited', () => {
    const store = new SlowStore();
    const { vnode } = open(store);
    tag(vnode, 'k', 'a');
    store.commit();
    vnode.onStoreProgress();
    const lost = tag(vnode, 'k', 'b');
    vnode.onStoreProgress(store.lose());
    expect(lost.heard).toEqual(['the store failed']);
    expect(held(vnode, 'k')).toEqual(['a']);
    store.isFull = true;
    expect(tag(vnode, 'k', 'c').heard).toEqual(['read_only']);
    expect(held(vnode, 'k')).toEqual(['a']);
  });

  it('finds again what it stored, in another life', () => {
    const store = new SlowStore();
    for (const name of ['a', 'b', 'c']) {
      tag(open(store).vnode, `k ${name}`, name);
      store.commit();
    }
    const { vnode } = open(store);
    expect([vnode.isEmpty(), held(vnode, 'k a'), itemsOf(vnode).length]).toEqual([false, ['a'], 3]);
  });

  it('hands all over in hash order, merges what comes in, and lets go of what has not changed since', () => {
    const [from, to] = [new SlowStore(), new SlowStore()];
    const [source, target] = [open(from), open(to)];
    for (let i = 0; i < 40; i++) tag(source.vnode, `k${i}`, 'a');
    from.commit();
    source.vnode.onStoreProgress();
    tag(source.vnode, 'k7', 'b');
    const items = itemsOf(source.vnode);
    expect(items.toSorted(Buffer.compare)).toEqual(items);
    expect(items).toHaveLength(40);
    tag(target.vnode, 'k3', 'c');
    let stored = 0;
    for (const item of items) target.vnode.handleHandoffItem(item, (ok) => (stored += Number(ok)));
    to.commit();
    target.vnode.onStoreProgress();
    expect([stored, held(target.vnode, 'k3'), held(target.vnode, 'k7')]).toEqual([
      40,
      ['a', 'c'],
      ['a', 'b'],
    ]);
    from.commit();
    source.vnode.onStoreProgress();
    tag(source.vnode, 'k9', 'late');
    from.commit();
    source.vnode.onStoreProgress();
    for (const item of items) source.vnode.handleItemHandedOff(item);
    from.commit();
    source.vnode.onStoreProgress();
    expect(itemsOf(source.vnode)).toHaveLength(1);
    expect(source.vnode.isEmpty()).toBe(false);
    while (!source.vnode.clearSome()) {
      from.commit();
      source.vnode.onStoreProgress();
    }
    expect([...from.records.values()].filter(({ space }) => space === SPACE_META)).toHaveLength(1);
  });

  it('has equal trees where it holds the same, in whatever order it came', () => {
    const [a, b] = [open(new SlowStore()), open(new SlowStore())];
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    for (const key of keys) for (const name of ['x', 'y']) tag(a.vnode, key, name);
    for (const key of keys.toReversed()) for (const name of ['y', 'x']) tag(b.vnode, key, name);
    const sums = (vnode: Vnode<KeyedCommand, KeyedReply>): string => {
      const range = { start: 0x20000000, end: 0x40000000 };
      return (vnode.trees?.sums(range, 8) ?? vnode.trees?.sums(range, 8))?.join(' ') ?? 'not known';
    };
    expect(sums(a.vnode)).not.toBe('not known');
    expect(sums(a.vnode)).toBe(sums(b.vnode));
    for (const key of keys) tag(b.vnode, key, 'z');
    expect(sums(a.vnode)).not.toBe(sums(b.vnode));
  });

  it('tells of several ranges page by page, each page behind the one before, and of nothing else', () => {
    const store = new SlowStore();
    const { vnode } = open(store);
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    for (const key of keys) tag(vnode, key, 'a');
    store.commit();
    vnode.onStoreProgress();
    const ranges = [0x00000000, 0x40000000, 0x60000000].map((start) => ({ start, end: start + 0x20000000 }));
    const told: string[] = [];
    let after: RecordKey | undefined;
    for (let pages = 1; ; pages++) {
      const command = { kind: 'query', key: '', now: 0, name: 'tagged', args: ['a'] } as const;
      let page: CoveragePage<KeyedReply> | undefined;
      vnode.handleCoverage?.(
        { command, ranges, after, limit: 3 },
        { ...token(), reply: (reply) => (page = reply) },
      );
      if (page?.reply.kind !== 'rows') throw new Error('no page');
      told.push(...(page.reply.rows as string[]));
      if (page.upTo === undefined) break;
      if (after !== undefined) expect(compare(page.upTo, after)).toBeGreaterThan(0);
      after = page.upTo;
      expect(pages).toBeLessThan(50);
    }
    const meant = keys.filter((key) => covers(ranges, placeOf(key).hashHi));
    expect(meant.length).toBeGreaterThan(6);
    expect(told.toSorted()).toEqual(meant.toSorted());
  });

  it('draws another name for its changes when something of it has gone', () => {
    const store = new SlowStore();
    const names = new Set<string>();
    const context = {
      change: (_: unknown, { actor }: { actor: string }) => (names.add(actor), { reply: true }),
    };
    const service = keyedService<{ who(): boolean }, string>({
      name: 'who',
      commands: { who: context },
      merge: (a) => a,
    });
    const who = service.open(contextOf(store));
    const ask = (): void =>
      who.handleCommand({ kind: 'run', key: 'k', now: 0, name: 'who', args: [] }, token());
    ask();
    ask();
    expect(names.size).toBe(1);
    who.onStoreProgress(9);
    ask();
    expect(names.size).toBe(2);
  });
});

describe('keys', () => {
  it.each(['', 'plain', 'größe', '日本', '%41', "a'b(c)*!~", '\u0000\n'])(
    '%j goes to bytes and back',
    (key) => {
      expect(textOf(bytesOf(key))).toBe(key);
      expect(bytesOf(key)).toBe(Buffer.from(key).toString('latin1'));
    },
  );
});
