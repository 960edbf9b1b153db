/** One node as a process: its data directory and ports stay, its processes come and go. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Guard } from './guard.ts';
import { NodeProcess } from './node-process.ts';

/** Where a node lives; what its command line is made of. */
export interface Seat {
  readonly name: string;
  readonly dataDir: string;
  /** Each a port of 127.0.0.1. */
  readonly ports: { readonly cluster: number; readonly redis: number; readonly http: number };
}

/** What a node is started with. */
export interface ProcessNodeInit {
  readonly seat: Seat;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Beside what this process has. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly guard: Guard;
  readonly readyWithinMs: number;
}

/** What a node's HTTP door has answered. */
export interface DoorAnswer {
  readonly status: number;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

const POLL_MS = 20;
const STOP_WITHIN_MS = 30_000;
const ASK_WITHIN_MS = 30_000;
const LOG_CHARS_MAX = 100_000;

export class ProcessNode {
  readonly seat: Seat;
  readonly #init: ProcessNodeInit;
  #process: NodeProcess | undefined;
  #isPaused = false;
  #log = '';

  constructor(init: ProcessNodeInit) {
    this.#init = init;
    this.seat = init.seat;
  }

  get name(): string {
    return this.seat.name;
  }

  /** Its process is there, paused or not. */
  get runs(): boolean {
    return this.#process?.isOver === false;
  }

  get isPaused(): boolean {
    return this.runs && this.#isPaused;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.runs ? this.#process?.pid : undefined;
  }

  /** Of its HTTP door. */
  get url(): string {
    return `http://127.0.0.1:${this.seat.ports.http}`;
  }

  /** Where other nodes reach it. */
  get clusterAddress(): string {
    return `127.0.0.1:${this.seat.ports.cluster}`;
  }

  /** What it has written, in all its lives, as far as it is kept. */
  get log(): string {
    return this.#log;
  }

  /** A process on the data directory of the one before. Resolves when /readyz says so. */
  async start(): Promise<void> {
    if (this.runs) throw new Error(`${this.name} runs already`);
    if (this.#init.guard.ended) throw new Error(`${this.name} was not started: its cluster has ended`);
    this.#spawn();
    const deadline = performance.now() + this.#init.readyWithinMs;
    while (!(await this.isReady())) {
      if (!this.runs) throw this.failure(`ended while it started (${this.#state})`);
      if (performance.now() > deadline)
        throw this.failure(`is not ready after ${this.#init.readyWithinMs / 1000} s`);
      await pause(POLL_MS);
    }
  }

  /** kill -9. Resolves when it is gone; does nothing while it does not run. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.#process?.exited;
  }

  /** SIGTERM, and SIGKILL where that is not heeded in half a minute. */
  async stop(): Promise<void> {
    this.resume();
    this.#process?.signal('SIGTERM');
    const late = new AbortController();
    const killed = pause(STOP_WITHIN_MS, undefined, { signal: late.signal }).then(
      () => this.kill(),
      () => {},
    );
    await this.#process?.exited;
    late.abort();
    await killed;
  }

  /** SIGSTOP: it is there and says nothing. */
  pause(): void {
    this.#isPaused = this.#process?.signal('SIGSTOP') ?? false;
  }

  /** SIGCONT. */
  resume(): void {
    this.#process?.signal('SIGCONT');
    this.#isPaused = false;
  }

  async isReady(): Promise<boolean> {
    return this.ask('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** One request to its HTTP door: GET, or POST where there is a body. Rejects when nobody answers. */
  async ask(path: string, body?: unknown): Promise<DoorAnswer> {
    const post = { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
    const answer = await fetch(`${this.url}${path}`, {
      ...(body !== undefined && post),
      signal: AbortSignal.timeout(ASK_WITHIN_MS),
    });
    const text = await answer.text();
    return { status: answer.status, body: parsed(text) };
  }

  /** The same, which must succeed. */
  async tell(path: string, body?: unknown): Promise<unknown> {
    const answer = await this.ask(path, body);
    if (answer.status < 300) return answer.body;
    throw this.failure(`refused ${path} (${answer.status}): ${JSON.stringify(answer.body)}`);
  }

  describe(lines = 20): string {
    return `--- ${this.name} (${this.#state}${this.isPaused ? ', paused' : ''})\n${this.#log.trimEnd().split('\n').slice(-lines).join('\n')}`;
  }

  failure(what: string): Error {
    return new Error(`${this.name} ${what}\n${this.describe()}`);
  }

  get #state(): string {
    return this.#process?.describe() ?? 'never started';
  }

  #spawn(): void {
    const { command, environment, guard } = this.#init;
    this.#isPaused = false;
    this.#process = new NodeProcess({
      ...{ command, environment, guard },
      onText: (text) => {
        this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
      },
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
