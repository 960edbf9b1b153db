/**
 * Three real nodes, and what lies in their data directories from one life to the next: under which boot they ran,
 * what they promised, who they are.
 */
import { cpSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FileStableStore, jsonDecode, jsonEncode } from '@rkv/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { commitAll, type TestNode } from './nodes.ts';
import { withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

interface Status {
  readonly members: readonly { name: string; id: string; up: boolean; partialVnodes: number }[];
}

const nodes = withNodes();
let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];
beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
});

const PARTIAL = /vnodes cannot prove that they hold everything/g;
const count = (node: TestNode, what: RegExp): number => node.log.match(what)?.length ?? 0;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const member = async (asked: TestNode, name: string): Promise<Status['members'][number] | undefined> =>
  (await asked.tell<Status>('cluster', 'status')).members.find((one) => one.name === name);

/** Asks until it is so; the test's own time limit ends it otherwise. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(20);
}

/** The newest file of a document of a node that is down. */
function newest(node: TestNode, document: string): string {
  const sequence = (file: string): number => Number(file.split('.')[1]);
  const files = readdirSync(join(node.dataDir, 'node')).filter((file) => file.startsWith(`${document}.`));
  const last = files.toSorted((a, b) => sequence(a) - sequence(b)).at(-1);
  return join(node.dataDir, 'node', last as string);
}

/** As if the machine had been switched off and on again since: it is another boot that the last life ran under. */
async function forgetBoot(node: TestNode): Promise<void> {
  const stable = new FileStableStore({ directory: join(node.dataDir, 'node'), logger: silent });
  const life = jsonDecode(stable.load('life') as Uint8Array) as object;
  const bytes = jsonEncode({ ...life, bootId: 'of another boot' });
  const error = await new Promise((resolve) => stable.save('life', bytes, resolve));
  expect(error).toBe(undefined);
}

describe('durability process', () => {
  it('after kill -9 under the same boot its vnodes are whole', async () => {
    await withRedis(n1, (client) => client.mset('a', '1', 'b', '2', 'c', '3'));
    await n3.kill9();
    await n3.start();
    expect(count(n3, PARTIAL)).toBe(0);
    expect((await member(n3, 'n3'))?.partialVnodes).toBe(0);
  });

  it('after another boot they are partial, say so, and heal; a monitor sees it', async () => {
    await n3.kill9();
    await forgetBoot(n3);
    await n3.start();
    expect(count(n3, /the machine went down under this node/g)).toBe(1);
    expect(count(n3, PARTIAL)).toBe(1);
    await until(
      async () =>
        (await member(n1, 'n3'))?.partialVnodes === 0 && count(n3, /have merged all other copies/g) === 1,
    );
    const metrics = await fetch(`${n1.url}/metrics`).then((answer) => answer.text());
    expect(metrics).toContain('rkv_vnodes_partial{member="n3"} 0\n');
    expect(await withRedis(n3, (client) => client.mget('a', 'b', 'c'))).toEqual(['1', '2', '3']);
    await n3.kill9();
    await n3.start();
    expect(count(n3, PARTIAL), 'and are whole in the next life').toBe(1);
  });
});

describe('promises that are damaged', () => {
  it('are named; the node has no vote until the others have told it, and then the ring goes on', async () => {
    await n2.kill9();
    const file = newest(n2, 'agreement');
    truncateSync(file, 50);
    await n2.start();
    expect(n2.log).toContain(`"file":"${file}"`);
    expect(n2.log).toMatch(/what this node promised to the other members is damaged: it has no vote/);
    await until(() => Promise.resolve(/it votes again/.test(n2.log)));
    await n1.tell('cluster', 'leave', 'n3');
    await n1.tell('cluster', 'clear');
  });
});

describe('who a node is', () => {
  it('does not hang on its name, its address or its place on disk', async () => {
    const before = await member(n1, 'n3');
    await n3.kill9();
    const renamed = await nodes.create('bella');
    renameSync(n3.dataDir, renamed.dataDir);
    await renamed.start();
    n3 = renamed;
    await until(async () => (await member(n1, 'bella'))?.up === true);
    expect((await member(n1, 'bella'))?.id).toBe(before?.id);
    expect(await member(n1, 'n3')).toBe(undefined);
    expect(await withRedis(n3, (client) => client.mget('a', 'b', 'c'))).toEqual(['1', '2', '3']);
  });

  it('a copy of its directory is refused by the others while it lives, and named', async () => {
    const copy = await nodes.create('copy');
    cpSync(n3.dataDir, copy.dataDir, { recursive: true });
    for (const file of readdirSync(copy.dataDir))
      if (file.startsWith('lock')) rmSync(join(copy.dataDir, file));
    copy.spawn();
    await until(() => Promise.resolve(/its data directory was copied/.test(copy.log)));
    await copy.kill9();
    expect((await member(n1, 'bella'))?.up).toBe(true);
    expect(await n3.isReady()).toBe(true);
    expect(await withRedis(n3, (client) => client.mget('a', 'b', 'c'))).toEqual(['1', '2', '3']);
  });

  it('a directory that was emptied is another node, which needs a name of its own', async () => {
    const [stranger] = await nodes.startLone('n2b');
    await stranger.kill9();
    const id = (await member(n1, 'n2'))?.id;
    rmSync(stranger.dataDir, { recursive: true });
    await stranger.start();
    const own = await member(stranger, 'n2b');
    expect(own?.id).not.toBe(id);
    await stranger.tell('cluster', 'join', n1.clusterAddress);
    await commitAll(n1);
    expect((await member(n1, 'n2b'))?.id).toBe(own?.id);
    expect(await withRedis(stranger, (client) => client.mget('a', 'b', 'c'))).toEqual(['1', '2', '3']);
  });
});
