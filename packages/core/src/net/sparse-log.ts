/**
 * A log that strangers cannot flood: of each kind of line one per interval, which tells how many were left out.
 */
import type { Host } from '../contracts/host.ts';
import type { Logger } from '../contracts/logger.ts';

const INTERVAL_MS = 10_000;

export class SparseLog {
  readonly #logger: Logger;
  readonly #host: Host;
  readonly #kinds = new Map<string, { nextAtMs: number; leftOut: number }>();

  constructor(logger: Logger, host: Host) {
    this.#logger = logger;
    this.#host = host;
  }

  /** `kind` comes from a small set known in advance, never from a peer: each one is remembered. */
  warn(kind: string, fields: object, sentence: string): void {
    const now = this.#host.monotonic();
    const state = this.#kinds.get(kind) ?? { nextAtMs: now, leftOut: 0 };
    this.#kinds.set(kind, state);
    if (now < state.nextAtMs) {
      state.leftOut++;
      return;
    }
    this.#logger.warn(state.leftOut > 0 ? { ...fields, leftOut: state.leftOut } : fields, sentence);
    state.nextAtMs = now + INTERVAL_MS;
    state.leftOut = 0;
  }
}
