/** The entry of the executable: the real terminal, the exit code. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { createRkv, type Terminal } from './command.ts';
import type { Ask } from './questions.ts';

// Whoever reads our output may have had enough of it, as `head` does: nothing is left to be said then.
process.stdout.on('error', () => process.exit(1));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** A script, or a build, has nobody who could answer. */
const somebodySits = process.stdin.isTTY && process.stdout.isTTY && process.env['CI'] === undefined;

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  ...(somebodySits && { ask: askAtTerminal() }),
  run: (command, args, cwd) =>
    new Promise((resolve) => {
      // By a shell on Windows, where the package managers are scripts.
      const child = spawn(command, args, {
        cwd,
        stdio: ['inherit', 2, 2],
        shell: process.platform === 'win32',
      });
      child.once('error', () => resolve(127));
      child.once('exit', (code) => resolve(code ?? 1));
    }),
};

/** Ctrl-C and the end of the input are no answer. */
function askAtTerminal(): Ask {
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const ended = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
    lines.once('SIGINT', () => process.exit(130));
    const answer = await Promise.race([lines.question(question), ended]);
    lines.close();
    return answer;
  };
}

void createRkv(process.argv.slice(2), terminal, version).then((code) => {
  // What was written to a pipe may still be on its way, so the exit stands in line behind it.
  process.stdout.write('', () => process.exit(code));
});
