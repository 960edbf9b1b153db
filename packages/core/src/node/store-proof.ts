/**
 * What this life can prove of the store it finds, and the record that it leaves for the next one.
 *
 * It is that which the last life left, and the one that the ring knows for this node: each store bears an id, and the
 * member's record in the ring document has it.
 *
 *     begin          recorded before anything is stored: under which boot, how durable, not clean
 *     becomeProven   every vnode that the store cannot vouch for is durably marked partial
 *     end            the store was flushed and closed: clean, if it was proven
 *
 * The rules of the proof are pure, in life.ts.
 */
import type { Logger } from '../contracts/logger.ts';
import type { StableStore } from '../contracts/stable-store.ts';
import { SPACE_META, type Store } from '../contracts/store.ts';
import { encodeLife, isProvenIntact, recallLife, type LifeRecord } from './life.ts';

export interface StoreProofParts {
  readonly stable: StableStore;
  readonly store: Store;
  readonly logger: Logger;
  readonly durability: 'process' | 'power';
  readonly bootId: string;
  /** The store of this node as the ring knows it; undefined when it does not say. */
  readonly ringStoreId: string | undefined;
  /** `done` once it is durable. */
  save(record: Uint8Array, done: () => void): void;
}

const WENT_DOWN =
  'the machine went down under this node, and what it last acknowledged may be lost here; it heals from the others';
const EXCHANGED =
  'the store is not the one that the ring knows for this node: it was exchanged, lost, or in memory only; ' +
  'it heals from the others';

/** The store holds what this node has never stored. The message is a sentence for the operator. */
export class StoreOfAnother extends Error {
  readonly code = 'store_of_another';

  constructor() {
    super(
      'the store holds data, and no record of this node tells of it: it is that of another node, or the records were ' +
        'removed. Put them back, or remove the store as well: a new node begins with an empty one.',
    );
  }
}

export class StoreProof {
  readonly #parts: StoreProofParts;
  readonly #previous: LifeRecord | undefined;
  readonly #doubt: string | undefined;
  #proven: boolean;

  /** Throws `StoreOfAnother`. */
  constructor(parts: StoreProofParts) {
    const { stable, store, bootId } = parts;
    this.#parts = parts;
    this.#previous = recallLife(stable.load('life'), stable.isDamaged?.('life') === true);
    // Each life leaves its record before it stores anything.
    if (this.isFirstLife && store.places(SPACE_META).length > 0) throw new StoreOfAnother();
    this.#doubt = isProvenIntact(this.#previous, bootId) ? this.#doubtOfStore() : WENT_DOWN;
    this.#proven = this.#doubt === undefined;
  }

  get isFirstLife(): boolean {
    return this.#previous === undefined;
  }

  /** The store is intact, or every vnode that it cannot vouch for is durably marked partial. */
  get proven(): boolean {
    return this.#proven;
  }

  begin(done: () => void): void {
    if (this.#doubt !== undefined) this.#parts.logger.warn({}, this.#doubt);
    this.#save(false, done);
  }

  becomeProven(): void {
    this.#proven = true;
    this.#save(false, () => {});
  }

  /** A store that was not proven is not so by being closed well. */
  end(done: () => void): void {
    this.#save(this.#proven, done);
  }

  #doubtOfStore(): string | undefined {
    const { ringStoreId, store } = this.#parts;
    return ringStoreId === undefined || ringStoreId === store.storeId ? undefined : EXCHANGED;
  }

  #save(clean: boolean, done: () => void): void {
    const { bootId, durability, save } = this.#parts;
    save(encodeLife({ bootId, durability, clean, proven: this.#proven }), done);
  }
}
