/**
 * One partition's life on one node: the module's vnode, its mailbox, its durable record, and how it stands to the ring.
 *
 * The host keeps the record true (written before what follows from it, in the same store and order as the items),
 * tells the vnode in which capacity it answers, and passes changed items on to whoever is taking the partition over.
 *
 * A vnode that throws over a command has a bug, and a bug of one service is not to take the node down: who asked is told
 * that it failed, the log has the error, and the vnode lives on. One that keeps throwing is opened anew from the store, if
 * its module says that it can be (`reopens`). A broken invariant is not caught: it crashes.
 */
import { BrokenInvariant } from '../base/assert.ts';
import { WireError } from '../base/bytes.ts';
import { compareStamps } from '../base/hybrid-clock.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import { SPACE_META, type HashRange, type Place, type Store } from '../contracts/store.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type {
  Bounds,
  CoverageQuery,
  ItemTrees,
  Vnode,
  VnodeContext,
  VnodeModule,
  VnodeRole,
} from '../contracts/vnode.ts';
import { covers } from '../ring/ranges.ts';
import { Mailbox, MAILBOX_MAX, VnodeToken } from './mailbox.ts';
import {
  decodeVnodeRecord,
  encodeVnodeRecord,
  vnodeRecordKey,
  type VnodeRecord,
  type VnodeStanding,
} from './vnode-record.ts';
import type { JobToken, WorkerPool } from './worker-pool.ts';

/** Takes over what changes while it is on its way to another place. */
export interface ItemSink {
  /** What it is interested in. */
  readonly ranges: readonly HashRange[];
  passOn(item: Uint8Array): void;
}

/** What the host of a vnode is given. */
export interface VnodeHostInit {
  readonly self: NodeId;
  readonly place: Place;
  readonly module: VnodeModule<unknown, unknown>;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  /** Of the node. */
  readonly pool: WorkerPool;
  readonly bounds: Bounds;
  readonly durability: 'process' | 'power';
  /** How the vnode stands when it has no record yet. */
  readonly standing: VnodeStanding;
  readonly whole: boolean;
  /** The store surely holds what was acknowledged from it. */
  readonly intact: boolean;
  /** A record that may still be in the store was removed, and the removal is on its way. */
  readonly forgotten: boolean;
  readonly epoch: Epoch;
  /** Whose ring that is. */
  readonly clusterId: string;
  /** Commands taken and not answered, at most; `MAILBOX_MAX` when left out. */
  readonly mailboxMax?: number | undefined;
}

/** A vnode that throws so often within this time is opened anew. */
const FAULTS_MAX = 3;
const FAULTS_WITHIN_MS = 60_000;

export class VnodeHost {
  readonly place: Place;
  readonly service: string;
  readonly #init: VnodeHostInit;
  readonly #mailbox: Mailbox;
  readonly #context: VnodeContext;
  #vnode: Vnode<unknown, unknown>;
  /** When it threw, of late. */
  #faults: number[] = [];
  /** The batch that must be stored before the vnode is opened anew; until then it takes no commands. */
  #reopensAt: number | undefined;
  /** Askers that are just being told an answer: what is thrown there is not this vnode's. */
  telling = 0;
  #record: VnodeRecord;
  /** The batch that holds the record; undefined: the store did not take it. */
  #recordSeq: number | undefined;
  /** By the monotonic clock: until then somebody may still count what this vnode answered and has forgotten. */
  #countsFrom = -Infinity;
  #fence: Timer | undefined;
  #sinks: ItemSink[] = [];
  /** Items that have changed so far. */
  #changes = 0;

  constructor(init: VnodeHostInit) {
    this.#init = init;
    this.place = init.place;
    this.service = init.module.name;
    this.#mailbox = new Mailbox(init.mailboxMax ?? MAILBOX_MAX, () => init.host.monotonic());
    this.#record = this.#findOrMakeRecord();
    // Who was an owner before and cannot prove it whole; or could not a moment ago, in another life.
    if (!this.whole) this.#doubt();
    else if (this.#record.forgetful === true) this.#beginFence();
    this.#context = this.#makeContext();
    this.#vnode = init.module.open(this.#context);
  }

  get standing(): VnodeStanding {
    return this.#record.role;
  }

  /** Holds everything that an owner of this partition should. */
  get whole(): boolean {
    return this.#record.state === 'whole';
  }

  /** In whose name this vnode counts; another one whenever it cannot prove itself whole. */
  get actor(): string {
    return this.#record.actor;
  }

  get role(): VnodeRole {
    return this.#record.role === 'owner' ? 'primary' : 'fallback';
  }

  /** The vnode speaks as a stand-in: what it does not hold may still exist. */
  get standsIn(): boolean {
    return this.#record.role !== 'owner' || this.#record.state !== 'whole';
  }

  /** Fenced commands are refused from now on, by this life and by later ones. Undone by `unseal` or another standing. */
  get sealed(): boolean {
    return this.#record.sealed === true;
  }

  /** What it answers may be counted in a majority of its partition's owners. */
  get countsInMajorities(): boolean {
    const { role, state, sealed } = this.#record;
    const counts = role === 'owner' && state === 'whole' && sealed !== true;
    return counts && this.#init.host.monotonic() >= this.#countsFrom;
  }

  /** What it answered may have been forgotten. */
  #doubt(): void {
    if (this.#record.role !== 'owner') return;
    const isFenced = this.#beginFence();
    if (isFenced && this.#record.forgetful !== true)
      this.#write({ ...this.#record, state: 'partial', forgetful: true });
    else this.become('owner', this.#record.epoch, 'partial');
  }

  /** From now on, as long as anybody may count what was answered before. False: of this module nobody counts anything. */
  #beginFence(): boolean {
    const { host, module } = this.#init;
    const { fencedForMs = 0 } = module;
    this.#fence?.cancel();
    if (fencedForMs === 0) return false;
    this.#countsFrom = host.monotonic() + fencedForMs;
    this.#fence = host.setTimer(fencedForMs, () => this.#endFence());
    return true;
  }

  #endFence(): void {
    const { forgetful, ...record } = this.#record;
    if (forgetful === true) this.#write(record);
  }

  get vnode(): Vnode<unknown, unknown> {
    return this.#vnode;
  }

  /** Its copies may be compared with others: what it lacks nobody is bringing it already. */
  get comparable(): boolean {
    return this.#record.role === 'owner' && this.whole;
  }

  get trees(): ItemTrees | undefined {
    return this.#vnode.trees;
  }

  /**
   * Merge an item of another copy, read when the reap floor was `asOf`. `done` once it is as durable as an acknowledged write;
   * `same`: nothing was to be done.
   */
  merge(item: Uint8Array, asOf: Uint8Array, done: (merged: 'changed' | 'same' | 'failed') => void): void {
    // What goes into a vnode that another is about to take the place of, that one knows nothing of.
    if (this.#reopensAt !== undefined) return done('failed');
    const before = this.#changes;
    let changed: boolean | undefined;
    try {
      const floorHasRisen = compareStamps(this.#init.bounds.floor, 0, asOf, 0) > 0;
      if (this.#vnode.mayBeReaped?.(item, floorHasRisen) === true)
        return done(floorHasRisen ? 'failed' : 'same');
      this.#vnode.handleHandoffItem(item, (stored) => {
        const merged = (changed ?? this.#changes > before) ? 'changed' : 'same';
        done(stored ? merged : 'failed');
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const { partition } = this.place;
      this.#init.logger.error(
        { partition, reason: error.message },
        'an item made no sense; it was not stored',
      );
      return done('failed');
    }
    changed = this.#changes > before;
  }

  /** Commands taken and not answered. */
  get open(): number {
    return this.#mailbox.open;
  }

  /** Of the host and of the module. */
  limits(): LimitUse[] {
    return [this.#mailbox.limit, ...(this.#vnode.limits?.() ?? [])];
  }

  /** `remainingMs`: how long the asker waits. */
  handle(command: unknown, token: VnodeToken, remainingMs: number): void {
    if (this.#mailbox.full || this.#reopensAt !== undefined) return token.refuse('overload');
    const { telling } = this;
    try {
      this.#vnode.handleCommand(command, token);
    } catch (error) {
      this.#survive(error, token, telling);
    }
    if (!token.answered) this.#mailbox.keep(token, remainingMs);
  }

  handleCoverage(query: CoverageQuery<unknown>, token: VnodeToken, remainingMs: number): void {
    if (this.#mailbox.full || this.#reopensAt !== undefined) return token.refuse('overload');
    const { telling } = this;
    try {
      if (this.#vnode.handleCoverage === undefined) token.refuse('bad_request');
      else this.#vnode.handleCoverage(query, token);
    } catch (error) {
      this.#survive(error, token, telling);
    }
    if (!token.answered) this.#mailbox.keep(token, remainingMs);
  }

  /** Take another standing under the ring of `epoch`. A vnode that becomes owner keeps its wholeness. */
  become(role: VnodeStanding, epoch: Epoch, state: VnodeRecord['state'] = this.#record.state): void {
    const record = this.#record;
    if (record.role === role && record.state === state && this.#recordSeq !== undefined) return;
    const { repairAsked, sealed, forgetful, ...others } = record;
    const stillAsked = repairAsked === true && role === 'owner';
    const stillSealed = sealed === true && role === 'owner';
    const stillForgetful = forgetful === true && role === 'owner';
    this.#write({
      ...others,
      role,
      epoch,
      state,
      ...(stillAsked && { repairAsked }),
      ...(stillSealed && { sealed }),
      ...(stillForgetful && { forgetful }),
    });
  }

  /**
   * The ring is of this cluster. What a vnode held when it served another, its node alone, may well be all that there was;
   * it is not all that an owner in this one should hold.
   */
  enter(clusterId: string): void {
    const record = this.#record;
    if (record.clusterId === clusterId) return;
    const state = record.clusterId === undefined ? record.state : 'partial';
    this.#write({ ...record, clusterId, state });
  }

  /** Somebody asked for a repair, which only an owner is worth. */
  get repairAsked(): boolean {
    return this.#record.repairAsked === true;
  }

  askForRepair(asked: boolean): void {
    const { repairAsked: _, ...record } = this.#record;
    this.#write({ ...record, ...(asked && { repairAsked: true }) });
  }

  /** Under the ring of `epoch`. */
  seal(epoch: Epoch): void {
    if (this.sealed && this.#recordSeq !== undefined) return;
    this.#write({ ...this.#record, epoch, sealed: true });
  }

  /** Of the ring under which it last took its standing, or was sealed. */
  get epoch(): Epoch {
    return this.#record.epoch;
  }

  /** A newer ring has it that the partition stays. `state`: whether it may have been away meanwhile. */
  unseal(state: VnodeRecord['state']): void {
    const { sealed: _, ...record } = this.#record;
    this.#write({ ...record, state });
  }

  addSink(sink: ItemSink): void {
    this.#sinks = [...this.#sinks, sink];
  }

  removeSink(sink: ItemSink): void {
    this.#sinks = this.#sinks.filter((other) => other !== sink);
  }

  onStoreProgress(failedFrom?: number): void {
    if (failedFrom !== undefined && this.#recordSeq !== undefined && this.#recordSeq >= failedFrom)
      this.#recordSeq = undefined;
    this.#vnode.onStoreProgress(failedFrom);
    if (this.#reopensAt !== undefined) this.#maybeReopen(failedFrom);
  }

  /** Its node stops, or it is empty and not needed. */
  close(): void {
    this.#fence?.cancel();
    this.#vnode.close?.(true);
  }

  /** Remove the record of a vnode that is empty and stands in for nobody. The batch that does it, if the store took it. */
  forget(): number | undefined {
    const { place } = this;
    return this.#init.store.submit([
      { ...vnodeRecordKey(this.service), space: SPACE_META, place, value: undefined },
    ]);
  }

  #step(token: JobToken, step: () => boolean): boolean {
    const { telling } = this;
    try {
      return step();
    } catch (error) {
      this.#survive(error, token, telling);
      return true;
    }
  }

  #survive(error: unknown, token: JobToken, telling: number): void {
    const isAskers = this.telling > telling;
    this.telling = telling;
    if (isAskers || error instanceof BrokenInvariant) throw error;
    const { module, logger, host, store } = this.#init;
    const { partition } = this.place;
    logger.error(
      { service: module.name, partition, error },
      'a vnode threw over a command; who asked is told',
    );
    const why = `the vnode threw: ${String(error)}`;
    if (token instanceof VnodeToken) token.abandon(why);
    else token.fail(why);
    const now = host.monotonic();
    this.#faults = [...this.#faults.filter((at) => now - at < FAULTS_WITHIN_MS), now];
    if (module.reopens !== true || this.#faults.length < FAULTS_MAX || this.#reopensAt !== undefined) return;
    // What is on its way must have arrived, and whoever waits for it been told, before another vnode reads it.
    this.#reopensAt = store.submit([]);
    if (this.#reopensAt !== undefined) this.#maybeReopen(undefined);
  }

  #maybeReopen(failedFrom: number | undefined): void {
    const { module, logger, store, durability } = this.#init;
    const at = this.#reopensAt as number;
    const reached = durability === 'power' ? store.flushedSeq : store.committedSeq;
    if (reached < at && (failedFrom === undefined || failedFrom > at)) return;
    this.#reopensAt = undefined;
    this.#faults = [];
    this.#vnode.close?.(false);
    this.#vnode = module.open(this.#context);
    const { partition } = this.place;
    logger.error(
      { service: module.name, partition },
      'a vnode that kept throwing was opened anew from the store',
    );
  }

  #findOrMakeRecord(): VnodeRecord {
    const { store, place, forgotten } = this.#init;
    const bytes = store.get(SPACE_META, place, vnodeRecordKey(this.service));
    const record = bytes === undefined || forgotten ? undefined : decodeVnodeRecord(bytes);
    if (record !== undefined) {
      if (record.storeId === store.storeId && this.#init.intact) {
        this.#recordSeq = store.committedSeq;
        return record;
      }
      return this.#write({ ...record, storeId: store.storeId, state: 'partial', actor: this.#drawActor() });
    }
    const { standing, whole, epoch, clusterId } = this.#init;
    // One that was there and cannot be read any more said who knows what.
    return this.#write({
      epoch,
      role: standing,
      state: whole && bytes === undefined ? 'whole' : 'partial',
      reapFloor: '',
      storeId: store.storeId,
      actor: this.#drawActor(),
      treeCheckpoint: '',
      clusterId,
    });
  }

  #write(record: VnodeRecord): VnodeRecord {
    this.#record = record;
    this.#recordSeq = this.#init.store.submit([encodeVnodeRecord(this.service, this.place, record)]);
    return record;
  }

  /** Whoever writes to a retired vnode makes its data more than a redundant copy again. */
  #beforeChange(): void {
    if (this.#record.role === 'retired') this.become('hint', this.#record.epoch);
    if (this.#recordSeq === undefined) this.#write(this.#record);
  }

  #passOn(hashHi: number, encode: () => Uint8Array): void {
    let item: Uint8Array | undefined;
    for (const sink of this.#sinks) if (covers(sink.ranges, hashHi)) sink.passOn((item ??= encode()));
  }

  #drawActor(): string {
    const word = (): string => this.#init.host.random().toString(16).padStart(8, '0');
    return word() + word();
  }

  #makeContext(): VnodeContext {
    const { self, place, host, store, logger, pool, durability, bounds } = this.#init;
    return {
      self,
      place,
      host,
      store,
      logger,
      pool: {
        run: (token, step) => pool.add({ owner: this, token, step: () => this.#step(token, step) }),
      },
      durability,
      role: () => this.role,
      bounds,
      beforeChange: () => this.#beforeChange(),
      doubt: () => this.#doubt(),
      changed: (hashHi, encode) => {
        this.#changes++;
        if (this.#sinks.length > 0) this.#passOn(hashHi, encode);
      },
    };
  }
}
