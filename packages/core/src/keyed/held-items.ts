/**
 * What a keyed vnode holds: a value for each key, in the node's store, under what is on its way there.
 *
 * Changes are looked at through those that the store has not committed yet (the *overlay*), or the later of two in one turn
 * would be lost under the earlier. Whoever tells of a value waits until it is as durable as an acknowledgement says.
 *
 * The services of a node share its store, so values lie under the service's name, beside what vnodes know of themselves
 * (`SPACE_META`). How many there are of each range rides along with every commit.
 *
 * ```
 * {hash, "item:SERVICE:KEY"}   the value as the service's codec writes it
 * {0, 0, "held:SERVICE"}       JSON: how many by range
 * ```
 */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import {
  SPACE_META,
  type HashRange,
  type LateRecord,
  type RecordKey,
  type StoreRecord,
} from '../contracts/store.ts';
import type { VnodeContext } from '../contracts/vnode.ts';
import type { Position } from '../exchange/stored-trees.ts';
import { partitionOf } from '../ring/hash-space.ts';

export interface HeldItem extends RecordKey {
  /** A copy. */
  readonly value: Uint8Array;
}

/** In hash order. It ends between two positions. */
export interface HeldPage {
  readonly items: readonly HeldItem[];
  /** All up to there was looked at; undefined: to the end of the range. */
  readonly upTo: Position | undefined;
}

/** Where a page begins and how long it is. */
export interface PageLimits {
  readonly after: Position | undefined;
  readonly items: number;
  readonly bytes?: number;
  /** Only what the store has committed. */
  readonly committed?: boolean;
}

/** A value on its way into the store; undefined: its removal is. */
interface InFlight {
  readonly at: RecordKey;
  readonly value: Uint8Array | undefined;
  readonly seq: number;
  readonly waiters: { readonly stored: () => void; readonly failed: () => void }[];
}

/** Records that one page comes by at most, those of other services too. */
const PAGE_RECORDS = 500;
const PAGE_BYTES = 256 * 1024;

export class HeldItems {
  readonly #context: VnodeContext;
  readonly #prefix: string;
  readonly #late: LateRecord;
  /** By range. */
  readonly #counts: Map<PartitionId, number>;
  readonly #overlay = new Map<string, InFlight>();
  /** In the order in which they were submitted. */
  #inFlight: InFlight[] = [];
  /** Told of each change, those that the store took back too. */
  onChange: (at: RecordKey, before: Uint8Array | undefined, after: Uint8Array | undefined) => void = () => {};

  constructor(context: VnodeContext, service: string) {
    this.#context = context;
    this.#prefix = `item:${service}:`;
    const at = { hashHi: 0, hashLo: 0, key: `held:${service}` };
    this.#counts = countsOf(context.store.get(SPACE_META, context.place, at));
    this.#late = {
      ...at,
      space: SPACE_META,
      place: context.place,
      bytes: () => jsonEncode([...this.#counts].filter(([, count]) => count > 0)),
    };
  }

  get isEmpty(): boolean {
    return this.#overlay.size === 0 && [...this.#counts.values()].every((count) => count === 0);
  }

  /** Ranges in which something is held. */
  get ranges(): PartitionId[] {
    return [...this.#counts].flatMap(([range, count]) => (count > 0 ? [range] : []));
  }

  countWhere(isMeant: (range: PartitionId) => boolean): number {
    let total = 0;
    for (const [range, count] of this.#counts) if (isMeant(range)) total += count;
    return total;
  }

  /** On its way into the store, or out of it. */
  isInFlight(key: string): boolean {
    return this.#overlay.has(key);
  }

  /** Borrowed, also what is on its way. */
  find(at: RecordKey): Uint8Array | undefined {
    const inFlight = this.#overlay.get(at.key);
    return inFlight === undefined ? this.committed(at) : inFlight.value;
  }

  /** Borrowed. */
  committed({ hashHi, hashLo, key }: RecordKey): Uint8Array | undefined {
    const { store, place } = this.#context;
    return store.get(SPACE_META, place, { hashHi, hashLo, key: this.#prefix + key });
  }

  /** Put `value` there in the place of what is held; undefined removes it. False: the store takes no writes. */
  put({ hashHi, hashLo, key }: RecordKey, value: Uint8Array | undefined): boolean {
    const { store, place } = this.#context;
    const at = { hashHi, hashLo, key };
    // What is there is borrowed of the store, which moves on.
    const before = this.find(at)?.slice();
    if (value !== undefined) this.#context.beforeChange();
    this.#count(at, before, value);
    const record: StoreRecord = { space: SPACE_META, place, hashHi, hashLo, key: this.#prefix + key, value };
    const seq = store.submit([record], this.#late);
    if (seq === undefined) {
      this.#count(at, value, before);
      return false;
    }
    this.onChange(at, before, value);
    if (seq > this.#reached()) {
      const inFlight: InFlight = { at, value, seq, waiters: [] };
      this.#overlay.set(key, inFlight);
      this.#inFlight.push(inFlight);
    }
    return true;
  }

  /** Once what is held of this key now is stored, or the store has lost it. */
  whenStored(key: string, stored: () => void, failed: () => void): void {
    const inFlight = this.#overlay.get(key);
    if (inFlight === undefined) stored();
    else inFlight.waiters.push({ stored, failed });
  }

  /** As `Vnode.onStoreProgress`. */
  onStoreProgress(failedFrom: number | undefined): void {
    const lost = failedFrom === undefined ? [] : this.#takeLost(failedFrom);
    const reached = this.#reached();
    let count = 0;
    while (count < this.#inFlight.length && (this.#inFlight[count] as InFlight).seq <= reached) count++;
    const landed = this.#inFlight.splice(0, count);
    for (const one of landed) if (this.#overlay.get(one.at.key) === one) this.#overlay.delete(one.at.key);
    for (const { waiters } of landed) for (const { stored } of waiters) stored();
    for (const { waiters } of lost) for (const { failed } of waiters) failed();
  }

  /** What is held of a range of hashes, from behind a position on. */
  page(within: HashRange, limits: PageLimits): HeldPage {
    const items: HeldItem[] = [];
    const overlay = limits.committed === true ? NOTHING : this.#overlay;
    const upTo = this.#walk(within, limits, (at, value) => {
      if (overlay.has(at.key)) return 0;
      items.push({ ...at, value: value.slice() });
      return value.length;
    });
    for (const { at, value } of overlay.values())
      if (value !== undefined && isWithin(at, within, limits.after, upTo)) items.push({ ...at, value });
    return { items: items.toSorted(byHash), upTo };
  }

  /** Committed values of a page; `take` says how many bytes it took. Where the page ends. */
  #walk(
    within: HashRange,
    { after, items: itemsMax, bytes: bytesMax = PAGE_BYTES }: PageLimits,
    take: (at: RecordKey, value: Uint8Array) => number,
  ): Position | undefined {
    const { store, place } = this.#context;
    const from =
      after === undefined ? beforeHash(within.start) : { hashHi: after[0], hashLo: after[1], key: '' };
    let [records, items, bytes] = [0, 0, 0];
    let last: Position | undefined;
    let endsHere = false;
    store.walk(SPACE_META, place, from, RECORDS_MAX, (hashHi, hashLo, key, value) => {
      if (hashHi < within.start || (hashHi === after?.[0] && hashLo === after[1])) return true;
      if (hashHi >= within.end) return false;
      const isNewPosition = last !== undefined && (hashHi !== last[0] || hashLo !== last[1]);
      endsHere = isNewPosition && (items >= itemsMax || bytes >= bytesMax || records >= PAGE_RECORDS);
      if (endsHere) return false;
      last = [hashHi, hashLo];
      records++;
      if (!key.startsWith(this.#prefix)) return true;
      items++;
      bytes += take({ hashHi, hashLo, key: key.slice(this.#prefix.length) }, value);
      return true;
    });
    return endsHere ? last : undefined;
  }

  /** Nothing from `seq` on was stored: what it covered comes to light again. */
  #takeLost(seq: number): InFlight[] {
    const lost = this.#inFlight.filter((one) => one.seq >= seq);
    this.#inFlight = this.#inFlight.filter((one) => one.seq < seq);
    const shown = new Map<string, InFlight>();
    for (const { at } of lost) {
      const top = this.#overlay.get(at.key);
      if (top !== undefined && top.seq >= seq) shown.set(at.key, top);
      this.#overlay.delete(at.key);
    }
    for (const one of this.#inFlight) if (shown.has(one.at.key)) this.#overlay.set(one.at.key, one);
    for (const { at, value } of shown.values()) {
      const now = this.find(at)?.slice();
      this.#count(at, value, now);
      this.onChange(at, value, now);
    }
    return lost;
  }

  #count({ hashHi }: RecordKey, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const range = partitionOf(hashHi, this.#context.place.ringBits);
    const more = Number(after !== undefined) - Number(before !== undefined);
    if (more !== 0) this.#counts.set(range, (this.#counts.get(range) ?? 0) + more);
  }

  /** How far the store has come, at the durability that an acknowledgement stands for. */
  #reached(): number {
    const { store, durability } = this.#context;
    return durability === 'power' ? store.flushedSeq : store.committedSeq;
  }
}

const NOTHING: ReadonlyMap<string, InFlight> = new Map();
/** No limit to a walk that its visitor ends. */
const RECORDS_MAX = 2 ** 30;

function countsOf(bytes: Uint8Array | undefined): Map<PartitionId, number> {
  return new Map(bytes === undefined ? [] : (jsonDecode(bytes) as [PartitionId, number][]));
}

function beforeHash(hashHi: number): RecordKey | undefined {
  return hashHi === 0 ? undefined : { hashHi: hashHi - 1, hashLo: 0xffffffff, key: '' };
}

function byHash(a: RecordKey, b: RecordKey): number {
  return a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : 1);
}

function isWithin(
  { hashHi, hashLo }: RecordKey,
  { start, end }: HashRange,
  after: Position | undefined,
  upTo: Position | undefined,
): boolean {
  if (hashHi < start || hashHi >= end) return false;
  if (after !== undefined && (hashHi < after[0] || (hashHi === after[0] && hashLo <= after[1]))) return false;
  return upTo === undefined || hashHi < upTo[0] || (hashHi === upTo[0] && hashLo <= upTo[1]);
}
