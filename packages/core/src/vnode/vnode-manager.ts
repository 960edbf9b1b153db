/**
 * All vnodes of a node: opens them, keeps each one's standing true to the ring, wakes them when the store moves on.
 *
 * Every owned partition is open from the start, so that each has its durable record from the birth of the ring on;
 * a vnode that stands in, or that holds items from before a join, is open as long as it holds something.
 *
 * Vnodes of the ring that serves are found by partition, which requests do all the time. Beside them there may be some
 * of rings of other sizes: of the one that is being filled, each opened when its first transfer is offered, and of
 * those that were, as long as they hold something. When the ring takes another size the ones become owners and the
 * others hints, which are handed over.
 *
 * What was filled for a ring that never came is redundant: nobody but transfers has written to it, and the sources of
 * those are whole. It is retired.
 */
import { assert } from '../base/assert.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META, type Place, type Store } from '../contracts/store.ts';
import type { Bounds, VnodeModule } from '../contracts/vnode.ts';
import type { RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import { StoreWaiters } from './store-waiters.ts';
import { VnodeHost } from './vnode-host.ts';
import { serviceOfRecord, vnodeRecordKey, type VnodeStanding } from './vnode-record.ts';
import { WorkerPool } from './worker-pool.ts';

/** What the vnodes of a node have in common. */
export interface VnodeManagerInit {
  readonly self: NodeId;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  readonly durability: 'process' | 'power';
  readonly modules: readonly VnodeModule<unknown, unknown>[];
  readonly bounds: Bounds;
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
  /** Of the ring that serves: by service name, by partition. */
  readonly #hosts = new Map<string, (VnodeHost | undefined)[]>();
  /** Of rings of other sizes: by service name and place. */
  readonly #others = new Map<string, VnodeHost>();
  readonly #waitingForStored = new StoreWaiters();
  readonly #waitingForFlush = new StoreWaiters();
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
    for (const module of this.#init.modules) {
      for (const place of this.#init.store.places(SPACE_META)) {
        const known = this.#init.store.get(SPACE_META, place, vnodeRecordKey(module.name));
        if (known !== undefined) this.#open(module, place, 'hint', false);
      }
      // Items without a record would be nobody's; there should be none.
      for (const place of this.#init.store.places(SPACE_ENTRY)) this.#open(module, place, 'hint', false);
      for (let p = 0; p < document.ringSize; p++) {
        // Nothing can be missing from the vnodes of a ring that is being born; of any other they must have a record.
        if (document.owners[p] === this.#init.self)
          this.#open(module, this.#placeOf(p), 'owner', firstLife && document.epoch === 1);
      }
    }
    // What was passed on while this node was down is missing there.
    for (const host of this.all())
      if (host.standing === 'receiving') host.become('receiving', document.epoch, 'partial');
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
    const resized = document.ringSize !== this.#document.ringSize;
    const before = this.#document;
    this.#document = document;
    if (resized) this.#sortAnew();
    for (const host of this.all()) host.enter(document.clusterId);
    const incoming = new Set(
      document.pending.filter((transfer) => transfer.to === self).map((t) => t.partition),
    );
    for (const module of this.#init.modules) {
      for (let p = 0; p < document.ringSize; p++) {
        const partition = p as PartitionId;
        const owner = document.owners[p] === self;
        const host = this.find(module.name, partition);
        if (host === undefined) {
          if (owner) this.#openAnew(module, this.#placeOf(p), 'owner');
          else if (incoming.has(partition)) this.#openAnew(module, this.#placeOf(p), 'receiving');
        } else if (owner) {
          if (host.sealed) this.#reconsiderSeal(host, before === document ? host.epoch : before.epoch);
          host.become('owner', document.epoch);
        } else if (incoming.has(partition)) {
          if (host.standing !== 'receiving') host.become('receiving', document.epoch, 'partial');
        } else if (host.standing === 'owner' || host.standing === 'receiving') {
          host.become('hint', document.epoch, 'partial');
        }
      }
    }
    for (const host of this.#others.values()) {
      if (host.standing === 'owner') host.become('hint', document.epoch, 'partial');
      else if (host.standing === 'receiving' && !this.isToFill(host.place))
        host.become('retired', document.epoch, 'partial');
    }
  }

  /**
   * A sealed owner stays sealed as long as its partition is on its way. Where it is not any more, and the ring is the next
   * after the last that was `known` here, it never left; otherwise it may have been with another node, and come back.
   */
  #reconsiderSeal(host: VnodeHost, known: Epoch): void {
    const { pending, resize, epoch } = this.#document;
    const { self } = this.#init;
    const { partition } = host.place;
    if (resize !== undefined || pending.some((p) => p.partition === partition && p.from === self)) return;
    host.unseal(epoch - known <= 1 && host.whole ? 'whole' : 'partial');
  }

  /** Of the ring that serves. */
  find(service: string, partition: PartitionId): VnodeHost | undefined {
    return this.#hosts.get(service)?.[partition];
  }

  /** Of whatever ring. */
  findAt(service: string, place: Place): VnodeHost | undefined {
    if (this.#isOfThisRing(place)) return this.find(service, place.partition);
    return this.#others.get(keyOf(service, place));
  }

  /** The vnode of this place; opened, when it is not there, to be filled for a coming ring or to stand in. */
  findOrOpenAt(service: string, place: Place): VnodeHost {
    const filling = this.isToFill(place);
    const found = this.findAt(service, place);
    if (found === undefined)
      return this.#openAnew(this.#moduleOf(service), place, filling ? 'receiving' : 'hint');
    // One of a former ring of that size, and on its way out.
    if (filling && found.standing !== 'receiving') found.become('receiving', this.#document.epoch, 'partial');
    return found;
  }

  /** Whether this node is to own the place under a ring that is being filled. */
  isToFill({ ringBits: bits, partition }: Place): boolean {
    const { resize } = this.#document;
    return (
      resize !== undefined && 1 << bits === resize.ringSize && resize.owners[partition] === this.#init.self
    );
  }

  of(service: string): ServiceVnodes {
    const hosts = this.#hostsOf(service);
    return {
      find: (partition) => hosts[partition],
      findOrStandIn: (partition) => hosts[partition] ?? this.findOrStandIn(service, partition),
    };
  }

  /** The vnode of this partition, opened as a stand-in when it is not there. */
  findOrStandIn(service: string, partition: PartitionId): VnodeHost {
    const found = this.find(service, partition);
    return found ?? this.#openAnew(this.#moduleOf(service), this.#placeOf(partition), 'hint');
  }

  /** Of each kind, that of the fullest vnode. */
  limits(): LimitUse[] {
    return [this.#pool.limit, ...fullestOf(this.all().flatMap((vnode) => vnode.limits()))];
  }

  /** Vnodes that are open, in no particular order. */
  all(): VnodeHost[] {
    // Asked for at every heartbeat, and most places of a large ring are other nodes'.
    const open: VnodeHost[] = [];
    for (const hosts of this.#hosts.values())
      for (const host of hosts) if (host !== undefined) open.push(host);
    for (const host of this.#others.values()) open.push(host);
    return open;
  }

  /** No job of a vnode runs any more, and none is taken. The store still takes what vnodes note for their next lives. */
  stop(): void {
    this.#pool.stop();
    for (const host of this.all()) host.close();
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
      store.walk(SPACE_META, at, undefined, RECORDS_MAX, (hashHi, hashLo, key) => {
        // Records are first of their place; what lies behind is a module's.
        if (hashHi > 0 || hashLo > 0) return false;
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
    const key = keyOf(host.service, host.place);
    host.close();
    const seq = host.forget();
    if (seq !== undefined) this.#forgotten.set(key, seq);
    if (this.#isOfThisRing(host.place)) this.#hostsOf(host.service)[host.place.partition] = undefined;
    else this.#others.delete(key);
  }

  /** Call back once the batch `seq` is as durable as an acknowledged write; never when it is lost before. */
  whenStored(seq: number, done: () => void): void {
    if (this.#durableSeq() >= seq) return done();
    this.#waitingForStored.add(seq, (stored) => {
      if (stored) done();
    });
  }

  /** Call back once all that is committed by now is flushed, whatever an acknowledged write waits for; false: it was lost. */
  whenFlushed(done: (flushed: boolean) => void): void {
    const { committedSeq, flushedSeq } = this.#init.store;
    if (flushedSeq >= committedSeq) done(true);
    else this.#waitingForFlush.add(committedSeq, done);
  }

  onStoreProgress(failedFrom?: number): void {
    for (const hosts of this.#hosts.values()) for (const host of hosts) host?.onStoreProgress(failedFrom);
    for (const host of this.#others.values()) host.onStoreProgress(failedFrom);
    const { committedSeq, flushedSeq } = this.#init.store;
    for (const [key, seq] of this.#forgotten)
      if (seq <= committedSeq || seq >= (failedFrom ?? Infinity)) this.#forgotten.delete(key);
    this.#waitingForStored.settle(this.#durableSeq(), failedFrom);
    this.#waitingForFlush.settle(flushedSeq, failedFrom);
  }

  #durableSeq(): number {
    const { store, durability } = this.#init;
    return durability === 'power' ? store.flushedSeq : store.committedSeq;
  }

  /** A vnode that was not here. A record that could not be removed when it last was says nothing of how it stands now. */
  #openAnew(module: VnodeModule<unknown, unknown>, place: Place, standing: VnodeStanding): VnodeHost {
    const host = this.#open(module, place, standing, false);
    host.become(standing, this.#document.epoch, 'partial');
    return host;
  }

  #open(
    module: VnodeModule<unknown, unknown>,
    place: Place,
    standing: VnodeStanding,
    whole: boolean,
  ): VnodeHost {
    const found = this.findAt(module.name, place);
    if (found !== undefined) return found;
    const { self, host, store, logger, durability, bounds } = this.#init;
    const opened = new VnodeHost({
      self,
      place,
      module,
      host,
      store,
      logger,
      pool: this.#pool,
      bounds,
      durability,
      standing,
      whole,
      intact: this.#intact,
      forgotten: this.#forgotten.has(keyOf(module.name, place)),
      epoch: this.#document.epoch,
      clusterId: this.#document.clusterId,
      mailboxMax: this.#init.mailboxMax,
    });
    this.#keep(opened);
    return opened;
  }

  /** The ring has another size: which vnodes are of it, and which are not. */
  #sortAnew(): void {
    const all = this.all();
    for (const hosts of this.#hosts.values()) hosts.length = 0;
    this.#others.clear();
    for (const host of all) this.#keep(host);
  }

  #keep(host: VnodeHost): void {
    const { service, place } = host;
    if (this.#isOfThisRing(place)) this.#hostsOf(service)[place.partition] = host;
    else this.#others.set(keyOf(service, place), host);
  }

  #isOfThisRing(place: Place): boolean {
    return 1 << place.ringBits === this.#document.ringSize;
  }

  #placeOf(partition: number): Place {
    return { ringBits: ringBits(this.#document.ringSize), partition: partition as PartitionId };
  }

  #hostsOf(service: string): (VnodeHost | undefined)[] {
    const hosts = this.#hosts.get(service);
    assert(hosts !== undefined, 'a service of this node');
    return hosts;
  }

  #moduleOf(service: string): VnodeModule<unknown, unknown> {
    const module = this.#init.modules.find((candidate) => candidate.name === service);
    assert(module !== undefined, 'a service of this node');
    return module;
  }
}

function keyOf(service: string, { ringBits: bits, partition }: Place): string {
  return `${service}/${bits}:${partition}`;
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
