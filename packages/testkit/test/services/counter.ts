/**
 * A service of one's own, as an embedder would write it: counters by key, in memory, the higher count wins.
 *
 * Commands are `add KEY N` (the counter is at least N) and `get KEY`. A coverage request `keys` lists them.
 */
import {
  covers,
  hashKey,
  Reader,
  Writer,
  type ByteReader,
  type ByteWriter,
  type CoveragePage,
  type CoverageQuery,
  type HashRange,
  type ItemPage,
  type RecordKey,
  type ReplyToken,
  type Vnode,
  type VnodeContext,
  type VnodeModule,
} from '@rkv/core';

export type CounterModule = VnodeModule<string, string>;

export const counter: CounterModule = {
  name: 'counter',
  codec: {
    encodeCommand: (text: string, out: ByteWriter) => out.latin1(text),
    decodeCommand: (input: ByteReader) => input.latin1(input.left),
    encodeReply: (text: string, out: ByteWriter) => out.latin1(text),
    decodeReply: (input: ByteReader) => input.latin1(input.left),
  },
  open: (context) => new CounterVnode(context),
};

interface Counter extends RecordKey {
  count: number;
}

/** Longer steps than a page would need, so that jobs show. */
const STEP = 2;

class CounterVnode implements Vnode<string, string> {
  readonly #context: VnodeContext;
  readonly #counters = new Map<string, Counter>();

  constructor(context: VnodeContext) {
    this.#context = context;
  }

  handleCommand(command: string, token: ReplyToken<string>): void {
    const [verb, key = '', count] = command.split(' ');
    if (verb === 'get') token.reply(String(this.#counters.get(key)?.count ?? 0));
    else if (verb === 'add') token.reply(String(this.#raise(key, Number(count)).count));
    else if (verb === 'keep') return;
    else token.refuse('bad_request');
  }

  handleCoverage(
    { ranges, after, limit }: CoverageQuery<string>,
    token: ReplyToken<CoveragePage<string>>,
  ): void {
    const found = this.#inOrder()
      .filter((at) => covers(ranges, at.hashHi) && (after === undefined || compare(at, after) > 0))
      .slice(0, limit + 1);
    const page = found.slice(0, limit);
    const reply = page.map(({ key, count }) => `${key}=${count}`).join(' ');
    token.reply({ reply, upTo: found.length > limit ? page.at(-1) : undefined });
  }

  onStoreProgress(): void {}

  isEmpty(): boolean {
    return this.#counters.size === 0;
  }

  walkItems(cursor: Uint8Array | undefined, _budgetBytes: number, within: HashRange): ItemPage {
    const after = cursor && decode(cursor);
    const items = this.#inOrder()
      .filter((at) => covers([within], at.hashHi) && (after === undefined || compare(at, after) > 0))
      .slice(0, STEP);
    const last = items.at(-1);
    return { items: items.map(encode), next: last && encode(last) };
  }

  handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { key, count } = decode(item);
    this.#raise(key, count);
    done(true);
  }

  handleItemHandedOff(item: Uint8Array): void {
    const { key, count } = decode(item);
    if (this.#counters.get(key)?.count === count) this.#counters.delete(key);
  }

  clearSome(): boolean {
    this.#counters.clear();
    return true;
  }

  #raise(key: string, count: number): Counter {
    const words = new Uint32Array(5);
    hashKey(key, words);
    const at = { key, hashHi: words[0] as number, hashLo: words[1] as number, count };
    const held = this.#counters.get(key) ?? { ...at, count: -1 };
    if (held.count >= count) return held;
    this.#context.beforeChange();
    this.#counters.set(key, at);
    this.#context.changed(at.hashHi, () => encode(at));
    return at;
  }

  #inOrder(): Counter[] {
    return [...this.#counters.values()].toSorted(compare);
  }
}

function compare(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

function encode({ hashHi, hashLo, key, count }: Counter): Uint8Array {
  const out = new Writer();
  for (const word of [hashHi, hashLo, count]) out.u32(word);
  out.latin1(key);
  return out.copy();
}

function decode(bytes: Uint8Array): Counter {
  const input = new Reader(bytes);
  const [hashHi, hashLo, count] = [input.u32(), input.u32(), input.u32()];
  return { hashHi, hashLo, count, key: input.latin1(input.left) };
}
