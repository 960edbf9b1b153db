/** One process of a node, from its start to its end: what it writes is passed on, and the guard knows of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Guard } from './guard.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is started, and who hears of it. */
export interface NodeProcessInit {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Beside what this process has. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly guard: Guard;
  /** Told of all that it writes, as it comes. */
  onText(text: string): void;
}

export class NodeProcess {
  /** After the last that it wrote. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #guard: Guard;
  #ending: string | undefined;

  constructor({ command, environment, guard, onText }: NodeProcessInit) {
    const [program, ...args] = command as [string, ...string[]];
    this.#guard = guard;
    this.#process = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Ctrl-C at the terminal is for the one who started the test
      env: { ...cleanEnvironment(), ...environment },
    });
    if (this.#process.pid !== undefined) guard.born(this.#process.pid);
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding('utf8').on('data', onText);
    this.exited = this.#watch();
  }

  /** Undefined: it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  /** False: it is gone. */
  signal(signal: NodeJS.Signals): boolean {
    return !this.isOver && this.#process.kill(signal);
  }

  describe(): string {
    return this.#ending ?? `runs as process ${this.pid}`;
  }

  async #watch(): Promise<Exit> {
    let exit: Exit = { code: null, signal: null };
    try {
      const [code, signal] = (await once(this.#process, 'close')) as [number | null, NodeJS.Signals | null];
      exit = { code, signal };
      this.#ending = signal === null ? `ended with exit code ${code}` : `ended by ${signal}`;
    } catch (error) {
      this.#ending = `could not be started: ${String(error)}`;
    }
    if (this.pid !== undefined) this.#guard.gone(this.pid);
    return exit;
  }
}

/** Ours, without settings that whoever runs the tests may have for a node. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RKV_')));
}
