/**
 * A clock that stands still while anybody has something to do, and then jumps to the next sleeper's time.
 *
 * For the stall check and for tests: what waits for this clock alone takes no real time and goes the same way each time.
 */
import type { Clock } from '../contracts/clock.ts';
import { Sleepers } from './sleepers.ts';

export class VirtualClock implements Clock {
  readonly #sleepers = new Sleepers();
  #us = 0;

  now(): number {
    return this.#us;
  }

  sleepUntil(us: number): Promise<void> {
    return new Promise((resolve) => {
      this.#sleepers.add(Math.max(us, this.#us), resolve);
    });
  }

  turn(): Promise<void> {
    return this.sleepUntil(this.#us);
  }

  wakeAll(): void {
    this.#sleepers.wakeUntil(Infinity);
  }

  /** Lets time pass until the work is done. Work that waits for something else than this clock is refused. */
  async play<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = (): void => {
      done = true;
    };
    work.then(end, end);
    for (;;) {
      // All promises that can go on have gone on when the next turn of the real event loop comes.
      await new Promise((resolve) => setImmediate(resolve));
      if (done) return work;
      const next = this.#sleepers.nextUs;
      if (next === undefined)
        throw new Error('nobody sleeps and the work is not done: it waits for another clock');
      this.#us = Math.max(this.#us, next);
      this.#sleepers.wakeUntil(this.#us);
    }
  }
}
