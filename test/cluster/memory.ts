/**
 * The memory of another process, as Linux tells of it: what it holds, and the most that it held.
 *
 * Not here: other systems. `canMeasureMemory` says so, and what stands on it is skipped there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const canMeasureMemory = existsSync('/proc/self/clear_refs');

const MIB = 1024 * 1024;

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
    return this.#read('VmRSS');
  }

  get most(): number {
    return this.#read('VmHWM');
  }

  /** How much more than before it held at most. */
  get growth(): number {
    return this.most - this.before;
  }

  describe(): string {
    return `before ${this.before.toFixed()}, most ${this.most.toFixed()}, now ${this.now.toFixed()} MiB`;
  }

  #read(field: string): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / MIB;
  }
}
