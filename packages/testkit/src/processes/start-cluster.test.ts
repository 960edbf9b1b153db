/** What a cluster of processes leaves behind when its test fails early. With real nodes: test/cluster. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ProcessCluster } from './start-cluster.ts';

it('a node that is being started while the cluster is ended is not started', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-start-'));
  const pidFile = join(folder, 'pid');
  const lives = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000);`;
  const isAlive = (): boolean => {
    try {
      return existsSync(pidFile) && process.kill(Number(readFileSync(pidFile, 'utf8')), 0);
    } catch {
      return false;
    }
  };
  try {
    const cluster = new ProcessCluster({ nodes: [], command: () => [process.execPath, '-e', lives] });
    const starting = cluster.start('n1').catch((error: unknown) => String(error));
    await cluster.end();
    expect(await Promise.race([starting, pause(5_000)])).toBe(
      'Error: n1 was not started: its cluster has ended',
    );
    await expect(cluster.node('n1').start()).rejects.toThrow('has ended');
    expect(isAlive()).toBe(false);
  } finally {
    if (isAlive()) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
