/** Whether an environment is unsound, found out by another process, which may die of it (store-check.ts). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Built; the sources of this package have none, and then nothing is found out. */
const CHECK = fileURLToPath(new URL('./store-check.js', import.meta.url));
const UNSOUND = 3;
/** What a process dies of that reads or writes what it should not. */
const FAULTS: readonly string[] = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP'];

/** The reason; undefined: it is sound, or that could not be found out. Nobody else may have it open. */
export async function checkStore(path: string): Promise<string | undefined> {
  const child = spawn(process.execPath, [CHECK, path], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [said, [code, signal]] = (await Promise.all([text(child.stdout), once(child, 'close')])) as [
    string,
    [number | null, string | null],
  ];
  if (signal !== null && FAULTS.includes(signal)) return `reading all of it ends with ${signal}`;
  return code === UNSOUND ? said : undefined;
}
