/**
 * Saves of small documents that must not fail for good, and must not overtake one another.
 *
 * A save that fails is tried again until it succeeds. What is asked for meanwhile under the same name waits behind it,
 * and then the newest bytes are written once and everybody who waited is told: each document says all that the ones
 * before it said. So an older version is never written over a newer one, however often the disk hiccups.
 *
 * Who can do without is told of the failure instead.
 */
import type { Host } from '../contracts/host.ts';
import type { Logger } from '../contracts/logger.ts';
import type { StableName, StableStore } from '../contracts/stable-store.ts';

export interface SaveQueueParts {
  readonly stable: StableStore;
  readonly host: Host;
  readonly logger: Logger;
}

interface Wish {
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: ((error: string) => void) | undefined;
}

const RETRY_MS = 500;

export class SaveQueue {
  readonly #parts: () => SaveQueueParts;
  /** By name: what waits; there while a save of that name is under way. */
  readonly #waiting = new Map<StableName, Wish[]>();
  /** By name: why it could not be saved the last time. */
  readonly #troubles = new Map<StableName, string>();

  constructor(parts: () => SaveQueueParts) {
    this.#parts = parts;
  }

  /** What cannot be saved, one sentence each; empty when the disk is well. */
  get troubles(): string[] {
    return [...this.#troubles].map(([name, error]) => `the ${name} cannot be saved: ${error}`);
  }

  /**
   * `done` once this version, or a later one of the same name, is durable. With `failed` it is tried once, and the old
   * version stands.
   */
  save(name: StableName, bytes: Uint8Array, done: () => void, failed?: (error: string) => void): void {
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push({ bytes, done, failed });
      return;
    }
    this.#waiting.set(name, []);
    this.#write(name, [{ bytes, done, failed }]);
  }

  #write(name: StableName, wishes: readonly Wish[]): void {
    const { stable, host, logger } = this.#parts();
    stable.save(name, (wishes.at(-1) as Wish).bytes, (error) => {
      const later = this.#waiting.get(name) ?? [];
      if (error === undefined) {
        this.#waiting.delete(name);
        this.#troubles.delete(name);
        if (later.length > 0) this.#begin(name, later);
        for (const { done } of wishes) done();
        return;
      }
      const again = wishes.filter((wish) => wish.failed === undefined);
      if (again.length === 0) {
        logger.error({ document: name, error }, `the ${name} could not be saved`);
        this.#waiting.delete(name);
        if (later.length > 0) this.#begin(name, later);
      } else {
        // Said once for each failure that is another: a disk stays full for hours.
        if (this.#troubles.get(name) !== error)
          logger.error(
            { document: name, error },
            `the ${name} could not be saved; trying again every ${RETRY_MS} ms`,
          );
        this.#troubles.set(name, error);
        host.setTimer(RETRY_MS, () => this.#begin(name, [...again, ...(this.#waiting.get(name) ?? [])]));
      }
      for (const { failed } of wishes) failed?.(error);
    });
  }

  #begin(name: StableName, wishes: readonly Wish[]): void {
    this.#waiting.set(name, []);
    this.#write(name, wishes);
  }
}
