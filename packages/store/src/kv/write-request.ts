/**
 * One write, coordinated: stamp the entry, send it to every replica on the list, answer when w of them count.
 *
 * The replica on this node goes first, so that a coordinator which is itself a primary stamps above what it holds.
 * A replica that holds a later version says so, and a blind write is stamped anew above that, at most twice; after
 * that it stands as it is: written, and replaced by a later version, as if the other writer had come second. So it is for
 * a write by a slow clock on a key that has expired: it is stamped above the moment of that (entry/expiry.ts). A replica that
 * did not take it, since it comes too late for what was deleted there, acknowledges nothing, however often it was stamped.
 *
 * A write that no longer can succeed fails at once and says whether it surely did nothing. One that was refused
 * because the partition moved waits for the newer ring and goes there under the same stamp; one whose copies found no room on the
 * way to nodes that are up waits for some.
 *
 * Once it is answered it waits for the other copies. One that does not come is left as a hint: with this node where it
 * has taken a copy of its own, or with another that has. Or else the copies that sufficed would be all there is, and the
 * next disk that is lost could take the write with it.
 *
 * Source: Dynamo 4.5; rules 7 and 8.
 */
import {
  carve,
  QuorumCount,
  stampMs,
  type CountedList,
  type Quorum,
  type Refusal,
  type ReplicaRequest,
  type Replica,
  type RequestId,
} from '@rkv/core';
import { encodeTombstone, stringEntryBytes, writeString } from '../entry/codec.ts';
import { stampOfMoment } from '../entry/expiry.ts';
import { expiryMs, payloadStart, STRING, typeOf, VERSION_AT } from '../entry/layout.ts';
import type { FailureCode, PutOptions, RequestOptions, WriteSink } from './api.ts';
import type { KvReply, MergedReply } from './commands.ts';
import { bucketOfKey, listOf, putPlace, quorumFor, type Coordinator } from './coordinator.ts';
import { failureOf } from './failure.ts';
import { levelFailure } from './levels.ts';
import { sendLate } from './late-copies.ts';
import { codeOf } from './refusals.ts';

const RESTAMPS_MAX = 2;
/** One that was not taken is no write yet. What it must be above rises every few seconds at most. */
const LATE_RESTAMPS_MAX = 5;
/** Between two looks whether a copy that had no room on the way finds some now, ms. */
const ROOM_MS = 10;
const NO_ENTRY: Uint8Array = new Uint8Array(0);
const NO_OPTIONS: RequestOptions = {};

/** Told more than a door needs: which replica answered first. */
export interface WriteWatcher extends WriteSink {
  onFirst?(replica: Replica): void;
  /** A replica holds this later version, and the entry counts for nothing. In the place of stamping it anew. */
  onLater?(later: Uint8Array): void;
}

export class WriteRequest implements ReplicaRequest<KvReply> {
  readonly #coordinator: Coordinator;
  /** What is sent to every replica. The entry is theirs; it is never written into again. */
  readonly #command = {
    kind: 'merge' as const,
    key: '',
    hashHi: 0,
    hashLo: 0,
    entry: NO_ENTRY,
    flushed: false,
  };
  readonly #count = new QuorumCount();
  #sink!: WriteWatcher;
  #options: RequestOptions | undefined;
  #n = 0;
  /** By the monotonic clock; 0 until the first round is out, since a write that ends with it needs no clock. */
  #deadline = 0;
  #list!: CountedList;
  #quorum!: Quorum;
  #id: RequestId = 0;
  #restamps = 0;
  #existed = false;
  /** The cluster's time for this request; 0: nobody needed it yet. */
  #nowMs = 0;
  #judged = 0;
  #first: Replica | undefined;
  /** Some replica may have stored something. */
  #reached = false;
  #refusal: Refusal | undefined;
  /** Bits of replicas that were not sent it: there was no room, or no connection yet. */
  #unsent = 0;
  /** They are to be sent it in a moment. */
  #awaitsRoom = false;
  /** Waiting for a newer ring: the partition has moved. */
  #parked = false;
  /** The ring that the present round was sent under. */
  #sentEpoch = 0;
  /** The sink was told that it is written; the other copies may still be on their way. */
  #written = false;
  /** Counted as under way, until the sink has its answer. */
  #openBytes = 0;
  #done = true;
  /** Sends are under way; conclusions wait until all are out. */
  #sending = false;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** The sink was told, and nobody is waited for any more. */
  get done(): boolean {
    return this.#done;
  }

  /** `value` is borrowed until this returns. One that is done then was heard of by nobody else, and may begin another write. */
  put(key: string, value: Uint8Array, options: PutOptions | undefined, sink: WriteWatcher): void {
    const untilMs = options?.untilMs ?? 0;
    const entry = carve(stringEntryBytes(value.length, untilMs !== 0));
    this.#coordinator.clock.write(entry, VERSION_AT);
    writeString(entry, key, entry, VERSION_AT, value, 0, value.length, untilMs);
    this.#begin(key, entry, options, sink);
  }

  /** As `put`. */
  delete(key: string, options: RequestOptions | undefined, sink: WriteWatcher): void {
    const stamp = new Uint8Array(16);
    this.#coordinator.clock.write(stamp, 0);
    this.#begin(key, encodeTombstone(key, stamp), options, sink);
  }

  /** Write this entry, which is given away, as it is. */
  replace(key: string, entry: Uint8Array, options: RequestOptions | undefined, sink: WriteWatcher): void {
    this.#begin(key, entry, options, sink);
  }

  onReply(at: number, reply: KvReply, standIn: boolean): void {
    if (reply.kind !== 'merged') return this.onFailed(at, true);
    this.#reached = true;
    // What a replica held before it first heard of this write; later answers may speak of the write itself.
    const isOver = reply.untilMs !== 0 && this.#now() >= reply.untilMs;
    if ((this.#judged & (1 << at)) === 0 && reply.existed && !isOver) this.#existed = true;
    this.#judged |= 1 << at;
    const floor = this.#written ? undefined : this.#floorOf(reply, isOver);
    if (floor !== undefined) {
      if (this.#sink.onLater !== undefined) return this.#giveUp(floor);
      if (this.#restamps < (reply.tooLate === true ? LATE_RESTAMPS_MAX : RESTAMPS_MAX))
        return this.#restamp(floor);
    }
    if (reply.tooLate === true) this.#count.failed(at);
    else {
      this.#first ??= this.#list.replicas[at];
      this.#count.answered(at, true, standIn);
    }
    this.#judge();
  }

  /** What the write must be stamped above, and is not. All of it at once: there are two new stamps, and other replicas. */
  #floorOf({ later, untilMs }: MergedReply, isOver: boolean): Uint8Array | undefined {
    if (!isOver || stampMs(this.#command.entry, VERSION_AT) >= untilMs) return later;
    return later !== undefined && stampMs(later, 0) >= untilMs ? later : stampOfMoment(untilMs);
  }

  #now(): number {
    if (this.#nowMs === 0) this.#nowMs = this.#coordinator.clusterTime();
    return this.#nowMs;
  }

  onRefused(at: number, why: Refusal): void {
    this.#refusal = why;
    this.#count.failed(at);
    this.#judge();
  }

  onFailed(at: number, sent: boolean, crowded = false): void {
    if (sent) this.#reached = true;
    else this.#unsent |= 1 << at;
    if (crowded) this.#refusal ??= 'overload';
    this.#count.failed(at);
    this.#judge();
  }

  onKept(at: number): void {
    this.#reached = true;
    if (!this.#written) return this.onRefused(at, 'moved');
    // Taken as a stand-in takes it: it will be handed over.
    this.#count.answered(at, true);
    this.#judge();
  }

  onAlarm(): void {
    const isOver = this.#coordinator.host.monotonic() >= this.#deadline;
    if (this.#awaitsRoom && !isOver) return this.#sendUnsent();
    if (this.#written) return this.#end();
    if (this.#awaitsRoom) this.#count.spent |= this.#unsent;
    if (!this.#count.settled) this.#reached = true;
    this.#fail(this.#awaitsRoom ? codeOf(this.#refusal ?? 'overload') : 'timeout');
  }

  /** Or somebody came or went: whoever was waited for may be down. */
  onRingChanged(): void {
    if (!this.#parked && (!this.#awaitsRoom || this.#written)) return;
    this.#parked = false;
    this.#sendAnew();
  }

  #timeoutMs(): number {
    return this.#options?.timeoutMs ?? this.#coordinator.defaults.timeoutMs;
  }

  #remainingMs(): number {
    if (this.#deadline === 0) return this.#timeoutMs();
    return Math.max(1, Math.ceil(this.#deadline - this.#coordinator.host.monotonic()));
  }

  #begin(key: string, entry: Uint8Array, options: RequestOptions | undefined, sink: WriteWatcher): void {
    const { port, host, values } = this.#coordinator;
    putPlace(this.#command, key);
    this.#command.entry = entry;
    this.#sink = sink;
    this.#options = options;
    this.#n = bucketOfKey(this.#coordinator, key).n;
    const failure = levelFailure('write', options, this.#n);
    if (failure !== undefined) return sink.onFailure(failure);
    this.#command.flushed = (options?.dw ?? 0) > 0;
    this.#deadline = 0;
    this.#restamps = 0;
    this.#existed = false;
    this.#nowMs = 0;
    this.#judged = 0;
    this.#first = undefined;
    this.#reached = false;
    this.#refusal = undefined;
    this.#parked = false;
    this.#written = false;
    this.#done = false;
    this.#openBytes = entry.length;
    values.beginWrite(entry.length);
    this.#id = port.open(this);
    this.#send();
    if (this.#done) return;
    this.#deadline = host.monotonic() + this.#timeoutMs();
    this.#setAlarm();
  }

  #send(): void {
    const { port, defaults } = this.#coordinator;
    const { w, pw, dw } = this.#options ?? NO_OPTIONS;
    const list = listOf(this.#coordinator, this.#command, this.#n);
    this.#sending = false;
    this.#unsent = 0;
    this.#awaitsRoom = false;
    this.#sentEpoch = port.epoch;
    this.#list = list;
    this.#quorum = quorumFor(list, this.#n, w, defaults.w, pw, dw);
    this.#count.begin(list, this.#quorum);
    if (!this.#count.possible) return this.#judge();
    this.#sending = true;
    this.#count.asked = (1 << list.replicas.length) - 1;
    // Of the copies on this node each goes first: what one of them holds may call for another stamp.
    if (!this.#sendTo(list, true) || !this.#sendTo(list, false)) return;
    this.#sending = false;
    this.#judge();
  }

  /** To the replicas on this node, or to those elsewhere. False when one of them had it sent anew: that round counts. */
  #sendTo(list: CountedList, here: boolean): boolean {
    const { port } = this.#coordinator;
    const stamped = this.#restamps;
    for (let at = 0; at < list.replicas.length; at++) {
      const replica = list.replicas[at] as Replica;
      if ((replica.node === port.self) !== here) continue;
      port.send(this.#id, at, replica, this.#command, this.#remainingMs());
      if (this.#restamps !== stamped) return false;
    }
    return true;
  }

  #giveUp(later: Uint8Array): void {
    this.#done = true;
    this.#uncount();
    // Copies that are not out yet need not go.
    this.#restamps++;
    this.#coordinator.port.close(this.#id);
    this.#sink.onLater?.(later);
  }

  #restamp(later: Uint8Array): void {
    this.#restamps++;
    const { clock } = this.#coordinator;
    const held = this.#command.entry;
    const { key } = this.#command;
    const floor = { bytes: later, at: 0 };
    let entry: Uint8Array;
    if (typeOf(held) === STRING) {
      entry = carve(held.length);
      clock.write(entry, VERSION_AT, floor);
      writeString(entry, key, entry, VERSION_AT, held, payloadStart(held), held.length, expiryMs(held));
    } else {
      const stamp = new Uint8Array(16);
      clock.write(stamp, 0, floor);
      entry = encodeTombstone(key, stamp);
    }
    this.#command.entry = entry;
    this.#sendAnew();
  }

  #judge(): void {
    if (this.#done || this.#sending) return;
    if (this.#count.met && !this.#written) this.#succeed();
    if (this.#written) {
      if (this.#count.settled) this.#end();
      return;
    }
    // Parked: it is sent anew once the newer ring is here, whatever the last of the old one say.
    if (this.#count.possible || this.#parked || this.#mayAwaitRoom()) return;
    // It can fail before everybody has spoken: whoever has not may have stored it.
    if (!this.#count.settled) this.#reached = true;
    if (this.#refusal === 'moved') return this.#followTheRing();
    this.#fail(codeOf(this.#refusal));
  }

  /** Whether it can still succeed if those who were not sent it are sent it in a moment; then they are. */
  #mayAwaitRoom(): boolean {
    if (this.#unsent === 0) return false;
    const { spent } = this.#count;
    this.#count.spent &= ~this.#unsent;
    this.#awaitsRoom = this.#count.possible;
    if (this.#awaitsRoom) this.#setAlarm();
    else this.#count.spent = spent | this.#unsent;
    return this.#awaitsRoom;
  }

  #sendUnsent(): void {
    const { port } = this.#coordinator;
    const unsent = this.#unsent;
    this.#unsent = 0;
    this.#awaitsRoom = false;
    this.#setAlarm();
    this.#sending = true;
    this.#list.replicas.forEach((replica, at) => {
      if ((unsent & (1 << at)) !== 0) port.send(this.#id, at, replica, this.#command, this.#remainingMs());
    });
    this.#sending = false;
    this.#judge();
  }

  /** The newer ring may have come before the refusals of the older one. */
  #followTheRing(): void {
    this.#refusal = undefined;
    if (this.#coordinator.port.epoch > this.#sentEpoch) this.#sendAnew();
    else this.#parked = true;
  }

  /** Under a number of its own: answers to the round before are nobody's any more. */
  #sendAnew(): void {
    const { port } = this.#coordinator;
    if (!this.#count.settled) this.#reached = true;
    port.close(this.#id);
    this.#id = port.open(this);
    this.#send();
    if (!this.#done) this.#setAlarm();
  }

  #setAlarm(): void {
    const remaining = this.#remainingMs();
    this.#coordinator.port.alarm(this.#id, this.#awaitsRoom ? Math.min(ROOM_MS, remaining) : remaining);
  }

  #succeed(): void {
    this.#written = true;
    this.#uncount();
    if (this.#first !== undefined) this.#sink.onFirst?.(this.#first);
    this.#sink.onWritten(this.#existed, this.#command.entry);
  }

  /** Nobody waits for it any more. */
  #uncount(): void {
    const bytes = this.#openBytes;
    this.#openBytes = 0;
    this.#coordinator.values.endWrite(bytes);
  }

  /** Written, and whoever has not taken its copy by now will not. */
  #end(): void {
    this.#done = true;
    this.#coordinator.port.close(this.#id);
    const { lacking } = this.#count;
    if (lacking === 0) return;
    const { key, hashHi, hashLo, entry } = this.#command;
    sendLate(this.#coordinator, { key, hashHi, hashLo }, entry, this.#standInsFor(lacking));
  }

  /** Who takes a copy in the stead of those that have not; under a newer ring whoever should have one. */
  #standInsFor(lacking: number): readonly Replica[] {
    const { port } = this.#coordinator;
    if (port.epoch > this.#sentEpoch) return listOf(this.#coordinator, this.#command, this.#n).replicas;
    const { replicas } = this.#list;
    // Whoever has taken its own copy can take another: this node first.
    const takers = replicas.flatMap(({ node }, at) =>
      (this.#count.counted & (1 << at)) === 0 ? [] : [node],
    );
    if (takers.includes(port.self)) takers.unshift(port.self);
    return replicas.flatMap((replica, at) => {
      if ((lacking & (1 << at)) === 0) return [];
      const node = takers.find((taker) => taker !== replica.node);
      return node === undefined ? [] : [{ ...replica, node, role: 'fallback' as const }];
    });
  }

  #fail(code: FailureCode): void {
    if (this.#done) return;
    this.#done = true;
    this.#uncount();
    const { port } = this.#coordinator;
    port.close(this.#id);
    this.#sink.onFailure(
      failureOf({
        verb: 'write',
        code,
        quorum: this.#quorum,
        count: this.#count,
        definite: !this.#reached,
        document: port.document,
      }),
    );
  }
}
