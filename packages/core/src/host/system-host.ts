/**
 * The real world as a `Host`: the clocks and timers of Node.js, and dice of the operating system.
 *
 * `defer` runs after the poll phase of the event loop (setImmediate): one round of it reads every socket that
 * had something, so what fifty clients asked for leaves as one write per peer. A microtask or nextTick would
 * run after each single socket's callback and write fifty times: 50 clients, their requests passed on to one
 * peer and back, made 42 to 54 thousand requests a second this way, 24 to 30 thousand that way. It costs no
 * waiting: with an immediate pending the loop does not sleep. All that is deferred within a turn, or while it is
 * being run, shares one immediate.
 *
 * Not here: letting a process end while timers are set. A timer means something; who is done cancels it.
 */
import { randomFillSync } from 'node:crypto';
import type { Host, Timer } from '../contracts/host.ts';

/** One call into the generator gives so many throws: it costs a microsecond whether it fills 4 bytes or 1024. */
const THROWS_PER_BATCH = 256;

export class SystemHost implements Host {
  #throws = new Uint32Array(THROWS_PER_BATCH);
  #thrown = THROWS_PER_BATCH;
  readonly #deferred: (() => void)[] = [];

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  random(): number {
    if (this.#thrown === THROWS_PER_BATCH) {
      randomFillSync(this.#throws);
      this.#thrown = 0;
    }
    return this.#throws[this.#thrown++] as number;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    return new SystemTimer(delayMs, fire);
  }

  defer(run: () => void): void {
    if (this.#deferred.push(run) === 1) setImmediate(this.#endTurn);
  }

  /** Whatever is deferred by what runs here belongs to the same turn. One that throws does not take the rest along. */
  readonly #endTurn = (): void => {
    const deferred = this.#deferred;
    let ran = 0;
    try {
      while (ran < deferred.length) (deferred[ran++] as () => void)();
    } finally {
      deferred.splice(0, ran);
      if (deferred.length > 0) setImmediate(this.#endTurn);
    }
  };
}

/** The longest that Node.js can wait in one go; it would fire at once if asked for more. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** A timeout that is set again while it is early: it was cut short, or Node.js rounded down to a millisecond. */
class SystemTimer implements Timer {
  readonly #dueMs: number;
  readonly #fire: () => void;
  #timeout: NodeJS.Timeout;

  constructor(delayMs: number, fire: () => void) {
    this.#dueMs = performance.now() + delayMs;
    this.#fire = fire;
    this.#timeout = this.#wait(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #wait(delayMs: number): NodeJS.Timeout {
    return setTimeout(this.#elapsed, Math.min(delayMs, TIMEOUT_MS_MAX));
  }

  readonly #elapsed = (): void => {
    const leftMs = this.#dueMs - performance.now();
    if (leftMs <= 0) this.#fire();
    else this.#timeout = this.#wait(leftMs);
  };
}
