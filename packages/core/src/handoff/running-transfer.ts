/**
 * One transfer out of this node while it runs: does what its machine (outbound-transfer.ts) asks for, at the vnode, on the
 * wire, and in slices of background work.
 *
 * Whether it may run at all, and what its outcome means for the ring, is its manager's affair (handoff-manager.ts), which is
 * told when all items are there and when it has failed.
 *
 * After `end` nothing is done for it any more, whatever was still asked for.
 */
import { unreachable } from '../base/assert.ts';
import type { Writer } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { MESSAGE } from '../request/message.ts';
import { dutyKey, type Duty, type TransferKind } from './duties.ts';
import { writeCompare, writeEnd, writeItems, writeOffer } from './handoff-wire.ts';
import type { Outbox } from './outbox.ts';
import { OutboundTransfer, type TransferEffect, type TransferEvent } from './outbound-transfer.ts';
import type { HandoffPort, Sink, TransferableVnode } from './port.ts';
import { Rate } from './rate.ts';
import { jobForEach, WorkLine, type Slices } from './slices.ts';
import type { Throttle } from './throttle.ts';
import type { Measured } from './transfer-status.ts';

/** What all transfers of a node share. */
export interface TransferParts {
  readonly port: HandoffPort;
  readonly outbox: Outbox;
  readonly slices: Slices;
  readonly throttle: Throttle;
  /** The receiver has acknowledged something. */
  onProgress(transfer: RunningTransfer): void;
  /** All items are there; what changes is still passed on. */
  onComplete(transfer: RunningTransfer): void;
  onFailed(transfer: RunningTransfer, reason: string): void;
}

export interface RunningTransferInit {
  readonly id: number;
  readonly duty: Duty;
  readonly vnode: TransferableVnode;
}

type EffectOf<Kind extends TransferEffect['kind']> = Extract<TransferEffect, { kind: Kind }>;

/** Bytes of items in one page, about: it is walked in some tenths of a millisecond. */
const PAGE_BYTES = 64 * 1024;
/** Items forgotten in one step. */
const STEP_ITEMS = 64;
/** A walk that waits for bandwidth looks so often whether the limit is still there. */
const LOOK_MS = 250;

export class RunningTransfer implements Measured {
  readonly id: number;
  readonly key: string;
  readonly kind: TransferKind;
  readonly service: string;
  readonly source: Place;
  readonly target: Place;
  readonly to: NodeId;
  readonly ranges: readonly HashRange[];
  readonly vnode: TransferableVnode;
  readonly machine: OutboundTransfer;
  readonly begunAt: number;
  readonly total: number | undefined;
  readonly rate: Rate;
  readonly #parts: TransferParts;
  readonly #sink: Sink;
  /** What is to be done at the vnode because of acknowledgements, in their order. */
  readonly #work: WorkLine;
  #completeAt: number | undefined;
  #ended = false;

  constructor(parts: TransferParts, { id, duty, vnode }: RunningTransferInit) {
    const { kind, service, source, target, to, ranges } = duty;
    const now = parts.port.host.monotonic();
    this.#parts = parts;
    this.id = id;
    this.key = dutyKey(duty);
    this.kind = kind;
    this.service = service;
    this.source = source;
    this.target = target;
    this.to = to;
    this.ranges = ranges;
    this.vnode = vnode;
    this.machine = new OutboundTransfer({ kind, ranges, now });
    this.begunAt = now;
    this.total = vnode.vnode.countItems?.(ranges);
    this.rate = new Rate(now);
    this.#work = new WorkLine(parts.slices);
    this.#sink = { ranges, passOn: (item) => this.step({ kind: 'passOn', item }) };
  }

  /** Some items are not there yet. */
  get isActive(): boolean {
    return this.machine.state !== 'complete';
  }

  /** All items are there since then, on the monotonic clock. */
  get completeAt(): number | undefined {
    return this.#completeAt;
  }

  begin(): void {
    if (this.kind === 'ownership' || this.kind === 'resize') this.vnode.addSink(this.#sink);
    this.#perform(this.machine.begin());
  }

  step(event: TransferEvent): void {
    this.#perform(this.machine.step(event, this.#now()));
    if (event.kind === 'acked' && event.stored) this.#parts.onProgress(this);
  }

  tick(now: number): void {
    const { items, bytes } = this.machine.progress;
    this.rate.look(now, items, bytes);
    this.#perform(this.machine.tick(now));
  }

  /** The receiver is told, so that it need not wait until this node is silent for too long. */
  sendEnd(): void {
    this.#send(MESSAGE.handoffEnd, (out) => writeEnd(out, this.id));
  }

  /** What changes at the vnode is not passed on from now on. */
  end(): void {
    this.#ended = true;
    this.vnode.removeSink(this.#sink);
    this.#work.stop();
  }

  #now(): number {
    return this.#parts.port.host.monotonic();
  }

  #perform(effects: readonly TransferEffect[]): void {
    for (const effect of effects) if (!this.#ended) this.#performOne(effect);
  }

  #performOne(effect: TransferEffect): void {
    switch (effect.kind) {
      case 'offer':
        return this.#sendOffer();
      case 'items':
        return this.#sendItems(effect);
      case 'compare':
        return this.#send(MESSAGE.handoffCompare, (out) =>
          writeCompare(out, { id: this.id, seq: effect.seq, stretch: effect.stretch }),
        );
      case 'walk':
        return this.#walk(effect);
      case 'forget':
        return this.#work.add(jobForEach(effect.items, STEP_ITEMS, (item) => this.#forget(item)));
      case 'seal':
        this.vnode.seal(this.#parts.port.document.epoch);
        return this.#parts.port.whenAllStored(() => {
          if (!this.#ended) this.step({ kind: 'sealed' });
        });
      case 'complete':
        this.#work.add(() => {
          if (!this.#ended) this.#handleComplete();
          return false;
        });
        return;
      case 'failed':
        return this.#parts.onFailed(this, effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #sendOffer(): void {
    const { to, service, source, target, id, kind } = this;
    const { port } = this.#parts;
    const taken = port.send(to, MESSAGE.handoffOffer, service, target, (out) =>
      writeOffer(out, { id, kind, source }),
    );
    if (!taken) this.step({ kind: 'lost', reason: `the lane to ${port.nameOf(to)} is closed or full` });
  }

  #sendItems(effect: EffectOf<'items'>): void {
    let bytes = 0;
    for (const item of effect.items) bytes += item.length;
    this.#parts.throttle.charge(bytes, this.#now());
    this.#send(MESSAGE.handoffItems, (out) =>
      writeItems(out, { id: this.id, ...effect, partial: !this.vnode.whole }),
    );
  }

  #send(type: number, write: (out: Writer) => void): void {
    const { port, outbox } = this.#parts;
    const { to, service, target } = this;
    outbox.put(to, {
      send: () => port.send(to, type, service, target, write),
      isWanted: () => !this.#ended,
    });
  }

  /** In a slice of background work, and not before the bandwidth allows it. */
  #walk(effect: EffectOf<'walk'>): void {
    const { port, throttle, slices } = this.#parts;
    const waitMs = throttle.waitMs(this.#now());
    if (waitMs > 0) {
      port.host.setTimer(Math.min(waitMs, LOOK_MS), () => {
        if (!this.#ended) this.#walk(effect);
      });
      return;
    }
    slices.add(() => {
      if (this.#ended) return false;
      // What goes out slowly goes out evenly.
      const bytes = Math.min(PAGE_BYTES, throttle.bytesPerSecond ?? PAGE_BYTES);
      const page = this.vnode.vnode.walkItems(effect.cursor, bytes, effect.within);
      this.step({ kind: 'page', page });
      return false;
    });
  }

  #forget(item: Uint8Array): void {
    if (!this.#ended && this.vnode.standing === 'hint') this.vnode.vnode.handleItemHandedOff(item);
  }

  #handleComplete(): void {
    this.#completeAt = this.#now();
    this.#parts.onComplete(this);
  }
}
