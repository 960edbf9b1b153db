/**
 * Hands: one crew as the run sees it, on this thread or on another, told of in the same words.
 */
import { Worker as Thread } from 'node:worker_threads';
import type { Clock } from '../contracts/clock.ts';
import type { SampleSink } from '../contracts/sample.ts';
import type { Overrides } from '../definition/settle.ts';
import { Crew, type CrewTimes, type Load } from '../load/crew.ts';
import { type Batch, replay } from './batch.ts';

export interface Hands {
  /** Rejects when the driver cannot begin. */
  begin(): Promise<void>;
  /** Resolves when all samples are in; with a reason if all workers stopped by themselves. */
  work(times: CrewTimes): Promise<string | undefined>;
  stop(): void;
  end(): Promise<void>;
}

export interface HandsInit {
  readonly firstId: number;
  readonly size: number;
  readonly sink: SampleSink;
  readonly onFatal: (reason: string) => void;
}

export function handsHere(load: Load, clock: Clock, init: HandsInit): Hands {
  return new Crew({ load, clock, ...init });
}

/** What another thread is told at its birth; it loads the file by itself. */
export interface ThreadData {
  readonly file: string;
  readonly overrides: Overrides;
  readonly firstId: number;
  readonly size: number;
}

export type ToThread =
  { readonly kind: 'work'; readonly times: CrewTimes } | { readonly kind: 'stop' | 'end' };
export type FromThread =
  | { readonly kind: 'begun' }
  | { readonly kind: 'samples'; readonly batch: Batch }
  | { readonly kind: 'fatal'; readonly reason: string }
  | { readonly kind: 'over'; readonly reason: string | undefined; readonly unsent: number }
  | { readonly kind: 'ended' };

/** The file beside this one, built or not. */
const ENTRY = new URL(`./thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
/** For the states to be closed; then the thread is ended. */
const END_WITHIN_MS = 5_000;

export class HandsOnThread implements Hands {
  readonly #init: HandsInit;
  readonly #thread: Thread;
  readonly #waiting = new Map<FromThread['kind'], (message: FromThread) => void>();
  #fail: (error: Error) => void = () => {};

  constructor(file: string, overrides: Overrides, init: HandsInit) {
    this.#init = init;
    const { firstId, size } = init;
    const workerData: ThreadData = { file, overrides, firstId, size };
    this.#thread = new Thread(ENTRY, { workerData });
    this.#thread.on('message', (message: FromThread) => this.#hear(message));
    this.#thread.on('error', (error) => this.#fail(error));
    this.#thread.on('exit', (code) => this.#fail(new Error(`a thread of the load ended with code ${code}`)));
  }

  async begin(): Promise<void> {
    await this.#hears('begun');
  }

  async work(times: CrewTimes): Promise<string | undefined> {
    this.#tell({ kind: 'work', times });
    const over = await this.#hears('over');
    this.#init.sink.unsent(over.unsent);
    return over.reason;
  }

  stop(): void {
    this.#tell({ kind: 'stop' });
  }

  async end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, END_WITHIN_MS)));
    this.#tell({ kind: 'end' });
    // One that has failed already has nothing to close.
    await Promise.race([late, this.#hears('ended').catch(() => {})]);
    clearTimeout(timer);
    await this.#thread.terminate();
  }

  #tell(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  #hears<Kind extends FromThread['kind']>(kind: Kind): Promise<Extract<FromThread, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#waiting.set(kind, resolve as (message: FromThread) => void);
    });
  }

  #hear(message: FromThread): void {
    if (message.kind === 'samples') replay(message.batch, this.#init.sink);
    else if (message.kind === 'fatal') this.#init.onFatal(message.reason);
    else this.#waiting.get(message.kind)?.(message);
  }
}
