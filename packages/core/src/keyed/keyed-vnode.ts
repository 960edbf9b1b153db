/**
 * The vnode of a keyed service: one partition's values, merged in and read out.
 *
 * Every way in - a change, a copy of one, a handoff, an exchange - is one merge. The *actor* is the name under which changes
 * are made here. It is drawn anew at each start, whenever a value goes and whenever the store has lost something: what the
 * former one wrote may then lie elsewhere and not here, and under its name would be counted from the beginning.
 *
 * Source: the rules are those of rules 6 for shards; Riak's riak_core_vnode for the duties.
 */
import { BrokenInvariant } from '../base/assert.ts';
import { compareBytes, WireError } from '../base/bytes.ts';
import type { Timer } from '../contracts/host.ts';
import type { HashRange, RecordKey } from '../contracts/store.ts';
import type {
  CoveragePage,
  CoverageQuery,
  ItemCursor,
  ItemPage,
  ReplyToken,
  Vnode,
  VnodeContext,
} from '../contracts/vnode.ts';
import type { Position } from '../exchange/stored-trees.ts';
import { ALL_HASHES, covers, rangeOf } from '../ring/ranges.ts';
import type { AnyDefinition, Changed } from './definition.ts';
import { HeldItems, type HeldItem } from './held-items.ts';
import { KeyedTrees } from './keyed-trees.ts';
import {
  decodeCursor,
  decodeItem,
  encodeCursor,
  encodeItem,
  placeOf,
  TEXT_BYTES_MAX,
  throughJson,
  VALUE_BYTES_MAX,
  type KeyedCommand,
  type KeyedReply,
} from './keyed-wire.ts';
import { textOf } from './key-text.ts';

type Run = Extract<KeyedCommand, { kind: 'run' }>;
type Change = (held: unknown, context: object, ...args: readonly unknown[]) => Changed<unknown, unknown>;
type RowOf = (held: unknown, context: object, ...args: readonly unknown[]) => unknown;

/** Values that one step of a walk comes by. */
const STEP_ITEMS = 200;
/** Of what was thrown, as far as it is told. */
const WHY_CHARS_MAX = 1_000;
/** How often what is past is looked for. */
const SWEEP_MS = 30_000;

export class KeyedVnode implements Vnode<KeyedCommand, KeyedReply> {
  readonly #context: VnodeContext;
  readonly #definition: AnyDefinition;
  readonly #items: HeldItems;
  readonly trees: KeyedTrees;
  #actor: string;
  #sweep: Timer | undefined;
  #closed = false;

  constructor(context: VnodeContext, definition: AnyDefinition) {
    this.#context = context;
    this.#definition = definition;
    this.#items = new HeldItems(context, definition.name);
    this.trees = new KeyedTrees(context, this.#items);
    this.#items.onChange = (at, before, after) => this.trees.changed(at, before, after);
    this.#actor = this.#drawActor();
    this.#sweepLater();
  }

  handleCommand(command: KeyedCommand, token: ReplyToken<KeyedReply>): void {
    switch (command.kind) {
      case 'run':
        return this.#run(command, token);
      case 'merge':
        return this.#handleMerge(command.key, command.value, token);
      case 'fetch':
        return this.#fetch(command.key, token);
      case 'query':
        return token.refuse('bad_request');
    }
  }

  handleCoverage(
    { command, ranges, after, limit }: CoverageQuery<KeyedCommand>,
    token: ReplyToken<CoveragePage<KeyedReply>>,
  ): void {
    const rowOf = command.kind === 'query' ? this.#queryNamed(command.name) : undefined;
    if (rowOf === undefined || command.kind !== 'query') return token.refuse('bad_request');
    const { now, args } = command;
    const page = this.#pageOver(ranges, after && [after.hashHi, after.hashLo], limit);
    const rows = page.items.flatMap(({ key, value }) => {
      const row = rowOf(this.#decode(value), { key: textOf(key), now }, ...args);
      return row === undefined ? [] : [row];
    });
    token.reply({ reply: { kind: 'rows', rows }, upTo: page.upTo });
  }

  onStoreProgress(failedFrom?: number): void {
    if (failedFrom !== undefined) this.#actor = this.#drawActor();
    this.#items.onStoreProgress(failedFrom);
  }

  isEmpty(): boolean {
    return this.#items.isEmpty;
  }

  walkItems(
    cursor: ItemCursor | undefined,
    budgetBytes: number,
    within: HashRange,
    upTo?: ItemCursor,
  ): ItemPage {
    const after = cursor && decodeCursor(cursor);
    const page = this.#items.page(within, { after, items: STEP_ITEMS, bytes: budgetBytes });
    const end = upTo && decodeCursor(upTo);
    const items = page.items.filter((at) => end === undefined || !isAfter(at, end));
    const isOver = page.upTo === undefined || items.length < page.items.length;
    return {
      items: items.map((item) => encodeItem(item, item.value)),
      next: isOver ? undefined : encodeCursor(page.upTo as Position),
    };
  }

  handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at, value } = decodeItem(item);
    if (!this.#merge(at, value)) return done(false);
    this.#items.whenStored(
      at.key,
      () => done(true),
      () => done(false),
    );
  }

  keyOf(item: Uint8Array): RecordKey {
    return decodeItem(item).at;
  }

  /** All of them where any may be: a count is by range of the ring, and asked for by hashes. */
  countItems(within: readonly HashRange[]): number {
    const { ringBits } = this.#context.place;
    return this.#items.countWhere((range) => {
      const { start, end } = rangeOf(range, ringBits);
      return within.some((one) => one.start < end && start < one.end);
    });
  }

  handleItemHandedOff(item: Uint8Array): void {
    const { at, value } = decodeItem(item);
    if (this.#items.isInFlight(at.key)) return;
    const held = this.#items.find(at);
    if (held !== undefined && compareBytes(held, value) === 0) this.#remove(at);
  }

  mayBeReaped(item: Uint8Array): boolean {
    const { isPast } = this.#definition;
    const now = this.#context.bounds.lowestClock();
    if (isPast === undefined || now === undefined) return false;
    const { at, value } = decodeItem(item);
    return this.#items.find(at) === undefined && isPast(this.#decode(value), now);
  }

  clearSome(): boolean {
    const { items, upTo } = this.#items.page(ALL_HASHES, { after: undefined, items: STEP_ITEMS });
    for (const at of items) if (!this.#remove(at)) return false;
    return upTo === undefined && this.isEmpty();
  }

  close(inOrder: boolean): void {
    this.#closed = true;
    this.#sweep?.cancel();
    this.trees.close(inOrder);
  }

  #run({ key, now, name, args }: Run, token: ReplyToken<KeyedReply>): void {
    const handler = Object.hasOwn(this.#definition.commands, name)
      ? this.#definition.commands[name]
      : undefined;
    if (handler === undefined || !('change' in handler)) return token.refuse('bad_request');
    const at = placeOf(key);
    const held = this.#items.find(at);
    const before = held && this.#decode(held);
    const context = { key: textOf(key), now, actor: this.#actor };
    let after: Uint8Array | undefined;
    let told: unknown;
    try {
      const { value, reply } = (handler.change as Change)(before, context, ...args);
      told = reply === undefined ? undefined : throughJson(reply, TEXT_BYTES_MAX, 'the reply');
      if (value !== undefined) after = this.#mergedWith(held, this.#encode(value));
    } catch (error) {
      if (error instanceof BrokenInvariant) throw error;
      return this.#tellThrow(error, token);
    }
    if (after !== undefined && !this.#hold(at, held, after)) return token.refuse('read_only');
    this.#items.whenStored(
      key,
      () =>
        token.reply({
          kind: 'ran',
          reply: told,
          value: after === undefined ? undefined : this.#items.committed(at),
        }),
      () => token.fail('the store failed'),
    );
  }

  /** It is no fault of the vnode's, and the next one may be well: the host is not to take this one for broken. */
  #tellThrow(error: unknown, token: ReplyToken<KeyedReply>): void {
    const { logger, place } = this.#context;
    const { name } = this.#definition;
    logger.error({ service: name, partition: place.partition, error }, 'a handler threw; who asked is told');
    token.reply({ kind: 'threw', why: String(error).slice(0, WHY_CHARS_MAX) });
  }

  #handleMerge(key: string, value: Uint8Array, token: ReplyToken<KeyedReply>): void {
    let isStored: boolean;
    try {
      isStored = this.#merge(placeOf(key), value);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const { partition } = this.#context.place;
      this.#context.logger.error(
        { partition, reason: error.message },
        'a value made no sense; it was not stored',
      );
      return token.refuse('bad_request');
    }
    if (!isStored) return token.refuse('read_only');
    this.#items.whenStored(
      key,
      () => token.reply({ kind: 'merged' }),
      () => token.fail('the store failed'),
    );
  }

  #fetch(key: string, token: ReplyToken<KeyedReply>): void {
    const answer = (): void => token.reply({ kind: 'held', value: this.#items.committed(placeOf(key)) });
    this.#items.whenStored(key, answer, answer);
  }

  /** `value` is borrowed. False: the store takes no writes. Throws `WireError` when it is none. */
  #merge(at: RecordKey, value: Uint8Array): boolean {
    const held = this.#items.find(at);
    return this.#hold(at, held, this.#mergedWith(held, value));
  }

  /** Nothing else is held of this key than `held`. */
  #hold(at: RecordKey, held: Uint8Array | undefined, merged: Uint8Array): boolean {
    if (held !== undefined && compareBytes(held, merged) === 0) return true;
    if (!this.#items.put(at, merged)) return false;
    this.#context.changed(at.hashHi, () => encodeItem(at, merged));
    return true;
  }

  /** A copy, or what is held. */
  #mergedWith(held: Uint8Array | undefined, value: Uint8Array): Uint8Array {
    if (held !== undefined && compareBytes(held, value) === 0) return held;
    // Looked at where nothing is held too: nobody could do anything with it later.
    const given = this.#decode(value);
    if (held === undefined) return value.slice();
    return this.#encode(this.#definition.merge(this.#decode(held), given));
  }

  #encode(value: unknown): Uint8Array {
    const bytes = this.#definition.codec.encode(value);
    if (bytes.length > VALUE_BYTES_MAX)
      throw new WireError(`a value of ${bytes.length} bytes; at most ${VALUE_BYTES_MAX} are kept`);
    return bytes;
  }

  #remove(at: RecordKey): boolean {
    this.#actor = this.#drawActor();
    return this.#items.put(at, undefined);
  }

  /** What another has sent and makes no sense is the other's fault, and refused. */
  #decode(bytes: Uint8Array): unknown {
    try {
      return this.#definition.codec.decode(bytes);
    } catch (cause) {
      throw cause instanceof WireError ? cause : new WireError(`no value: ${String(cause)}`, { cause });
    }
  }

  #queryNamed(name: string): RowOf | undefined {
    const { queries } = this.#definition;
    return Object.hasOwn(queries, name) ? (queries[name] as RowOf) : undefined;
  }

  /** Some values of these ranges in hash order, committed ones. */
  #pageOver(
    ranges: readonly HashRange[],
    after: Position | undefined,
    limit: number,
  ): { items: readonly HeldItem[]; upTo: RecordKey | undefined } {
    const items: HeldItem[] = [];
    for (const range of ranges.filter(({ end }) => after === undefined || after[0] < end)) {
      // It can only go on from where something was told of.
      const last = items.at(-1);
      if (last !== undefined && items.length >= limit) return { items, upTo: last };
      const from = after !== undefined && covers([range], after[0]) ? after : undefined;
      const page = this.#items.page(range, { after: from, items: limit - items.length, committed: true });
      items.push(...page.items);
      if (page.upTo === undefined) continue;
      const [hashHi, hashLo] = page.upTo;
      return { items, upTo: { hashHi, hashLo, key: page.items.at(-1)?.key ?? '' } };
    }
    return { items, upTo: undefined };
  }

  #drawActor(): string {
    const word = (): string => this.#context.host.random().toString(16).padStart(8, '0');
    return word() + word();
  }

  #sweepLater(): void {
    if (this.#definition.isPast === undefined || this.#closed) return;
    this.#sweep = this.#context.host.setTimer(SWEEP_MS, () => {
      let after: Position | undefined;
      const later = (): void => this.#sweepLater();
      this.#context.pool.run({ refuse: later, fail: later }, () => {
        const now = this.#context.bounds.lowestClock();
        // A member has fallen silent: nobody knows for how long.
        after = now === undefined || this.#closed ? undefined : this.#sweepPage(after, now);
        if (after !== undefined) return false;
        later();
        return true;
      });
    });
  }

  #sweepPage(after: Position | undefined, now: number): Position | undefined {
    const { items, upTo } = this.#items.page(ALL_HASHES, { after, items: STEP_ITEMS, committed: true });
    for (const item of items)
      if (!this.#items.isInFlight(item.key) && this.#isPast(item.value, now)) this.#remove(item);
    return upTo;
  }

  /** What a disk has damaged is not; others are looked for behind it. */
  #isPast(bytes: Uint8Array, now: number): boolean {
    let value: unknown;
    try {
      value = this.#decode(bytes);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
    return this.#definition.isPast?.(value, now) === true;
  }
}

function isAfter({ hashHi, hashLo }: RecordKey, [endHi, endLo]: Position): boolean {
  return hashHi > endHi || (hashHi === endHi && hashLo > endLo);
}
