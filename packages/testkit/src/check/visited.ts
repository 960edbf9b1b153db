/**
 * Where a search has been: how far it had come, with which state, and what it had used up for it.
 *
 * Of two places that differ only in what was used up the one that used less can do all that the other can: who comes to a
 * place where somebody was with less, or as much, need not go on. Operations that may take effect or not would otherwise
 * double the places, each one of them.
 */
import type { PrimitiveState } from './model.ts';

/** A set of operations as bits: of those beyond a border, or of those that nobody knows of. */
export type Bits = bigint;

interface Place {
  readonly state: PrimitiveState;
  readonly ahead: Bits;
  readonly used: Bits;
}

/** Beyond so many places at one border they are looked up by what they hold, and not one after the other. */
const LINEAR_MAX = 12;

/** By state, then by what is done ahead of the border: what was used, each time with something that others did without. */
type Index = Map<PrimitiveState, Map<Bits, Bits[]>>;

export class Visited {
  /** By the border: all operations before it are done. */
  readonly #places = new Map<number, Place[] | Index>();
  count = 0;

  /** Whether this is a new place. It is none when somebody was there who had used no more. */
  enter(border: number, state: PrimitiveState, ahead: Bits, used: Bits): boolean {
    const places = this.#places.get(border);
    const isNew =
      places === undefined || Array.isArray(places)
        ? this.#enterList(border, places, { state, ahead, used })
        : enterIndex(places, { state, ahead, used });
    if (isNew) this.count++;
    return isNew;
  }

  #enterList(border: number, places: Place[] | undefined, place: Place): boolean {
    if (places === undefined) {
      this.#places.set(border, [place]);
      return true;
    }
    for (const { state, ahead, used } of places)
      if (state === place.state && ahead === place.ahead && isWithin(used, place.used)) return false;
    places.push(place);
    if (places.length > LINEAR_MAX) {
      const index: Index = new Map();
      for (const each of places) enterIndex(index, each);
      this.#places.set(border, index);
    }
    return true;
  }
}

function enterIndex(index: Index, { state, ahead, used }: Place): boolean {
  let byAhead = index.get(state);
  if (byAhead === undefined) index.set(state, (byAhead = new Map()));
  const known = byAhead.get(ahead);
  if (known === undefined) {
    byAhead.set(ahead, [used]);
    return true;
  }
  if (known.some((less) => isWithin(less, used))) return false;
  const others = known.filter((more) => !isWithin(used, more));
  others.push(used);
  byAhead.set(ahead, others);
  return true;
}

function isWithin(bits: Bits, others: Bits): boolean {
  return bits === 0n || (bits & others) === bits;
}
