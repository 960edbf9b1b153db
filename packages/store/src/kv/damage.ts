/**
 * The entries of one vnode that are known to be damaged: they count as not held, until another replica's takes their place.
 *
 * Nothing of a damaged entry is shown to anybody, and nothing of it is counted: so the sums of its range differ from those
 * of the other replicas, and the exchange brings it anew. Whoever comes by one says so here; the log names each key once,
 * and what was counted of its range is put right by a scrub (scrub.ts).
 *
 * A store that ends with the process is not looked at: memory is trusted.
 */
import { partitionOf, type PartitionId, type RecordKey, type VnodeContext } from '@rkv/core';
import { problemOf, stateProblemOf } from '../entry/check.ts';

/** Keys that are kept in mind. Beyond, the sums are right again after the next scrub only. */
const KEYS_MAX = 10_000;

export class Damage {
  readonly #context: VnodeContext;
  readonly #onFound: () => void;
  readonly #onKey: (key: string) => void;
  readonly #isTrusted: boolean;
  readonly #keys = new Map<string, PartitionId>();
  readonly #replacedIn = new Set<PartitionId>();
  /** Replaced by another replica's, since this vnode was opened. */
  healed = 0;

  /** `onFound`: the sums of a range are not to be believed until they were counted again. `onKey`: this key's entry is damaged. */
  constructor(context: VnodeContext, onFound: () => void, onKey: (key: string) => void) {
    this.#context = context;
    this.#onFound = onFound;
    this.#onKey = onKey;
    this.#isTrusted = context.store.volatile === true;
  }

  /** Whether an entry of the store is damaged; it is noted. */
  isIn(at: RecordKey, entry: Uint8Array): boolean {
    if (this.#isTrusted) return false;
    const problem = problemOf(at.key, entry);
    // What was read wrongly once may be read rightly now.
    if (problem === undefined && this.#keys.size > 0) this.#keys.delete(at.key);
    return this.#note(at, problem);
  }

  /** As `isIn`, by the header alone: version and sum can be believed when it is not. */
  isInState(at: RecordKey, entry: Uint8Array): boolean {
    return !this.#isTrusted && this.#note(at, stateProblemOf(at.key, entry));
  }

  /** The tally of a range was found to be another than its entries are. */
  countIsWrong(): void {
    this.#onFound();
  }

  /** It was found damaged, and is not replaced yet. */
  isKnown(key: string): boolean {
    return this.#keys.size > 0 && this.#keys.has(key);
  }

  /** How many are known, of one range or of all. */
  count(range?: PartitionId): number {
    if (range === undefined) return this.#keys.size;
    let count = 0;
    for (const of of this.#keys.values()) if (of === range) count++;
    return count;
  }

  /** Another entry took its place, or it was removed. */
  replaced(key: string, byAnother: boolean): void {
    const range = this.#keys.get(key);
    if (range === undefined) return;
    this.#keys.delete(key);
    this.#replacedIn.add(range);
    if (byAnother) this.healed++;
  }

  /** Whether entries of the range were replaced since this was last asked: until then its tally may have counted them. */
  takeReplaced(range: PartitionId): boolean {
    return this.#replacedIn.delete(range);
  }

  #note({ key, hashHi }: RecordKey, problem: string | undefined): boolean {
    if (problem === undefined) return false;
    this.#onKey(key);
    if (this.#keys.has(key) || this.#keys.size >= KEYS_MAX) return true;
    const { place, logger } = this.#context;
    this.#keys.set(key, partitionOf(hashHi, place.ringBits));
    logger.error(
      { partition: place.partition, key, problem },
      "an entry is damaged; another replica's is to take its place",
    );
    this.#onFound();
    return true;
  }
}
