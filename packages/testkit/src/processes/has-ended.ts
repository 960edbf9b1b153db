import type { ChildProcess } from 'node:child_process';

/** Whether a process is over: by itself, or by a signal, which leaves no exit code. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
