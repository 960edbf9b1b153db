/**
 * One command to the replicas of a key, and their answers as they came: the plain quorum request.
 *
 * It sends to everybody on the list at once, keeps the answers newest first, and ends when enough count, when
 * enough can no longer come, or when time is up. It does not look into answers: `counts` tells which are answers
 * to the question (an error is none), and what they mean together is the asker's affair.
 *
 * Source: Riak Core's quorum process (riak_core_quorum_statem); unlike it, this one counts answers instead of
 * replies and says at once when too few replicas can be reached.
 */
import type { Epoch } from '../contracts/ids.ts';
import type { Refusal } from '../contracts/vnode.ts';
import type { Replica } from '../ring/preference-list.ts';
import type { ReplicaRequest, RequestId, ServicePort } from './port.ts';
import { QuorumCount, type CountedList, type Quorum } from './quorum.ts';

/** One replica's answer. `standIn`: a fallback or a partial vnode gave it. */
export interface CollectedAnswer<Answer> {
  readonly replica: Replica;
  readonly answer: Answer;
  readonly standIn: boolean;
}

/** What came of it: `finished` when the quorum is met, `unreachable` as soon as it cannot be any more. */
export interface CollectOutcome<Answer> {
  readonly reason: 'finished' | 'timeout' | 'unreachable';
  /** Newest first; those that counted and those that did not. */
  readonly answers: readonly CollectedAnswer<Answer>[];
  /** How many counted. */
  readonly got: number;
  /** Nobody was sent the command, or everybody who was refused it: nothing happened. */
  readonly definite: boolean;
  /** The last refusal heard, when there was one; `overload` also for an answer that found no room on its way. */
  readonly refusal: Refusal | undefined;
}

/** Who is asked, how many of them must answer, and what they are asked. */
export interface CollectPlan<Command> {
  readonly list: CountedList;
  readonly quorum: Quorum;
  readonly command: Command;
}

export interface CollectOptions<Command, Reply, Answer> extends CollectPlan<Command> {
  readonly timeoutMs: number;
  /**
   * The same under the ring of now, for a command that may come twice: asked for when it failed because partitions have
   * moved, once this node has a newer ring. Each such ring gives the request its time anew.
   */
  planAnew?(): CollectPlan<Command>;
  /** Turn a borrowed reply into an answer of its own. */
  keep(reply: Reply): Answer;
  /** Whether this answer counts; `standIn` tells that a fallback or a partial vnode gave it. */
  counts(answer: Answer, standIn: boolean): boolean;
  /** Reads: accept the primaries' word where nobody else can answer (request/quorum.ts). */
  readonly primariesSuffice?: boolean;
  done(outcome: CollectOutcome<Answer>): void;
}

/** Called once `options.done` has the outcome; nothing to hold on to. */
export function collect<Command, Reply, Answer>(
  port: ServicePort<Command, Reply>,
  options: CollectOptions<Command, Reply, Answer>,
): void {
  new CollectRequest(port, options).start();
}

class CollectRequest<Command, Reply, Answer> implements ReplicaRequest<Reply> {
  readonly #port: ServicePort<Command, Reply>;
  readonly #options: CollectOptions<Command, Reply, Answer>;
  readonly #count = new QuorumCount();
  #plan: CollectPlan<Command>;
  #answers: CollectedAnswer<Answer>[] = [];
  /** The ring that the present plan was made under. */
  #epoch: Epoch;
  /** Waiting for a newer ring: the partitions have moved. */
  #parked = false;
  #id: RequestId = 0;
  #reached = false;
  #refusal: Refusal | undefined;
  #ended = false;
  /** Commands are under way; conclusions wait until all are out, though replicas on this node answer at once. */
  #sending = false;

  constructor(port: ServicePort<Command, Reply>, options: CollectOptions<Command, Reply, Answer>) {
    this.#port = port;
    this.#options = options;
    this.#plan = options;
    this.#epoch = port.epoch;
  }

  start(): void {
    const { timeoutMs } = this.#options;
    const { list, quorum, command } = this.#plan;
    this.#count.begin(list, quorum);
    if (this.#port.full) {
      this.#refusal = 'overload';
      return this.#end('unreachable');
    }
    this.#id = this.#port.open(this);
    if (!this.#count.possible && this.#options.primariesSuffice !== true) return this.#end('unreachable');
    this.#count.asked = (1 << list.replicas.length) - 1;
    this.#port.alarm(this.#id, timeoutMs);
    if (list.replicas.length === 0) return this.#end('unreachable');
    this.#sending = true;
    for (let at = 0; at < list.replicas.length; at++) {
      this.#port.send(this.#id, at, list.replicas[at] as Replica, command, timeoutMs);
    }
    this.#sending = false;
    this.#judge();
  }

  onReply(at: number, reply: Reply, standIn: boolean): void {
    this.#reached = true;
    const answer = this.#options.keep(reply);
    this.#answers.unshift({ replica: this.#plan.list.replicas[at] as Replica, answer, standIn });
    this.#count.answered(at, this.#options.counts(answer, standIn), standIn);
    this.#judge();
  }

  onRefused(at: number, why: Refusal): void {
    this.#refusal = why;
    this.#count.failed(at);
    this.#judge();
  }

  onFailed(at: number, sent: boolean, crowded = false): void {
    if (sent) this.#reached = true;
    if (crowded) this.#refusal = 'overload';
    this.#count.failed(at);
    this.#judge();
  }

  onKept(at: number): void {
    this.#reached = true;
    this.onRefused(at, 'moved');
  }

  onAlarm(): void {
    this.#reached = true;
    this.#end('timeout');
  }

  onRingChanged(): void {
    if (this.#parked && this.#port.epoch > this.#epoch) this.#startAnew();
  }

  #judge(): void {
    if (this.#sending || this.#parked) return;
    if (this.#count.met) return this.#end('finished');
    if (this.#count.settled && this.#options.primariesSuffice === true && this.#count.metByPrimaries) {
      return this.#end('finished');
    }
    const hopeless = this.#options.primariesSuffice === true ? this.#count.settled : !this.#count.possible;
    if (!hopeless) return;
    // It can be hopeless before everybody has spoken: whoever has not may have acted on it.
    if (!this.#count.settled) this.#reached = true;
    if (this.#refusal === 'moved' && this.#options.planAnew !== undefined) return this.#followTheRing();
    this.#end('unreachable');
  }

  /** The newer ring may have come before the refusals of the older one. */
  #followTheRing(): void {
    if (this.#port.epoch > this.#epoch) this.#startAnew();
    else this.#parked = true;
  }

  /** Under a number of its own: answers to the round before are nobody's any more. */
  #startAnew(): void {
    this.#port.close(this.#id);
    this.#id = 0;
    this.#parked = false;
    this.#epoch = this.#port.epoch;
    this.#refusal = undefined;
    this.#answers = [];
    this.#plan = (this.#options.planAnew as () => CollectPlan<Command>)();
    this.start();
  }

  #end(reason: CollectOutcome<Answer>['reason']): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#id !== 0) this.#port.close(this.#id);
    this.#options.done({
      reason,
      answers: this.#answers,
      got: this.#count.got,
      definite: !this.#reached,
      refusal: this.#refusal,
    });
  }
}
