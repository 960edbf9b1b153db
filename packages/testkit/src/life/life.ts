/**
 * One life of a node process: from its start to its crash.
 *
 * Everything that reaches a process - timers, frames, completions of the disk - passes through its life: at once
 * while it runs, on resume while it is stopped (SIGSTOP), never when it has ended. What arrived while it was
 * stopped is handled in the order of arrival, before anything newer.
 */
import type { World } from '../world/world.ts';
import type { Gate } from '../world/event-queue.ts';
import { Fifo } from '../world/fifo.ts';

/** How a life ends: the process is killed and its machine goes on, or the machine loses power. */
export type Ending = 'crash' | 'powerCut';

export class Life implements Gate {
  /** The name of the machine it runs on. */
  readonly machine: string;
  /** Counts the lives on this machine from 1. */
  readonly number: number;
  readonly #world: World;
  readonly #held = new Fifo<() => void>();
  readonly #onEnd: ((how: Ending) => void)[] = [];
  #state: 'running' | 'paused' | 'ended' = 'running';

  constructor(world: World, machine: string, number: number) {
    this.#world = world;
    this.machine = machine;
    this.number = number;
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  /** Whether what is performed now runs at once. */
  get isReady(): boolean {
    return this.#state === 'running' && this.#held.length === 0;
  }

  perform(run: () => void): void {
    if (this.isReady) run();
    else if (this.#state !== 'ended') {
      this.#world.toll.count('happening held by a pause');
      this.#held.push(run);
    }
  }

  /** For what was deferred: it belongs to an event that was let through, so it does not queue behind held ones. */
  readonly afterEvent: Gate = {
    perform: (run) => {
      if (this.#state === 'running') run();
      else if (this.#state === 'paused') this.#held.push(run);
    },
  };

  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    this.#world.toll.count('pause');
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#planCatchUp();
  }

  /** The process is gone. What it had planned does not happen; network and disk are told how it ended. */
  end(how: Ending): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#held.clear();
    for (const listener of this.#onEnd) listener(how);
  }

  /** For what outlives the process. Called in the order of asking. */
  whenEnded(listener: (how: Ending) => void): void {
    this.#onEnd.push(listener);
  }

  /** One held happening per event, so that what each defers runs before the next. */
  #planCatchUp(): void {
    if (this.#held.length > 0) this.#world.schedule(0, this.#catchUp, `resumed ${this.machine}`);
  }

  readonly #catchUp = (): void => {
    if (this.#state !== 'running') return;
    const run = this.#held.peek();
    if (run === undefined) return;
    run();
    this.#held.shift();
    this.#planCatchUp();
  };
}
