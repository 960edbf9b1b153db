/**
 * What one vnode holds: values by key, in memory. And the part of a vnode that is the same whatever the values are.
 *
 * A value that comes is merged with the one that is held, by a command as well as by a handoff, since items come twice,
 * late and in any order. So `merge` must not care: of a and b it makes the same as of b and a, and of a and a it makes
 * a. It answers with the very value that is held when the other adds nothing to it.
 *
 * The framework walks through the items in hash order, page by page, while they move to another node.
 */
import {
  jsonDecode,
  jsonEncode,
  Reader,
  Writer,
  type HashRange,
  type ItemPage,
  type RecordKey,
  type Vnode,
  type VnodeContext,
} from '@rkv/core';
import { comparePlaces, placeOf } from './place.ts';

export interface Merging<Value> {
  merge(held: Value, other: Value): Value;
  /** Something that was held is not held here any more. */
  forgotten?(): void;
}

interface Item<Value> extends RecordKey {
  readonly text: string;
  readonly value: Value;
}

export class Items<Value> {
  readonly #context: Pick<VnodeContext, 'beforeChange' | 'changed'>;
  readonly #merging: Merging<Value>;
  readonly #items = new Map<string, Item<Value>>();
  /** In hash order; made when it is asked for, good until a key comes or goes. */
  #order: Item<Value>[] | undefined;

  constructor(context: Pick<VnodeContext, 'beforeChange' | 'changed'>, merging: Merging<Value>) {
    this.#context = context;
    this.#merging = merging;
  }

  get(key: string): Value | undefined {
    return this.#items.get(key)?.value;
  }

  /** The one way in. What is held then. */
  merge(key: string, other: Value): Value {
    const held = this.#items.get(key);
    const value = held === undefined ? other : this.#merging.merge(held.value, other);
    if (held !== undefined && value === held.value) return value;
    const item = { ...placeOf(key), text: key, value };
    this.#context.beforeChange();
    this.#items.set(key, item);
    this.#order = undefined;
    this.#context.changed(item.hashHi, () => encode(item));
    return value;
  }

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  walk(cursor: Uint8Array | undefined, budgetBytes: number, within: HashRange, upTo?: Uint8Array): ItemPage {
    this.#order ??= [...this.#items.values()].toSorted(comparePlaces);
    const after = cursor && decodeCursor(cursor);
    const last = upTo && decodeCursor(upTo);
    const items: Uint8Array[] = [];
    let bytes = 0;
    for (let at = firstAfter(this.#order, within.start, after); at < this.#order.length; at++) {
      const item = this.#order[at] as Item<Value>;
      if (item.hashHi >= within.end || (last !== undefined && comparePlaces(item, last) > 0)) break;
      const encoded = encode(item);
      items.push(encoded);
      bytes += encoded.length;
      if (bytes >= budgetBytes) return { items, next: encodeCursor(item) };
    }
    return { items, next: undefined };
  }

  mergeEncoded(bytes: Uint8Array): void {
    this.merge(...decode<Value>(bytes));
  }

  /** The receiver has this. Unless it has changed since. */
  forget(bytes: Uint8Array): void {
    const [key] = decode<Value>(bytes);
    const item = this.#items.get(key);
    if (item === undefined || Buffer.compare(encode(item), bytes) !== 0) return;
    this.#items.delete(key);
    this.#order = undefined;
    this.#merging.forgotten?.();
  }

  clear(): void {
    this.#items.clear();
    this.#order = undefined;
    this.#merging.forgotten?.();
  }
}

/** A whole vnode of items and what it does with a command. */
export function vnodeOf<Command, Reply, Value>(
  items: Items<Value>,
  handleCommand: Vnode<Command, Reply>['handleCommand'],
): Vnode<Command, Reply> {
  return {
    handleCommand,
    onStoreProgress() {}, // nothing here waits for a disk
    isEmpty: () => items.isEmpty,
    walkItems: (cursor, budgetBytes, within, upTo) => items.walk(cursor, budgetBytes, within, upTo),
    handleHandoffItem(item, done) {
      items.mergeEncoded(item);
      done(true);
    },
    handleItemHandedOff: (item) => items.forget(item),
    clearSome() {
      items.clear();
      return true;
    },
  };
}

function encode<Value>({ text, value }: Item<Value>): Uint8Array {
  return jsonEncode([text, value]);
}

function decode<Value>(bytes: Uint8Array): [key: string, value: Value] {
  return jsonDecode(bytes) as [string, Value];
}

/** Compared as bytes, cursors stand in hash order. */
function encodeCursor({ hashHi, hashLo, key }: RecordKey): Uint8Array {
  const out = new Writer();
  out.u32(hashHi);
  out.u32(hashLo);
  out.latin1(key);
  return out.copy();
}

function decodeCursor(bytes: Uint8Array): RecordKey {
  const input = new Reader(bytes);
  const [hashHi, hashLo] = [input.u32(), input.u32()];
  return { hashHi, hashLo, key: input.latin1(input.left) };
}

/** Position of the first item in or behind the range that lies behind `after`. */
function firstAfter(order: readonly RecordKey[], start: number, after: RecordKey | undefined): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = order[middle] as RecordKey;
    const isBefore = item.hashHi < start || (after !== undefined && comparePlaces(item, after) <= 0);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}
