/**
 * The host of one life of a node, on virtual time.
 *
 * Timers count on the machine's monotonic clock and fire a little late, by a draw, as real ones do: nothing may
 * rely on two timers of one delay firing together. They die with the life.
 */
import type { Host, Prng, Timer } from '@rkv/core';
import type { World } from '../world/world.ts';
import type { SimClock } from './clock.ts';
import type { Life } from './life.ts';

/** What the host of one life is made of. */
export interface SimHostInit {
  readonly world: World;
  readonly life: Life;
  readonly clock: SimClock;
  readonly prng: Prng;
  /** A timer is late by up to this. Default 1. */
  readonly timerLatenessMs?: number;
}

/** So that rounding never makes a timer early by its own clock, however long the world has been running. */
const LATENESS_MS_MIN = 0.001;

/** Knows by itself that it was cancelled: its event may already be held by a process that is stopped. */
class SimTimer implements Timer {
  event: Timer | undefined;
  #fire: (() => void) | undefined;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  readonly expire = (): void => {
    const fire = this.#fire;
    this.#fire = undefined;
    fire?.();
  };

  cancel(): void {
    this.#fire = undefined;
    this.event?.cancel();
  }
}

export class SimHost implements Host {
  readonly #world: World;
  readonly #life: Life;
  readonly #clock: SimClock;
  readonly #prng: Prng;
  readonly #timerLatenessMs: number;
  readonly #monotonicOrigin: number;
  readonly #timerLabel: string;

  constructor({ world, life, clock, prng, timerLatenessMs = 1 }: SimHostInit) {
    this.#world = world;
    this.#life = life;
    this.#clock = clock;
    this.#prng = prng;
    this.#timerLatenessMs = timerLatenessMs;
    this.#monotonicOrigin = clock.monotonic() - prng.below(1_000_000);
    this.#timerLabel = `timer ${life.machine}`;
  }

  now(): number {
    return this.#clock.wall();
  }

  monotonic(): number {
    return this.#clock.monotonic() - this.#monotonicOrigin;
  }

  random(): number {
    return this.#prng.u32();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const latenessMs = LATENESS_MS_MIN + (this.#prng.below(1000) / 1000) * this.#timerLatenessMs;
    const worldMs = Math.max(0, delayMs) / this.#clock.monotonicRate + latenessMs;
    const timer = new SimTimer(fire);
    timer.event = this.#world.schedule(worldMs, timer.expire, this.#timerLabel, this.#life);
    return timer;
  }

  defer(run: () => void): void {
    this.#world.defer(run, this.#life.afterEvent);
  }
}
