/** Three nodes, one key space: whichever node is asked, the keys are those of the cluster, byte for byte. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TestNode } from './nodes.ts';
import { exchange, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
let [n1, n2, n3]: TestNode[] = [];
let all: readonly TestNode[];
beforeAll(async () => {
  all = [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
});

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('keys and values are bytes', () => {
  it.each([
    ['a value of every byte', Buffer.from('every byte'), ALL_BYTES],
    ['a key of every byte', ALL_BYTES, Buffer.from('v')],
    ['the empty key', Buffer.alloc(0), Buffer.from('of the empty key')],
    ['an empty value', Buffer.from('empty'), Buffer.alloc(0)],
    ['a value of 1 MiB', Buffer.from('large value'), Buffer.alloc(1024 * 1024, ALL_BYTES)],
    ['a key of 100 KB', Buffer.alloc(100_000, ALL_BYTES), Buffer.from('of a long key')],
    [
      'a key of 100 KB that ends differently',
      Buffer.concat([Buffer.alloc(99_999, ALL_BYTES), Buffer.from('!')]),
      Buffer.from('other'),
    ],
    ['UTF-8', Buffer.from('Ångström'), Buffer.from('😀')],
  ])('%s', async (_what, key, value) => {
    await withRedis(n1 as TestNode, (client) => client.set(key, value));
    for (const node of all) {
      expect(await withRedis(node, (client) => client.getBuffer(key)).then((got) => got?.equals(value))).toBe(
        true,
      );
    }
  });

  it('every single byte is a key', async () => {
    const keys = [...ALL_BYTES].map((byte) => Buffer.from([byte]));
    await withRedis(n2 as TestNode, (client) =>
      Promise.all(keys.map((key) => client.set(key, `byte ${key[0]}`))),
    );
    const values = await withRedis(n3 as TestNode, (client) =>
      Promise.all(keys.map((key) => client.get(key))),
    );
    expect(values).toEqual(keys.map((key) => `byte ${key[0]}`));
  });
});

describe('the key space as a whole', () => {
  const wanted = Array.from({ length: 2_500 }, (_, at) => `key:${at}`).toSorted();

  beforeAll(async () => {
    await withRedis(n1 as TestNode, (client) => client.flushall());
    await withRedis(n1 as TestNode, (client) =>
      exchange(
        client,
        wanted.map((key) => ['set', key, `of ${key}`]),
      ),
    );
  });

  it.each(['n1', 'n2', 'n3'])('DBSIZE, KEYS and SCAN at %s tell all keys', async (name) => {
    const node = all.find((candidate) => candidate.name === name) as TestNode;
    await withRedis(node, async (client) => {
      expect(await client.dbsize()).toBe(wanted.length);
      expect((await client.keys('*')).toSorted()).toEqual(wanted);
      expect(await client.keys('key:99?')).toHaveLength(10);
      const scanned = new Set<string>();
      for await (const page of client.scanStream({ count: 100 }))
        for (const key of page as string[]) scanned.add(key);
      expect([...scanned].toSorted()).toEqual(wanted);
    });
  });

  it('a SCAN may go on at another node', async () => {
    const scanned = new Set<string>();
    let [cursor, turn] = ['0', 0];
    do {
      const node = all[turn++ % all.length] as TestNode;
      const [next, page] = await withRedis(node, (client) => client.scan(cursor, 'COUNT', 500));
      for (const key of page) scanned.add(key);
      cursor = next;
    } while (cursor !== '0');
    expect([...scanned].toSorted()).toEqual(wanted);
  });

  it('a deleted key is in none of them', async () => {
    const gone = wanted.slice(0, 500);
    expect(await withRedis(n2 as TestNode, (client) => client.del(...gone))).toBe(500);
    await withRedis(n3 as TestNode, async (client) => {
      expect(await client.dbsize()).toBe(wanted.length - 500);
      expect((await client.keys('*')).toSorted()).toEqual(wanted.slice(500));
    });
  });

  it('FLUSHALL at one node empties all', async () => {
    expect(await withRedis(n3 as TestNode, (client) => client.flushall())).toBe('OK');
    for (const node of all) {
      const left = await withRedis(node, async (client) => [
        await client.dbsize(),
        await client.keys('*'),
        await client.get('key:7'),
      ]);
      expect(left).toEqual([0, [], null]);
    }
  });
});

interface KeyView {
  readonly partition: number;
  readonly preflist: readonly { readonly node: string; readonly partition: number; readonly role: string }[];
  readonly replicas: readonly { readonly node: string; readonly state: string; readonly version?: string }[];
}

describe('rkv key', () => {
  it('shows n = 3 copies of one version, the same from every node', async () => {
    await (n2 as TestNode).tell('put', 'explained', 'v');
    const views: KeyView[] = [];
    for (const node of all) views.push(await node.tell<KeyView>('key', 'explained'));
    const [view] = views as [KeyView, ...KeyView[]];
    expect(views).toEqual([view, view, view]);
    expect(view.replicas.map(({ state }) => state)).toEqual(['value', 'value', 'value']);
    const versions = new Set(view.replicas.map(({ version }) => version));
    expect(versions.size).toBe(1);
    expect(versions).not.toContain(undefined);
  });

  it('with --assume-down shows who would stand in', async () => {
    const [first] = (await (n1 as TestNode).tell<KeyView>('key', 'explained')).preflist;
    const view = await (n1 as TestNode).tell<KeyView>('key', 'explained', '--assume-down', first?.node ?? '');
    expect(view.preflist.map(({ node }) => node)).not.toContain(first?.node);
    expect(view.preflist).toHaveLength(3);
    expect(view.preflist.filter(({ role }) => role === 'fallback').length).toBeGreaterThan(0);
  });
});
