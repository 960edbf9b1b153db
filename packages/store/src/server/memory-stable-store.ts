/** Small documents in memory, for a node that is not meant to outlive its process. */
import type { Host, StableName, StableStore } from '@rkv/core';

export class MemoryStableStore implements StableStore {
  readonly #host: Host;
  readonly #documents = new Map<StableName, Uint8Array>();

  constructor(host: Host) {
    this.#host = host;
  }

  load(name: StableName): Uint8Array | undefined {
    return this.#documents.get(name);
  }

  save(name: StableName, bytes: Uint8Array, done: (error: string | undefined) => void): void {
    this.#documents.set(name, bytes);
    this.#host.defer(() => done(undefined));
  }
}
