/**
 * One read, coordinated: the value from one replica, from the others only which state they hold.
 *
 * Asked first are as many replicas as must answer, on distinct nodes, this one among them where it can be; the
 * rest when one of those fails, has nothing to say, or is slow. If the states differ the latest one is fetched, and
 * after the answer the primaries that had an older one are sent it, those too that answer later (late-answers.ts).
 *
 * A stand-in's value is an answer, its "not found" is none. Where everybody has answered and a quorum cannot be had
 * because one dead node took several copies, the primaries that answered suffice (request/quorum.ts of the core).
 *
 * Source: Dynamo 4.5 (read repair), Cassandra's digest reads; rules 8.
 */
import {
  carveCopy,
  QuorumCount,
  type CountedList,
  type Quorum,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type RequestId,
} from '@rkv/core';
import {
  expiryMs,
  isLive,
  laterState,
  payloadStart,
  sameState,
  STRING,
  TOMBSTONE,
  typeOf,
} from '../entry/layout.ts';
import type { FailureCode, ReadSink, RequestOptions } from './api.ts';
import { STATE_END, type HeldReply, type KvReply } from './commands.ts';
import { bucketOfKey, listOf, putPlace, quorumFor, type Coordinator } from './coordinator.ts';
import { failureOf } from './failure.ts';
import { levelFailure } from './levels.ts';
import { LateAnswers } from './late-answers.ts';
import { sendLate } from './late-copies.ts';
import { codeOf } from './refusals.ts';

/** How long the first replicas asked may be silent before the others are asked too, ms: many round trips, yet not felt. */
const HEDGE_MS = 50;
const RESTARTS_MAX = 2;
/** How long who has not spoken is waited for once the read is answered, ms, */
const LATE_MS = 1_000;
/** unless all open reads of the node hold more than this by then: a small part of what holds up clients. */
const LATE_BYTES_MAX = 16 * 1024 * 1024;
const NOBODY: readonly Replica[] = [];

interface Answer {
  /** The entry, or its first bytes when not whole; undefined: nothing held. A copy. */
  readonly entry: Uint8Array | undefined;
  readonly whole: boolean;
}

export class ReadRequest implements ReplicaRequest<KvReply> {
  readonly #coordinator: Coordinator;
  /** The key, and what is asked of a replica just now. */
  readonly #command = { kind: 'get' as const, key: '', hashHi: 0, hashLo: 0, whole: true };
  readonly #count = new QuorumCount();
  #sink!: ReadSink;
  #options: RequestOptions | undefined;
  #n = 0;
  /** By the monotonic clock; 0 until the first round is out, since a read that ends with it needs no clock. */
  #deadline = 0;
  #list!: CountedList;
  #quorum!: Quorum;
  #answers: (Answer | undefined)[] = [];
  /** Bits of those that hold nothing, where that is no answer as long as another may hold something. */
  #empty = 0;
  #id: RequestId = 0;
  #hedged = false;
  #refusal: Refusal | undefined;
  /** Waiting for a newer ring: the partition has moved. */
  #parked = false;
  /** The ring that the present round was sent under. */
  #sentEpoch = 0;
  #restarts = 0;
  #done = true;
  #sending = false;
  /** The value was asked of somebody. */
  #valueAsked = false;
  /** The replica asked for the state that won, or -1. */
  #fetching = -1;
  /** Once the sink was told: those that had not spoken. */
  #late: LateAnswers | undefined;
  /** Of entries that were copied whole, as the node's budget knows it. */
  #heldBytes = 0;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** The sink was told, and nobody is waited for any more. */
  get done(): boolean {
    return this.#done && this.#late === undefined;
  }

  /** One that is done when this returns was heard of by nobody else, and may begin another read. */
  begin(key: string, options: RequestOptions | undefined, sink: ReadSink): void {
    const { port, host } = this.#coordinator;
    putPlace(this.#command, key);
    this.#sink = sink;
    this.#options = options;
    this.#n = bucketOfKey(this.#coordinator, key).n;
    const failure = levelFailure('read', options, this.#n);
    if (failure !== undefined) return sink.onFailure(failure);
    this.#deadline = 0;
    this.#hedged = false;
    this.#refusal = undefined;
    this.#parked = false;
    this.#restarts = 0;
    this.#done = false;
    this.#fetching = -1;
    this.#heldBytes = 0;
    this.#id = port.open(this);
    this.#start();
    if (this.#done) return;
    this.#deadline = host.monotonic() + this.#timeoutMs();
    port.alarm(this.#id, Math.min(HEDGE_MS, this.#timeoutMs()));
  }

  onReply(at: number, reply: KvReply, standIn: boolean): void {
    if (this.#late !== undefined) return this.#hearLate(this.#late, at, reply);
    if (reply.kind !== 'held') return this.onFailed(at);

    const { needed, neededPrimaries } = this.#quorum;
    const isEmpty = reply.entry === undefined && !standIn && this.#options?.notfoundOk === false;
    const isAnswer = reply.entry !== undefined || (!standIn && !isEmpty);
    if (needed === 1 && neededPrimaries === 0 && reply.whole && isAnswer) {
      if (this.#hedged) this.#count.answered(at, true, standIn);
      return this.#answer(reply.entry);
    }
    if (this.#fetching === at) {
      // The state that it told before, come a second time: its value is still to be fetched.
      if (!reply.whole) return this.#sendGet(at, true);
      if (!this.#mayHold(reply)) return this.#fail('overload');
      return this.#handleFetched(reply.entry && carveCopy(reply.entry));
    }
    if (!this.#mayHold(reply)) return this.#fail('overload');
    // A replica on this node shows all of it when asked for its state: a large value is not copied for that.
    const entry = reply.entry && carveCopy(reply.entry, 0, reply.whole ? reply.entry.length : STATE_END);
    this.#answers[at] = { entry, whole: reply.whole || (entry !== undefined && isAllState(entry)) };
    this.#count.answered(at, isAnswer, standIn);
    if (isEmpty) this.#empty |= 1 << at;
    this.#judge();
  }

  /** Take the room for a copy of the entry. */
  #mayHold({ entry, whole }: HeldReply): boolean {
    if (entry === undefined || !whole) return true;
    const { reads } = this.#coordinator.values;
    if (!reads.fits(entry.length)) return false;
    reads.bytes += entry.length;
    this.#heldBytes += entry.length;
    return true;
  }

  #letGo(): void {
    this.#coordinator.values.reads.bytes -= this.#heldBytes;
    this.#heldBytes = 0;
  }

  onRefused(at: number, why: Refusal): void {
    this.#refusal = why;
    this.onFailed(at);
  }

  onFailed(at: number, _sent = true, crowded = false): void {
    if (this.#late !== undefined) return this.#hearLate(this.#late, at, undefined);
    if (crowded) this.#refusal = 'overload';
    if (this.#fetching === at) return this.#fetchElsewhere(at);
    this.#count.failed(at);
    this.#judge();
  }

  onAlarm(): void {
    if (this.#late !== undefined) return this.#end();
    if (this.#hedged || this.#coordinator.host.monotonic() >= this.#deadline) return this.#fail('timeout');
    this.#hedged = true;
    if (!this.#parked && this.#fetching < 0) this.#ask(this.#everybodyElse());
    if (!this.#done) this.#coordinator.port.alarm(this.#id, this.#remainingMs());
  }

  onRingChanged(): void {
    if (this.#done || !this.#parked) return;
    this.#parked = false;
    this.#startAnew();
  }

  #timeoutMs(): number {
    return this.#options?.timeoutMs ?? this.#coordinator.defaults.timeoutMs;
  }

  /** Until the deadline, by this node's clock: the hedge may have come late, when the node itself stood still. */
  #remainingMs(): number {
    if (this.#deadline === 0) return this.#timeoutMs();
    return Math.max(1, Math.ceil(this.#deadline - this.#coordinator.host.monotonic()));
  }

  #start(): void {
    const list = listOf(this.#coordinator, this.#command, this.#n);
    this.#sentEpoch = this.#coordinator.port.epoch;
    this.#list = list;
    this.#quorum = quorumFor(
      list,
      this.#n,
      this.#options?.r,
      this.#coordinator.defaults.r,
      this.#options?.pr,
    );
    this.#count.begin(list, this.#quorum);
    if (this.#answers.length > 0) this.#answers = [];
    this.#empty = 0;
    if (this.#heldBytes > 0) this.#letGo();
    this.#valueAsked = false;
    if (list.replicas.length === 0) return this.#fail('unreachable');
    if (this.#isHopeless()) return this.#fail('unreachable');
    const first = this.#count.possible ? this.#count.nextToAsk() : this.#everybodyElse();
    this.#ask(first);
  }

  #everybodyElse(): number {
    return ((1 << this.#list.replicas.length) - 1) & ~this.#count.asked;
  }

  /** Ask these replicas: one that is near for the value if nobody was yet, the others for their state. */
  #ask(mask: number): void {
    if (mask === 0) return this.#judge();
    const { replicas, local } = this.#list;
    this.#count.asked |= mask;
    this.#sending = true;
    if (local >= 0 && (mask & (1 << local)) !== 0) this.#sendGet(local);
    for (let at = 0; at < replicas.length && !this.#done; at++) {
      if (at !== local && (mask & (1 << at)) !== 0) this.#sendGet(at);
    }
    this.#sending = false;
    this.#judge();
  }

  #sendGet(at: number, whole = !this.#valueAsked): void {
    this.#valueAsked ||= whole;
    this.#command.whole = whole;
    const replica = this.#list.replicas[at] as Replica;
    this.#coordinator.port.send(this.#id, at, replica, this.#command, this.#remainingMs());
  }

  #judge(): void {
    if (this.#done || this.#sending || this.#parked || this.#fetching >= 0) return;
    if (this.#count.met) return this.#decide();
    const next = this.#count.nextToAsk();
    if (next !== 0) return this.#ask(next);
    if (!this.#count.settled && !this.#isHopeless()) return;
    const rest = this.#everybodyElse();
    if (rest !== 0 && !this.#isHopeless()) return this.#ask(rest);
    if (this.#empty !== 0) return this.#countTheEmpty();
    const spoke = (at: number): boolean => this.#answers[at] !== undefined;
    if (primariesSuffice(this.#count, this.#list, this.#quorum, spoke)) return this.#decide();
    if (this.#refusal === 'moved') return this.#followTheRing();
    this.#fail(codeOf(this.#refusal));
  }

  /** Everybody was asked, and nobody is left who might hold something: now these are answers like any others. */
  #countTheEmpty(): void {
    for (let at = 0; at < this.#list.replicas.length; at++)
      if ((this.#empty & (1 << at)) !== 0) this.#count.answered(at, true);
    this.#empty = 0;
    this.#judge();
  }

  /** The newer ring may have come before the refusals of the older one. */
  #followTheRing(): void {
    this.#refusal = undefined;
    if (this.#coordinator.port.epoch > this.#sentEpoch) this.#startAnew();
    else this.#parked = true;
  }

  /** Under a number of its own: answers to the round before are nobody's any more. */
  #startAnew(): void {
    const { port } = this.#coordinator;
    port.close(this.#id);
    this.#id = port.open(this);
    this.#start();
    if (!this.#done)
      port.alarm(this.#id, this.#hedged ? this.#remainingMs() : Math.min(HEDGE_MS, this.#remainingMs()));
  }

  /** Whoever is still to answer: it will not be enough. */
  #isHopeless(): boolean {
    const { possible, possibleByPrimaries, spent } = this.#count;
    if (possible || possibleByPrimaries || this.#empty !== 0) return false;
    const { replicas, n } = this.#list;
    const lacksOne = replicas.some((_, at) => (spent & (1 << at)) !== 0 && this.#answers[at] === undefined);
    return lacksOne || replicas.length < n || this.#quorum.neededPrimaries > 0;
  }

  /** Enough have answered: which state is the latest, and is its value here? */
  #decide(): void {
    const at = this.#latest();
    const winner = this.#answers[at];
    if (winner?.entry === undefined) return this.#answer(undefined);
    // A state that is no live value for sure needs no fetching, but may need repairing.
    if (winner.whole || typeOf(winner.entry) !== STRING) return this.#answer(winner.entry, winner.whole);
    const same = this.#answers.findIndex(
      (other) =>
        other?.entry !== undefined && other.whole && sameState(other.entry, winner.entry as Uint8Array),
    );
    if (same >= 0) return this.#answer((this.#answers[same] as Answer).entry);
    this.#fetching = at;
    this.#sendGet(at, true);
  }

  /** Who was to send the latest state is gone; another that holds it will do, an older state will not. */
  #fetchElsewhere(gone: number): void {
    const wanted = (this.#answers[gone] as Answer).entry as Uint8Array;
    this.#answers[gone] = undefined;
    this.#fetching = this.#answers.findIndex(
      (other) => other?.entry !== undefined && sameState(other.entry, wanted),
    );
    if (this.#fetching >= 0) return this.#sendGet(this.#fetching, true);
    if (this.#refusal === 'moved') return this.#followTheRing();
    this.#fail(codeOf(this.#refusal));
  }

  #handleFetched(entry: Uint8Array | undefined): void {
    const at = this.#fetching;
    const wanted = (this.#answers[at] as Answer).entry as Uint8Array;
    this.#fetching = -1;
    // A stand-in has handed it off meanwhile: whoever holds it now is asked; an older state is no answer.
    if (entry === undefined || laterState(wanted, entry)) {
      if (this.#restarts++ < RESTARTS_MAX) return this.#startAnew();
      return this.#fail('unreachable');
    }
    this.#answers[at] = { entry, whole: true };
    this.#decide();
  }

  #latest(): number {
    let best = -1;
    for (let at = 0; at < this.#answers.length; at++) {
      const entry = this.#answers[at]?.entry;
      if (entry === undefined) continue;
      const held = best < 0 ? undefined : (this.#answers[best] as Answer).entry;
      if (held === undefined || laterState(entry, held)) best = at;
    }
    return best;
  }

  #answer(entry: Uint8Array | undefined, whole = true): void {
    if (this.#done) return;
    this.#done = true;
    const behind =
      entry !== undefined && whole && this.#answers.length > 0 ? this.#whoIsBehind(entry) : NOBODY;
    const silent = this.#count.asked & ~this.#count.spent;
    if (silent !== 0 && this.#hedged && entry !== undefined && whole) this.#waitFor(silent, entry);
    if (this.#late === undefined) this.#end();
    if (entry !== undefined && behind.length > 0) return this.#answerAndRepair(entry, behind);
    this.#tell(entry, whole);
  }

  /** Somebody was slow: what was read is kept for those who have not spoken, a moment, and if there is plenty of room. */
  #waitFor(silent: number, entry: Uint8Array): void {
    const { values, port } = this.#coordinator;
    this.#answers = [];
    this.#letGo();
    if (values.reads.bytes + entry.length > LATE_BYTES_MAX) return;
    values.reads.bytes += entry.length;
    this.#heldBytes = entry.length;
    const { key, hashHi, hashLo } = this.#command;
    this.#late = new LateAnswers({
      coordinator: this.#coordinator,
      placed: { key, hashHi, hashLo },
      entry: carveCopy(entry),
      replicas: this.#list.replicas,
      answered: this.#count.counted,
      silent,
    });
    port.alarm(this.#id, Math.min(LATE_MS, this.#remainingMs()));
  }

  #hearLate(late: LateAnswers, at: number, reply: KvReply | undefined): void {
    late.heard(at, reply);
    if (late.over) this.#end();
  }

  #end(): void {
    this.#late = undefined;
    this.#coordinator.port.close(this.#id);
    if (this.#heldBytes > 0) this.#letGo();
  }

  /** The entry is borrowed until the sink is told; what repairs with it keeps it longer. */
  #answerAndRepair(entry: Uint8Array, behind: readonly Replica[]): void {
    const { key, hashHi, hashLo } = this.#command;
    const kept = carveCopy(entry);
    this.#tell(entry, true);
    sendLate(this.#coordinator, { key, hashHi, hashLo }, kept, behind);
  }

  /** Here alone it is decided whether it lives: at one moment, whoever held it. */
  #tell(entry: Uint8Array | undefined, whole: boolean): void {
    if (this.#sink.onEntry !== undefined) return this.#sink.onEntry(entry);
    if (entry === undefined || !whole) return this.#sink.onMissing();
    const untilMs = expiryMs(entry);
    const nowMs = untilMs === 0 ? 0 : this.#coordinator.clusterTime();
    if (isLive(entry, nowMs)) this.#sink.onValue(entry, payloadStart(entry), entry.length, untilMs, nowMs);
    else this.#sink.onMissing();
  }

  /** Primaries that answered with an older state, or with none: they are sent the one that was read. */
  #whoIsBehind(entry: Uint8Array): Replica[] {
    const behind: Replica[] = [];
    this.#answers.forEach((answer, at) => {
      const replica = this.#list.replicas[at] as Replica;
      if (answer === undefined || replica.role !== 'primary') return;
      if (answer.entry === undefined || laterState(entry, answer.entry)) behind.push(replica);
    });
    return behind;
  }

  #fail(code: FailureCode): void {
    if (this.#done) return;
    this.#done = true;
    this.#end();
    const { document } = this.#coordinator.port;
    this.#sink.onFailure(
      failureOf({ verb: 'read', code, quorum: this.#quorum, count: this.#count, definite: true, document }),
    );
  }
}

/**
 * Nobody else can answer, and those who have will do: enough primaries of a list with few owners, or all n primaries, none of
 * them sure of itself, since there is nobody who could know better.
 */
export function primariesSuffice(
  count: QuorumCount,
  { replicas, n }: CountedList,
  { neededPrimaries }: Quorum,
  spoke: (at: number) => boolean,
): boolean {
  if (count.metByPrimaries) return true;
  if (neededPrimaries > 0 || replicas.length !== n) return false;
  return replicas.every(({ role }, at) => role === 'primary' && spoke(at));
}

/** A plain tombstone has nothing beside its state: whoever was told that can repair with it. */
function isAllState(entry: Uint8Array): boolean {
  return typeOf(entry) === TOMBSTONE && payloadStart(entry) === STATE_END;
}
