/**
 * Questions from node to node on the control lane: rare, small, JSON both ways.
 *
 * The operator's doors stand on it: what one node is asked, another may have to answer - the claimant for changes,
 * every member for its transfers. A question is asked once; no answer in time is an answer too. So many may be open
 * that operators never notice, and so few that a door which is asked without end does not fill the node.
 */
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';

/** What came of a question: an answer, a refusal with its code, or none in time. After `noAnswer` it may have been acted on. */
export type QuestionOutcome =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'noAnswer'; readonly reason: string };

/** Answers one topic; `answer` is called once, now or later. */
export type Answerer = (body: unknown, answer: (outcome: QuestionOutcome) => void, from: NodeId) => void;

/** What questions are given: whose they are, time, and a way out. */
export interface QuestionsInit {
  readonly self: NodeId;
  readonly host: Host;
  /** False when the node cannot be reached. */
  send(to: NodeId, kind: 'question' | 'answer', bytes: Uint8Array): boolean;
}

interface Open {
  readonly to: NodeId;
  readonly timer: Timer;
  readonly done: (outcome: QuestionOutcome) => void;
}

/** The HTTP door has 256 connections, and asks each member once for one of them: enough for sixteen members. */
const QUESTIONS_MAX = 4096;

export class Questions {
  readonly #init: QuestionsInit;
  readonly #answerers = new Map<string, Answerer>();
  readonly #open = new Map<number, Open>();
  /** Begins anywhere: answers to questions of a former life of this node may still be on their way. */
  #lastId: number;
  #turnedAway = 0;

  constructor(init: QuestionsInit) {
    this.#init = init;
    this.#lastId = init.host.random();
  }

  /** Questions that wait for their answers. */
  get limit(): LimitUse {
    return {
      limit: 'questions',
      used: this.#open.size,
      max: QUESTIONS_MAX,
      reached: this.#turnedAway,
    };
  }

  /** Answer this topic from now on. */
  answer(topic: string, answerer: Answerer): void {
    this.#answerers.set(topic, answerer);
  }

  ask(
    to: NodeId,
    topic: string,
    body: unknown,
    timeoutMs: number,
    done: (outcome: QuestionOutcome) => void,
  ): void {
    if (to === this.#init.self) return this.#answerHere(topic, body, done, to);
    if (this.#open.size >= QUESTIONS_MAX) {
      this.#turnedAway++;
      return done({ kind: 'noAnswer', reason: 'too many questions wait for their answers' });
    }
    const id = ++this.#lastId;
    const timer = this.#init.host.setTimer(timeoutMs, () =>
      this.#settle(id, { kind: 'noAnswer', reason: 'no answer in time' }),
    );
    this.#open.set(id, { to, timer, done });
    if (!this.#init.send(to, 'question', jsonEncode({ id, topic, body: body ?? null }))) {
      this.#settle(id, { kind: 'noAnswer', reason: 'not connected' });
    }
  }

  onPeerDown(node: NodeId): void {
    for (const [id, open] of this.#open)
      if (open.to === node) this.#settle(id, { kind: 'noAnswer', reason: 'connection lost' });
  }

  onQuestion(from: NodeId, bytes: Uint8Array): void {
    const { id, topic, body } = expectObject(jsonDecode(bytes));
    if (typeof id !== 'number' || typeof topic !== 'string') throw new WireError('not a question');
    this.#answerHere(
      topic,
      body,
      (outcome) => this.#init.send(from, 'answer', jsonEncode({ id, outcome })),
      from,
    );
  }

  onAnswer(from: NodeId, bytes: Uint8Array): void {
    const { id, outcome } = expectObject(jsonDecode(bytes));
    if (typeof id !== 'number' || !isOutcome(outcome)) throw new WireError('not an answer');
    if (this.#open.get(id)?.to === from) this.#settle(id, outcome);
  }

  stop(): void {
    for (const { timer } of this.#open.values()) timer.cancel();
    this.#open.clear();
  }

  #answerHere(topic: string, body: unknown, done: (outcome: QuestionOutcome) => void, from: NodeId): void {
    const answerer = this.#answerers.get(topic);
    if (answerer !== undefined) return answerer(body, done, from);
    done({
      kind: 'refused',
      code: 'unknown_question',
      message: `this node does not know the question '${topic}'`,
    });
  }

  #settle(id: number, outcome: QuestionOutcome): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.timer.cancel();
    open.done(outcome);
  }
}

function isOutcome(value: unknown): value is QuestionOutcome {
  const { kind } = (value ?? {}) as { kind?: unknown };
  return kind === 'answered' || kind === 'refused' || kind === 'noAnswer';
}

function expectObject(value: unknown): Record<'id' | 'topic' | 'body' | 'outcome', unknown> {
  if (typeof value !== 'object' || value === null) throw new WireError('not a JSON object');
  return value as Record<'id' | 'topic' | 'body' | 'outcome', unknown>;
}
