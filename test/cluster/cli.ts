/**
 * The command `rkv` as a person runs it: a process, what it wrote, its exit code.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '@rkv/testkit';

export const BIN = fileURLToPath(new URL('../../packages/store/bin/rkv.js', import.meta.url));

/** A little more than what `--wait` allows itself. */
const LIMIT_MS = 150_000;

export interface CliResult {
  /** null when it had to be killed. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function rkv(...args: readonly string[]): Promise<CliResult> {
  return rkvAt([], ...args);
}

/** The same behind a command that runs it elsewhere. */
export function rkvAt(enter: readonly string[], ...args: readonly string[]): Promise<CliResult> {
  return resultOf(start(enter, args));
}

/** The same, killed as soon as it has written anything. */
export function rkvCutShort(...args: readonly string[]): Promise<CliResult> {
  const child = start([], args);
  child.stdout.once('data', () => child.kill('SIGKILL'));
  return resultOf(child);
}

type Child = ReturnType<typeof start>;

function start(enter: readonly string[], args: readonly string[]) {
  const [command, ...rest] = [...enter, process.execPath, BIN, ...args];
  return spawn(command as string, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
}

async function resultOf(child: Child): Promise<CliResult> {
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, out, err };
}
