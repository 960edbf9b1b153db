/**
 * The keys that one connection's unanswered commands read or write, so that its pipelined commands take effect
 * as if they ran one after the other: any number of readers of a key, or one writer.
 *
 * Commands of a pipeline mostly touch keys of their own. So what is held is counted by a small hash of the key: where
 * nothing is counted nothing is held, and only otherwise are the keys themselves compared. (A Map of them cost a
 * twentieth of a node's time.) To compare the keys of one MSET with those of another, each with each, would stop the
 * node for seconds: commands that name many keys have them in a Map, which costs little beside what they cost.
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
/** A command that names more is one of many keys. */
const FEW_KEYS = 8;

export class KeyLocks {
  /** By place: how many keys are held. Made when the first one is. */
  #held: Uint32Array | undefined;
  /** Of those, how many for writing. */
  #written = new Uint32Array(0);
  /** What commands of many keys hold: how many times, and how many for writing. */
  readonly #heldByMany = new Map<string, number>();
  readonly #writtenByMany = new Map<string, number>();

  /** Whether a command that writes (or only reads) these keys has to wait for one of the holders. */
  blocks(keys: readonly string[], writes: boolean, holders: KeyHolder | undefined): boolean {
    const counts = writes ? this.#held : this.#written;
    if (counts === undefined || counts.length === 0) return false;
    const byMany = writes ? this.#heldByMany : this.#writtenByMany;
    let byFew: ReadonlySet<string> | undefined;
    for (const key of keys) {
      if ((counts[placeOf(key)] as number) === 0) continue;
      if (byMany.has(key)) return true;
      if (keys.length <= FEW_KEYS) {
        if (isHeldByFew(key, writes, holders)) return true;
      } else if ((byFew ??= heldByFew(writes, holders)).has(key)) return true;
    }
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
    if (keys.length <= FEW_KEYS) return;
    for (const key of keys) {
      count(this.#heldByMany, key, by);
      if (writes) count(this.#writtenByMany, key, by);
    }
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

/** Whether a command of few keys holds this one. */
function isHeldByFew(key: string, writes: boolean, holders: KeyHolder | undefined): boolean {
  for (let holder = holders; holder !== undefined; holder = holder.next)
    if (isInTheWay(holder, writes) && holder.keys.includes(key)) return true;
  return false;
}

/** All that commands of few keys hold. */
function heldByFew(writes: boolean, holders: KeyHolder | undefined): ReadonlySet<string> {
  const held = new Set<string>();
  for (let holder = holders; holder !== undefined; holder = holder.next)
    if (isInTheWay(holder, writes)) for (const key of holder.keys) held.add(key);
  return held;
}

function isInTheWay({ writes, keys }: KeyHolder, forWriting: boolean): boolean {
  return (forWriting || writes) && keys.length <= FEW_KEYS;
}

/** From the last chars, in which keys differ most. */
function placeOf(key: string): number {
  let hash = key.length;
  for (let i = Math.max(0, key.length - HASHED_CHARS); i < key.length; i++)
    hash = hash * 31 + key.charCodeAt(i);
  return hash & (PLACES - 1);
}
