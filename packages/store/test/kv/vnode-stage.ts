/**
 * A vnode of the store over a store whose commits and failures happen when a test says so. What is written at 7 is later
 * than what is written at 3; what a vnode holds is said as `7:text`, a tombstone as `7:-`.
 */
import {
  ALL_HASHES,
  HybridClock,
  silentLogger,
  ZERO_STAMP,
  SPACE_ENTRY,
  type Logger,
  type NodeId,
  type PartitionId,
  type Refusal,
  type ReplyToken,
  type VnodeContext,
  type VnodePool,
} from '@rkv/core';
import { ManualHost } from '../../../core/test/manual-host.ts';
import { ManualStore } from '../../../core/test/manual-store.ts';
import { ByteBudget } from '../../src/kv/byte-budget.ts';
import type { KvCommand, KvReply, TallyReply } from '../../src/kv/commands.ts';
import { placeKey } from '../../src/kv/coordinator.ts';
import { decodeItem, encodeItem } from '../../src/kv/items.ts';
import { KvVnode } from '../../src/kv/kv-vnode.ts';
import { VnodeTallies } from '../../src/kv/range-tally.ts';
import { describeEntry, getting, merging, valueAt } from './entries.ts';
import { poolOf } from './pool.ts';

/** Rings of eight; the vnode is that of partition 0. */
export const BITS = 3;
export const PLACE = { ringBits: BITS, partition: 0 as PartitionId };

export class VnodeStage {
  readonly host = new ManualHost();
  readonly store: ManualStore;
  readonly vnode: KvVnode;
  /** What was said to whoever sent a command, in order. */
  readonly told: string[] = [];
  readonly passedOn: string[] = [];
  /** What was logged, without its fields. */
  readonly logged: string[] = [];
  /** Why the store is unsound, as the vnode said. */
  readonly unsound: string[] = [];
  readonly clock: HybridClock;
  /** May be changed at any time. */
  readonly bounds = {
    lowestMs: undefined as number | undefined,
    floor: ZERO_STAMP as Uint8Array,
    bar: ZERO_STAMP as Uint8Array,
    lowestClock: (): number | undefined => this.bounds.lowestMs,
  };
  readonly counts = { swept: 0, reaped: 0 };
  readonly inFlight: ByteBudget;
  readonly #context: VnodeContext;

  constructor({
    store = new ManualStore(),
    durability = 'process' as 'process' | 'power',
    inFlightMax = 1 << 28,
    pool = undefined as VnodePool | undefined,
  } = {}) {
    this.inFlight = new ByteBudget('vnode_in_flight_bytes', inFlightMax);
    this.host.wallOffset = 1_000;
    this.store = store;
    this.clock = new HybridClock({ now: () => this.host.now(), random: () => 0, driftLimitMs: 60_000 });
    this.#context = {
      self: 'a' as NodeId,
      place: PLACE,
      host: this.host,
      store,
      logger: this.#logger(),
      pool: pool ?? poolOf(this.host),
      role: () => 'primary',
      bounds: this.bounds,
      durability,
      beforeChange: () => {},
      doubt: () => {},
      changed: (_hashHi, encode) => this.passedOn.push(describeItem(encode())),
    };
    const onUnsound = (why: string): void => void this.unsound.push(why);
    this.vnode = new KvVnode(this.#context, this.clock, {
      inFlight: this.inFlight,
      onUnsound,
      counts: this.counts,
    });
    store.start({
      onProgress: () => this.vnode.onStoreProgress(),
      onFailure: (fromSeq) => this.vnode.onStoreProgress(fromSeq),
    });
  }

  send(command: KvCommand): void {
    this.vnode.handleCommand(command, this.#token(command));
  }

  put(key: string, time: number, text = 'v'): void {
    this.send(merging(key, valueAt(key, time, text)));
  }

  /** What is told at once, or `waits`. */
  ask(command: KvCommand): string {
    const before = this.told.length;
    this.send(command);
    return this.told.slice(before).join() || 'waits';
  }

  get(key: string): string {
    return this.ask(getting(key));
  }

  /** Keys with their entries, as the store holds them. */
  get content(): string[] {
    const found: string[] = [];
    this.store.walk(SPACE_ENTRY, this.#context.place, undefined, 10_000, (_hi, _lo, key, entry) => {
      found.push(`${key} ${describeEntry(entry)}`);
      return true;
    });
    return found.toSorted();
  }

  takeIn(key: string, entry: Uint8Array): void {
    this.vnode.handleHandoffItem(encodeItem(placeKey(key), entry), (stored) =>
      this.told.push(`${key} stored ${stored}`),
    );
  }

  #logger(): Logger {
    const log = (_fields: object, message: string): void => void this.logged.push(message);
    return { ...silentLogger, info: log, warn: log, error: log };
  }

  #token(command: KvCommand): ReplyToken<KvReply> {
    const name = 'key' in command ? command.key : command.kind;
    return {
      reply: (reply) => this.told.push(`${name} ${describeReply(reply)}`),
      refuse: (why: Refusal) => this.told.push(`${name} refused: ${why}`),
      fail: () => this.told.push(`${name} failed`),
    };
  }
}

function describeReply(reply: KvReply): string {
  switch (reply.kind) {
    case 'merged':
      return `merged${reply.existed ? ', existed' : ''}${reply.untilMs === 0 ? '' : ` until ${reply.untilMs}`}${reply.later === undefined ? '' : ', later held'}`;
    case 'held':
      return reply.whole
        ? describeEntry(reply.entry)
        : `state ${reply.entry === undefined ? 'of nothing' : 'held'}`;
    default:
      return reply.kind;
  }
}

export const describeItem = (item: Uint8Array): string => {
  const { at, entry } = decodeItem(item);
  return `${at.key} ${describeEntry(entry)}`;
};

/** A whole walk, by descriptions; `between` is called after each page. */
export function walk(
  stage: VnodeStage,
  budget = 1,
  between: () => void = () => {},
  within = ALL_HASHES,
): string[] {
  const found: string[] = [];
  let cursor: Uint8Array | undefined;
  do {
    const page = stage.vnode.walkItems(cursor, budget, within);
    found.push(...page.items.map(describeItem));
    cursor = page.next;
    between();
  } while (cursor !== undefined);
  return found;
}

/** The tallies of all ranges, as the vnode has them. */
export function talliesOf(stage: VnodeStage): unknown[] {
  return ([...Array(8).keys()] as PartitionId[]).map((range) => {
    let tally: TallyReply | undefined;
    stage.vnode.handleCommand(
      { kind: 'tally', range },
      { reply: (reply) => (tally = reply as TallyReply), refuse() {}, fail() {} },
    );
    const { kind, ...sums } = tally as TallyReply;
    return sums;
  });
}

/** And as a recount of its store finds them. */
export function recountOf(stage: VnodeStage): unknown[] {
  const fresh = new VnodeTallies(PLACE, undefined);
  stage.store.walk(SPACE_ENTRY, PLACE, undefined, 10_000, (hashHi, hashLo, key, entry) => {
    fresh.changed({ hashHi, hashLo, key }, undefined, entry);
    return true;
  });
  return ([...Array(8).keys()] as PartitionId[]).map((range) => ({ ...fresh.of(range) }));
}
