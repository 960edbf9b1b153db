/**
 * Decides which transfers run out of this node, performs what their machines ask for, and can say of every one that
 * waits why it does. What comes in is the receiver's affair (receiver.ts), what is owed a pure question (duties.ts).
 *
 * The source is deleted last: when the switch is agreed, everything passed on is acknowledged by a receiver that is
 * durably whole, and every live member has seen the epoch.
 *
 * Source: Riak Core's riak_core_handoff_manager; PROTOCOLS 9.
 */
import { unreachable } from '../base/assert.ts';
import type { Reader, Writer } from '../base/bytes.ts';
import type { Timer } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { MESSAGE, type Header } from '../request/message.ts';
import { dutiesOf, dutyKey, type Duty, type TransferKind } from './duties.ts';
import { readAck, readAnswer, writeItems, writeOffer } from './handoff-wire.ts';
import { Outbox } from './outbox.ts';
import {
  OutboundTransfer,
  PASSED_ON_BYTES_MAX,
  type TransferEffect,
  type TransferEvent,
} from './outbound-transfer.ts';
import type { HandoffPort, Sink, TransferableVnode } from './port.ts';
import { HandoffReceiver } from './receiver.ts';

/** Which transfer: of what, and whose it will be. */
interface TransferName {
  readonly kind: TransferKind;
  /** Where it goes, in the ring that the items are for. */
  readonly partition: PartitionId;
  readonly from: NodeId;
  readonly to: NodeId;
}

export interface TransferStatus extends TransferName {
  readonly items: number;
  readonly bytes: number;
}

export interface WaitingTransfer extends TransferName {
  readonly reason: string;
}

interface Running extends Duty {
  readonly id: number;
  readonly machine: OutboundTransfer;
  readonly vnode: TransferableVnode;
  readonly sink: Sink;
}

type ItemsEffect = Extract<TransferEffect, { kind: 'items' }>;

/** Transfers out of one node at a time. */
const OUTBOUND_MAX = 4;
/** Bytes of items in one page, about: it is walked in well under a millisecond. */
const PAGE_BYTES = 16 * 1024;
const TICK_MS = 250;
const RETRY_MS = 1_000;

export class HandoffManager {
  readonly #port: HandoffPort;
  readonly #running = new Map<number, Running>();
  /** Why a duty does not run, and when it is tried again, by its key. */
  readonly #held = new Map<string, { readonly reason: string; readonly retryAt: number }>();
  readonly #clearing = new Set<TransferableVnode>();
  readonly #outbox: Outbox;
  readonly #receiver: HandoffReceiver;
  #timer: Timer | undefined;
  #clearTimer: Timer | undefined;
  /** Drawn, because acknowledgements meant for a former life of this node may still be on their way. */
  #lastId: number;

  constructor(port: HandoffPort) {
    this.#port = port;
    this.#outbox = new Outbox(port.host);
    this.#receiver = new HandoffReceiver(port, this.#outbox);
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
    this.#receiver.adopt();
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
      this.#receiver.onDown(node);
    }
    this.#schedule();
  }

  onFrame(from: NodeId, header: Header, service: string, body: Reader): void {
    switch (header.type) {
      case MESSAGE.handoffOffer:
        return this.#receiver.onOffer(from, header, service, body);
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
        return this.#receiver.onItems(from, body);
    }
  }

  active(): TransferStatus[] {
    return [...this.#running.values()]
      .filter((transfer) => transfer.machine.state !== 'complete')
      .map((transfer) => ({
        ...this.#nameOf(transfer),
        items: transfer.machine.itemsAcked,
        bytes: transfer.machine.bytesAcked,
      }));
  }

  waiting(): WaitingTransfer[] {
    return this.#duties().flatMap((duty) => {
      const running = this.#find(duty);
      if (running !== undefined && running.machine.state !== 'complete') return [];
      const reason =
        running !== undefined
          ? 'all items are there; waiting for the ring to switch'
          : (this.#held.get(dutyKey(duty))?.reason ??
            `waits for a place: ${OUTBOUND_MAX} transfers at a time`);
      return [{ ...this.#nameOf(duty), reason }];
    });
  }

  limits(): LimitUse[] {
    const passedOn = [...this.#running.values()].map(({ machine }) => machine.passedOnBytes);
    return [
      { limit: 'handoff_out', used: this.active().length, max: OUTBOUND_MAX },
      this.#receiver.limit,
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

  #nameOf({ kind, target, to }: Duty): TransferName {
    return { kind, partition: target.partition, from: this.#port.self, to };
  }

  #tick(): void {
    const now = this.#port.host.monotonic();
    for (const transfer of this.#running.values()) {
      this.#perform(transfer, transfer.machine.tick(now));
    }
    this.#receiver.dropSilent(now);
    this.#schedule();
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
  }

  #duties(): Duty[] {
    const { self, document, services } = this.#port;
    return dutiesOf({ self, document, services, vnodes: this.#port.all() });
  }

  #schedule(): void {
    const now = this.#port.host.monotonic();
    this.#tidyUp();
    for (const duty of this.#duties()) {
      if (this.#find(duty) !== undefined) continue;
      const key = dutyKey(duty);
      if (!this.#port.isUp(duty.to)) {
        this.#held.set(key, { reason: `${this.#port.nameOf(duty.to)} is down`, retryAt: now });
        continue;
      }
      if (!this.#port.runs(duty.to, duty.service)) {
        const reason = `${this.#port.nameOf(duty.to)} does not run the service ${duty.service}`;
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
      this.#begin(duty);
    }
  }

  #begin(duty: Duty): void {
    const vnode = this.#port.find(duty.service, duty.source);
    if (vnode === undefined) return;
    const now = this.#port.host.monotonic();
    const { kind, ranges } = duty;
    const machine = new OutboundTransfer({ kind, ranges, now });
    const passOn = (item: Uint8Array): void => this.#step(transfer, { kind: 'passOn', item });
    this.#lastId = (this.#lastId + 1) >>> 0;
    const transfer: Running = { ...duty, id: this.#lastId, machine, vnode, sink: { ranges, passOn } };
    this.#running.set(transfer.id, transfer);
    if (kind === 'ownership') vnode.addSink(transfer.sink);
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
    const { vnode, to, kind, id } = transfer;
    switch (effect.kind) {
      case 'offer':
        return this.#sendOffer(transfer);
      case 'items':
        return this.#sendItems(transfer, effect);
      case 'walk':
        // A turn between pages, so that a walk never holds up requests.
        this.#port.host.setTimer(0, () => {
          if (!this.#running.has(id)) return;
          this.#step(transfer, {
            kind: 'page',
            page: vnode.vnode.walkItems(effect.cursor, PAGE_BYTES, effect.within),
          });
        });
        return;
      case 'forget':
        if (vnode.standing === 'hint') for (const item of effect.items) vnode.vnode.handleItemHandedOff(item);
        return;
      case 'complete':
        if (kind === 'hinted') this.#endHinted(transfer);
        else if (this.#haveAllServicesArrived(transfer))
          this.#port.reportComplete(transfer.target.partition, to);
        return this.#schedule();
      case 'failed':
        return this.#fail(transfer, effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #sendOffer(transfer: Running): void {
    const { to, service, source, target, id, kind } = transfer;
    const taken = this.#port.send(to, MESSAGE.handoffOffer, service, target, (out) =>
      writeOffer(out, { id, kind, source }),
    );
    if (taken) return;
    const reason = `the lane to ${this.#port.nameOf(to)} is closed or full`;
    this.#step(transfer, { kind: 'lost', reason });
  }

  #sendItems({ to, service, target, id, vnode }: Running, effect: ItemsEffect): void {
    const write = (out: Writer): void => writeItems(out, { id, ...effect, partial: !vnode.whole });
    this.#outbox.put(to, {
      send: () => this.#port.send(to, MESSAGE.handoffItems, service, target, write),
      isWanted: () => this.#running.has(id),
    });
  }

  /** A partition switches for all services at once. */
  #haveAllServicesArrived(duty: Duty): boolean {
    return this.#port.services.every(
      (service) => this.#find({ ...duty, service })?.machine.state === 'complete',
    );
  }

  /** What came meanwhile, or could not be read, is left: not a moment later again. */
  #endHinted(transfer: Running): void {
    this.#end(transfer);
    if (transfer.vnode.vnode.isEmpty()) return;
    const reason = `some items are left, next try in ${RETRY_MS / 1000} s`;
    this.#held.set(dutyKey(transfer), { reason, retryAt: this.#port.host.monotonic() + RETRY_MS });
  }

  #fail(transfer: Running, reason: string): void {
    this.#end(transfer);
    const { to, kind } = transfer;
    const { partition } = transfer.target;
    // Items change from now on without being passed on: the receiver is not what it was said to be.
    if (kind === 'ownership') this.#port.withdrawComplete(partition, to);
    this.#port.logger.debug(
      { partition, to: this.#port.nameOf(to), kind, reason },
      'a transfer stopped and will begin anew',
    );
    this.#held.set(dutyKey(transfer), { reason, retryAt: this.#port.host.monotonic() + RETRY_MS });
  }

  #end(transfer: Running): void {
    transfer.vnode.removeSink(transfer.sink);
    this.#running.delete(transfer.id);
  }

  /** Under a new ring: has this transfer's switch been agreed, or has its cause gone? */
  #reconsider(transfer: Running): void {
    const { document, self } = this.#port;
    const { kind, to, vnode, machine } = transfer;
    const { partition } = transfer.target;
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

  #find(duty: Duty): Running | undefined {
    const key = dutyKey(duty);
    for (const transfer of this.#running.values()) if (dutyKey(transfer) === key) return transfer;
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
    return this.#receiver.isTaking(vnode);
  }
}
