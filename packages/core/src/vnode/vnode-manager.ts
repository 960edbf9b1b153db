/**
 * All vnodes of a node: opens them, keeps each one's standing true to the ring, wakes them when the store moves on.
 *
 * Every owned partition is open from the start, so that each has its durable record from the birth of the ring on;
 * a vnode that stands in, or that holds items from before a join, is open as long as it holds something.
 */
import { assert } from '../base/assert.ts';
import type { Host } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META, type Place, type Store } from '../contracts/store.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import type { RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import { VnodeHost } from './vnode-host.ts';
import { serviceOfRecord, vnodeRecordKey, type VnodeStanding } from './vnode-record.ts';
import { WorkerPool } from './worker-pool.ts';

export interface VnodeManagerInit {
  readonly self: NodeId;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  readonly durability: 'process' | 'power';
  readonly modules: readonly VnodeModule<unknown, unknown>[];
  /** Commands that a vnode has taken and not answered, at most; `MAILBOX_MAX` when left out. */
  readonly mailboxMax?: number | undefined;
}

/** What the node knows of its lives before this one. */
export interface StartProof {
  /** There was none. */
  readonly firstLife: boolean;
  /** The store surely holds what was acknowledged from it. */
  readonly intact: boolean;
}

/** Records about itself that a place has at most, far more than services. */
const RECORDS_MAX = 1_000;

/** The vnodes of one service, as its requests look for them. */
export interface ServiceVnodes {
  find(partition: PartitionId): VnodeHost | undefined;
  /** Opened as a stand-in when it is not there. */
  findOrStandIn(partition: PartitionId): VnodeHost;
}

export class VnodeManager {
  readonly #init: VnodeManagerInit;
  /** By service name, by partition. */
  readonly #hosts = new Map<string, (VnodeHost | undefined)[]>();
  readonly #stored: { readonly seq: number; readonly done: () => void }[] = [];
  readonly #pool: WorkerPool;
  #document!: RingDocument;
  #intact = true;
  /** Vnodes on disk of services that do not run here. */
  readonly #unserved: { readonly service: string; readonly at: Place }[] = [];
  /** Batches that remove the records of discarded vnodes, by service and partition. */
  readonly #forgotten = new Map<string, number>();

  constructor(init: VnodeManagerInit) {
    this.#init = init;
    this.#pool = new WorkerPool(init.host);
    for (const module of init.modules) this.#hosts.set(module.name, []);
  }

  /** Open what the ring gives this node and what its store still holds. Once, before anything else. */
  start(document: RingDocument, { firstLife, intact }: StartProof): void {
    this.#document = document;
    this.#intact = intact;
    const bits = ringBits(document.ringSize);
    for (const module of this.#init.modules) {
      for (const place of this.#init.store.places(SPACE_META)) {
        if (place.ringBits !== bits) continue;
        const known = this.#init.store.get(SPACE_META, place, vnodeRecordKey(module.name));
        if (known !== undefined) this.#open(module, place.partition, 'hint', false);
      }
      // Items without a record would be nobody's; there should be none.
      for (const place of this.#init.store.places(SPACE_ENTRY)) {
        if (place.ringBits === bits) this.#open(module, place.partition, 'hint', false);
      }
      for (let p = 0; p < document.ringSize; p++) {
        // Nothing can be missing from the vnodes of a ring that is being born; of any other they must have a record.
        if (document.owners[p] === this.#init.self)
          this.#open(module, p as PartitionId, 'owner', firstLife && document.epoch === 1);
      }
    }
    this.adopt(document);
    this.#findUnserved();
    const partial = this.partialOwned.length;
    if (partial > 0)
      this.#init.logger.warn(
        { vnodes: partial },
        'vnodes cannot prove that they hold everything; they serve and heal',
      );
  }

  /** Bring every vnode's standing in line with a newer ring. */
  adopt(document: RingDocument): void {
    const self = this.#init.self;
    assert(document.ringSize === this.#document.ringSize, 'a node keeps its ring size');
    this.#document = document;
    const incoming = new Set(
      document.pending.filter((transfer) => transfer.to === self).map((t) => t.partition),
    );
    for (const module of this.#init.modules) {
      for (let p = 0; p < document.ringSize; p++) {
        const partition = p as PartitionId;
        const owner = document.owners[p] === self;
        const host = this.find(module.name, partition);
        if (host === undefined) {
          if (owner) this.#openAnew(module, partition, 'owner');
          else if (incoming.has(partition)) this.#openAnew(module, partition, 'receiving');
        } else if (owner) host.become('owner', document.epoch);
        else if (incoming.has(partition)) {
          if (host.standing !== 'receiving') host.become('receiving', document.epoch, 'partial');
        } else if (host.standing === 'owner' || host.standing === 'receiving') {
          host.become('hint', document.epoch, 'partial');
        }
      }
    }
  }

  find(service: string, partition: PartitionId): VnodeHost | undefined {
    return this.#hosts.get(service)?.[partition];
  }

  of(service: string): ServiceVnodes {
    const hosts = this.#hosts.get(service);
    assert(hosts !== undefined, 'a service of this node');
    return {
      find: (partition) => hosts[partition],
      findOrStandIn: (partition) => hosts[partition] ?? this.findOrStandIn(service, partition),
    };
  }

  /** The vnode of this partition, opened as a stand-in when it is not there. */
  findOrStandIn(service: string, partition: PartitionId): VnodeHost {
    const found = this.find(service, partition);
    if (found !== undefined) return found;
    const module = this.#init.modules.find((candidate) => candidate.name === service);
    assert(module !== undefined, 'a service of this node');
    return this.#openAnew(module, partition, 'hint');
  }

  /** Of each kind, that of the fullest vnode. */
  limits(): LimitUse[] {
    return [this.#pool.limit, ...fullestOf(this.all().flatMap((vnode) => vnode.limits()))];
  }

  /** Vnodes that are open, in no particular order. */
  all(): VnodeHost[] {
    return [...this.#hosts.values()].flatMap((hosts) => hosts.filter((host) => host !== undefined));
  }

  /** No job of a vnode runs any more, and none is taken. */
  stop(): void {
    this.#pool.stop();
  }

  /** Commands that vnodes have taken and not answered. */
  get open(): number {
    return this.all().reduce((sum, host) => sum + host.open, 0);
  }

  /** Owners that lack, or may lack, what they should hold. */
  get partialOwned(): VnodeHost[] {
    return this.all().filter((host) => host.standing === 'owner' && !host.whole);
  }

  /** A service with a vnode on disk, at this place or anywhere, that no module here stands for and that `isRun` elsewhere. */
  unserved(place: Place | undefined, isRun: (service: string) => boolean): string | undefined {
    return this.#unserved.find(
      ({ service, at }) =>
        (place === undefined || (at.partition === place.partition && at.ringBits === place.ringBits)) &&
        isRun(service),
    )?.service;
  }

  /** A node that was started with fewer services than before still has what those held. */
  #findUnserved(): void {
    const { store, modules, logger } = this.#init;
    const served = new Set(modules.map((module) => module.name));
    for (const at of store.places(SPACE_META)) {
      store.walk(SPACE_META, at, undefined, RECORDS_MAX, (_hashHi, _hashLo, key) => {
        const service = serviceOfRecord(key);
        if (service !== undefined && !served.has(service)) this.#unserved.push({ service, at });
        return true;
      });
    }
    const services = [...new Set(this.#unserved.map(({ service }) => service))];
    if (services.length > 0)
      logger.warn({ services }, 'this node holds items of services that it does not run');
  }

  /** Close a vnode that is empty and stands in for nobody any more. */
  discard(host: VnodeHost): void {
    assert(host.standing === 'hint' || host.standing === 'retired', 'an owned vnode stays open');
    const seq = host.forget();
    if (seq !== undefined) this.#forgotten.set(keyOf(host.service, host.place.partition), seq);
    const hosts = this.#hosts.get(host.service) as (VnodeHost | undefined)[];
    hosts[host.place.partition] = undefined;
  }

  /** Call back once everything submitted to the store so far is as durable as an acknowledged write. */
  whenStored(seq: number, done: () => void): void {
    if (this.#durableSeq() >= seq) done();
    else this.#stored.push({ seq, done });
  }

  onStoreProgress(failedFrom?: number): void {
    for (const hosts of this.#hosts.values()) for (const host of hosts) host?.onStoreProgress(failedFrom);
    for (const [key, seq] of this.#forgotten)
      if (seq <= this.#init.store.committedSeq || seq >= (failedFrom ?? Infinity))
        this.#forgotten.delete(key);
    const reached = this.#durableSeq();
    while (this.#stored.length > 0 && (this.#stored[0] as { seq: number }).seq <= reached) {
      (this.#stored.shift() as { done: () => void }).done();
    }
    if (failedFrom !== undefined) this.#stored.length = 0;
  }

  #durableSeq(): number {
    const { store, durability } = this.#init;
    return durability === 'power' ? store.flushedSeq : store.committedSeq;
  }

  /** A vnode that was not here. A record that could not be removed when it last was says nothing of how it stands now. */
  #openAnew(
    module: VnodeModule<unknown, unknown>,
    partition: PartitionId,
    standing: VnodeStanding,
  ): VnodeHost {
    const host = this.#open(module, partition, standing, false);
    host.become(standing, this.#document.epoch, 'partial');
    return host;
  }

  #open(
    module: VnodeModule<unknown, unknown>,
    partition: PartitionId,
    standing: VnodeStanding,
    whole: boolean,
  ): VnodeHost {
    const found = this.find(module.name, partition);
    if (found !== undefined) return found;
    const { self, host, store, logger, durability } = this.#init;
    const place: Place = { ringBits: ringBits(this.#document.ringSize), partition };
    const opened = new VnodeHost({
      self,
      place,
      module,
      host,
      store,
      logger,
      pool: this.#pool,
      durability,
      standing,
      whole,
      intact: this.#intact,
      forgotten: this.#forgotten.has(keyOf(module.name, partition)),
      epoch: this.#document.epoch,
      mailboxMax: this.#init.mailboxMax,
    });
    (this.#hosts.get(module.name) as (VnodeHost | undefined)[])[partition] = opened;
    return opened;
  }
}

function keyOf(service: string, partition: PartitionId): string {
  return `${service}/${partition}`;
}

/** One for each limit: what is used at most, and all that was refused. */
function fullestOf(limits: readonly LimitUse[]): LimitUse[] {
  const fullest = new Map<string, LimitUse>();
  for (const use of limits) {
    const other = fullest.get(use.limit) ?? use;
    const reached = other === use ? (use.reached ?? 0) : (other.reached ?? 0) + (use.reached ?? 0);
    fullest.set(use.limit, { ...use, used: Math.max(other.used ?? 0, use.used ?? 0), reached });
  }
  return [...fullest.values()];
}
