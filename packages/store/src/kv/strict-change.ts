/**
 * One change of a strict key, at its proposer: CASPaxos among the owners of the key's primaries.
 *
 * Two rounds: a majority *promises* a ballot and shows what it holds; the latest of that is what the change is applied
 * to; a majority *accepts* the outcome under that ballot. Where this node got the state accepted that is there now, a majority has
 * already promised the next ballot, and the first round falls away (confirmed-states.ts).
 *
 * A change whose outcome was sent to anybody is never applied a second time blindly. When no majority took it, or nobody
 * can say, the proposer asks again under a higher ballot:
 *   it finds its own stamp              it finishes that: the same content once more, and the answer that it had
 *   it finds only what is older         nobody will ever come upon the outcome but to overrule it: it applies anew
 *   it finds something later            that may or may not stand on the outcome: `conflict`, not definite
 *
 * A change that finds nothing to do has what it found accepted anew before it is answered. That all who promised show one state
 * proves nothing: exchange may have brought it to one of them after it had promised a higher ballot to somebody else, who knows
 * nothing of it. Only where nothing at all is found, and nothing was sent, there is nothing to write.
 *
 * Only owners count, one vote for each partition; they refuse when they are not whole, sealed or under another ring. Stand-ins
 * are not asked. Whoever lacks votes because of a ballot that is higher waits for a moment, longer each time.
 *
 * Source: Rystsov, "CASPaxos" (2018); rules 8.
 */
import {
  compareStamps,
  QuorumCount,
  quorumOf,
  STAMP_BYTES,
  ZERO_STAMP,
  type CountedList,
  type Epoch,
  type Quorum,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type RequestId,
} from '@rkv/core';
import { isNothing, promisedOf, successorOf } from '../entry/ballot.ts';
import {
  applyChange,
  entryAfter,
  entryAgain,
  type Change,
  type ChangeAnswer,
  type NextState,
} from '../entry/change.ts';
import { compareVersion, VERSION_AT } from '../entry/layout.ts';
import type { FailureCode } from './api.ts';
import {
  STATE_AT,
  STATE_END,
  type ChangeResult,
  type KvCommand,
  type KvReply,
  type PromisedReply,
} from './commands.ts';
import type { ConfirmedStates } from './confirmed-states.ts';
import { acceptorsOf, majorityOf, type Coordinator, type PlacedKey } from './coordinator.ts';
import type { Deadline } from './deadline.ts';
import { failureOf } from './failure.ts';
import { codeOf, isFinal } from './refusals.ts';

export interface StrictChangeInit {
  readonly coordinator: Coordinator;
  readonly confirmed: ConfirmedStates;
  readonly placed: PlacedKey;
  readonly change: Change;
  readonly deadline: Deadline;
  /** What the replica on this node holds. */
  readonly held: () => Uint8Array | undefined;
  readonly done: (result: ChangeResult) => void;
}

/** An outcome that was sent to be accepted, and what is answered if it was. */
interface Sent {
  readonly ballot: Uint8Array;
  readonly answer: ChangeAnswer;
}

/** Who finds owners busy with less time left than this, ms, says so while the answer can get back. */
const LAST_WORDS_MS = 100;
/** After a refusal that passes by itself: a seal, a full queue, ms. */
const RETRY_MS = 25;
/** The longest wait after a higher ballot, ms; it begins with one and doubles. */
const YIELD_MS_MAX = 64;

export class StrictChange implements ReplicaRequest<KvReply> {
  readonly #init: StrictChangeInit;
  readonly #count = new QuorumCount();
  #list!: CountedList;
  #quorum!: Quorum;
  #id: RequestId = 0;
  #round: 'prepare' | 'accept' | 'waiting' = 'waiting';
  #epoch!: Epoch;
  #ballot: Uint8Array = ZERO_STAMP;
  /** The highest ballot heard of. */
  #highest: Uint8Array = ZERO_STAMP;
  /** The latest state that was shown. */
  #latest: Uint8Array | undefined;
  readonly #sent: Sent[] = [];
  #answer!: ChangeAnswer;
  #outrun = false;
  #yields = 0;
  #refusal: Refusal | undefined;
  #sending = false;
  #done = false;

  constructor(init: StrictChangeInit) {
    this.#init = init;
  }

  begin(): void {
    if (!this.#proposeAtOnce()) this.#prepare();
  }

  onReply(at: number, reply: KvReply, standIn: boolean): void {
    if (standIn) return this.onFailed(at);
    if (reply.kind === 'promised' && this.#round === 'prepare') {
      if (reply.granted) this.#see(reply);
      else this.#giveWay(reply.ballot);
      if (reply.granted) this.#count.answered(at, true);
      else this.#count.failed(at);
    } else if (reply.kind === 'accepted' && this.#round === 'accept') {
      if (reply.accepted) this.#count.answered(at, true);
      else {
        this.#giveWay(reply.ballot);
        this.#count.failed(at);
      }
    } else this.#count.failed(at);
    this.#judge();
  }

  onRefused(at: number, why: Refusal): void {
    this.#refusal = why;
    this.onFailed(at);
  }

  onFailed(at: number): void {
    this.#count.failed(at);
    this.#judge();
  }

  onAlarm(): void {
    if (this.#init.deadline.isOver) return this.#fail('timeout');
    if (this.#round === 'waiting') this.#prepare();
  }

  onRingChanged(): void {
    if (this.#round === 'waiting') this.#prepare();
  }

  /** With the ballot that a majority has promised this node already. */
  #proposeAtOnce(): boolean {
    const { coordinator, confirmed, placed, held } = this.#init;
    const here = held();
    const ballot = confirmed.take(coordinator.port.epoch, placed.key, here);
    if (ballot === undefined) return false;
    const latest = here?.slice();
    this.#ballot = ballot;
    this.#latest = latest;
    this.#epoch = coordinator.port.epoch;
    const { answer, next } = this.#apply(latest);
    this.#proposeNext(latest, next, answer);
    return true;
  }

  #prepare(): void {
    const { coordinator, placed } = this.#init;
    this.#openRound();
    this.#round = 'prepare';
    this.#epoch = coordinator.port.epoch;
    this.#ballot = new Uint8Array(STAMP_BYTES);
    coordinator.clock.write(this.#ballot, 0, { bytes: this.#highest, at: 0 });
    this.#latest = undefined;
    this.#sendToAll(() => ({ kind: 'prepare', ...placed, ballot: this.#ballot, known: this.#known() }));
  }

  /** The state whose value is here already. */
  #known(): Uint8Array | undefined {
    return this.#latest?.slice(STATE_AT, STATE_END);
  }

  #see({ entry, whole }: PromisedReply): void {
    const shown = entry === undefined || isNothing(entry) ? undefined : entry;
    const latest = this.#latest;
    if (shown === undefined || (latest !== undefined && compareVersion(shown, latest) <= 0)) return;
    // Who was told of a state shows its header only when it holds just that.
    if (whole) this.#latest = shown.slice();
  }

  #decide(): void {
    const latest = this.#latest;
    const own = latest && this.#sent.find(({ ballot }) => compareStamps(latest, VERSION_AT, ballot, 0) === 0);
    if (latest !== undefined && own !== undefined) return this.#proposeAgain(latest, own.answer);
    const [first] = this.#sent;
    if (latest !== undefined && first !== undefined && compareStamps(latest, VERSION_AT, first.ballot, 0) > 0)
      return this.#fail('conflict');

    const { answer, next } = this.#apply(latest);
    if (next === undefined && latest === undefined && this.#sent.length === 0) return this.#succeed(answer);
    this.#proposeNext(latest, next, answer);
  }

  #proposeNext(latest: Uint8Array | undefined, next: NextState | undefined, answer: ChangeAnswer): void {
    if (next === undefined && latest !== undefined) return this.#proposeAgain(latest, answer);
    const { key } = this.#init.placed;
    const state = next ?? { value: undefined, until: 0 };
    this.#propose(entryAfter(key, latest, state, this.#ballot, this.#nextPromise()), answer);
  }

  #apply(latest: Uint8Array | undefined): ReturnType<typeof applyChange> {
    const { coordinator, change } = this.#init;
    const { defaults } = coordinator;
    return applyChange(latest, change, coordinator.clusterTime(), defaults.valueBytesMax);
  }

  #proposeAgain(latest: Uint8Array, answer: ChangeAnswer): void {
    const { key } = this.#init.placed;
    this.#propose(entryAgain(key, latest, this.#ballot, this.#nextPromise()), answer);
  }

  /** The register that goes with what is accepted now. The clock must not make that ballot a second time. */
  #nextPromise(): Uint8Array {
    const next = successorOf(this.#ballot);
    this.#raiseAbove(next);
    return promisedOf(next);
  }

  #propose(entry: Uint8Array, answer: ChangeAnswer): void {
    const { coordinator, placed } = this.#init;
    // The promises were those of another ring's owners.
    if (coordinator.port.epoch !== this.#epoch) return this.#prepare();
    this.#openRound();
    if (!this.#count.possible) return this.#fail('unreachable');
    this.#answer = answer;
    this.#sent.push({ ballot: this.#ballot, answer });
    this.#round = 'accept';
    this.#sendToAll(() => ({ kind: 'accept', ...placed, entry }));
  }

  /** Under a number of its own: answers to the round before are nobody's any more. */
  #openRound(): void {
    const { coordinator, placed } = this.#init;
    const { port } = coordinator;
    if (this.#id !== 0) port.close(this.#id);
    this.#id = port.open(this);
    port.alarm(this.#id, this.#init.deadline.remainingMs);
    this.#list = acceptorsOf(coordinator, placed);
    this.#quorum = quorumOf(this.#list, majorityOf(this.#list.n));
    this.#count.begin(this.#list, this.#quorum);
    this.#outrun = false;
    this.#refusal = undefined;
  }

  /** The replica on this node first: what it shows the others need not. */
  #sendToAll(commandFor: () => KvCommand): void {
    const { port } = this.#init.coordinator;
    const { replicas } = this.#list;
    if (!this.#count.possible) return this.#fail('unreachable');
    this.#sending = true;
    const id = this.#id;
    this.#count.asked = (1 << replicas.length) - 1;
    for (const here of [true, false])
      replicas.forEach((replica: Replica, at) => {
        if ((replica.node === port.self) === here)
          port.send(id, at, replica, commandFor(), this.#init.deadline.remainingMs);
      });
    this.#sending = false;
    this.#judge();
  }

  #judge(): void {
    if (this.#done || this.#sending || this.#round === 'waiting') return;
    if (this.#count.met) return this.#handleMajority();
    if (!this.#count.possible) this.#retryLater();
  }

  #handleMajority(): void {
    // A vnode that may have forgotten its answer votes again once nobody can count that any more.
    if (this.#init.deadline.isOver) return this.#fail('timeout');
    if (this.#round === 'prepare') return this.#decide();
    this.#confirm(this.#ballot, successorOf(this.#ballot));
    this.#succeed(this.#answer);
  }

  #confirm(version: Uint8Array, ballot: Uint8Array): void {
    const { coordinator, confirmed, placed } = this.#init;
    if (coordinator.port.epoch === this.#epoch) confirmed.confirm(this.#epoch, placed.key, version, ballot);
  }

  /** No majority in this round. What stood in its way passes, or there are not enough owners to be asked. */
  #retryLater(): void {
    const { coordinator } = this.#init;
    const { port, host } = coordinator;
    this.#round = 'waiting';
    // Later answers are to nothing that is still asked.
    port.close(this.#id);
    this.#id = port.open(this);
    const remaining = this.#init.deadline.remainingMs;
    if (this.#refusal === 'moved') {
      if (port.epoch > this.#epoch) return this.#prepare();
      return port.alarm(this.#id, remaining);
    }
    if (isFinal(this.#refusal)) return this.#fail(codeOf(this.#refusal));
    const isBusy = this.#refusal === 'busy' && this.#sent.length === 0;
    if (isBusy && remaining < LAST_WORDS_MS) return this.#fail('busy');
    let delay = RETRY_MS;
    if (this.#outrun) {
      delay = 1 + (host.random() % Math.min(YIELD_MS_MAX, 1 << Math.min(this.#yields, 6)));
      this.#yields++;
    }
    port.alarm(this.#id, Math.min(delay, remaining));
  }

  #giveWay(ballot: Uint8Array): void {
    this.#outrun = true;
    this.#raiseAbove(ballot);
  }

  /** The next ballot is above this one. */
  #raiseAbove(ballot: Uint8Array): void {
    this.#init.coordinator.clock.observe(ballot, 0);
    if (compareStamps(ballot, 0, this.#highest, 0) > 0) this.#highest = ballot.slice();
  }

  #succeed(answer: ChangeAnswer): void {
    const version =
      this.#round === 'accept'
        ? this.#ballot
        : (this.#latest?.slice(VERSION_AT, VERSION_AT + STAMP_BYTES) ?? ZERO_STAMP);
    this.#end({ kind: 'answer', answer: { ...answer, version } });
  }

  #fail(code: FailureCode): void {
    const { document } = this.#init.coordinator.port;
    const definite = this.#sent.length === 0;
    const verb = this.#init.change.kind === 'read' ? 'read' : 'write';
    const failure = failureOf({ verb, code, quorum: this.#quorum, count: this.#count, definite, document });
    this.#end({ kind: 'failure', failure });
  }

  #end(result: ChangeResult): void {
    if (this.#done) return;
    this.#done = true;
    this.#init.coordinator.port.close(this.#id);
    this.#init.done(result);
  }
}
