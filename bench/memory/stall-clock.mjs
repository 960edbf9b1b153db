/**
 * How long this thread was ready to run and had to wait for a processor, ms since it began.
 *
 * On a machine that others use too, the longest stall of a program is mostly a stranger's doing. Linux counts that
 * waiting (the second figure of schedstat), so that it can be taken off. What a hypervisor takes away is not in it,
 * nor is waiting for V8's helper threads, and where there is no such file nothing is taken off: so what cannot be
 * repeated over several runs is still no finding.
 */
import { existsSync, openSync, readSync } from 'node:fs';

const PATH = '/proc/self/schedstat';
const SPACE = 32;
const ZERO = 48;

const file = existsSync(PATH) ? openSync(PATH) : undefined;
const text = Buffer.alloc(64);

export function waitedMs() {
  if (file === undefined) return 0;
  readSync(file, text, 0, text.length, 0);
  let at = text.indexOf(SPACE) + 1;
  let ns = 0;
  for (; text[at] !== SPACE; at++) ns = ns * 10 + text[at] - ZERO;
  return ns / 1e6;
}
