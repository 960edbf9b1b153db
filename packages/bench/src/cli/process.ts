/** This process as a command sees it. */
import type { Terminal } from './progress.ts';

export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTty: process.stdout.isTTY === true,
  };
}

/** npm passes on the SIGINT that the terminal has sent to everyone already; a person who means it presses again later. */
const ECHO_MS = 400;
const INTERRUPTED = 130;

/** The first Ctrl-C or SIGTERM is told; another one, later than an echo of it, ends the process. */
export function processInterrupts(stop: () => void): void {
  let first: number | undefined;
  const heard = (): void => {
    if (first === undefined) {
      first = performance.now();
      stop();
    } else if (performance.now() - first > ECHO_MS) {
      process.exit(INTERRUPTED);
    }
  };
  process.on('SIGINT', heard).on('SIGTERM', heard);
}
