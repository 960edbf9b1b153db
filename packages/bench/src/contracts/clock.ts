/**
 * Time as the load knows it: microseconds that only go forward. The real one is the process's, the same on all its
 * threads; the virtual one stands still between events, so that a check of an hour takes a moment.
 */
export interface Clock {
  now(): number;
  /** Resolves when that time has come, never within this call; soon when it is past. `wakeAll` may come before. */
  sleepUntil(us: number): Promise<void>;
  /** Lets everything else have its turn: for loops that never wait. */
  turn(): Promise<void>;
  /** Everybody who sleeps now wakes: times have changed. */
  wakeAll(): void;
}
