/**
 * Keys whose latest state this node got accepted by a majority, with the ballot that the same majority has promised it for
 * the next change: that needs no round of promises then.
 *
 * Nothing here has to be true for ever. Where another proposer came in between, the ballot is refused and the change
 * goes the long way. Under another ring nothing of it is used.
 */
import { compareStamps, type Epoch } from '@rkv/core';
import { FLAG_PROMISED, hasFlag, promisedAt, VERSION_AT } from '../entry/layout.ts';

interface Confirmed {
  readonly version: Uint8Array;
  readonly ballot: Uint8Array;
}

/** Some two hundred bytes each. The one confirmed longest ago makes room. */
const KEYS_MAX = 16_384;

export class ConfirmedStates {
  readonly #byKey = new Map<string, Confirmed>();
  #epoch: Epoch | undefined;

  confirm(epoch: Epoch, key: string, version: Uint8Array, ballot: Uint8Array): void {
    this.#follow(epoch);
    this.#byKey.delete(key);
    if (this.#byKey.size >= KEYS_MAX) {
      const [oldest] = this.#byKey.keys();
      this.#byKey.delete(oldest as string);
    }
    this.#byKey.set(key, { version, ballot });
  }

  /** Use up the ballot for the next change, if the replica here still holds the state that it follows. */
  take(epoch: Epoch, key: string, held: Uint8Array | undefined): Uint8Array | undefined {
    this.#follow(epoch);
    const confirmed = this.#byKey.get(key);
    if (confirmed === undefined) return undefined;
    this.#byKey.delete(key);
    if (held === undefined || !hasFlag(held, FLAG_PROMISED)) return undefined;
    const isSame =
      compareStamps(held, VERSION_AT, confirmed.version, 0) === 0 &&
      compareStamps(held, promisedAt(held), confirmed.ballot, 0) === 0;
    return isSame ? confirmed.ballot : undefined;
  }

  #follow(epoch: Epoch): void {
    if (epoch !== this.#epoch) this.#byKey.clear();
    this.#epoch = epoch;
  }
}
