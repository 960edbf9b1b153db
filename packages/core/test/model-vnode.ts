/**
 * A vnode that is a table, for tests of the exchange: `key@position` has a version, and the later version wins. Its sums are
 * added up whenever somebody asks.
 */
import type { ComparableVnode, Merged } from '../src/exchange/port.ts';
import type { HashRange } from '../src/contracts/store.ts';
import type { ItemTrees, StatePage, WithCopies } from '../src/contracts/vnode.ts';
import { digest64 } from '../src/base/murmur.ts';

export interface ModelItem {
  readonly hashHi: number;
  readonly hashLo: number;
  readonly name: string;
  readonly version: number;
}

export function encodeModelItem({ hashHi, hashLo, name, version }: ModelItem): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([hashHi, hashLo, name, version]));
}

export function decodeModelItem(bytes: Uint8Array): ModelItem {
  const [hashHi, hashLo, name, version] = JSON.parse(new TextDecoder().decode(bytes)) as [
    number,
    number,
    string,
    number,
  ];
  return { hashHi, hashLo, name, version };
}

export class ModelVnode implements ComparableVnode, ItemTrees {
  comparable = true;
  readonly trees: ItemTrees | undefined = this;
  /** Not counted yet. */
  isCounting = false;
  /** Takes no writes. */
  isFull = false;
  /** A page ends here and names nothing that lies before. */
  nameless: Pick<ModelItem, 'hashHi' | 'hashLo'> | undefined;
  /** Says what became of an item only when this is called. */
  held: (() => void)[] | undefined;
  readonly #items = new Map<string, ModelItem>();
  /** All of them in their order, until one changes. */
  #sorted: readonly ModelItem[] | undefined;

  constructor(items: readonly ModelItem[] = []) {
    for (const item of items) this.put(item);
  }

  /** True: it was later than what was there. */
  put(item: ModelItem): boolean {
    const key = `${item.hashHi}.${item.hashLo}.${item.name}`;
    if ((this.#items.get(key)?.version ?? -1) >= item.version) return false;
    this.#items.set(key, item);
    this.#sorted = undefined;
    return true;
  }

  get items(): readonly ModelItem[] {
    return (this.#sorted ??= [...this.#items.values()].toSorted(
      (a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.name < b.name ? -1 : 1),
    ));
  }

  merge(bytes: Uint8Array, _asOf: Uint8Array, done: (merged: Merged) => void): void {
    const merged = this.isFull ? 'failed' : this.put(decodeModelItem(bytes)) ? 'changed' : 'same';
    if (this.held === undefined) done(merged);
    else this.held.push(() => done(merged));
  }

  sums({ start, end }: HashRange, parts: number, only?: WithCopies): Uint32Array | undefined {
    if (this.isCounting) return undefined;
    const width = (end - start) / parts;
    const sums = new Uint32Array(2 * parts);
    for (const item of this.#items.values()) {
      if (item.hashHi < start || item.hashHi >= end || (only && !isMeant(item.name, only))) continue;
      const at = 2 * Math.floor((item.hashHi - start) / width);
      const [hi, lo] = stateOf(item);
      // As two sums without a carry: equal where the true sum is.
      sums[at] = (sums[at] as number) + hi;
      sums[at + 1] = (sums[at + 1] as number) + lo;
    }
    return sums;
  }

  states(
    { start, end }: HashRange,
    after: readonly [number, number] | undefined,
    limit: number,
    only?: WithCopies,
  ): StatePage {
    const stop = this.nameless;
    if (after === undefined && stop !== undefined && stop.hashHi >= start && stop.hashHi < end)
      return { states: new Uint32Array(0), upTo: [stop.hashHi, stop.hashLo] };
    const inRange = this.items.filter(
      ({ hashHi, hashLo, name }) =>
        (only === undefined || isMeant(name, only)) &&
        hashHi >= start &&
        hashHi < end &&
        (after === undefined || hashHi > after[0] || (hashHi === after[0] && hashLo > after[1])),
    );
    let count = Math.min(limit, inRange.length);
    const at = (i: number): string => `${inRange[i]?.hashHi}.${inRange[i]?.hashLo}`;
    while (count > 0 && count < inRange.length && at(count) === at(count - 1)) count++;
    const states = inRange.slice(0, count).flatMap((item) => [item.hashHi, item.hashLo, ...stateOf(item)]);
    const last = count < inRange.length ? inRange[count - 1] : undefined;
    return { states: Uint32Array.from(states), upTo: last && [last.hashHi, last.hashLo] };
  }

  itemsAt(hashHi: number, hashLo: number): Uint8Array[] {
    const found: ModelItem[] = [];
    for (const item of this.#items.values())
      if (item.hashHi === hashHi && item.hashLo === hashLo) found.push(item);
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((item) => encodeModelItem(item));
  }
}

/** By its name, which stands for its key. */
function isMeant(name: string, only: WithCopies): boolean {
  return only.perKey.copiesOf(name) >= only.atLeast;
}

const states = new WeakMap<ModelItem, readonly [number, number]>();

function stateOf(item: ModelItem): readonly [number, number] {
  const known = states.get(item);
  if (known !== undefined) return known;
  const bytes = encodeModelItem(item);
  const digest = new Uint32Array(2);
  digest64(bytes, 0, bytes.length, digest);
  const state = [digest[0] as number, digest[1] as number] as const;
  states.set(item, state);
  return state;
}
