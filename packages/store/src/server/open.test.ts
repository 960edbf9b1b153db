/** A node in this very process: the API of the README. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { KvError, open, type Rkv } from './open.ts';

const open_ = new Set<Rkv>();
const directories: string[] = [];

async function start(options: Parameters<typeof open>[0] = {}): Promise<Rkv> {
  const rkv = await open({ ringSize: 8, ...options });
  open_.add(rkv);
  return rkv;
}

function newDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'rkv-open-'));
  directories.push(path);
  return path;
}

afterEach(async () => {
  await Promise.all([...open_].map((rkv) => rkv.close()));
  open_.clear();
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
});

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

describe('a node in memory', () => {
  it('puts, gets and deletes', async () => {
    const rkv = await start();
    expect(await rkv.get('k')).toBeUndefined();
    await rkv.put('k', 'wert: ü');
    expect(text(await rkv.get('k'))).toBe('wert: ü');
    expect(await rkv.delete('k')).toBe(true);
    expect(await rkv.delete('k')).toBe(false);
    expect(await rkv.get('k')).toBeUndefined();
  });

  it('takes keys and values as bytes, and text as UTF-8', async () => {
    const rkv = await start();
    const key = Uint8Array.of(0, 255, 195, 188);
    await rkv.put(key, Uint8Array.of(0, 255));
    expect(await rkv.get(key)).toEqual(Uint8Array.of(0, 255));
    await rkv.put('ü', 'by text');
    expect(text(await rkv.get(Uint8Array.of(195, 188)))).toBe('by text');
  });

  it("hands out bytes that are the caller's own", async () => {
    const rkv = await start();
    await rkv.put('k', 'value');
    (await rkv.get('k'))?.fill(0);
    expect(text(await rkv.get('k'))).toBe('value');
  });

  it('walks over all keys, more than a page of them', async () => {
    const rkv = await start();
    const keys = Array.from({ length: 700 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key) => rkv.put(key, 'v')));
    const found: string[] = [];
    for await (const key of rkv.keys()) found.push(text(key) as string);
    expect(found.toSorted()).toEqual(keys.toSorted());
  });

  it('rejects with what is known of a failure', async () => {
    const rkv = await start();
    const failure = await rkv.put('k', 'v', { w: 4 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KvError);
    expect(failure).toMatchObject({
      name: 'KvError',
      code: 'bad_request',
      definite: true,
      needed: 4,
      got: 0,
    });
    expect((failure as Error).message).toContain('nothing was done');
  });

  it('shows the ring from inside', async () => {
    const rkv = await start({ name: 'me' });
    await rkv.put('k', 'v');
    expect(await rkv.service.get('k')).toMatchObject({
      node: 'me',
      result: { ok: expect.any(Uint8Array) as Uint8Array },
    });
    const { replicas, preflist } = await rkv.admin.key('k', []);
    expect(replicas.map(({ node, state }) => `${node} ${state}`)).toEqual([
      'me value',
      'me value',
      'me value',
    ]);
    expect(preflist.map(({ role }) => role)).toEqual(['primary', 'primary', 'primary']);
    expect(await rkv.admin.status()).toMatchObject({
      ready: true,
      members: [{ name: 'me', status: 'valid', ringPercent: 100 }],
    });
  });

  it('opens no doors unless told to', async () => {
    const rkv = await start();
    expect(rkv.ports).toEqual({ cluster: expect.any(Number) as number });
  });

  it('says what is wrong with an address', async () => {
    await expect(open({ cluster: 'nowhere' })).rejects.toThrow('an address looks like 127.0.0.1:8099');
  });
});

describe('a node on disk', () => {
  it.each(['memory', 'lmdb'] as const)('has the same identity again (%s)', async (storage) => {
    const dataDir = newDirectory();
    const first = await start({ dataDir, storage });
    const [member] = (await first.admin.status()).members;
    await first.close();
    const again = await start({ dataDir, storage });
    expect((await again.admin.status()).members[0]?.id).toBe(member?.id);
  });

  it('finds again what it kept', async () => {
    const dataDir = newDirectory();
    const first = await start({ dataDir });
    await first.put('k', 'v');
    await first.close();
    expect(text(await (await start({ dataDir })).get('k'))).toBe('v');
  });

  it('is refused a directory that another node has', async () => {
    const dataDir = newDirectory();
    await start({ dataDir });
    await expect(open({ dataDir })).rejects.toThrow();
  });
});

describe('closing', () => {
  it('is done once, however often it is asked for', async () => {
    const rkv = await start();
    await Promise.all([rkv.close(), rkv.close()]);
    await rkv[Symbol.asyncDispose]();
  });
});
