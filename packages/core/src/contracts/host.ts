/**
 * The world as a node sees it: clocks, timers, dice and the end of the turn.
 *
 * Floors 0-3 know no other source of time or chance. The real host stands on Node.js, the simulated one on
 * a virtual clock and a seed, and the same node code runs on both.
 */
export interface Host {
  /** Wall clock, milliseconds since 1970. May jump either way; good for stamps and expiry, never for waiting. */
  now(): number;
  /** Milliseconds of a clock that only goes forward, with an unknown origin. Good for waiting, never for stamps. */
  monotonic(): number;
  /** Thirty-two random bits as an unsigned integer. */
  random(): number;
  /** Calls `fire` once, not before `delayMs` have passed and never within this call. */
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Calls `run` after the current event is handled and before the next one: for gathering what one turn produced. */
  defer(run: () => void): void;
}

/** A timer that was set and can be taken back. */
export interface Timer {
  /** After this the timer does not fire. Cancelling twice, or after it fired, does nothing. */
  cancel(): void;
}
