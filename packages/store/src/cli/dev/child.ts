/**
 * One node of `rkv dev`: a process of its own, whose output goes to a file.
 *
 * It leads a process group of its own, so that Ctrl-C at the terminal reaches `rkv dev` alone and each node is asked
 * to end once. Should `rkv dev` die without a word, the channel between them is cut, and the node ends by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeLogLine } from '../logger.ts';
import type { DevNode } from './layout.ts';

/**
 * Node.js gives each process four threads that compile and collect for it. With several nodes on a few processors they are
 * in the way of the threads that answer: the p99 of a join under load was half as high again (bench/README.md).
 */
const NODE_ARGS = ['--v8-pool-size=1'];

const BIN = fileURLToPath(new URL('../../../bin/rkv.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class DevChild {
  readonly node: DevNode;
  readonly ended: Promise<Exit>;
  readonly #process: ChildProcess;
  /** Where this life begins in the log. */
  readonly #logStart: number;
  #isRunning = true;

  constructor(node: DevNode, env: Readonly<Record<string, string | undefined>>) {
    this.node = node;
    const log = openSync(node.logPath, 'a');
    this.#logStart = fstatSync(log).size;
    this.#process = spawn(process.execPath, [...NODE_ARGS, BIN, ...node.args, '--with-parent'], {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
      env: childEnvironment(env),
    });
    closeSync(log);
    this.ended = this.#watch();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#isRunning) this.#process.kill(signal);
  }

  /** Asks it to drain and end, and after `graceMs` no longer asks. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.kill('SIGTERM');
    const patience = new AbortController();
    const late = pause(graceMs, undefined, { signal: patience.signal }).then(
      () => this.kill('SIGKILL'),
      () => undefined, // it went in time
    );
    await this.ended;
    patience.abort();
    await late;
  }

  /** The last lines of its log, as a person reads them. */
  lastWords(lines = 10): string {
    const text = readFileSync(this.node.logPath).subarray(this.#logStart).toString('utf8');
    const last = text.trimEnd().split('\n').slice(-lines);
    return last.map((line) => `  ${describeLogLine(line, false).trimEnd()}`).join('\n');
  }

  async #watch(): Promise<Exit> {
    try {
      const [code, signal] = (await once(this.#process, 'exit')) as [number | null, NodeJS.Signals | null];
      return { code, signal };
    } finally {
      this.#isRunning = false;
    }
  }
}

/** The command that starts this node again, by hand. */
export function startCommand({ args }: DevNode): string {
  return [process.execPath, BIN, ...args].join(' ');
}

/** What `rkv dev` decides for its nodes no variable decides; all else that is set for it holds for them too. */
function childEnvironment(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const { RKV_CONFIG: _config, RKV_JOIN: _join, ...rest } = env;
  return rest;
}
