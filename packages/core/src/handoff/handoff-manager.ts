/**
 * Decides which transfers run, performs what their machines ask for, receives those of others, and can say of
 * every partition that waits why it does.
 *
 * Two causes move items. A *pending* entry of the ring whose `from` is this node: ownership. A vnode here that
 * holds items though another node owns its partition - a stand-in's hints, or what a node held before it joined:
 * hinted. The source is deleted last: when the switch is agreed, everything passed on is acknowledged by a
 * receiver that is durably whole, and every live member has seen the epoch.
 *
 * Source: Riak Core's riak_core_handoff_manager; PROTOCOLS 9.
 */
import { unreachable } from '../base/assert.ts';
import type { Reader, Writer } from '../base/bytes.ts';
import type { Timer } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { MESSAGE, type Header } from '../request/message.ts';
import { ringBits } from '../ring/hash-space.ts';
import {
  readAck,
  readAnswer,
  readItems,
  readOffer,
  writeAck,
  writeAnswer,
  writeItems,
  writeOffer,
} from './handoff-wire.ts';
import { Outbox } from './outbox.ts';
import {
  OutboundTransfer,
  PASSED_ON_BYTES_MAX,
  type TransferEffect,
  type TransferEvent,
  type TransferKind,
} from './outbound-transfer.ts';
import type { HandoffPort, TransferableVnode } from './port.ts';

export interface TransferStatus {
  readonly kind: TransferKind;
  readonly partition: PartitionId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly items: number;
  readonly bytes: number;
}

export interface WaitingTransfer {
  readonly kind: TransferKind;
  readonly partition: PartitionId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly reason: string;
}

interface Wanted {
  readonly kind: TransferKind;
  readonly service: string;
  readonly partition: PartitionId;
  readonly to: NodeId;
}

interface Running extends Wanted {
  readonly id: number;
  readonly machine: OutboundTransfer;
  readonly vnode: TransferableVnode;
  readonly sink: { passOn(item: Uint8Array): void };
}

type ItemsEffect = Extract<TransferEffect, { kind: 'items' }>;

interface Inbound {
  readonly from: NodeId;
  readonly id: number;
  readonly vnode: TransferableVnode;
  readonly kind: TransferKind;
  /** The last frame came; what still comes was passed on. */
  finished: boolean;
  lastHeard: number;
}

/** Transfers out of one node at a time, and into it. */
const OUTBOUND_MAX = 4;
const INBOUND_MAX = 8;
/** Bytes of items in one page, about: it is walked in well under a millisecond. */
const PAGE_BYTES = 16 * 1024;
const TICK_MS = 250;
const RETRY_MS = 1_000;
/** An inbound transfer that says nothing for this long makes room for another. */
const INBOUND_SILENT_MS = 20_000;

export class HandoffManager {
  readonly #port: HandoffPort;
  readonly #running = new Map<number, Running>();
  readonly #inbound = new Map<string, Inbound>();
  /** Why a wanted transfer does not run, and when it is tried again, by its key. */
  readonly #held = new Map<string, { readonly reason: string; readonly retryAt: number }>();
  readonly #clearing = new Set<TransferableVnode>();
  readonly #outbox: Outbox;
  #timer: Timer | undefined;
  #clearTimer: Timer | undefined;
  /** Drawn, because acknowledgements meant for a former life of this node may still be on their way. */
  #lastId: number;
  /** Offers refused for want of a place. */
  #turnedAway = 0;

  constructor(port: HandoffPort) {
    this.#port = port;
    this.#outbox = new Outbox(port.host);
    this.#lastId = port.host.random();
  }

  start(): void {
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#clearTimer?.cancel();
    this.#outbox.stop();
    for (const transfer of this.#running.values()) transfer.vnode.removeSink(transfer.sink);
    this.#running.clear();
  }

  /** The node has a newer ring; vnode standings are already in line with it. */
  adopt(): void {
    for (const transfer of this.#running.values()) this.#reconsider(transfer);
    for (const [key, inbound] of this.#inbound)
      if (!this.#isStillExpected(inbound)) this.#inbound.delete(key);
    this.#held.clear();
    this.#schedule();
  }

  /** Nodes came or went. */
  onUpChanged(node: NodeId, up: boolean): void {
    if (!up) {
      for (const transfer of this.#running.values()) {
        if (transfer.to === node)
          this.#step(transfer, { kind: 'lost', reason: `${this.#port.nameOf(node)} is down` });
      }
      for (const [key, inbound] of this.#inbound) if (inbound.from === node) this.#inbound.delete(key);
    }
    this.#schedule();
  }

  onFrame(from: NodeId, header: Header, service: string, body: Reader): void {
    switch (header.type) {
      case MESSAGE.handoffOffer:
        return this.#handleOffer(from, header, service, body);
      case MESSAGE.handoffAnswer: {
        const answer = readAnswer(body);
        const event: TransferEvent =
          answer.refusal === undefined ? { kind: 'accepted' } : { kind: 'refused', reason: answer.refusal };
        return this.#stepFrom(from, answer.id, event);
      }
      case MESSAGE.handoffAck: {
        const ack = readAck(body);
        return this.#stepFrom(from, ack.id, { kind: 'acked', seq: ack.seq, stored: ack.stored });
      }
      default:
        return this.#handleItems(from, body);
    }
  }

  active(): TransferStatus[] {
    return [...this.#running.values()]
      .filter((transfer) => transfer.machine.state !== 'complete')
      .map(({ kind, partition, to, machine }) => ({
        kind,
        partition,
        from: this.#port.self,
        to,
        items: machine.itemsAcked,
        bytes: machine.bytesAcked,
      }));
  }

  waiting(): WaitingTransfer[] {
    const waiting: WaitingTransfer[] = [];
    for (const wanted of this.#wanted()) {
      const running = this.#find(wanted);
      if (running !== undefined && running.machine.state !== 'complete') continue;
      const reason =
        running !== undefined
          ? 'all items are there; waiting for the ring to switch'
          : (this.#held.get(keyOf(wanted))?.reason ??
            `waits for a place: ${OUTBOUND_MAX} transfers at a time`);
      waiting.push({
        kind: wanted.kind,
        partition: wanted.partition,
        from: this.#port.self,
        to: wanted.to,
        reason,
      });
    }
    return waiting;
  }

  limits(): LimitUse[] {
    const passedOn = [...this.#running.values()].map(({ machine }) => machine.passedOnBytes);
    return [
      { limit: 'handoff_out', used: this.active().length, max: OUTBOUND_MAX },
      { limit: 'handoff_in', used: this.#inboundOpen, max: INBOUND_MAX, reached: this.#turnedAway },
      { limit: 'handoff_passed_on_bytes', used: Math.max(0, ...passedOn), max: PASSED_ON_BYTES_MAX },
    ];
  }

  /** Nothing of others is left on this node. */
  get drained(): boolean {
    return this.#port
      .all()
      .every(
        (vnode) => vnode.standing === 'owner' || vnode.standing === 'receiving' || vnode.vnode.isEmpty(),
      );
  }

  #tick(): void {
    const now = this.#port.host.monotonic();
    for (const transfer of this.#running.values()) {
      this.#perform(transfer, transfer.machine.tick(now));
    }
    this.#dropSilent(now);
    this.#schedule();
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
  }

  /** Forget inbound transfers that ended or went silent; one that still waits for its switch may pass items on any time. */
  #dropSilent(now: number): void {
    const awaited = new Set(this.#port.document.pending.map((transfer) => transfer.partition));
    for (const [key, inbound] of this.#inbound) {
      if (inbound.finished && inbound.kind === 'ownership' && awaited.has(inbound.vnode.place.partition))
        continue;
      if (now - inbound.lastHeard > INBOUND_SILENT_MS) this.#inbound.delete(key);
    }
  }

  /** All transfers that should happen under the present ring, running or not. */
  #wanted(): Wanted[] {
    const { document, self, services } = this.#port;
    const wanted: Wanted[] = [];
    for (const { partition, from, to } of document.pending) {
      if (from === self)
        for (const service of services) wanted.push({ kind: 'ownership', service, partition, to });
    }
    for (const vnode of this.#port.all()) {
      if (vnode.standing !== 'hint' || vnode.vnode.isEmpty()) continue;
      const partition = vnode.place.partition;
      wanted.push({
        kind: 'hinted',
        service: vnode.service,
        partition,
        to: document.owners[partition] as NodeId,
      });
    }
    return wanted;
  }

  #schedule(): void {
    const now = this.#port.host.monotonic();
    this.#tidyUp();
    for (const wanted of this.#wanted()) {
      if (this.#find(wanted) !== undefined) continue;
      const key = keyOf(wanted);
      if (!this.#port.isUp(wanted.to)) {
        this.#held.set(key, { reason: `${this.#port.nameOf(wanted.to)} is down`, retryAt: now });
        continue;
      }
      if (!this.#port.runs(wanted.to, wanted.service)) {
        const reason = `${this.#port.nameOf(wanted.to)} does not run the service ${wanted.service}`;
        this.#held.set(key, { reason, retryAt: now });
        continue;
      }
      const held = this.#held.get(key);
      if (held !== undefined && held.retryAt > now) continue;
      if (this.active().length >= OUTBOUND_MAX) {
        this.#held.delete(key);
        continue;
      }
      this.#held.delete(key);
      this.#begin(wanted);
    }
  }

  #begin(wanted: Wanted): void {
    const vnode = this.#port.find(wanted.service, wanted.partition);
    if (vnode === undefined) return;
    const now = this.#port.host.monotonic();
    const machine = new OutboundTransfer(wanted.kind, now);
    const sink = { passOn: (item: Uint8Array): void => this.#step(transfer, { kind: 'passOn', item }) };
    this.#lastId = (this.#lastId + 1) >>> 0;
    const transfer: Running = { ...wanted, id: this.#lastId, machine, vnode, sink };
    this.#running.set(transfer.id, transfer);
    if (wanted.kind === 'ownership') vnode.addSink(sink);
    this.#perform(transfer, machine.begin());
  }

  #stepFrom(from: NodeId, id: number, event: TransferEvent): void {
    const transfer = this.#running.get(id);
    if (transfer !== undefined && transfer.to === from) this.#step(transfer, event);
  }

  #step(transfer: Running, event: TransferEvent): void {
    this.#perform(transfer, transfer.machine.step(event, this.#port.host.monotonic()));
  }

  #perform(transfer: Running, effects: readonly TransferEffect[]): void {
    for (const effect of effects) if (this.#running.has(transfer.id)) this.#performOne(transfer, effect);
  }

  #performOne(transfer: Running, effect: TransferEffect): void {
    const { vnode, partition, to, kind, id } = transfer;
    switch (effect.kind) {
      case 'offer':
        return this.#sendOffer(transfer);
      case 'items':
        return this.#sendItems(transfer, effect);
      case 'walk':
        // A turn between pages, so that a walk never holds up requests.
        this.#port.host.setTimer(0, () => {
          if (!this.#running.has(id)) return;
          this.#step(transfer, { kind: 'page', page: vnode.vnode.walkItems(effect.cursor, PAGE_BYTES) });
        });
        return;
      case 'forget':
        if (vnode.standing === 'hint') for (const item of effect.items) vnode.vnode.handleItemHandedOff(item);
        return;
      case 'complete':
        if (kind === 'hinted') this.#endHinted(transfer);
        else if (this.#haveAllServicesArrived(transfer)) this.#port.reportComplete(partition, to);
        return this.#schedule();
      case 'failed':
        return this.#fail(transfer, effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #sendOffer(transfer: Running): void {
    const { to, service, partition, id, kind } = transfer;
    const taken = this.#port.send(to, MESSAGE.handoffOffer, service, partition, (out) =>
      writeOffer(out, { id, kind }),
    );
    if (taken) return;
    const reason = `the lane to ${this.#port.nameOf(to)} is closed or full`;
    this.#step(transfer, { kind: 'lost', reason });
  }

  #sendItems({ to, service, partition, id, vnode }: Running, effect: ItemsEffect): void {
    const write = (out: Writer): void => writeItems(out, { id, ...effect, partial: !vnode.whole });
    this.#outbox.put(to, {
      send: () => this.#port.send(to, MESSAGE.handoffItems, service, partition, write),
      isWanted: () => this.#running.has(id),
    });
  }

  /** A partition switches for all services at once. */
  #haveAllServicesArrived({ kind, partition, to }: Wanted): boolean {
    return this.#port.services.every(
      (service) => this.#find({ kind, service, partition, to })?.machine.state === 'complete',
    );
  }

  /** What came meanwhile, or could not be read, is left: not a moment later again. */
  #endHinted(transfer: Running): void {
    this.#end(transfer);
    if (transfer.vnode.vnode.isEmpty()) return;
    const reason = `some items are left, next try in ${RETRY_MS / 1000} s`;
    this.#held.set(keyOf(transfer), { reason, retryAt: this.#port.host.monotonic() + RETRY_MS });
  }

  #fail(transfer: Running, reason: string): void {
    this.#end(transfer);
    const { partition, to, kind } = transfer;
    // Items change from now on without being passed on: the receiver is not what it was said to be.
    if (kind === 'ownership') this.#port.withdrawComplete(partition, to);
    this.#port.logger.debug(
      { partition, to: this.#port.nameOf(to), kind, reason },
      'a transfer stopped and will begin anew',
    );
    this.#held.set(keyOf(transfer), { reason, retryAt: this.#port.host.monotonic() + RETRY_MS });
  }

  #end(transfer: Running): void {
    transfer.vnode.removeSink(transfer.sink);
    this.#running.delete(transfer.id);
  }

  /** Under a new ring: has this transfer's switch been agreed, or has its cause gone? */
  #reconsider(transfer: Running): void {
    const { document, self } = this.#port;
    const { kind, partition, to, vnode, machine } = transfer;
    if (kind === 'hinted') {
      if (vnode.standing !== 'hint' || document.owners[partition] !== to) this.#end(transfer);
      return;
    }
    if (document.pending.some((p) => p.partition === partition && p.from === self && p.to === to)) return;
    this.#end(transfer);
    // Proven complete: all that was ever passed on is acknowledged. Otherwise what is left goes as hints.
    if (document.owners[partition] === to && machine.quiet && vnode.standing === 'hint')
      vnode.become('retired', document.epoch);
  }

  #find(wanted: Wanted): Running | undefined {
    const key = keyOf(wanted);
    for (const transfer of this.#running.values()) if (keyOf(transfer) === key) return transfer;
    return undefined;
  }

  /** Empty stand-ins are closed; what is retired is cleared once nobody can ask this node for it any more. */
  #tidyUp(): void {
    const safeToClear = this.#port.allLiveHave(this.#port.document.epoch);
    for (const vnode of this.#port.all()) {
      if (vnode.standing === 'retired' && safeToClear) this.#clearing.add(vnode);
      if (vnode.standing === 'hint' && vnode.vnode.isEmpty() && !this.#busy(vnode)) this.#port.discard(vnode);
    }
    if (this.#clearing.size > 0) this.#clearTimer ??= this.#port.host.setTimer(1, () => this.#clear());
  }

  #clear(): void {
    this.#clearTimer = undefined;
    for (const vnode of this.#clearing) {
      const redundant = vnode.standing === 'retired';
      const empty = redundant && vnode.vnode.clearSome();
      if (empty) this.#port.discard(vnode);
      if (empty || !redundant) this.#clearing.delete(vnode);
    }
    if (this.#clearing.size > 0) this.#clearTimer = this.#port.host.setTimer(1, () => this.#clear());
  }

  #busy(vnode: TransferableVnode): boolean {
    for (const transfer of this.#running.values()) if (transfer.vnode === vnode) return true;
    for (const inbound of this.#inbound.values())
      if (inbound.vnode === vnode && !inbound.finished) return true;
    return false;
  }

  #handleOffer(from: NodeId, header: Header, service: string, body: Reader): void {
    const { id, kind } = readOffer(body);
    this.#dropEarlier(from, id, service, header.partition, kind);
    const refusal = this.#refusalOf(from, header, kind);
    if (refusal === undefined) {
      const vnode = this.#port.findOrStandIn(service, header.partition);
      this.#inbound.set(`${from}/${id}`, {
        from,
        id,
        vnode,
        kind,
        finished: false,
        lastHeard: this.#port.host.monotonic(),
      });
    }
    this.#port.send(from, MESSAGE.handoffAnswer, service, header.partition, (out) =>
      writeAnswer(out, { id, refusal }),
    );
  }

  /** A sender that begins anew has given up what it had begun, and takes no second place here. */
  #dropEarlier(from: NodeId, id: number, service: string, partition: PartitionId, kind: TransferKind): void {
    for (const [key, { vnode, ...inbound }] of this.#inbound) {
      const same = inbound.from === from && inbound.kind === kind && vnode.service === service;
      if (same && vnode.place.partition === partition && inbound.id !== id) this.#inbound.delete(key);
    }
  }

  #refusalOf(from: NodeId, header: Header, kind: TransferKind): string | undefined {
    const { document, self } = this.#port;
    const me = this.#port.nameOf(self);
    if (header.ringBits !== ringBits(document.ringSize)) return `${me} has a ring of another size`;
    const { partition } = header;
    const expected =
      kind === 'hinted'
        ? document.owners[partition] === self
        : document.pending.some((p) => p.partition === partition && p.from === from && p.to === self);
    if (!expected) return `${me} does not expect it under epoch ${document.epoch}`;
    if (this.#inboundOpen < INBOUND_MAX) return undefined;
    this.#turnedAway++;
    return `${me} is full, next try in ${RETRY_MS / 1000} s`;
  }

  get #inboundOpen(): number {
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

  #handleItems(from: NodeId, body: Reader): void {
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
      if (stored && last) return this.#finishInbound(from, inbound, { seq, partial });
      this.#ack(from, vnode, { id, seq, stored });
    };
    for (const item of items) vnode.vnode.handleHandoffItem(item, settle);
    settle(true);
  }

  /**
   * The last frame: everything came. A vnode that takes ownership says so durably before it is acknowledged; from a
   * source that lacks something itself it has everything that there was, and is not whole.
   */
  #finishInbound(from: NodeId, inbound: Inbound, { seq, partial }: { seq: number; partial: boolean }): void {
    const { vnode, id, kind } = inbound;
    inbound.finished = true;
    const becomesWhole = kind === 'ownership' && vnode.standing === 'receiving' && !partial;
    if (becomesWhole) vnode.become('receiving', this.#port.document.epoch, 'whole');
    this.#port.whenAllStored(() => this.#ack(from, vnode, { id, seq, stored: true }));
  }

  #ack(
    to: NodeId,
    { service, place }: TransferableVnode,
    ack: { id: number; seq: number; stored: boolean },
  ): void {
    const write = (out: Writer): void => writeAck(out, ack);
    this.#outbox.put(to, {
      send: () => this.#port.send(to, MESSAGE.handoffAck, service, place.partition, write),
      isWanted: () => this.#port.isUp(to),
    });
  }
}

function keyOf(transfer: Wanted): string {
  return `${transfer.kind}/${transfer.service}/${transfer.partition}/${transfer.to}`;
}
