/**
 * One change, as the node that was asked for it sees it: brought to the key's proposer, and its answer brought back.
 *
 * The proposer is the first node of the key's list that is up, so that the changes of a key mostly meet at one place. Who
 * refuses has done nothing, and the next is asked; when all have, all are asked again after a moment. But a change of an eventual
 * key goes to no second node while the first is up: it ends as overload there, or waits for room on the way. A
 * proposer that took the change and is not heard of any more may have made it: nobody else is asked to, unless it is a read.
 *
 * Source: rules 8.
 */
import type { CountedList, Refusal, Replica, ReplicaRequest, RequestId } from '@rkv/core';
import { changeBytes, type Change } from '../entry/change.ts';
import {
  type ChangeSink,
  type Failure,
  type FailureCode,
  type RequestLevels,
  type RequestOptions,
} from './api.ts';
import type { KvReply } from './commands.ts';
import {
  acceptorsOf,
  bucketOfKey,
  listOf,
  placeKey,
  type Coordinator,
  type PlacedKey,
} from './coordinator.ts';
import { Deadline } from './deadline.ts';
import { proposerFailure } from './failure.ts';
import { levelFailure, levelsOf } from './levels.ts';
import { codeOf, isFinal } from './refusals.ts';

/** Between two times that all of them are asked, ms. */
const RETRY_MS = 25;
/** What a proposer's answer takes to get here, ms: it gives up so much earlier, and says why. */
const WAY_BACK_MS = 10;

export class ChangeRequest implements ReplicaRequest<KvReply> {
  readonly #coordinator: Coordinator;
  readonly #placed: PlacedKey;
  readonly #change: Change;
  readonly #levels: RequestLevels | undefined;
  readonly #sink: ChangeSink;
  readonly #deadline: Deadline;
  #strict = false;
  #list!: CountedList;
  #id: RequestId = 0;
  /** Who is asked, or -1. */
  #asked = -1;
  #refusal: Refusal | undefined;
  #epoch = 0;
  #done = false;

  constructor(
    coordinator: Coordinator,
    key: string,
    change: Change,
    options: RequestOptions | undefined,
    sink: ChangeSink,
  ) {
    this.#coordinator = coordinator;
    this.#placed = placeKey(key);
    this.#change = change;
    this.#levels = levelsOf(options);
    this.#sink = sink;
    const timeoutMs = options?.timeoutMs ?? coordinator.defaults.timeoutMs;
    this.#deadline = new Deadline(coordinator.host, timeoutMs);
  }

  begin(): void {
    const failure = this.#levelFailure();
    if (failure !== undefined) return this.#sink.onFailure(failure);
    this.#coordinator.values.beginWrite(changeBytes(this.#change));
    this.#start();
  }

  onReply(_at: number, reply: KvReply): void {
    if (reply.kind !== 'changed') return this.#fail('unreachable', true);
    const { result } = reply;
    this.#end();
    if (result.kind === 'answer') this.#sink.onChanged(result.answer);
    else this.#sink.onFailure(result.failure);
  }

  onRefused(_at: number, why: Refusal): void {
    this.#refusal = why;
    if (why === 'overload' && this.#needsOnePlace) return this.#fail('overload', false);
    this.#askNext();
  }

  onFailed(_at: number, sent: boolean): void {
    if (this.#change.kind === 'read') return this.#askNext();
    if (sent) return this.#fail('unreachable', true);
    if (this.#needsOnePlace) this.#askLater();
    else this.#askNext();
  }

  /** Of an eventual key: another node would run it beside what stands in line at the first, and one of two would be lost. */
  get #needsOnePlace(): boolean {
    return !this.#strict && this.#change.kind !== 'read';
  }

  onAlarm(): void {
    if (this.#deadline.isOver) return this.#fail('timeout', this.#asked >= 0);
    if (this.#asked < 0) this.#start();
  }

  onRingChanged(): void {
    if (this.#asked < 0) this.#start();
  }

  #start(): void {
    const { port } = this.#coordinator;
    this.#openRound();
    const { level, n } = bucketOfKey(this.#coordinator, this.#placed.key);
    this.#strict = level === 'strict';
    this.#epoch = port.epoch;
    this.#list = this.#strict
      ? acceptorsOf(this.#coordinator, this.#placed)
      : listOf(this.#coordinator, this.#placed, n);
    this.#asked = -1;
    if (this.#list.replicas.length === 0) return this.#fail('unreachable', false);
    this.#refusal = undefined;
    this.#ask(0);
  }

  #levelFailure(): Failure | undefined {
    const { level, n } = bucketOfKey(this.#coordinator, this.#placed.key);
    if (level === 'strict') return undefined;
    return levelFailure('read', this.#levels, n) ?? levelFailure('write', this.#levels, n);
  }

  /** Under a number of its own: answers to the round before are nobody's any more. */
  #openRound(): void {
    const { port } = this.#coordinator;
    if (this.#id !== 0) port.close(this.#id);
    this.#id = port.open(this);
  }

  #ask(at: number): void {
    const { port } = this.#coordinator;
    const remaining = this.#deadline.remainingMs;
    this.#asked = at;
    port.alarm(this.#id, remaining);
    const command = {
      kind: 'change' as const,
      ...this.#placed,
      change: this.#change,
      strict: this.#strict,
      timeoutMs: Math.max(1, remaining - WAY_BACK_MS),
      // A strict key has its majority, and a node of an older version does not know such a command.
      ...(this.#levels !== undefined && !this.#strict && { levels: this.#levels }),
    };
    port.send(this.#id, at, this.#list.replicas[at] as Replica, command, remaining);
  }

  #askNext(): void {
    if (this.#done) return;
    const { port } = this.#coordinator;
    const next = this.#asked + 1;
    if (next < this.#list.replicas.length && this.#refusal !== 'moved') return this.#ask(next);
    if (isFinal(this.#refusal)) return this.#fail(codeOf(this.#refusal), false);
    if (this.#refusal === 'moved' && port.epoch > this.#epoch) return this.#start();
    this.#askLater();
  }

  /** Whoever is first by then. */
  #askLater(): void {
    this.#asked = -1;
    this.#coordinator.port.alarm(this.#id, Math.min(RETRY_MS, this.#deadline.remainingMs));
  }

  #fail(code: FailureCode, inDoubt: boolean): void {
    if (this.#done) return;
    this.#end();
    const verb = this.#change.kind === 'read' ? 'read' : 'write';
    this.#sink.onFailure(proposerFailure(verb, code, !inDoubt || verb === 'read'));
  }

  #end(): void {
    this.#done = true;
    this.#coordinator.values.endWrite(changeBytes(this.#change));
    this.#coordinator.port.close(this.#id);
  }
}
