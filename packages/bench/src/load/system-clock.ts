/**
 * The clock of the process, good to some microseconds.
 *
 * A timer of Node.js is late by a millisecond and more, which would be told as the latency of whatever is measured. So
 * the timer fires early and the rest is waited for turn by turn of the event loop: sockets are served meanwhile, and a
 * core is kept busy. How late operations were sent all the same is measured and told (`lateness`).
 */
import type { Clock } from '../contracts/clock.ts';
import { Sleepers } from './sleepers.ts';

/** From here on turns are waited out; above what a timer is usually late by. */
const TIMER_IS_GOOD_FOR_US = 2_000;

export class SystemClock implements Clock {
  readonly #sleepers = new Sleepers();
  /** performance.now() begins with its thread; hrtime is one for all of them. */
  readonly #originUs = hrtimeUs() - performance.now() * 1_000;
  #watching = false;

  now(): number {
    return this.#originUs + performance.now() * 1_000;
  }

  sleepUntil(us: number): Promise<void> {
    if (us <= this.now()) return this.turn();
    return new Promise((resolve) => {
      this.#sleepers.add(us, resolve);
      this.#watch();
    });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  wakeAll(): void {
    this.#sleepers.wakeUntil(Infinity);
  }

  /** One timer at a time. A sleeper that must wake before it fires is woken late, by two milliseconds at most. */
  #watch(): void {
    const next = this.#sleepers.nextUs;
    if (this.#watching || next === undefined) return;
    this.#watching = true;
    const look = (): void => {
      this.#watching = false;
      this.#sleepers.wakeUntil(this.now());
      this.#watch();
    };
    if (next - this.now() > TIMER_IS_GOOD_FOR_US) setTimeout(look, 1);
    else setImmediate(look);
  }
}

function hrtimeUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}
