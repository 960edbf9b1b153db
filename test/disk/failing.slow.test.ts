/**
 * Disks that fail under a running node: one that is full, one that gives errors, one that is slow. Nothing that was
 * acknowledged is lost, the node says what is wrong, and the others serve on.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { figuresOf } from '../cluster/figures.ts';
import type { TestNode } from '../cluster/nodes.ts';
import { exchange, withRedis } from '../cluster/redis-client.ts';
import { withNodes } from '../cluster/with-nodes.ts';
import { Injection, injectionProblem } from './inject.ts';
import { missingAt, Writers } from './journal.ts';
import { canMount, mountTmpfs, unmountAll } from './mounts.ts';

const lone = withNodes({ ringSize: 8, flags: ['--n', '1'] });
const nodes = withNodes({ ringSize: 8 });
const noInjection = injectionProblem();

interface Status {
  readonly members: readonly { readonly name: string; readonly disk?: string }[];
}

const diskOf = async (asked: TestNode, name: string): Promise<string | undefined> =>
  (JSON.parse((await asked.ask('/api/status')).text) as Status).members.find((one) => one.name === name)
    ?.disk;
const readiness = async (node: TestNode): Promise<string> => (await node.ask('/readyz')).text;
const idsOf = (writers: Writers): string[] => writers.journal.map(({ id }) => id);

/** Within the test's own time limit. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(10);
}

function percentile(of: readonly number[], share: number): number {
  const sorted = of.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Reads and writes through some nodes, one after the other, each timed. */
async function timeRequests(
  through: readonly TestNode[],
  forMs: number,
): Promise<{ reads: number[]; writes: number[]; errors: string[] }> {
  const reads: number[] = [];
  const writes: number[] = [];
  const errors: string[] = [];
  const endAt = performance.now() + forMs;
  await Promise.all(
    through.map((node) =>
      withRedis(node, async (client) => {
        for (let i = 0; performance.now() < endAt; i++) {
          const key = `timed ${node.name} ${i % 200}`;
          const began = performance.now();
          await client.set(key, `v${i}`).catch((error: Error) => errors.push(error.message));
          const written = performance.now();
          await client.get(key).catch((error: Error) => errors.push(error.message));
          writes.push(written - began);
          reads.push(performance.now() - written);
          await pause(2);
        }
      }),
    ),
  );
  return { reads, writes, errors };
}

afterEach(() => unmountAll());

describe.skipIf(!canMount)('a full disk (skipped where nothing may be mounted)', () => {
  it('refuses writes at once, serves every read, loses nothing, and goes on by itself when there is room', async () => {
    const node = await lone.create('full');
    mkdirSync(node.dataDir);
    mountTmpfs(node.dataDir, '40m');
    await node.start();
    const ballast = join(node.dataDir, 'ballast');
    const writers = new Writers('full-', { writers: 4, pauseMs: 5, valueBytes: 2_000 });
    writers.start(node);
    await until(() => writers.journal.length > 200);
    writeFileSync(ballast, Buffer.alloc(24 * 1024 * 1024));
    await until(() => writers.refused.length >= 50);
    await writers.stop();
    const before = idsOf(writers);

    expect(await missingAt(node, before, (id) => writers.valueOf(id))).toEqual([]);
    const late = writers.refused.filter(({ why }) => !why.startsWith('UNCERTAIN'));
    expect(late.length).toBeGreaterThan(40);
    for (const { why, tookMs } of late) {
      expect(why).toMatch(/^MISCONF .*nothing was written \(read_only: .*definite: true\)/);
      expect(tookMs).toBeLessThan(100);
    }
    expect(await readiness(node)).toMatch(/the store takes no writes: no space left on the disk/);
    expect(await diskOf(node, 'full')).toBe('read_only');
    expect((await node.rkv('cluster', 'status')).out).toContain("Takes no writes: 'full'");

    rmSync(ballast);
    const freed = performance.now();
    await until(() =>
      withRedis(node, (client) =>
        client.set('again', '1').then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(performance.now() - freed).toBeLessThan(5_000);
    expect(node.log).toContain('the store takes writes again');
    expect(await node.isReady()).toBe(true);
    await node.kill9();
    await node.start();
    expect(await missingAt(node, before, (id) => writers.valueOf(id))).toEqual([]);
    await node.kill9();
  });
});

describe.skipIf(noInjection !== undefined)(`errors of the disk (skipped when: ${noInjection})`, () => {
  it.each(['fdatasync:error=EIO', 'pwrite64:error=EIO'])(
    'with %s nothing is acknowledged until it is written anew, and nothing that was is lost',
    async (what) => {
      const name = what.slice(0, 4);
      const node = await lone.create(name);
      await node.start();
      const writers = new Writers(`${name}-`, { writers: 4, pauseMs: 2 });
      writers.start(node);
      await until(() => writers.journal.length > 200);
      let died: string | null | undefined;
      void node.exited.then(({ signal }) => (died = signal));
      const injection = await Injection.into(node, what);
      await until(() => writers.refused.length > 0 || died !== undefined);
      const failedAt = performance.now();
      await until(() => writers.refused.length >= 50 || died !== undefined);
      await injection.end();
      const healedAt = performance.now();
      const acknowledged = writers.journal.filter(({ at }) => at > failedAt && at < healedAt);
      expect(acknowledged).toEqual([]);
      if (died === undefined) {
        expect(node.log).toContain('the store failed');
        await until(() => writers.journal.some(({ at }) => at > healedAt));
        await writers.stop();
        expect(await missingAt(node, idsOf(writers), (id) => writers.valueOf(id))).toEqual([]);
        await node.kill9();
      } else {
        // lmdb-js writes a sentence on pages that it could not write, sometimes beyond the memory that it has for that.
        expect([what, died]).toEqual(['pwrite64:error=EIO', 'SIGABRT']);
        await writers.stop();
      }
      await node.start();
      expect(await missingAt(node, idsOf(writers), (id) => writers.valueOf(id))).toEqual([]);
      await node.kill9();
    },
    90_000,
  );

  it('at one of three: it says so everywhere, and the others serve on; a slow one is called slow', async () => {
    const [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
    const failing = await Injection.into(n3, 'fdatasync:error=EIO');
    const underErrors = await timeRequests([n1, n2], 4_000);
    expect(underErrors.errors).toEqual([]);
    expect(percentile(underErrors.writes, 0.99)).toBeLessThan(500);
    expect(percentile(underErrors.reads, 0.99)).toBeLessThan(500);
    await until(async () => (await diskOf(n1, 'n3')) === 'read_only');
    expect(await readiness(n3)).toMatch(/the store takes no writes: Input\/output error/);
    expect((await n1.rkv('cluster', 'status')).out).toContain("Takes no writes: 'n3'");
    // It serves its own clients all the same, by the others.
    await withRedis(n3, async (client) => {
      expect(await client.set('through n3', '1')).toBe('OK');
      expect(await client.get('through n3')).toBe('1');
    });
    await failing.end();
    await until(async () => (await diskOf(n1, 'n3')) === undefined && (await n3.isReady()));

    const slow = await Injection.into(n3, 'fdatasync:delay_enter=200ms');
    const underDelay = await timeRequests([n1, n2], 14_000);
    expect(underDelay.errors).toEqual([]);
    expect(percentile(underDelay.reads, 0.99)).toBeLessThan(100);
    console.log({
      errors: { read: percentile(underErrors.reads, 0.99), write: percentile(underErrors.writes, 0.99) },
      delay: { read: percentile(underDelay.reads, 0.99), write: percentile(underDelay.writes, 0.99) },
    });
    await until(async () => (await diskOf(n1, 'n3')) === 'slow');
    expect(n3.log).toContain('the disk of the store is slow: a commit takes more than 100 ms');
    const figures = await figuresOf(n3);
    expect(figures.get('rkv_store_commit_seconds{figure="mean"}')).toBeGreaterThan(0.1);
    expect(figures.get('rkv_store_trouble{kind="slow"}')).toBe(1);
    await slow.end();
    const answers = await withRedis(n1, (client) =>
      exchange(
        client,
        Array.from({ length: 50 }, (_, i) => ['get', `timed n1 ${i}`]),
      ),
    );
    expect(answers.every((answer) => typeof answer === 'string')).toBe(true);
  }, 120_000);
});
