/**
 * Who sees to it that nothing is left behind: a process of its own that waits for the test to end, however that ends.
 *
 * It is told of each process that is born and gone through a pipe. When the pipe ends - the test is over, or was killed
 * outright - it kills what still lives, stopped or not, and removes the folder.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { hasEnded } from './has-ended.ts';

const WATCH = `
const { rmSync } = require('node:fs');
const alive = new Set();
let text = '';
process.stdin.setEncoding('utf8').on('data', (more) => {
  const lines = (text + more).split('\\n');
  text = lines.pop();
  for (const line of lines) {
    const [verb, pid] = line.split(' ');
    if (verb === 'born') alive.add(Number(pid));
    else alive.delete(Number(pid));
  }
}).on('end', () => {
  for (const pid of alive) try { process.kill(pid, 'SIGKILL'); } catch {}
  rmSync(process.argv[1], { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});
`;

export class Guard {
  readonly #process: ChildProcess;
  /** Nobody would end what is born from now on; whoever spawns has to look. */
  ended = false;

  constructor(folder: string) {
    this.#process = spawn(process.execPath, ['-e', WATCH, folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true, // Ctrl-C at the terminal is for the one who started the test
    });
    this.#process.unref();
    // It may be gone before what it is told last.
    this.#process.stdin?.on('error', () => {});
  }

  /** A negative one: its whole group. */
  born(pid: number): void {
    this.#process.stdin?.write(`born ${pid}\n`);
  }

  gone(pid: number): void {
    this.#process.stdin?.write(`gone ${pid}\n`);
  }

  /** Kill what lives and remove the folder; resolves when that is done. */
  end(): Promise<void> {
    this.ended = true;
    return new Promise((resolve) => {
      if (hasEnded(this.#process)) return resolve();
      this.#process.once('exit', () => resolve()).ref();
      this.#process.stdin?.end();
    });
  }
}
