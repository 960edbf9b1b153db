/**
 * The receiving side of transfers: takes offers or says why not, merges what comes, says what it holds already, and
 * acknowledges what is flushed, since the sender, which may have flushed it long ago, deletes it then.
 *
 * Frames wait here for their turn and are merged in small steps (slices.ts), so that a sender that has much under way
 * holds up no request; how much that is, the sender limits, and it hears of a slow disk by late acknowledgements.
 *
 * A vnode that takes ownership says so durably before the last frame is acknowledged. What is passed on between that
 * and the switch still comes by the same transfer, so it is kept until the ring has switched.
 */
import { compareBytes, WireError, type Reader, type Writer } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Place } from '../contracts/store.ts';
import type { ItemPage } from '../contracts/vnode.ts';
import { MESSAGE, type Header } from '../request/message.ts';
import { bucketsOf } from '../ring/buckets.ts';
import { memberOf } from '../ring/document.ts';
import { partitionOf, ringBits as bitsOf } from '../ring/hash-space.ts';
import { dutyKey, isSamePlace, type TransferKind } from './duties.ts';
import { fillingsOf } from './filling.ts';
import {
  readCompare,
  readEnd,
  readItems,
  readOffer,
  writeAck,
  writeAnswer,
  writeHeld,
  type Ack,
  type CompareFrame,
  type ItemsFrame,
  type Offer,
} from './handoff-wire.ts';
import type { Outbox } from './outbox.ts';
import type { HandoffPort, TransferableVnode } from './port.ts';
import { Rate } from './rate.ts';
import { jobForEach, WorkLine, type Job, type Slices } from './slices.ts';
import { digestsOf, isSameSum, sumOf } from './stretch.ts';
import type { TransferName } from './transfer-status.ts';

/** What a transfer into this node has brought so far. */
export interface InboundStatus extends TransferName {
  /** Stored durably. */
  readonly items: number;
  readonly bytes: number;
  readonly itemsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly sinceMs: number;
}

interface EarlyOffer {
  readonly from: NodeId;
  readonly header: Header;
  readonly service: string;
  readonly offer: Offer;
  readonly at: number;
}

interface Inbound {
  readonly from: NodeId;
  readonly id: number;
  readonly source: Place;
  readonly vnode: TransferableVnode;
  readonly kind: TransferKind;
  /** What is to be done with the frames that came, in their order. */
  readonly work: WorkLine;
  readonly begunAt: number;
  readonly rate: Rate;
  items: number;
  bytes: number;
  /** The last frame came; what still comes was passed on. */
  finished: boolean;
  /** All of that is flushed. */
  stored: boolean;
  /** Its source may lack something itself. */
  partial: boolean;
  /** It is not here any more: its work is in vain. */
  gone: boolean;
  lastHeard: number;
}

/** Transfers into one node at a time, unless it is told otherwise. */
export const INBOUND_MAX = 8;
/** An offer that is ahead of this node's ring waits for it so long before it is refused. */
const EARLY_MS = 1_000;
const EARLY_MAX = 64;
/**
 * An inbound transfer that says nothing for this long makes room for another. A sender that gives up says so, one that
 * begins anew takes its own place, and one that dies is noticed: so this is long, for a sender of little bandwidth
 * may be silent for a while.
 */
const SILENT_MS = 300_000;
/** Items merged in one step. */
const STEP_ITEMS = 64;
/** Bytes of items walked by in one step of a comparison. */
const COMPARE_BYTES = 32 * 1024;
/** A stretch with so many times the sender's items is not told item by item: it is cheaper to be sent those. */
const HELD_FACTOR = 4;
const HELD_MIN = 256;
/** Nor is one of more items than a sender has in a page, whatever it says: half a MiB of digests. */
const HELD_MAX = 65_536;
/** Offers of one sender that are remembered: more than it can owe one node at a time on the largest ring. */
const LATEST_MAX = 16_384;

export interface ReceiverParts {
  readonly port: HandoffPort;
  readonly outbox: Outbox;
  readonly slices: Slices;
  /** Whether this vnode asked for a repair from that place of that node. */
  expectsRepair(vnode: { service: string; target: Place }, from: NodeId, source: Place): boolean;
  /** A repair has brought everything that there was. */
  onRepaired(vnode: TransferableVnode, from: NodeId, source: Place): void;
}

export class HandoffReceiver {
  readonly #parts: ReceiverParts;
  readonly #port: HandoffPort;
  readonly #inbound = new Map<string, Inbound>();
  /** By sender and by what is handed over: the offer that came last. Forgotten when the sender is away. */
  readonly #latest = new Map<NodeId, Map<string, number>>();
  /** Offers under a ring that is not here yet. */
  #early: EarlyOffer[] = [];
  #max = INBOUND_MAX;
  /** Offers refused for want of a place. */
  #turnedAway = 0;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#port = parts.port;
  }

  /** The node has a newer ring. */
  adopt(): void {
    for (const inbound of this.#inbound.values()) if (!this.#isStillExpected(inbound)) this.#drop(inbound);
    this.reconsider();
  }

  /** What was early may be in time now. */
  reconsider(): void {
    const early = this.#early;
    this.#early = [];
    for (const { from, header, service, offer } of early) this.#consider(from, header, service, offer);
  }

  onDown(node: NodeId): void {
    for (const inbound of this.#inbound.values()) if (inbound.from === node) this.#drop(inbound);
    this.#early = this.#early.filter((offer) => offer.from !== node);
    this.#latest.delete(node);
  }

  /** What a comparison found here may be among what was lost: who hands over begins anew, and compares again. */
  onStoreFailure(): void {
    for (const inbound of this.#inbound.values()) if (!inbound.stored) this.#giveUp(inbound);
  }

  /** So many at a time from now on; those in excess are sent away, the latest first, and come again later. */
  limitTo(max: number): void {
    this.#max = max;
    const open = [...this.#inbound.values()].filter((inbound) => !inbound.finished);
    for (const inbound of open.slice(max)) {
      this.#answer(inbound.from, inbound.vnode, { id: inbound.id, refusal: this.#full(), compare: false });
      this.#drop(inbound);
    }
  }

  /** Forget transfers that ended or went silent; one that still waits for its switch may pass items on any time. */
  tick(now: number): void {
    const awaited = new Set(this.#port.document.pending.map((transfer) => transfer.partition));
    for (const inbound of this.#inbound.values()) {
      inbound.rate.look(now, inbound.items, inbound.bytes);
      if (inbound.finished && inbound.kind === 'ownership' && awaited.has(inbound.vnode.place.partition))
        continue;
      if (inbound.finished && inbound.kind === 'resize' && !this.#isOwned(inbound.vnode.place)) continue;
      if (now - inbound.lastHeard > SILENT_MS) this.#drop(inbound);
    }
    const late = this.#early.filter(({ at }) => now - at >= EARLY_MS);
    this.#early = this.#early.filter(({ at }) => now - at < EARLY_MS);
    for (const { from, header, service, offer } of late) this.#decide(from, header, service, offer);
  }

  /** Items that came, by a transfer of this kind or by any, have not been merged yet. */
  isMerging(of?: TransferKind): boolean {
    return [...this.#inbound.values()].some(({ work, kind }) => !work.idle && (of ?? kind) === kind);
  }

  /** Whether items are on their way into this vnode. */
  isTaking(vnode: TransferableVnode): boolean {
    for (const inbound of this.#inbound.values())
      if (inbound.vnode === vnode && !inbound.finished) return true;
    return false;
  }

  /** The places that this node is to own in a coming ring hold everything, and are kept up. */
  get filled(): boolean {
    const arrived = new Set<string>();
    for (const { kind, stored, source, vnode } of this.#inbound.values())
      if (kind === 'resize' && stored) arrived.add(fillingKey(vnode.service, source, vnode.place));
    const { document, self, services } = this.#port;
    return fillingsOf(document).every(
      ({ to, source, target }) =>
        to !== self || services.every((service) => arrived.has(fillingKey(service, source, target))),
    );
  }

  get limit(): LimitUse {
    return { limit: 'handoff_in', used: this.#open, max: this.#max, reached: this.#turnedAway };
  }

  active(): InboundStatus[] {
    const now = this.#port.host.monotonic();
    return [...this.#inbound.values()]
      .filter((inbound) => !inbound.finished)
      .map(({ kind, from, source, vnode, items, bytes, begunAt, rate }) => {
        const perSecond = rate.of(now, items, bytes);
        return {
          kind,
          service: vnode.service,
          partition: vnode.place.partition,
          sourcePartition: source.partition,
          from,
          to: this.#port.self,
          items,
          bytes,
          itemsPerSecond: Math.round(perSecond.items),
          bytesPerSecond: Math.round(perSecond.bytes),
          sinceMs: Math.round(now - begunAt),
        };
      });
  }

  onOffer(from: NodeId, header: Header, service: string, body: Reader): void {
    const offer = readOffer(body);
    if (offer.kind !== undefined) return this.#consider(from, header, service, offer);
    const refusal = `${this.#port.nameOf(this.#port.self)} ${offer.strange}`;
    this.#answer(from, { service, place: placeOf(header) }, { id: offer.id, refusal, compare: false });
  }

  onItems(from: NodeId, header: Header, service: string, body: Reader): void {
    const frame = readItems(body);
    const inbound = this.#heard(from, frame.id);
    if (inbound !== undefined) return inbound.work.add(this.#merging(inbound, frame));
    // Given up here when the sender seemed to be away; it does not know, and has to begin anew.
    const refusal = this.#givenUp;
    this.#answer(from, { service, place: placeOf(header) }, { id: frame.id, refusal, compare: false });
  }

  onCompare(from: NodeId, body: Reader): void {
    const frame = readCompare(body);
    const inbound = this.#heard(from, frame.id);
    inbound?.work.add(this.#comparing(inbound, frame));
  }

  /** The sender gives it up, for now or for good. */
  onEnd(from: NodeId, body: Reader): void {
    const inbound = this.#inbound.get(`${from}/${readEnd(body)}`);
    if (inbound !== undefined) this.#drop(inbound);
  }

  /** At the moment of a switch the sender has the ring before the receiver has it, and a newcomer does not know the floor yet. */
  #consider(from: NodeId, header: Header, service: string, offer: Offer): void {
    const isEarly = header.epoch > this.#port.document.epoch || !this.#port.mayTakeOver();
    if (!isEarly || this.#early.length >= EARLY_MAX) return this.#decide(from, header, service, offer);
    const at = this.#port.host.monotonic();
    this.#early.push({ from, header: { ...header }, service, offer, at });
  }

  #decide(from: NodeId, header: Header, service: string, offer: Offer): void {
    const { id } = offer;
    const target = placeOf(header);
    if (this.#isRepeated(from, service, target, offer)) return;
    this.#dropEarlier(from, service, target, offer);
    const refusal = this.#refusalOf(from, service, target, offer);
    const vnode = refusal === undefined ? this.#port.findOrStandIn(service, target) : undefined;
    if (vnode !== undefined) this.#begin(from, vnode, offer);
    this.#answer(
      from,
      { service, place: target },
      { id, refusal, compare: vnode?.vnode.isEmpty() === false },
    );
  }

  #begin(from: NodeId, vnode: TransferableVnode, { id, kind, source }: Offer): void {
    const now = this.#port.host.monotonic();
    this.#inbound.set(`${from}/${id}`, {
      from,
      id,
      source,
      vnode,
      kind,
      work: new WorkLine(this.#parts.slices),
      begunAt: now,
      rate: new Rate(now),
      items: 0,
      bytes: 0,
      finished: false,
      stored: false,
      partial: false,
      gone: false,
      lastHeard: now,
    });
  }

  #heard(from: NodeId, id: number): Inbound | undefined {
    const inbound = this.#inbound.get(`${from}/${id}`);
    if (inbound !== undefined) inbound.lastHeard = this.#port.host.monotonic();
    return inbound;
  }

  #merging(inbound: Inbound, { id, seq, last, partial, items }: ItemsFrame): Job {
    const { vnode, from } = inbound;
    let open = items.length + 1;
    let stored = true;
    const settle = (ok: boolean): void => {
      stored &&= ok;
      if (--open > 0 || inbound.gone) return;
      inbound.items += items.length;
      for (const item of items) inbound.bytes += item.length;
      if (stored && last) this.#finish(from, inbound, { seq, partial });
      else this.#ackOnceFlushed(from, vnode, { id, seq, stored });
    };
    const merge = jobForEach(items, STEP_ITEMS, (item) => {
      if (!this.#makesSense(inbound, () => this.#take(inbound, item, settle))) settle(false);
    });
    return () => {
      if (merge()) return true;
      settle(true);
      return false;
    };
  }

  /** A repair asks for all of a range; the source may be further up the lists, and hold keys that are not to lie here. */
  #take({ kind, vnode }: Inbound, item: Uint8Array, settle: (stored: boolean) => void): void {
    if (kind === 'repair' && !this.#belongsHere(vnode, item)) settle(true);
    else vnode.vnode.handleHandoffItem(item, settle);
  }

  #belongsHere({ place, vnode }: TransferableVnode, item: Uint8Array): boolean {
    const buckets = bucketsOf(this.#port.document);
    if (buckets.numbers.length === 1 || vnode.keyOf === undefined) return true;
    const { hashHi, key } = vnode.keyOf(item);
    const size = 1 << place.ringBits;
    const position = (place.partition - partitionOf(hashHi, place.ringBits) + size) % size;
    return position < buckets.copiesOf(key);
  }

  #comparing(inbound: Inbound, { id, seq, stretch }: CompareFrame): Job {
    const { vnode, from } = inbound;
    const { within, upTo, sum } = stretch;
    const most = Math.min(HELD_MAX, Math.max(HELD_MIN, HELD_FACTOR * sum.count));
    let held: Uint32Array = new Uint32Array(0);
    let cursor = stretch.after;
    return () => {
      let page: ItemPage | undefined;
      this.#makesSense(inbound, () => (page = vnode.vnode.walkItems(cursor, COMPARE_BYTES, within, upTo)));
      if (page === undefined) {
        this.#giveUp(inbound);
        return false;
      }
      held = joined(held, digestsOf(page.items));
      cursor = page.next;
      const atEnd = cursor === undefined || (upTo !== undefined && compareBytes(cursor, upTo) >= 0);
      const tooMany = held.length / 2 > most;
      if (!atEnd && !tooMany) return true;
      if (isSameSum(sumOf(held), sum)) this.#ackOnceFlushed(from, vnode, { id, seq, stored: true });
      else this.#sendHeld(from, vnode, { id, seq, digests: tooMany ? new Uint32Array(0) : held });
      return false;
    };
  }

  get #givenUp(): string {
    return `${this.#port.nameOf(this.#port.self)} has given it up`;
  }

  /** What a vnode is given to read came off the wire, and it is read long after the frame was. */
  #makesSense({ from, vnode }: Inbound, read: () => void): boolean {
    try {
      read();
      return true;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const { service, place } = vnode;
      this.#port.logger.error(
        { from, service, partition: place.partition, reason: error.message },
        'what a transfer brought made no sense and was not taken',
      );
      return false;
    }
  }

  #giveUp(inbound: Inbound): void {
    const { from, vnode, id } = inbound;
    this.#answer(from, vnode, { id, refusal: this.#givenUp, compare: false });
    this.#drop(inbound);
  }

  #drop(inbound: Inbound): void {
    inbound.gone = true;
    inbound.work.stop();
    this.#inbound.delete(`${inbound.from}/${inbound.id}`);
    // Nothing is passed on any more, until its source offers it anew.
    const { kind, vnode } = inbound;
    if (kind === 'resize' && vnode.standing === 'receiving' && vnode.whole)
      vnode.become('receiving', this.#port.document.epoch, 'partial');
  }

  /** An offer that comes twice must not begin anew what it began, or what it began and has ended since. */
  #isRepeated(from: NodeId, service: string, target: Place, { id, kind, source }: Offer): boolean {
    const latest = this.#latest.get(from) ?? new Map<string, number>();
    this.#latest.set(from, latest);
    const key = dutyKey({ kind, service, source, target, to: this.#port.self, ranges: [] });
    if (latest.get(key) === id) return true;
    // The one that came first: what comes twice comes soon.
    if (latest.size >= LATEST_MAX) for (const first of latest.keys()) if (latest.delete(first)) break;
    latest.set(key, id);
    return false;
  }

  /** A sender that begins anew has given up what it had begun, and takes no second place here. */
  #dropEarlier(from: NodeId, service: string, target: Place, { id, kind, source }: Offer): void {
    for (const inbound of this.#inbound.values()) {
      const { vnode } = inbound;
      const same = inbound.from === from && inbound.kind === kind && vnode.service === service;
      if (!same || inbound.id === id) continue;
      if (isSamePlace(vnode.place, target) && isSamePlace(inbound.source, source)) this.#drop(inbound);
    }
  }

  #refusalOf(from: NodeId, service: string, target: Place, { kind, source }: Offer): string | undefined {
    const { document, self } = this.#port;
    const me = this.#port.nameOf(self);
    if (kind !== 'resize' && target.ringBits !== bitsOf(document.ringSize))
      return `${me} has a ring of another size`;
    if (kind === 'repair' && !this.#parts.expectsRepair({ service, target }, from, source))
      return `${me} has not asked for this repair, or does not want it any more`;
    if (kind !== 'repair' && !this.#isExpected(kind, from, source, target))
      return `${me} does not expect it under epoch ${document.epoch}`;
    // What it holds is not what the coming ring is filled with, and must not go should that never come.
    if (kind === 'resize' && this.#holdsHints(service, target))
      return `${me} hands over first what it still holds of a former ring of that size`;
    if (!this.#port.mayTakeOver()) return `${me} has not heard yet what was deleted before it came`;
    if (this.#open < this.#max) return undefined;
    this.#turnedAway++;
    return this.#full();
  }

  #isExpected(kind: TransferKind, from: NodeId, source: Place, target: Place): boolean {
    const { document, self } = this.#port;
    const { partition } = target;
    switch (kind) {
      case 'hinted':
        return this.#isOwned(target);
      case 'resize':
        return fillingsOf(document).some(
          (filling) =>
            filling.from === from &&
            filling.to === self &&
            isSamePlace(filling.target, target) &&
            isSamePlace(filling.source, source),
        );
      default:
        return document.pending.some((p) => p.partition === partition && p.from === from && p.to === self);
    }
  }

  #isOwned({ ringBits, partition }: Place): boolean {
    const { document, self } = this.#port;
    return ringBits === bitsOf(document.ringSize) && document.owners[partition] === self;
  }

  #holdsHints(service: string, place: Place): boolean {
    const vnode = this.#port.find(service, place);
    return vnode?.standing === 'hint' && !vnode.vnode.isEmpty();
  }

  #full(): string {
    return `receiver ${this.#port.nameOf(this.#port.self)} full (${this.#max} at a time)`;
  }

  get #open(): number {
    return [...this.#inbound.values()].filter((inbound) => !inbound.finished).length;
  }

  /**
   * Hints only come to the owner; what was passed on to it before it was one may still be under way. Of a node that a newer
   * ring does not have any more - it was let in by members whose ring was undone - nobody tells that it is down.
   */
  #isStillExpected({ kind, vnode, from, source }: Inbound): boolean {
    if (memberOf(this.#port.document, from) === undefined) return false;
    return this.#isOwned(vnode.place) || this.#isExpected(kind, from, source, vnode.place);
  }

  /** From all its sources everything has come, and none of them lacks anything. */
  #isFilled(vnode: TransferableVnode): boolean {
    const arrived = [...this.#inbound.values()].filter(
      (inbound) =>
        inbound.vnode === vnode && inbound.kind === 'resize' && inbound.finished && !inbound.partial,
    );
    return fillingsOf(this.#port.document).every(
      ({ source, target }) =>
        !isSamePlace(target, vnode.place) || arrived.some((inbound) => isSamePlace(inbound.source, source)),
    );
  }

  /**
   * The last frame: everything came. A vnode that takes ownership says so durably before it is acknowledged; from a
   * source that lacks something itself it has everything that there was, and is not whole.
   */
  #finish(from: NodeId, inbound: Inbound, { seq, partial }: { seq: number; partial: boolean }): void {
    const { vnode, id, kind, source } = inbound;
    inbound.finished = true;
    inbound.partial = partial;
    const becomesWhole =
      vnode.standing === 'receiving' &&
      (kind === 'ownership' ? !partial : kind === 'resize' && this.#isFilled(vnode));
    if (becomesWhole) vnode.become('receiving', this.#port.document.epoch, 'whole');
    const onFlushed = (flushed: boolean): void => {
      this.#ack(from, vnode, { id, seq, stored: flushed });
      if (!flushed) return;
      if (kind === 'repair' && !inbound.gone) this.#parts.onRepaired(vnode, from, source);
      // Of ownership, and of a coming ring, what is passed on until the switch still comes.
      if (kind === 'ownership' || kind === 'resize') inbound.stored = true;
      else this.#drop(inbound);
    };
    // What was submitted is committed first: a flush is awaited only of that.
    this.#port.whenAllStored(() => this.#port.whenFlushed(onFlushed));
  }

  #answer(
    to: NodeId,
    { service, place }: Pick<TransferableVnode, 'service' | 'place'>,
    answer: Parameters<typeof writeAnswer>[1],
  ): void {
    this.#port.send(to, MESSAGE.handoffAnswer, service, place, (out) => writeAnswer(out, answer));
  }

  #ackOnceFlushed(to: NodeId, vnode: TransferableVnode, ack: Ack): void {
    if (!ack.stored) return this.#ack(to, vnode, ack);
    this.#port.whenFlushed((flushed) => this.#ack(to, vnode, { ...ack, stored: flushed }));
  }

  #ack(to: NodeId, vnode: TransferableVnode, ack: Ack): void {
    this.#send(to, MESSAGE.handoffAck, vnode, (out) => writeAck(out, ack));
  }

  #sendHeld(to: NodeId, vnode: TransferableVnode, held: Parameters<typeof writeHeld>[1]): void {
    this.#send(to, MESSAGE.handoffHeld, vnode, (out) => writeHeld(out, held));
  }

  #send(to: NodeId, type: number, { service, place }: TransferableVnode, write: (out: Writer) => void): void {
    this.#parts.outbox.put(to, {
      send: () => this.#port.send(to, type, service, place, write),
      isWanted: () => this.#port.isUp(to),
    });
  }
}

function placeOf({ ringBits, partition }: Header): Place {
  return { ringBits, partition };
}

function fillingKey(service: string, source: Place, target: Place): string {
  return `${service}/${source.partition}/${target.partition}`;
}

function joined(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (a.length === 0) return b;
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
