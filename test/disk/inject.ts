/**
 * A disk that fails under a running node, by strace: attached, system calls of the node on the file of its store fail or
 * come late; detached, the disk is well again.
 *
 * lmdb writes the pages of a transaction (pwrite64), has them flushed (fdatasync), and writes the page that points to them
 * through a descriptor that flushes by itself (pwrite64, O_DSYNC). It does so in whichever thread of Node.js's pool is
 * free, so strace's counts of calls, which are kept by thread, are of no use: all of them fail as long as it is attached.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestNode } from '../cluster/nodes.ts';

/** A reason why that cannot be done here; undefined: it can. */
export function injectionProblem(): string | undefined {
  if (spawnSync('strace', ['--version']).error !== undefined) return 'there is no strace';
  const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']);
  return status === 0 ? undefined : 'strace may not trace here';
}

export class Injection {
  readonly #strace: ChildProcess;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
  }

  /** As strace has it: `fdatasync:error=EIO`, `fdatasync:delay_enter=200ms`. Resolves once every thread is traced. */
  static async into(node: TestNode, what: string): Promise<Injection> {
    const [calls = ''] = what.split(':');
    const file = join(node.dataDir, 'store', 'data.mdb');
    const only = ['-P', file, '-e', `trace=${calls}`, '-e', `inject=${what}`];
    const strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...only, '-p', String(node.pid)], {
      stdio: 'ignore',
    });
    while (!isTraced(node.pid)) {
      if (strace.exitCode !== null) throw new Error(`strace ended with ${strace.exitCode}`);
      await pause(5);
    }
    return new Injection(strace);
  }

  /** Resolves when the node runs free. */
  async end(): Promise<void> {
    if (this.#strace.exitCode !== null) return;
    const gone = once(this.#strace, 'exit');
    this.#strace.kill('SIGTERM');
    await gone;
  }
}

function isTraced(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) =>
    /^TracerPid:\s*[1-9]/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')),
  );
}
