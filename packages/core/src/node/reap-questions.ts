/** What nodes ask each other about the reap floor: looked at before it is believed. */
import { isStampHex, REAP_STEPS, type ReapAnswer, type ReapQuestion } from '../reaping/reap-wire.ts';
import type { ReapMember } from '../reaping/reap-member.ts';
import {
  isBoolean,
  isCount,
  isName,
  isOneOf,
  isOptional,
  isRecord,
  isSentence,
} from '../membership/shape.ts';
import type { QuestionOutcome, Questions } from './questions.ts';

const isQuestion = isRecord({
  step: isOneOf(...REAP_STEPS),
  clusterId: isName,
  epoch: isCount,
  stamp: isStampHex,
});
const isAnswer = isRecord({
  life: isName,
  done: isBoolean,
  reason: isOptional(isSentence),
  known: isBoolean,
  bar: isStampHex,
  floor: isStampHex,
  tombstones: isCount,
});

/** Undefined: none came that makes sense to this version. */
export function reapAnswerOf(outcome: QuestionOutcome): ReapAnswer | undefined {
  return outcome.kind === 'answered' && isAnswer(outcome.body) ? (outcome.body as ReapAnswer) : undefined;
}

/** `reap`: undefined until the node has a ring. */
export function answerAboutReaping(questions: Questions, reaping: () => ReapMember | undefined): void {
  questions.answer('reap', (body, answer) => {
    const member = reaping();
    if (member === undefined)
      return answer({ kind: 'refused', code: 'not_ready', message: 'this node has no ring yet' });
    if (!isQuestion(body))
      return answer({ kind: 'refused', code: 'bad_request', message: 'this node does not know such a step' });
    member.answer(body as ReapQuestion, (said) => answer({ kind: 'answered', body: said }));
  });
}
