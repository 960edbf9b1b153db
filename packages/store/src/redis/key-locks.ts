/**
 * The keys that one connection's unanswered commands read or write, so that its pipelined commands take effect
 * as if they ran one after the other: any number of readers of a key, or one writer.
 *
 * Commands of a pipeline mostly touch keys of their own. So what is held is counted by a small hash of the key: where
 * nothing is counted nothing is held, and only otherwise are the keys themselves compared. (A Map of them cost a
 * twentieth of a node's time.) That is for a few keys. To compare those of one MSET with those of another, or of a
 * thousand commands each with each, would stop the node for a second; what is more than a few lies in a Map after all.
 *
 * Source: Fan et al., "Summary Cache" (2000), counting Bloom filters; this is one with a single hash.
 */

/** Who holds keys, oldest first. */
export interface KeyHolder {
  readonly keys: readonly string[];
  readonly writes: boolean;
  readonly next: KeyHolder | undefined;
  /** Its keys lie in a Map. Set when they are taken. */
  mapped: boolean;
}

/** A power of two; a few times what is counted here. */
const PLACES = 256;
const HASHED_CHARS = 4;
/** A command that names more keys has them mapped, */
const FEW_KEYS = 8;
/** and so has each one that comes when so many are held that are not. */
const UNMAPPED_MAX = 32;

export class KeyLocks {
  /** By place: how many keys are held that are not mapped. Made when the first one is. */
  #held: Uint32Array | undefined;
  /** Of those, how many for writing. */
  #written = new Uint32Array(0);
  #unmapped = 0;
  /** How many times each of the others is held, and for writing. */
  readonly #heldMap = new Map<string, number>();
  readonly #writtenMap = new Map<string, number>();

  /** Whether a command that writes (or only reads) these keys has to wait for one of the holders. */
  blocks(keys: readonly string[], writes: boolean, holders: KeyHolder | undefined): boolean {
    const map = writes ? this.#heldMap : this.#writtenMap;
    const counts = writes ? this.#held : this.#written;
    let unmapped: ReadonlySet<string> | undefined;
    for (const key of keys) {
      if (map.size > 0 && map.has(key)) return true;
      if (counts === undefined || counts.length === 0 || counts[placeOf(key)] === 0) continue;
      if (keys.length <= FEW_KEYS) {
        if (isHeldUnmapped(key, writes, holders)) return true;
      } else if ((unmapped ??= allUnmapped(writes, holders)).has(key)) return true;
    }
    return false;
  }

  /** Only when `blocks` says no. A command may name a key twice. */
  take(holder: KeyHolder): void {
    const { keys } = holder;
    holder.mapped = keys.length > FEW_KEYS || this.#unmapped >= UNMAPPED_MAX;
    this.#count(holder, 1);
  }

  /** With exactly what was taken; then the holder has no keys any more. */
  release(holder: KeyHolder): void {
    this.#count(holder, -1);
  }

  #count({ keys, writes, mapped }: KeyHolder, by: 1 | -1): void {
    if (keys.length === 0) return;
    if (mapped) {
      for (const key of keys) countIn(this.#heldMap, key, by);
      if (writes) for (const key of keys) countIn(this.#writtenMap, key, by);
      return;
    }
    if (this.#held === undefined) {
      this.#held = new Uint32Array(PLACES);
      this.#written = new Uint32Array(PLACES);
    }
    this.#unmapped += by * keys.length;
    for (const key of keys) {
      const place = placeOf(key);
      this.#held[place] = (this.#held[place] as number) + by;
      if (writes) this.#written[place] = (this.#written[place] as number) + by;
    }
  }
}

function countIn(map: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (map.get(key) ?? 0) + by;
  if (count === 0) map.delete(key);
  else map.set(key, count);
}

function isHeldUnmapped(key: string, writes: boolean, holders: KeyHolder | undefined): boolean {
  for (let holder = holders; holder !== undefined; holder = holder.next)
    if (!holder.mapped && (writes || holder.writes) && holder.keys.includes(key)) return true;
  return false;
}

function allUnmapped(writes: boolean, holders: KeyHolder | undefined): ReadonlySet<string> {
  const held = new Set<string>();
  for (let holder = holders; holder !== undefined; holder = holder.next)
    if (!holder.mapped && (writes || holder.writes)) for (const key of holder.keys) held.add(key);
  return held;
}

/** From the last chars, in which keys differ most. */
function placeOf(key: string): number {
  let hash = key.length;
  for (let i = Math.max(0, key.length - HASHED_CHARS); i < key.length; i++)
    hash = hash * 31 + key.charCodeAt(i);
  return hash & (PLACES - 1);
}
