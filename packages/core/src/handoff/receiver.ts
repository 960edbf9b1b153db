/**
 * The receiving side of transfers: takes offers or says why not, merges what comes, and acknowledges what is durable.
 *
 * A vnode that takes ownership says so durably before the last frame is acknowledged. What is passed on between that
 * and the switch still comes by the same transfer, so it is kept until the ring has switched.
 */
import type { Reader, Writer } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Place } from '../contracts/store.ts';
import { MESSAGE, type Header } from '../request/message.ts';
import { ringBits } from '../ring/hash-space.ts';
import { isSamePlace, type TransferKind } from './duties.ts';
import { readItems, readOffer, writeAck, writeAnswer, type Ack, type Offer } from './handoff-wire.ts';
import type { Outbox } from './outbox.ts';
import type { HandoffPort, TransferableVnode } from './port.ts';

interface Inbound {
  readonly from: NodeId;
  readonly id: number;
  readonly source: Place;
  readonly vnode: TransferableVnode;
  readonly kind: TransferKind;
  /** The last frame came; what still comes was passed on. */
  finished: boolean;
  lastHeard: number;
}

/** Transfers into one node at a time. */
const INBOUND_MAX = 8;
const RETRY_MS = 1_000;
/** An inbound transfer that says nothing for this long makes room for another. */
const SILENT_MS = 20_000;

export class HandoffReceiver {
  readonly #port: HandoffPort;
  readonly #outbox: Outbox;
  readonly #inbound = new Map<string, Inbound>();
  /** Offers refused for want of a place. */
  #turnedAway = 0;

  constructor(port: HandoffPort, outbox: Outbox) {
    this.#port = port;
    this.#outbox = outbox;
  }

  /** The node has a newer ring. */
  adopt(): void {
    for (const [key, inbound] of this.#inbound)
      if (!this.#isStillExpected(inbound)) this.#inbound.delete(key);
  }

  onDown(node: NodeId): void {
    for (const [key, inbound] of this.#inbound) if (inbound.from === node) this.#inbound.delete(key);
  }

  /** Forget transfers that ended or went silent; one that still waits for its switch may pass items on any time. */
  dropSilent(now: number): void {
    const awaited = new Set(this.#port.document.pending.map((transfer) => transfer.partition));
    for (const [key, inbound] of this.#inbound) {
      if (inbound.finished && inbound.kind === 'ownership' && awaited.has(inbound.vnode.place.partition))
        continue;
      if (now - inbound.lastHeard > SILENT_MS) this.#inbound.delete(key);
    }
  }

  /** Whether items are on their way into this vnode. */
  isTaking(vnode: TransferableVnode): boolean {
    for (const inbound of this.#inbound.values())
      if (inbound.vnode === vnode && !inbound.finished) return true;
    return false;
  }

  get limit(): LimitUse {
    return { limit: 'handoff_in', used: this.#open, max: INBOUND_MAX, reached: this.#turnedAway };
  }

  onOffer(from: NodeId, header: Header, service: string, body: Reader): void {
    const offer = readOffer(body);
    const { id, kind, source } = offer;
    const target: Place = { ringBits: header.ringBits, partition: header.partition };
    this.#dropEarlier(from, service, target, offer);
    const refusal = this.#refusalOf(from, target, offer);
    if (refusal === undefined) {
      const vnode = this.#port.findOrStandIn(service, target);
      const lastHeard = this.#port.host.monotonic();
      this.#inbound.set(`${from}/${id}`, { from, id, source, vnode, kind, finished: false, lastHeard });
    }
    this.#port.send(from, MESSAGE.handoffAnswer, service, target, (out) => writeAnswer(out, { id, refusal }));
  }

  onItems(from: NodeId, body: Reader): void {
    const { id, seq, last, partial, items } = readItems(body);
    const inbound = this.#inbound.get(`${from}/${id}`);
    if (inbound === undefined) return;
    inbound.lastHeard = this.#port.host.monotonic();
    const { vnode } = inbound;
    let open = items.length + 1;
    let stored = true;
    const settle = (ok: boolean): void => {
      stored &&= ok;
      if (--open > 0) return;
      if (stored && last) return this.#finish(from, inbound, { seq, partial });
      this.#ack(from, vnode, { id, seq, stored });
    };
    for (const item of items) vnode.vnode.handleHandoffItem(item, settle);
    settle(true);
  }

  /** A sender that begins anew has given up what it had begun, and takes no second place here. */
  #dropEarlier(from: NodeId, service: string, target: Place, { id, kind, source }: Offer): void {
    for (const [key, { vnode, ...inbound }] of this.#inbound) {
      const same = inbound.from === from && inbound.kind === kind && vnode.service === service;
      if (!same || inbound.id === id) continue;
      if (isSamePlace(vnode.place, target) && isSamePlace(inbound.source, source)) this.#inbound.delete(key);
    }
  }

  #refusalOf(from: NodeId, target: Place, { kind }: Offer): string | undefined {
    const { document, self } = this.#port;
    const me = this.#port.nameOf(self);
    if (target.ringBits !== ringBits(document.ringSize)) return `${me} has a ring of another size`;
    const { partition } = target;
    const expected =
      kind === 'hinted'
        ? document.owners[partition] === self
        : document.pending.some((p) => p.partition === partition && p.from === from && p.to === self);
    if (!expected) return `${me} does not expect it under epoch ${document.epoch}`;
    if (this.#open < INBOUND_MAX) return undefined;
    this.#turnedAway++;
    return `${me} is full, next try in ${RETRY_MS / 1000} s`;
  }

  get #open(): number {
    return [...this.#inbound.values()].filter((inbound) => !inbound.finished).length;
  }

  /** Hints only come to the owner; what was passed on to it before it was one may still be under way. */
  #isStillExpected({ kind, vnode, from }: Inbound): boolean {
    const { document, self } = this.#port;
    const { partition } = vnode.place;
    if (document.owners[partition] === self) return true;
    return (
      kind === 'ownership' &&
      document.pending.some((p) => p.partition === partition && p.from === from && p.to === self)
    );
  }

  /**
   * The last frame: everything came. A vnode that takes ownership says so durably before it is acknowledged; from a
   * source that lacks something itself it has everything that there was, and is not whole.
   */
  #finish(from: NodeId, inbound: Inbound, { seq, partial }: { seq: number; partial: boolean }): void {
    const { vnode, id, kind } = inbound;
    inbound.finished = true;
    const becomesWhole = kind === 'ownership' && vnode.standing === 'receiving' && !partial;
    if (becomesWhole) vnode.become('receiving', this.#port.document.epoch, 'whole');
    this.#port.whenAllStored(() => this.#ack(from, vnode, { id, seq, stored: true }));
  }

  #ack(to: NodeId, { service, place }: TransferableVnode, ack: Ack): void {
    const write = (out: Writer): void => writeAck(out, ack);
    this.#outbox.put(to, {
      send: () => this.#port.send(to, MESSAGE.handoffAck, service, place, write),
      isWanted: () => this.#port.isUp(to),
    });
  }
}
