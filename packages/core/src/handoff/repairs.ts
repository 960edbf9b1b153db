/**
 * Repairs of this node's vnodes: each asks the owners of all other copies of its ranges to send what they hold.
 *
 * The vnode keeps what it has and merges what comes; copies that are alike are compared and not sent. Every other copy
 * is asked, on both sides of the partition, so that of every range all copies have met here; one that cannot be reached
 * is waited for. All of it is under one ring: under another one a repair begins anew, which costs little, because what
 * came is there.
 *
 * A vnode is repaired when an operator asks for it, which its record remembers until it is done; and when it is partial:
 * then, with all copies merged, it is whole (rules 3). Asked twice is one repair.
 *
 * Source: Riak Core's riak_core_vnode_manager (repair).
 */
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Place } from '../contracts/store.ts';
import { replicasMax, type RingDocument } from '../ring/document.ts';
import { ringBits as bitsOf } from '../ring/hash-space.ts';
import { rangesShared } from '../ring/ranges.ts';
import { isSamePlace, type Duty } from './duties.ts';
import type { CopyRequest, HandoffPort, TransferableVnode } from './port.ts';
import { isSameTransfer, type TransferName, type WaitingTransfer } from './transfer-status.ts';

/** One other copy. */
interface Copy {
  readonly place: Place;
  readonly owner: NodeId;
  state: 'open' | 'merged';
  /** When its owner was last asked. */
  askedAt: number | undefined;
  /** Why it does not come, and since when. */
  reason: string | undefined;
  since: number;
}

interface Repair {
  readonly vnode: TransferableVnode;
  readonly epoch: Epoch;
  readonly copies: readonly Copy[];
}

/** A request is repeated as long as the copy has not come: its owner may have been started anew. */
const ASK_AGAIN_MS = 2_000;
/** Copies that are asked for at one time; others wait, so that no owner is asked for what cannot be taken yet. */
const ASKED_MAX = 8;

export class Repairs {
  readonly #port: HandoffPort;
  readonly #repairs = new Map<TransferableVnode, Repair>();
  /** Not told yet: they are told together. */
  #ended = 0;

  constructor(port: HandoffPort) {
    this.#port = port;
  }

  /** Begin what is to be repaired, and ask for what has not come. */
  tick(now: number): void {
    const { document } = this.#port;
    for (const [vnode, { epoch }] of this.#repairs)
      if (epoch !== document.epoch || !isWanted(vnode)) this.#repairs.delete(vnode);
    for (const vnode of this.#port.all())
      if (isWanted(vnode) && !this.#repairs.has(vnode)) this.#begin(vnode, now);
    this.#ask(now);
  }

  /** Ask for a repair of this vnode. False: it was asked for already. */
  askFor(vnode: TransferableVnode, now: number): boolean {
    if (vnode.repairAsked) return false;
    vnode.askForRepair(true);
    this.tick(now);
    return true;
  }

  /** It is not wanted any more. A partial vnode goes on: it must become whole. */
  giveUp(partition: PartitionId): boolean {
    const asked = [...this.#repairs.keys()].filter((v) => v.repairAsked && v.place.partition === partition);
    for (const vnode of asked) {
      vnode.askForRepair(false);
      this.#repairs.delete(vnode);
    }
    return asked.length > 0;
  }

  expects({ service, target }: { service: string; target: Place }, from: NodeId, source: Place): boolean {
    for (const { vnode, copies, epoch } of this.#repairs.values()) {
      if (vnode.service !== service || !isSamePlace(vnode.place, target)) continue;
      return epoch === this.#port.document.epoch && copies.some(isOf(from, source));
    }
    return false;
  }

  onMerged(vnode: TransferableVnode, from: NodeId, source: Place): void {
    const repair = this.#repairs.get(vnode);
    const copy = repair?.copies.find(isOf(from, source));
    if (repair === undefined || copy === undefined) return;
    copy.state = 'merged';
    this.#maybeEnd(repair);
    this.#ask(this.#port.host.monotonic());
  }

  /** Copies that have not come and are not `coming`: those that have not even been offered. */
  waiting(coming: readonly TransferName[], now: number): WaitingTransfer[] {
    return [...this.#repairs.values()].flatMap(({ vnode, copies }) =>
      copies
        .filter((copy) => copy.state === 'open')
        .map((copy) => this.#waitingCopy(vnode, copy, now))
        .filter((copy) => !coming.some((name) => isSameTransfer(name, copy))),
    );
  }

  #waitingCopy(vnode: TransferableVnode, copy: Copy, now: number): WaitingTransfer {
    const { place, owner, since } = copy;
    const asked = `${this.#port.nameOf(owner)} was asked for its copy`;
    return {
      kind: 'repair',
      service: vnode.service,
      partition: vnode.place.partition,
      sourcePartition: place.partition,
      from: owner,
      to: this.#port.self,
      reason:
        copy.reason ??
        (copy.askedAt === undefined ? `waits for a place: ${ASKED_MAX} copies at a time` : asked),
      sinceMs: Math.round(now - since),
      retryInMs: undefined,
    };
  }

  #begin(vnode: TransferableVnode, now: number): void {
    const { document } = this.#port;
    const copies = placesOfCopies(vnode.place, document).map((place): Copy => {
      const owner = document.owners[place.partition] as NodeId;
      return { place, owner, state: 'open', askedAt: undefined, reason: undefined, since: now };
    });
    const repair = { vnode, epoch: document.epoch, copies };
    this.#repairs.set(vnode, repair);
    this.#maybeEnd(repair);
  }

  #ask(now: number): void {
    let asked = 0;
    for (const repair of this.#repairs.values()) {
      for (const copy of repair.copies) {
        if (copy.state === 'merged') continue;
        const reason = this.#obstacle(copy, repair.vnode.service);
        if (reason !== undefined) {
          if (copy.reason !== reason) copy.since = now;
          copy.reason = reason;
          copy.askedAt = undefined;
          continue;
        }
        if (++asked > ASKED_MAX) return;
        if (copy.askedAt === undefined || now - copy.askedAt >= ASK_AGAIN_MS) this.#askFor(repair, copy, now);
      }
    }
  }

  #askFor({ vnode, epoch }: Repair, copy: Copy, now: number): void {
    copy.askedAt = now;
    const { ringBits, partition } = vnode.place;
    const request = {
      service: vnode.service,
      epoch,
      ringBits,
      source: copy.place.partition,
      target: partition,
    };
    this.#port.askForCopy(copy.owner, request, (refusal) => {
      if (copy.reason !== refusal) copy.since = this.#port.host.monotonic();
      copy.reason = refusal;
    });
  }

  #obstacle({ owner }: Copy, service: string): string | undefined {
    const name = this.#port.nameOf(owner);
    if (!this.#port.isUp(owner)) return `${name} is down`;
    return this.#port.runs(owner, service) ? undefined : `${name} does not run the service ${service}`;
  }

  #maybeEnd({ vnode, epoch, copies }: Repair): void {
    if (epoch !== this.#port.document.epoch || copies.some((copy) => copy.state === 'open')) return;
    this.#repairs.delete(vnode);
    this.#ended++;
    if (this.#repairs.size === 0) {
      this.#port.logger.info({ vnodes: this.#ended }, 'vnodes have merged all other copies of their ranges');
      this.#ended = 0;
    }
    const { service, place } = vnode;
    if (vnode.repairAsked) vnode.askForRepair(false);
    if (!vnode.whole) this.#port.declareWhole(service, place.partition);
  }
}

/** The other partitions that hold a copy of one of the ranges that this one holds, in ring order. */
function placesOfCopies(place: Place, document: RingDocument): Place[] {
  const n = replicasMax(document);
  const places = document.owners.map((_, partition) => ({ ...place, partition: partition as PartitionId }));
  return places.filter((other) => !isSamePlace(other, place) && rangesShared(other, place, n).length > 0);
}

function isWanted({ standing, repairAsked, whole }: TransferableVnode): boolean {
  return standing === 'owner' && (repairAsked || !whole);
}

function isOf(owner: NodeId, place: Place): (copy: Copy) => boolean {
  return (copy) => copy.owner === owner && isSamePlace(copy.place, place);
}

/** Copies that others have asked this node for. */
export class CopyRequests {
  readonly #port: HandoffPort;
  readonly #requests = new Map<string, { readonly duty: Duty; heardAt: number }>();

  constructor(port: HandoffPort) {
    this.#port = port;
  }

  /** What is owed because of them. */
  get duties(): Duty[] {
    return [...this.#requests.values()].map(({ duty }) => duty);
  }

  /** Why it cannot be sent; undefined: it will. */
  take(from: NodeId, request: CopyRequest, keyOf: (duty: Duty) => string): string | undefined {
    const { document, self } = this.#port;
    const me = this.#port.nameOf(self);
    const { service, epoch, ringBits, source, target } = request;
    if (epoch !== document.epoch) return `${me} has the ring of epoch ${document.epoch}, not ${epoch}`;
    if (ringBits !== bitsOf(document.ringSize))
      return `${me} has a ring of ${document.ringSize} partitions, not ${2 ** ringBits}`;
    const [here, there] = [source, target].map((partition): Place => ({ ringBits, partition })) as [
      Place,
      Place,
    ];
    if (document.owners[source] !== self || document.owners[target] !== from)
      return `${me} does not expect it under epoch ${epoch}`;
    if (this.#port.find(service, here) === undefined) return `${me} does not run the service ${service}`;
    const ranges = rangesShared(here, there, replicasMax(document));
    const duty: Duty = { kind: 'repair', service, source: here, target: there, to: from, ranges };
    this.#requests.set(keyOf(duty), { duty, heardAt: this.#port.host.monotonic() });
    return undefined;
  }

  /** It has been sent, or is not wanted. */
  remove(key: string): void {
    this.#requests.delete(key);
  }

  /** Under another ring it is asked for anew. */
  clear(): void {
    this.#requests.clear();
  }

  /** Who asked and has not asked again for a while does not want it any more. */
  dropSilent(now: number): void {
    for (const [key, { heardAt }] of this.#requests)
      if (now - heardAt > 5 * ASK_AGAIN_MS) this.#requests.delete(key);
  }
}
