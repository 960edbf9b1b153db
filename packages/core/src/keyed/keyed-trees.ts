/**
 * What a keyed vnode tells of its values so that replicas can be compared.
 *
 * The state of a value is a digest of its bytes and its key's hash. The sums are counted anew in each life, when they are first
 * asked for: a start after a crash costs a walk through what is held.
 */
import { Writer } from '../base/bytes.ts';
import { digest64 } from '../base/murmur.ts';
import type { HashRange, RecordKey } from '../contracts/store.ts';
import type { ItemTrees, StatePage, VnodeContext } from '../contracts/vnode.ts';
import { StoredTrees, type Position } from '../exchange/stored-trees.ts';
import type { HeldItems } from './held-items.ts';
import { encodeItem } from './keyed-wire.ts';

const WORD = 2 ** 32;

export class KeyedTrees implements ItemTrees {
  readonly #items: HeldItems;
  readonly #trees: StoredTrees;

  constructor(context: VnodeContext, items: HeldItems) {
    this.#items = items;
    this.#trees = new StoredTrees({
      ...context,
      held: items.ranges,
      inMemory: true,
      items: {
        visit: (within, after, limit, found) => {
          const page = items.page(within, { after, items: limit });
          for (const item of page.items) found(item.hashHi, ...stateOf(item, item.value));
          return page.upTo;
        },
        digestOf: () => undefined,
        digestIsWrong: () => {},
      },
    });
  }

  changed(at: RecordKey, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    if (before !== undefined) {
      const [hi, lo] = stateOf(at, before);
      this.#trees.changed(at, (WORD - (lo === 0 ? 0 : 1) - hi) % WORD, (WORD - lo) % WORD);
    }
    if (after !== undefined) this.#trees.changed(at, ...stateOf(at, after));
  }

  sums(within: HashRange, parts: number): Uint32Array | undefined {
    return this.#trees.sums(within, parts);
  }

  states(within: HashRange, after: Position | undefined, limit: number): StatePage {
    const { items, upTo } = this.#items.page(within, { after, items: limit });
    const states = items.flatMap((item) => [item.hashHi, item.hashLo, ...stateOf(item, item.value)]);
    return { states: Uint32Array.from(states), upTo };
  }

  itemsAt(hashHi: number, hashLo: number): Uint8Array[] {
    const after: Position | undefined = hashLo === 0 ? undefined : [hashHi, hashLo - 1];
    const { items } = this.#items.page({ start: hashHi, end: hashHi + 1 }, { after, items: 1 });
    return items.filter((item) => item.hashLo === hashLo).map((item) => encodeItem(item, item.value));
  }

  close(inOrder: boolean): void {
    this.#trees.close(inOrder);
  }
}

const scratch = new Writer();
const digest = new Uint32Array(2);

function stateOf({ hashHi, hashLo }: RecordKey, value: Uint8Array): [hi: number, lo: number] {
  scratch.reset();
  scratch.u32(hashHi);
  scratch.u32(hashLo);
  scratch.bytes(value);
  digest64(scratch.buffer, 0, scratch.length, digest);
  return [digest[0] as number, digest[1] as number];
}
