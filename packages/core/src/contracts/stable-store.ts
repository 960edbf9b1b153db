/**
 * Small documents that a node must never forget: its identity, the ring, what it promised to the others, the reap floor.
 *
 * `save` replaces a whole document atomically and calls back when it would survive a power cut; saves of one
 * name take effect in the order called. At start the newest good version of each document is loaded; a
 * damaged one is named and skipped.
 */
export type StableName = 'identity' | 'ring' | 'agreement' | 'prospect' | 'plan' | 'life' | 'floor';

export interface StableStore {
  /** The newest good version, or undefined when there is none. Read before the node starts, never after. */
  load(name: StableName): Uint8Array | undefined;
  /**
   * True when the newest version cannot be read: what `load` gives is older, or nothing. Whoever must not forget asks
   * this first. A store that is never damaged (in memory, simulated) leaves it out.
   */
  isDamaged?(name: StableName): boolean;
  /** `bytes` is kept as it is. `done(undefined)` when durable; with an error the old version stands. */
  save(name: StableName, bytes: Uint8Array, done: (error: string | undefined) => void): void;
}
