/** A host whose time stands still until a test moves it, and whose turns end when a test says so. */
import { Prng } from '../src/base/prng.ts';
import type { Host, Timer } from '../src/contracts/host.ts';

interface Alarm {
  readonly due: number;
  readonly fire: () => void;
}

export class ManualHost implements Host {
  /** Milliseconds that the wall clock is ahead of the other one. */
  wallOffset = 1_700_000_000_000;
  readonly #prng: Prng;
  #time = 0;
  #alarms: Alarm[] = [];
  #deferred: (() => void)[] = [];

  constructor(seed = 1) {
    this.#prng = new Prng(seed);
  }

  now(): number {
    return this.wallOffset + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  random(): number {
    return this.#prng.u32();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const alarm = { due: this.#time + delayMs, fire };
    this.#alarms.push(alarm);
    return {
      cancel: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm);
      },
    };
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Timers that are set and have not fired. */
  get timers(): number {
    return this.#alarms.length;
  }

  /** Run what was deferred, and what that defers in turn. */
  endTurn(): void {
    for (let run = this.#deferred.shift(); run !== undefined; run = this.#deferred.shift()) run();
  }

  /** Let this much time pass; every timer that is due fires at its time. */
  advance(ms: number): void {
    const until = this.#time + ms;
    this.endTurn();
    for (;;) {
      const next = this.#alarms.toSorted((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > until) break;
      this.#alarms = this.#alarms.filter((other) => other !== next);
      this.#time = Math.max(this.#time, next.due);
      next.fire();
      this.endTurn();
    }
    this.#time = until;
  }
}
