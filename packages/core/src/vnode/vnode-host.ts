/**
 * One partition's life on one node: the module's vnode, its durable record, and how it stands to the ring.
 *
 * The host keeps the record true (written before what follows from it, in the same store and order as the items),
 * tells the vnode in which capacity it answers, and passes changed items on to whoever is taking the partition over.
 */
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import { SPACE_META, type HashRange, type Place, type Store } from '../contracts/store.ts';
import type { ReplyToken, Vnode, VnodeContext, VnodeModule, VnodeRole } from '../contracts/vnode.ts';
import { covers } from '../ring/ranges.ts';
import {
  decodeVnodeRecord,
  encodeVnodeRecord,
  vnodeRecordKey,
  type VnodeRecord,
  type VnodeStanding,
} from './vnode-record.ts';

/** Takes over what changes while it is on its way to another place. */
export interface ItemSink {
  /** What it is interested in. */
  readonly ranges: readonly HashRange[];
  passOn(item: Uint8Array): void;
}

export interface VnodeHostInit {
  readonly self: NodeId;
  readonly place: Place;
  readonly module: VnodeModule<unknown, unknown>;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  readonly durability: 'process' | 'power';
  /** How the vnode stands when it has no record yet. */
  readonly standing: VnodeStanding;
  readonly whole: boolean;
  /** The store surely holds what was acknowledged from it. */
  readonly intact: boolean;
  /** A record that may still be in the store was removed, and the removal is on its way. */
  readonly forgotten: boolean;
  readonly epoch: Epoch;
}

export class VnodeHost {
  readonly place: Place;
  readonly service: string;
  readonly #init: VnodeHostInit;
  readonly #vnode: Vnode<unknown, unknown>;
  #record: VnodeRecord;
  /** The batch that holds the record; undefined: the store did not take it. */
  #recordSeq: number | undefined;
  #sinks: ItemSink[] = [];

  constructor(init: VnodeHostInit) {
    this.#init = init;
    this.place = init.place;
    this.service = init.module.name;
    this.#record = this.#findOrMakeRecord();
    this.#vnode = init.module.open(this.#context());
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

  get vnode(): Vnode<unknown, unknown> {
    return this.#vnode;
  }

  handle(command: unknown, token: ReplyToken<unknown>): void {
    this.#vnode.handleCommand(command, token);
  }

  /** Take another standing under the ring of `epoch`. A vnode that becomes owner keeps its wholeness. */
  become(role: VnodeStanding, epoch: Epoch, state: VnodeRecord['state'] = this.#record.state): void {
    const record = this.#record;
    if (record.role === role && record.state === state && this.#recordSeq !== undefined) return;
    this.#write({ ...record, role, epoch, state });
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
  }

  /** Remove the record of a vnode that is empty and stands in for nobody. The batch that does it, if the store took it. */
  forget(): number | undefined {
    const { place } = this;
    return this.#init.store.submit([
      { ...vnodeRecordKey(this.service), space: SPACE_META, place, value: undefined },
    ]);
  }

  #findOrMakeRecord(): VnodeRecord {
    const { store, place, forgotten } = this.#init;
    const bytes = store.get(SPACE_META, place, vnodeRecordKey(this.service));
    if (bytes !== undefined && !forgotten) {
      const record = decodeVnodeRecord(bytes);
      if (record.storeId === store.storeId && this.#init.intact) {
        this.#recordSeq = store.committedSeq;
        return record;
      }
      return this.#write({ ...record, storeId: store.storeId, state: 'partial', actor: this.#drawActor() });
    }
    const { standing, whole, epoch } = this.#init;
    return this.#write({
      epoch,
      role: standing,
      state: whole ? 'whole' : 'partial',
      reapFloor: '',
      storeId: store.storeId,
      actor: this.#drawActor(),
      treeCheckpoint: '',
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

  #context(): VnodeContext {
    const { self, place, host, store, logger, durability } = this.#init;
    return {
      self,
      place,
      host,
      store,
      logger,
      durability,
      role: () => this.role,
      beforeChange: () => this.#beforeChange(),
      changed: (hashHi, encode) => {
        if (this.#sinks.length > 0) this.#passOn(hashHi, encode);
      },
    };
  }
}
