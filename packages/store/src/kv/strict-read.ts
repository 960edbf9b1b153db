/**
 * One read of a strict key: a majority of the owners of its primaries shows one and the same state, with no promise open.
 *
 * Then no change under way can get a majority without coming upon that state, and none that a majority has accepted is
 * later: it is the latest (entry/ballot.ts has what *settled* means). One is asked for the value, the others for the header.
 * Where they differ, or somebody was promised something, the proposer is asked to find out (change-request.ts): it has
 * what it finds accepted by a majority before it tells it.
 *
 * Source: "linearizable reads" of Paxos registers: read a quorum, write back unless it agrees (Attiya, Bar-Noy, Dolev 1995).
 */
import {
  QuorumCount,
  quorumOf,
  type CountedList,
  type Quorum,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type RequestId,
} from '@rkv/core';
import { isNothing, isSettled } from '../entry/ballot.ts';
import { expiryMs, isLive, payloadStart, sameState } from '../entry/layout.ts';
import type { ReadSink, RequestOptions } from './api.ts';
import { ChangeRequest } from './change-request.ts';
import { STATE_END, type KvReply } from './commands.ts';
import { acceptorsOf, majorityOf, placeKey, type Coordinator, type PlacedKey } from './coordinator.ts';
import { Deadline } from './deadline.ts';

/** As of an eventual read: how long the first ones asked may be silent before the others are asked too, ms. */
const HEDGE_MS = 50;

interface Shown {
  /** A copy. Undefined: nothing was ever accepted there. */
  readonly entry: Uint8Array | undefined;
  readonly whole: boolean;
}

export class StrictRead implements ReplicaRequest<KvReply> {
  readonly #coordinator: Coordinator;
  readonly #placed: PlacedKey;
  readonly #options: RequestOptions | undefined;
  readonly #sink: ReadSink;
  readonly #count = new QuorumCount();
  readonly #shown: (Shown | undefined)[] = [];
  readonly #deadline: Deadline;
  #list!: CountedList;
  #quorum!: Quorum;
  #id: RequestId = 0;
  #valueAsked = false;
  #hedged = false;
  #sending = false;
  #done = false;

  constructor(coordinator: Coordinator, key: string, options: RequestOptions | undefined, sink: ReadSink) {
    this.#coordinator = coordinator;
    this.#placed = placeKey(key);
    this.#options = options;
    this.#sink = sink;
    const timeoutMs = options?.timeoutMs ?? coordinator.defaults.timeoutMs;
    this.#deadline = new Deadline(coordinator.host, timeoutMs);
  }

  begin(): void {
    const { port } = this.#coordinator;
    this.#list = acceptorsOf(this.#coordinator, this.#placed);
    this.#quorum = quorumOf(this.#list, majorityOf(this.#list.n));
    this.#count.begin(this.#list, this.#quorum);
    this.#id = port.open(this);
    if (!this.#count.possible) return this.#askTheProposer();
    port.alarm(this.#id, Math.min(HEDGE_MS, this.#deadline.remainingMs));
    this.#ask(this.#count.nextToAsk());
  }

  onReply(at: number, reply: KvReply, standIn: boolean): void {
    if (reply.kind !== 'held' || standIn || !isSettled(reply.entry)) return this.#askTheProposer();
    const { entry, whole } = reply;
    const something = entry !== undefined && !isNothing(entry);
    this.#shown[at] = {
      entry: something ? entry.slice(0, whole ? entry.length : STATE_END) : undefined,
      whole: whole || !something,
    };
    this.#count.answered(at, true);
    this.#judge();
  }

  onRefused(_at: number, _why: Refusal): void {
    this.#askTheProposer();
  }

  onFailed(at: number): void {
    this.#count.failed(at);
    this.#judge();
  }

  onAlarm(): void {
    if (this.#hedged) return this.#askTheProposer();
    this.#hedged = true;
    this.#ask(((1 << this.#list.replicas.length) - 1) & ~this.#count.asked);
    if (!this.#done) this.#coordinator.port.alarm(this.#id, Math.max(1, this.#deadline.remainingMs / 2));
  }

  onRingChanged(): void {}

  #ask(mask: number): void {
    const { port } = this.#coordinator;
    const { replicas, local } = this.#list;
    this.#count.asked |= mask;
    this.#sending = true;
    const order =
      local < 0 ? replicas.keys() : [local, ...replicas.keys()].filter((at, i) => i === 0 || at !== local);
    for (const at of order) {
      if ((mask & (1 << at)) === 0 || this.#done) continue;
      const whole = !this.#valueAsked;
      this.#valueAsked = true;
      const command = { kind: 'get' as const, ...this.#placed, whole, strict: true };
      port.send(this.#id, at, replicas[at] as Replica, command, this.#deadline.remainingMs);
    }
    this.#sending = false;
    this.#judge();
  }

  #judge(): void {
    if (this.#done || this.#sending) return;
    if (this.#count.met) return this.#decide();
    const next = this.#count.nextToAsk();
    if (next !== 0) return this.#ask(next);
    if (!this.#count.possible) this.#askTheProposer();
  }

  #decide(): void {
    const shown = this.#shown.filter((one) => one !== undefined);
    const [first] = shown;
    const agreed = shown.every(({ entry }) => isSame(entry, first?.entry));
    const full = shown.find(({ whole }) => whole);
    // The value was asked of one that failed, or somebody is behind; or an answer is so old that it may have been forgotten.
    if (!agreed || full === undefined || this.#deadline.isOver) return this.#askTheProposer();
    this.#end();
    const { entry } = full;
    if (entry === undefined) return this.#sink.onMissing();
    const untilMs = expiryMs(entry);
    const nowMs = untilMs === 0 ? 0 : this.#coordinator.clusterTime();
    if (isLive(entry, nowMs)) this.#sink.onValue(entry, payloadStart(entry), entry.length, untilMs, nowMs);
    else this.#sink.onMissing();
  }

  #askTheProposer(): void {
    if (this.#done) return;
    this.#end();
    const sink = this.#sink;
    const options = { ...this.#options, timeoutMs: this.#deadline.remainingMs };
    new ChangeRequest(this.#coordinator, this.#placed.key, { kind: 'read' }, options, {
      onChanged: ({ value, untilMs }) => {
        if (value === undefined) sink.onMissing();
        else
          sink.onValue(value, 0, value.length, untilMs, untilMs === 0 ? 0 : this.#coordinator.clusterTime());
      },
      onFailure: (failure) => sink.onFailure(failure),
    }).begin();
  }

  #end(): void {
    this.#done = true;
    this.#coordinator.port.close(this.#id);
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameState(a, b);
}
