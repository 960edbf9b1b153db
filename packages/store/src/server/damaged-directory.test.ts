/** What a node makes of a data directory that is not whole: a sentence, and nothing left open; or it goes on. */
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { open, type Rkv } from './open.ts';

let folder: string;
let dataDir: string;
let running: Rkv | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-damaged-'));
  dataDir = join(folder, 'n1');
  await start();
  await running?.put('k', 'v');
  await stop();
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  running = await open({ dataDir, ringSize: 8, cluster: '127.0.0.1:0' });
}

async function stop(): Promise<void> {
  await running?.close();
  running = undefined;
}

const idOf = async (rkv: Rkv | undefined): Promise<string | undefined> =>
  (await rkv?.admin.status())?.members[0]?.id;
const record = (name: string): string[] =>
  readdirSync(join(dataDir, 'node'))
    .filter((file) => file.startsWith(`${name}.`))
    .map((file) => join(dataDir, 'node', file));
const damage = (name: string): void => record(name).forEach((file) => truncateSync(file, 40));
const remove = (name: string): void => record(name).forEach((file) => rmSync(file));

it.each<[string, string, RegExp, () => void]>([
  ['identity is damaged', 'identity_lost', /identity of this node is damaged/, () => damage('identity')],
  ['identity is gone', 'identity_lost', /identity of this node is missing/, () => remove('identity')],
  [
    'ring is damaged, with no older one',
    'records_damaged',
    /ring of this node is damaged/,
    () => damage('ring'),
  ],
  [
    'records are gone and the store is not',
    'store_of_another',
    /remove the store as well/,
    () => rmSync(join(dataDir, 'node'), { recursive: true }),
  ],
])('does not start when its %s, and starts once that is mended', async (_, code, why, harm) => {
  const kept = join(folder, 'kept');
  cpSync(dataDir, kept, { recursive: true });
  harm();
  // Twice: the first time must not make the second look well.
  for (const _again of [1, 2]) {
    await expect(start()).rejects.toMatchObject({ code, message: expect.stringMatching(why) as string });
  }
  cpSync(kept, dataDir, { recursive: true });
  await start();
  expect(Buffer.from((await running?.get('k')) ?? []).toString()).toBe('v');
});

it('is a new node once the whole directory was emptied', async () => {
  await start();
  const before = await idOf(running);
  await stop();
  rmSync(dataDir, { recursive: true });
  await start();
  expect(await idOf(running)).not.toBe(before);
  expect(await running?.get('k')).toBeUndefined();
});

it('goes on when what it promised is damaged and nobody else votes, or its plan is', async () => {
  damage('agreement');
  damage('plan');
  await start();
  expect(Buffer.from((await running?.get('k')) ?? []).toString()).toBe('v');
});

it('begins with vnodes that are not taken for whole when nothing tells how it last ended', async () => {
  damage('life');
  const warnings: string[] = [];
  const silent = (): void => {};
  const warn = (_fields: object, text: string): void => void warnings.push(text);
  running = await open({
    dataDir,
    ringSize: 8,
    logger: { debug: silent, info: silent, error: silent, warn },
  });
  expect(warnings.join()).toMatch(/vnodes cannot prove that they hold everything/);
});
