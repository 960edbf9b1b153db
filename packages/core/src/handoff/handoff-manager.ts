/**
 * Decides which transfers run out of this node, and can say of every one that waits why it does. One that runs looks after
 * itself (running-transfer.ts). What comes in is the receiver's affair (receiver.ts), what is owed a pure question
 * (duties.ts), what a repair asks of others is in repairs.ts, and how sources are deleted in clearing.ts.
 *
 * A transfer that is stopped - paused, cancelled, in excess of a limit that was lowered - ends like one that broke,
 * only that its receiver is told; when it runs again, what the receiver holds is compared and not sent anew.
 *
 * Source: Riak Core's riak_core_handoff_manager; rules 9.
 */
import type { Reader } from '../base/bytes.ts';
import { describeBytes } from '../base/quantities.ts';
import type { Timer } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { MESSAGE, newHeader, type Header } from '../request/message.ts';
import { Clearing } from './clearing.ts';
import { DEFAULT_LIMITS, partitionsOf, Pauses, type TransferLimits } from './controls.ts';
import { dutiesOf, dutyKey, type Duty } from './duties.ts';
import { provenSources } from './filling.ts';
import { readAck, readAnswer, readHeld } from './handoff-wire.ts';
import { ALL_THERE, CANCELLED, describeHold, Holds, type Hold } from './holds.ts';
import { Outbox } from './outbox.ts';
import { PASSED_ON_BYTES_MAX, type TransferEvent } from './outbound-transfer.ts';
import type { CopyRequest, HandoffPort, TransferableVnode } from './port.ts';
import { HandoffReceiver, type InboundStatus } from './receiver.ts';
import { CopyRequests, Repairs } from './repairs.ts';
import { RunningTransfer, type TransferParts } from './running-transfer.ts';
import { Slices } from './slices.ts';
import { withSelf } from './self-frames.ts';
import { Throttle } from './throttle.ts';
import { nameOf, statusOf, type TransferStatus, type WaitingTransfer } from './transfer-status.ts';

const TICK_MS = 250;
/** Hints that could not be forgotten, or came meanwhile, are handed over after a while. */
const LEFT_RETRY_MS = 1_000;
/** A transfer that an operator cancelled begins anew after this long; who wants it to stay away pauses it. */
const CANCELLED_MS = 60_000;

export class HandoffManager {
  readonly #port: HandoffPort;
  readonly #running = new Map<number, RunningTransfer>();
  readonly #byKey = new Map<string, RunningTransfer>();
  readonly #holds = new Holds();
  readonly #pauses = new Pauses();
  readonly #throttle = new Throttle();
  readonly #slices: Slices;
  readonly #clearing: Clearing;
  readonly #outbox: Outbox;
  readonly #parts: TransferParts;
  readonly #receiver: HandoffReceiver;
  readonly #repairs: Repairs;
  readonly #copyRequests: CopyRequests;
  #limits = DEFAULT_LIMITS;
  #timer: Timer | undefined;
  /** Drawn, because acknowledgements meant for a former life of this node may still be on their way. */
  #lastId: number;

  constructor(port: HandoffPort) {
    this.#port = withSelf(port, (type, service, place, body) => {
      const { epoch } = port.document;
      this.onFrame(port.self, { ...newHeader(), type, epoch, ...place }, service, body);
    });
    this.#slices = new Slices(port.host);
    this.#clearing = new Clearing(this.#port);
    this.#outbox = new Outbox(port.host);
    this.#parts = {
      port: this.#port,
      outbox: this.#outbox,
      slices: this.#slices,
      throttle: this.#throttle,
      onProgress: ({ key }) => this.#holds.progress(key),
      onComplete: (transfer) => this.#handleComplete(transfer),
      onFailed: (transfer, reason) => this.#fail(transfer, reason),
    };
    this.#repairs = new Repairs(this.#port);
    this.#copyRequests = new CopyRequests(this.#port);
    this.#receiver = new HandoffReceiver({
      port: this.#port,
      outbox: this.#outbox,
      slices: this.#slices,
      expectsRepair: (vnode, from, source) => this.#repairs.expects(vnode, from, source),
      onRepaired: (vnode, from, source) => this.#repairs.onMerged(vnode, from, source),
    });
    this.#lastId = port.host.random();
  }

  start(): void {
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#clearing.stop();
    this.#slices.stop();
    this.#outbox.stop();
    for (const transfer of this.#running.values()) transfer.end();
    this.#running.clear();
    this.#byKey.clear();
  }

  /** The node has a newer ring; vnode standings are already in line with it. */
  adopt(): void {
    const { epoch } = this.#port.document;
    const proven = provenSources(this.#port.document, this.#running.values());
    const owed = new Set(this.#duties().map(dutyKey));
    for (const transfer of this.#running.values()) this.#reconsider(transfer, owed);
    for (const vnode of proven) if (vnode.standing === 'hint') vnode.become('retired', epoch);
    this.#receiver.adopt();
    this.#copyRequests.clear();
    this.#holds.clear();
    this.#pauses.keepBelow(this.partitions);
    this.#schedule();
  }

  /** What comes in. */
  get receiver(): Pick<HandoffReceiver, 'isMerging' | 'reconsider' | 'onStoreFailure'> {
    return this.#receiver;
  }

  /** Controls are about partitions below this. */
  get partitions(): number {
    return partitionsOf(this.#port.document);
  }

  /** Nodes came or went. */
  onUpChanged(node: NodeId, up: boolean): void {
    if (!up) {
      for (const transfer of this.#running.values()) {
        if (transfer.to === node)
          transfer.step({ kind: 'lost', reason: `${this.#port.nameOf(node)} is down` });
      }
      this.#receiver.onDown(node);
    }
    this.#schedule();
  }

  onFrame(from: NodeId, header: Header, service: string, body: Reader): void {
    switch (header.type) {
      case MESSAGE.handoffOffer:
        return this.#receiver.onOffer(from, header, service, body);
      case MESSAGE.handoffItems:
        return this.#receiver.onItems(from, header, service, body);
      case MESSAGE.handoffCompare:
        return this.#receiver.onCompare(from, body);
      case MESSAGE.handoffEnd:
        return this.#receiver.onEnd(from, body);
      case MESSAGE.handoffAnswer: {
        const { id, refusal, compare } = readAnswer(body);
        const event: TransferEvent =
          refusal === undefined ? { kind: 'accepted', compare } : { kind: 'refused', reason: refusal };
        return this.#stepFrom(from, id, event);
      }
      case MESSAGE.handoffHeld: {
        const { id, seq, digests } = readHeld(body);
        return this.#stepFrom(from, id, { kind: 'held', seq, digests });
      }
      default: {
        const { id, seq, stored } = readAck(body);
        return this.#stepFrom(from, id, { kind: 'acked', seq, stored });
      }
    }
  }

  active(): TransferStatus[] {
    const now = this.#port.host.monotonic();
    return [...this.#running.values()]
      .filter(({ isActive }) => isActive)
      .map((transfer) => statusOf(this.#port.self, transfer, this.#noteOf(transfer, now), now));
  }

  /** What comes into this node. */
  inbound(): InboundStatus[] {
    return this.#receiver.active();
  }

  waiting(): WaitingTransfer[] {
    const now = this.#port.host.monotonic();
    return [...this.#waitingOut(now), ...this.#repairs.waiting(this.#receiver.active(), now)];
  }

  limits(): LimitUse[] {
    const passedOn = [...this.#running.values()].map(({ machine }) => machine.passedOnBytes);
    return [
      { limit: 'handoff_out', used: this.#activeCount, max: this.#limits.out },
      this.#receiver.limit,
      { limit: 'handoff_passed_on_bytes', used: Math.max(0, ...passedOn), max: PASSED_ON_BYTES_MAX },
    ];
  }

  get transferLimits(): TransferLimits {
    return this.#limits;
  }

  /** From now on. Transfers in excess stop, the latest first, and wait like others. */
  limitTo(limits: Partial<TransferLimits>): void {
    this.#limits = { ...this.#limits, ...limits };
    if ('bytesPerSecond' in limits) this.#throttle.limitTo(limits.bytesPerSecond);
    this.#receiver.limitTo(this.#limits.in);
    const active = [...this.#running.values()].filter(({ isActive }) => isActive);
    for (const transfer of active.slice(this.#limits.out)) this.#stopTransfer(transfer);
    this.#schedule();
  }

  get paused(): Pauses['list'] {
    return this.#pauses.list;
  }

  /** Transfers out of this node, into one partition or all: they stop, and wait until they are resumed. */
  pause(partition?: PartitionId): void {
    this.#pauses.pause(partition);
    for (const transfer of this.#running.values()) {
      const { isActive, target } = transfer;
      if (isActive && this.#pauses.reasonFor(target.partition) !== undefined) this.#stopTransfer(transfer);
    }
    this.#schedule();
  }

  resume(partition?: PartitionId): void {
    this.#pauses.resume(partition);
    this.#holds.releaseIf((reason) => reason === CANCELLED);
    this.#schedule();
  }

  /**
   * Stop the transfers of this partition that run out of this node, to begin anew after a minute. A repair that was
   * asked for here is given up altogether. How many there were.
   */
  cancel(partition: PartitionId): number {
    let cancelled = this.#repairs.giveUp(partition) ? 1 : 0;
    const now = this.#port.host.monotonic();
    for (const transfer of this.#running.values()) {
      if (transfer.target.partition !== partition || !transfer.isActive) continue;
      cancelled++;
      this.#stopTransfer(transfer);
      this.#holds.hold(transfer.key, CANCELLED, now, now + CANCELLED_MS);
    }
    this.#schedule();
    return cancelled;
  }

  /** Merge all other copies of this partition's ranges into the vnodes of this node. A sentence when that is refused. */
  repair(partition: PartitionId): { readonly refusal: string } | { readonly begun: boolean } {
    const { document, self } = this.#port;
    const owner = document.owners[partition];
    if (owner !== self)
      return { refusal: `partition ${partition} is not owned by ${this.#port.nameOf(self)}` };
    if (document.resize !== undefined)
      return { refusal: 'the ring is being resized; repair when that is done' };
    if (document.pending.some((transfer) => transfer.partition === partition))
      return { refusal: `partition ${partition} is moving to another node; repair it when it has arrived` };
    const now = this.#port.host.monotonic();
    const vnodes = this.#port
      .all()
      .filter((vnode) => vnode.standing === 'owner' && vnode.place.partition === partition);
    const begun = vnodes.map((vnode) => this.#repairs.askFor(vnode, now));
    return { begun: begun.includes(true) };
  }

  /** Another node wants a copy that this one holds. The reason why not, or undefined. */
  takeCopyRequest(from: NodeId, request: CopyRequest): string | undefined {
    const refusal = this.#copyRequests.take(from, request, dutyKey);
    if (refusal === undefined) this.#schedule();
    return refusal;
  }

  /** All that this node is to own in a coming ring is there and kept up; also when it is to own nothing. */
  get filled(): boolean {
    return this.#receiver.filled;
  }

  /** Nothing of others is left on this node. */
  get drained(): boolean {
    const isDone = this.#port
      .all()
      .every(
        (vnode) => vnode.standing === 'owner' || vnode.standing === 'receiving' || vnode.vnode.isEmpty(),
      );
    return isDone && this.#port.unserved() === undefined;
  }

  #describeComplete({ source }: Duty): string {
    const service = this.#port.unserved(source);
    if (service === undefined) return ALL_THERE;
    return `this node holds items of ${service}, which it does not run: start it with that service`;
  }

  get #activeCount(): number {
    let active = 0;
    for (const { isActive } of this.#running.values()) if (isActive) active++;
    return active;
  }

  #noteOf({ machine, to }: RunningTransfer, now: number): string | undefined {
    if (machine.state === 'offered') return `waits for the answer of ${this.#port.nameOf(to)}`;
    const { bytesPerSecond } = this.#limits;
    if (bytesPerSecond === undefined || this.#throttle.waitMs(now) === 0) return undefined;
    return `bandwidth limit ${describeBytes(bytesPerSecond)}/s reached`;
  }

  #waitingOut(now: number): WaitingTransfer[] {
    return this.#duties().flatMap((duty) => {
      const running = this.#find(duty);
      if (running?.isActive === true) return [];
      const hold: Hold =
        running?.completeAt === undefined
          ? (this.#holds.get(dutyKey(duty)) ?? { reason: this.#noPlace, since: now, retryAt: undefined })
          : { reason: this.#describeComplete(duty), since: running.completeAt, retryAt: undefined };
      const { since, retryAt } = hold;
      return [
        {
          ...nameOf(this.#port.self, duty),
          reason: describeHold(hold, now),
          sinceMs: Math.round(now - since),
          retryInMs: retryAt && Math.max(0, Math.round(retryAt - now)),
        },
      ];
    });
  }

  get #noPlace(): string {
    return `waits for a place: ${this.#limits.out} transfers at a time`;
  }

  #tick(): void {
    const now = this.#port.host.monotonic();
    for (const transfer of this.#running.values()) transfer.tick(now);
    this.#receiver.tick(now);
    this.#copyRequests.dropSilent(now);
    this.#repairs.tick(now);
    this.#schedule();
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
  }

  #duties(): Duty[] {
    const { self, document, services } = this.#port;
    const owed = dutiesOf({ self, document, services, vnodes: this.#port.all() });
    return [...owed, ...this.#copyRequests.duties];
  }

  #schedule(): void {
    const now = this.#port.host.monotonic();
    this.#clearing.tick((vnode) => this.#isBusy(vnode));
    // A node that gives a large ring away owes a thousand, and looks at all of them whenever one is done.
    const duties = new Map(this.#duties().map((duty) => [dutyKey(duty), duty]));
    this.#holds.keepOnly(duties);
    for (const [key, duty] of duties) {
      if (this.#byKey.has(key)) continue;
      const obstacle = this.#obstacle(duty);
      if (obstacle !== undefined) this.#holds.hold(key, obstacle, now);
      else if (this.#holds.isWaiting(key, now)) continue;
      else if (this.#activeCount >= this.#limits.out) this.#holds.hold(key, this.#noPlace, now);
      else this.#begin(duty);
    }
  }

  /** What is known to be in its way; undefined: it may be tried. */
  #obstacle({ to, service, target }: Duty): string | undefined {
    const paused = this.#pauses.reasonFor(target.partition);
    if (paused !== undefined) return paused;
    if (!this.#port.isUp(to)) return `${this.#port.nameOf(to)} is down`;
    if (!this.#port.runs(to, service)) return `${this.#port.nameOf(to)} does not run the service ${service}`;
    return undefined;
  }

  #begin(duty: Duty): void {
    const vnode = this.#port.find(duty.service, duty.source);
    if (vnode === undefined) return;
    this.#lastId = (this.#lastId + 1) >>> 0;
    const transfer = new RunningTransfer(this.#parts, { id: this.#lastId, duty, vnode });
    this.#running.set(transfer.id, transfer);
    this.#byKey.set(transfer.key, transfer);
    transfer.begin();
  }

  #stepFrom(from: NodeId, id: number, event: TransferEvent): void {
    const transfer = this.#running.get(id);
    if (transfer !== undefined && transfer.to === from) transfer.step(event);
  }

  #handleComplete(transfer: RunningTransfer): void {
    const { kind, key, to } = transfer;
    const now = this.#port.host.monotonic();
    this.#holds.progress(key);
    if (kind === 'ownership' && this.#haveAllServicesArrived(transfer))
      this.#port.reportComplete(transfer.target.partition, to);
    // What changes is passed on until the ring has switched.
    if (kind === 'ownership' || kind === 'resize') return this.#schedule();
    this.#end(transfer);
    if (kind === 'repair') this.#copyRequests.remove(key);
    // What came meanwhile, or could not be read, is left: not a moment later again.
    else if (!transfer.vnode.vnode.isEmpty())
      this.#holds.hold(key, 'some items are left', now, now + LEFT_RETRY_MS);
    this.#schedule();
  }

  /** A partition switches for all services at once. */
  #haveAllServicesArrived(duty: Duty): boolean {
    const isHere = (service: string): boolean => this.#find({ ...duty, service })?.isActive === false;
    return this.#port.services.every(isHere) && this.#port.unserved(duty.source) === undefined;
  }

  #fail(transfer: RunningTransfer, reason: string): void {
    const { to, kind, key } = transfer;
    const { partition } = transfer.target;
    this.#stopTransfer(transfer);
    this.#port.logger.debug(
      { partition, to: this.#port.nameOf(to), kind, reason },
      'a transfer stopped and will go on later',
    );
    this.#holds.fail(key, reason, this.#port.host.monotonic());
  }

  #stopTransfer(transfer: RunningTransfer): void {
    transfer.sendEnd();
    this.#end(transfer);
  }

  #end(transfer: RunningTransfer): void {
    const { id, key, kind, target, to } = transfer;
    transfer.end();
    this.#running.delete(id);
    this.#byKey.delete(key);
    // Items change from now on without being passed on: the receiver is not what it was said to be.
    const isOwed = this.#port.document.pending.some((p) => p.partition === target.partition && p.to === to);
    if (kind === 'ownership' && isOwed) this.#port.withdrawComplete(target.partition, to);
  }

  /** Under a new ring: has this transfer's switch been agreed, or has its cause gone? */
  #reconsider(transfer: RunningTransfer, owed: ReadonlySet<string>): void {
    const { document } = this.#port;
    const { kind, to, vnode, machine, key } = transfer;
    const { partition } = transfer.target;
    if (kind === 'repair') return this.#stopTransfer(transfer);
    if (owed.has(key)) return;
    if (kind === 'hinted' || kind === 'resize') return this.#end(transfer);
    this.#end(transfer);
    // Proven complete: all that was ever passed on is acknowledged. Otherwise what is left goes as hints.
    if (document.owners[partition] === to && machine.quiet && vnode.standing === 'hint')
      vnode.become('retired', document.epoch);
  }

  #find(duty: Duty): RunningTransfer | undefined {
    return this.#byKey.get(dutyKey(duty));
  }

  #isBusy(vnode: TransferableVnode): boolean {
    for (const transfer of this.#running.values()) if (transfer.vnode === vnode) return true;
    return this.#receiver.isTaking(vnode);
  }
}
