/**
 * The clocks of one machine: never quite right, and wrong on demand.
 *
 * The wall clock starts a few milliseconds off and can be made to jump or to run fast or slow, as a badly set
 * machine's does. The monotonic clock runs at a rate of its own near 1 and is never touched by faults. Both go
 * on through pauses, crashes and restarts.
 */
import { assert, type Prng } from '@rkv/core';
import type { World } from '../world/world.ts';

/** Virtual time 0 on a clock that is right: the first of January 2026, UTC. */
export const WALL_CLOCK_ORIGIN_MS = 1_767_225_600_000;

/** How wrong the clocks are from the start. */
export interface ClockInit {
  readonly world: World;
  readonly prng: Prng;
  /** A healthy wall clock is off by at most this. Default 10. */
  readonly skewMsMax?: number;
}

/** What a time server leaves. */
const USUAL_SKEW_MS = 10;
/** A crystal is off by up to 100 millionths either way. */
const RATE_ERROR_MAX = 100e-6;

/** The clocks of one machine: a wall clock that may be wrong, and a monotonic one that may run fast or slow. */
export class SimClock {
  /** Monotonic milliseconds per virtual millisecond. */
  readonly monotonicRate: number;
  readonly #world: World;
  readonly #healthySkewMs: number;
  /** The wall clock showed `#setTo` at virtual time `#setAt` and runs at `#rate` since. */
  #setTo: number;
  #setAt = 0;
  #rate = 1;
  /** What it showed when a process last started on this machine. */
  #atStart: number;

  constructor({ world, prng, skewMsMax = USUAL_SKEW_MS }: ClockInit) {
    this.#world = world;
    this.monotonicRate = 1 + (RATE_ERROR_MAX * prng.between(-1000, 1000)) / 1000;
    this.#healthySkewMs = prng.between(-skewMsMax, skewMsMax);
    if (Math.abs(this.#healthySkewMs) > USUAL_SKEW_MS) world.toll.count('clock skewed');
    this.#setTo = WALL_CLOCK_ORIGIN_MS + this.#healthySkewMs;
    this.#atStart = this.#setTo;
  }

  /** Milliseconds since 1970, as this machine believes. Whole, like `Date.now`. */
  wall(): number {
    return Math.floor(this.#exactWall());
  }

  /** Milliseconds of a clock that only goes forward. */
  monotonic(): number {
    return this.#world.now() * this.monotonicRate;
  }

  /** The wall clock goes forward or back at once. */
  jump(byMs: number): void {
    this.#world.toll.count(byMs < 0 ? 'clock jumped back' : 'clock jumped forward');
    this.#set(this.#exactWall() + byMs);
  }

  /** A process starts. */
  noteStart(): void {
    this.#atStart = this.#exactWall();
  }

  /** The wall clock shows again what it showed at the last start: a board without a battery, a snapshot restored. */
  rewind(): void {
    this.#world.toll.count('clock rewound');
    this.#set(this.#atStart);
  }

  /** From now on the wall clock runs this many times as fast as time. Monotonic time is not touched. */
  drift(rate: number): void {
    assert(rate > 0, 'a wall clock that drifts still goes forward');
    this.#world.toll.count(rate < 1 ? 'clock slow' : 'clock fast');
    this.#set(this.#exactWall());
    this.#rate = rate;
  }

  /** Set the wall clock as a time server would: right again but for its usual few milliseconds. */
  correct(): void {
    this.#rate = 1;
    this.#set(WALL_CLOCK_ORIGIN_MS + this.#world.now() + this.#healthySkewMs);
  }

  #exactWall(): number {
    return this.#setTo + (this.#world.now() - this.#setAt) * this.#rate;
  }

  #set(toMs: number): void {
    this.#setTo = toMs;
    this.#setAt = this.#world.now();
  }
}
