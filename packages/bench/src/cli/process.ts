/** This process as a command sees it. */
import type { Terminal } from './progress.ts';

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTty: process.stdout.isTTY === true,
  };
}

/** The first Ctrl-C or SIGTERM is told; the second ends the process, as if nobody listened. */
export function processInterrupts(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
}
