/** A vnode whose items are numbers, one at each position, and which has hash trees of them. A step of its pool counts two items at most. */
import type { PartitionId } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META, type RecordKey, type StoreRecord } from '../src/contracts/store.ts';
import { HashTree } from '../src/exchange/hash-tree.ts';
import { StoredTrees, type Position } from '../src/exchange/stored-trees.ts';
import { rangeOf } from '../src/ring/ranges.ts';
import { ManualHost } from './manual-host.ts';
import type { ManualStore } from './manual-store.ts';

const PARTITION = 0 as PartitionId;
export const PLACE = { ringBits: 3, partition: PARTITION };
/** All items lie in it. */
export const RANGE = rangeOf(PARTITION, PLACE.ringBits);
const ITEMS_PER_VISIT = 2;
const TALLY: RecordKey = { hashHi: 0, hashLo: 0, key: 'tally' };

interface InFlight {
  readonly at: Position;
  readonly value: number | undefined;
  readonly seq: number;
}

export class CountingVnode {
  readonly host = new ManualHost();
  readonly store: ManualStore;
  readonly trees: StoredTrees;
  readonly logged: string[] = [];
  /** Items that counts came by. */
  visited = 0;
  #jobs: (() => boolean)[] = [];
  #inFlight: InFlight[] = [];
  #digest: bigint;
  #items: number;

  constructor(store: ManualStore) {
    this.store = store;
    const tally = store.get(SPACE_META, PLACE, TALLY);
    const [hi = 0, lo = 0, items = 0] = tally === undefined ? [] : wordsIn(tally);
    this.#digest = (BigInt(hi) << 32n) + BigInt(lo);
    this.#items = items;
    this.trees = new StoredTrees({
      place: PLACE,
      store,
      host: this.host,
      pool: { run: (_token, step) => this.#jobs.push(step) },
      logger: { ...silentLogger, info: (_fields, message) => this.logged.push(message) },
      held: items > 0 ? [PARTITION] : [],
      items: {
        visit: (within, after, _limit, found) =>
          this.#visit(within.start, within.end, after, (...item) => {
            this.visited++;
            found(...item);
          }),
        digestOf: () => this.#digestWords(),
        digestIsWrong: () => this.logged.push('the digest is wrong'),
      },
    });
    store.start({
      onProgress: () => this.#forget(),
      onFailure: (fromSeq) => this.#fail(fromSeq),
    });
  }

  /** Undefined: it goes. */
  set(at: Position, value: number | undefined): void {
    const before = this.#heldAt(at);
    if (before === value) return;
    const key = keyAt(at);
    const records: StoreRecord[] = [
      { space: SPACE_ENTRY, place: PLACE, ...key, value: value === undefined ? undefined : bytesOf(value) },
    ];
    const mark = this.trees.markFor(key);
    if (mark !== undefined) records.push(mark);
    this.#count(before, value);
    if (this.#items === 0) records.push(...this.trees.removals());
    const seq = this.store.submit(records, {
      space: SPACE_META,
      place: PLACE,
      ...TALLY,
      bytes: () => bytesOf(...this.#digestWords(), this.#items),
    });
    if (seq === undefined) {
      if (mark !== undefined) this.trees.notMarked(key);
      this.#count(value, before);
      return;
    }
    this.trees.changed(key, ...wordsOf(stateOf(value) - stateOf(before)));
    if (this.#items === 0) this.trees.becomeEmpty();
    this.#inFlight.push({ at, value, seq });
  }

  get isEmpty(): boolean {
    return this.#items === 0;
  }

  /** One of its pool's. */
  step(): void {
    const job = this.#jobs.shift();
    if (job !== undefined && !job()) this.#jobs.unshift(job);
  }

  countedSums(parts: number): Uint32Array {
    for (let i = 0; i < 5_000; i++) {
      const sums = this.trees.sums(RANGE, parts);
      if (sums !== undefined) return sums;
      this.step();
    }
    throw new Error('the count does not end');
  }

  /** What a tree made anew of all that is held is. */
  summed(parts: number): Uint32Array {
    const tree = new HashTree(PLACE);
    this.#visit(RANGE.start, RANGE.end, undefined, (hashHi, hi, lo) => tree.add(hashHi, hi, lo), Infinity);
    return tree.sums(RANGE, parts);
  }

  #visit(
    start: number,
    end: number,
    after: Position | undefined,
    found: (hashHi: number, stateHi: number, stateLo: number) => void,
    limit = ITEMS_PER_VISIT,
  ): Position | undefined {
    const held = new Map<string, Position>();
    this.store.walk(
      SPACE_ENTRY,
      PLACE,
      undefined,
      1_000,
      (hi, lo) => held.set(`${hi}/${lo}`, [hi, lo]).size > 0,
    );
    for (const { at } of this.#inFlight) held.set(at.join('/'), at);
    const rest = [...held.values()]
      .toSorted(inOrder)
      .filter((at) => at[0] >= start && at[0] < end && (after === undefined || inOrder(at, after) > 0));
    for (const at of rest.slice(0, limit)) {
      const value = this.#heldAt(at);
      if (value !== undefined) found(at[0], ...wordsOf(stateOf(value)));
    }
    return rest.length > limit ? rest[limit - 1] : undefined;
  }

  #heldAt(at: Position): number | undefined {
    const inFlight = this.#inFlight.findLast((other) => inOrder(other.at, at) === 0);
    if (inFlight !== undefined) return inFlight.value;
    const bytes = this.store.get(SPACE_ENTRY, PLACE, keyAt(at));
    return bytes && wordsIn(bytes)[0];
  }

  #forget(): void {
    this.#inFlight = this.#inFlight.filter(({ seq }) => seq > this.store.committedSeq);
  }

  #fail(fromSeq: number): void {
    for (;;) {
      const last = this.#inFlight.at(-1);
      if (last === undefined || last.seq < fromSeq) break;
      this.#inFlight.pop();
      const before = this.#heldAt(last.at);
      this.#count(last.value, before);
      this.trees.changed(keyAt(last.at), ...wordsOf(stateOf(before) - stateOf(last.value)));
    }
    this.trees.storeFailed();
  }

  #count(before: number | undefined, after: number | undefined): void {
    this.#digest = BigInt.asUintN(64, this.#digest + stateOf(after) - stateOf(before));
    this.#items += Number(after !== undefined) - Number(before !== undefined);
  }

  #digestWords(): Position {
    return wordsOf(this.#digest);
  }
}

/** Large, and different for each. */
function stateOf(value: number | undefined): bigint {
  return value === undefined ? 0n : BigInt.asUintN(64, BigInt(value) * 0x9e3779b97f4a7c15n);
}

function wordsOf(state: bigint): [number, number] {
  return [Number(BigInt.asUintN(32, state >> 32n)), Number(BigInt.asUintN(32, state))];
}

function keyAt([hashHi, hashLo]: Position): RecordKey {
  return { hashHi, hashLo, key: 'k' };
}

function inOrder(a: Position, b: Position): number {
  return a[0] - b[0] || a[1] - b[1];
}

function bytesOf(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function wordsIn(bytes: Uint8Array): number[] {
  return [...new Uint32Array(bytes.slice().buffer)];
}
