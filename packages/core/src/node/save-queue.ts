/**
 * Saves of small documents that must not fail for good, and must not overtake one another.
 *
 * A save that fails is tried again until it succeeds. What is asked for meanwhile under the same name waits behind it,
 * and then the newest bytes are written once and everybody who waited is told: each document says all that the ones
 * before it said. So an older version is never written over a newer one, however often the disk hiccups.
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
}

const RETRY_MS = 500;

export class SaveQueue {
  readonly #parts: () => SaveQueueParts;
  /** By name: what waits; there while a save of that name is under way. */
  readonly #waiting = new Map<StableName, Wish[]>();

  constructor(parts: () => SaveQueueParts) {
    this.#parts = parts;
  }

  /** `done` once this version, or a later one of the same name, is durable. */
  save(name: StableName, bytes: Uint8Array, done: () => void): void {
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push({ bytes, done });
      return;
    }
    this.#waiting.set(name, []);
    this.#write(name, [{ bytes, done }]);
  }

  #write(name: StableName, wishes: readonly Wish[]): void {
    const { stable, host, logger } = this.#parts();
    stable.save(name, (wishes.at(-1) as Wish).bytes, (error) => {
      const later = this.#waiting.get(name) ?? [];
      if (error === undefined) {
        this.#waiting.delete(name);
        if (later.length > 0) this.#begin(name, later);
        for (const { done } of wishes) done();
        return;
      }
      logger.error(
        { document: name, error },
        `the ${name} could not be saved; trying again in ${RETRY_MS} ms`,
      );
      host.setTimer(RETRY_MS, () => this.#begin(name, [...wishes, ...(this.#waiting.get(name) ?? [])]));
    });
  }

  #begin(name: StableName, wishes: readonly Wish[]): void {
    this.#waiting.set(name, []);
    this.#write(name, wishes);
  }
}
