/**
 * The keys that one connection's unanswered commands read or write, so that its pipelined commands take effect
 * as if they ran one after the other: any number of readers of a key, or one writer.
 *
 * Commands of a pipeline mostly touch keys of their own. So what is held is counted by a small hash of the key: where
 * nothing is counted nothing is held, and only otherwise are the keys themselves compared. (A Map of them cost a
 * twentieth of a node's time.)
 *
 * Source: Fan et al., "Summary Cache" (2000), counting Bloom filters; this is one with a single hash.
 */

/** Who holds keys, oldest first. */
export interface KeyHolder {
  readonly keys: readonly string[];
  readonly writes: boolean;
  readonly next: KeyHolder | undefined;
}

/** A power of two; a few times what a pipeline has under way. */
const PLACES = 256;
const HASHED_CHARS = 4;

export class KeyLocks {
  /** By place: how many keys are held. Made when the first one is. */
  #held: Uint32Array | undefined;
  /** Of those, how many for writing. */
  #written = new Uint32Array(0);

  /** Whether a command that writes (or only reads) these keys has to wait for one of the holders. */
  blocks(keys: readonly string[], writes: boolean, holders: KeyHolder | undefined): boolean {
    const counts = writes ? this.#held : this.#written;
    if (counts === undefined || counts.length === 0) return false;
    for (const key of keys)
      if ((counts[placeOf(key)] as number) > 0 && isHeld(key, writes, holders)) return true;
    return false;
  }

  /** Only when `blocks` says no. A command may name a key twice. */
  take(keys: readonly string[], writes: boolean): void {
    if (this.#held === undefined) {
      this.#held = new Uint32Array(PLACES);
      this.#written = new Uint32Array(PLACES);
    }
    this.#count(keys, writes, 1);
  }

  /** With exactly what was taken; its holder has no keys any more. */
  release(keys: readonly string[], writes: boolean): void {
    this.#count(keys, writes, -1);
  }

  #count(keys: readonly string[], writes: boolean, by: 1 | -1): void {
    for (const key of keys) {
      const place = placeOf(key);
      (this.#held as Uint32Array)[place] = ((this.#held as Uint32Array)[place] as number) + by;
      if (writes) this.#written[place] = (this.#written[place] as number) + by;
    }
  }
}

function isHeld(key: string, writes: boolean, holders: KeyHolder | undefined): boolean {
  for (let holder = holders; holder !== undefined; holder = holder.next)
    if ((writes || holder.writes) && holder.keys.includes(key)) return true;
  return false;
}

/** From the last chars, in which keys differ most. */
function placeOf(key: string): number {
  let hash = key.length;
  for (let i = Math.max(0, key.length - HASHED_CHARS); i < key.length; i++)
    hash = hash * 31 + key.charCodeAt(i);
  return hash & (PLACES - 1);
}
