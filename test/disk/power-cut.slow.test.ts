/**
 * Power cuts, by a copy of the disk that is taken while a node writes to it: what the copy has is what a disk would have that
 * went dark then. The copy is checked as a system does it at its start, and a node starts from it.
 *
 * At `power` durability everything that was acknowledged before the copy began is there. At `process` durability the next
 * boot of the machine proves nothing, so a node must come up with partial vnodes and say so. A copied disk on the same boot,
 * which no real cut leaves, cannot be told from a killed process: so the boot is made another one here, in the record of
 * the last life, which is what a real cut amounts to.
 */
import { renameSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FileStableStore, jsonDecode, jsonEncode, silentLogger } from '@rkv/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { TestNode } from '../cluster/nodes.ts';
import { withNodes } from '../cluster/with-nodes.ts';
import { missingAt, Writers } from './journal.ts';
import { canMountImages, makeImage, mountImage, run, unmount, unmountAll } from './mounts.ts';

const ROUNDS = Number(process.env['RKV_CUT_ROUNDS'] ?? 10);
const nodes = withNodes({ ringSize: 8, flags: ['--n', '1'] });

afterEach(() => unmountAll());

/** A node whose data directory is a file system of its own. */
async function onImage(name: string, durability: 'process' | 'power'): Promise<TestNode> {
  const node = await nodes.create(name, { flags: ['--durability', durability] });
  makeImage(imageOf(node), '64M');
  mountImage(imageOf(node), node.dataDir);
  return node;
}

const imageOf = (node: TestNode): string => `${node.dataDir}.img`;

/** What a disk holds that goes dark now; the node is killed, and its file system is that from then on. */
async function cutPower(node: TestNode): Promise<void> {
  const copy = `${imageOf(node)}.cut`;
  run('cp', '--sparse=always', imageOf(node), copy);
  await node.kill9();
  unmount(node.dataDir);
  // 1: errors were corrected, as the journal was not replayed yet.
  const { status, stdout } = spawnSync('e2fsck', ['-fy', copy], { encoding: 'utf8' });
  expect(status, stdout).toBeLessThan(2);
  renameSync(copy, imageOf(node));
  mountImage(imageOf(node), node.dataDir);
}

async function bootAnew(node: TestNode): Promise<void> {
  const stable = new FileStableStore({ directory: join(node.dataDir, 'node'), logger: silentLogger });
  const life = jsonDecode(stable.load('life') as Uint8Array) as object;
  const bytes = jsonEncode({ ...life, bootId: 'of another boot' });
  expect(await new Promise((resolve) => stable.save('life', bytes, resolve))).toBe(undefined);
}

describe.skipIf(!canMountImages)('a power cut (skipped where no image can be mounted)', () => {
  it(
    `loses nothing that was acknowledged at power durability before it, ${ROUNDS} times`,
    async () => {
      const node = await onImage('power', 'power');
      const writers = new Writers('cut-', { pauseMs: 2 });
      for (let round = 0; round < ROUNDS; round++) {
        await node.start();
        writers.start(node);
        await pause(200 + 37 * round);
        const before = writers.journal.map(({ id }) => id);
        await cutPower(node);
        await writers.ended();
        await bootAnew(node);
        await node.start();
        expect(await missingAt(node, before, (id) => writers.valueOf(id))).toEqual([]);
        expect(node.log).not.toMatch(/vnodes cannot prove that they hold everything/);
        // What came after the copy began is not the disk's to have kept.
        writers.journal.length = before.length;
        await node.kill9();
      }
      expect(writers.journal.length).toBeGreaterThan(ROUNDS * 50);
    },
    60_000 + ROUNDS * 20_000,
  );

  it('at process durability makes the vnodes partial, and the node says so', async () => {
    const node = await onImage('process', 'process');
    await node.start();
    const writers = new Writers('cut-', { pauseMs: 2 });
    writers.start(node);
    await pause(300);
    await cutPower(node);
    await writers.ended();
    await bootAnew(node);
    await node.start();
    expect(node.log).toMatch(/the machine went down under this node/);
    expect(node.log).toMatch(/vnodes cannot prove that they hold everything/);
    await node.kill9();
  });
});
