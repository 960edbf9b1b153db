/**
 * The memory of another process: what it holds, and, as only Linux tells it, the most that it held.
 *
 * Not here: `Memory` on other systems. `canMeasureMemory` says so, and what stands on it is skipped there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const canMeasureMemory = existsSync('/proc/self/clear_refs');

const KIB_PER_MIB = 1024;

/** Resident memory of a process now, MiB. */
export function residentMib(pid: number): number {
  if (existsSync('/proc/self/status')) return statusMib(pid, 'VmRSS');
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / KIB_PER_MIB;
}

function statusMib(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / KIB_PER_MIB;
}

/** Resident memory of one process, MiB. */
export class Memory {
  readonly #pid: number;
  readonly before: number;

  /** The most is counted from here on. */
  constructor(pid: number) {
    this.#pid = pid;
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    this.before = this.now;
  }

  get now(): number {
    return residentMib(this.#pid);
  }

  get most(): number {
    return statusMib(this.#pid, 'VmHWM');
  }

  /** How much more than before it held at most. */
  get growth(): number {
    return this.most - this.before;
  }

  describe(): string {
    return `before ${this.before.toFixed()}, most ${this.most.toFixed()}, now ${this.now.toFixed()} MiB`;
  }
}
