/** What nodes ask each other about the exchange: how their copies stand, and that an operator wants it paused or resumed. */
import type { ExchangeManager } from '../exchange/exchange-manager.ts';
import type { ExchangeStatus } from '../exchange/exchange-status.ts';
import {
  isBoolean,
  isCount,
  isListOf,
  isName,
  isNullOr,
  isNumber,
  isOneOf,
  isOptional,
  isRecord,
  isSentence,
} from '../membership/shape.ts';
import type { QuestionOutcome, Questions } from './questions.ts';

/** An operator's wish, for one node. */
export interface ExchangeWish {
  readonly kind: 'pause' | 'resume';
}

const isWish = isRecord({ kind: isOneOf('pause', 'resume') });
const isStatus = isRecord({
  paused: isBoolean,
  differing: isCount,
  partitions: isListOf(
    isRecord({
      service: isName,
      partition: isCount,
      pairs: isCount,
      alikeMs: isNullOr(isNumber),
      mended: isCount,
      reason: isOptional(isSentence),
    }),
  ),
});

/** What another node has answered to `exchange`; undefined when it makes no sense to this version. */
export function exchangeStatusOf(body: unknown): ExchangeStatus | undefined {
  return isStatus(body) ? (body as ExchangeStatus) : undefined;
}

/** `exchange`: undefined until the node has a ring. */
export function answerAboutExchange(questions: Questions, exchange: () => ExchangeManager | undefined): void {
  const notReady: QuestionOutcome = {
    kind: 'refused',
    code: 'not_ready',
    message: 'this node has no ring yet',
  };
  questions.answer('exchange', (_, answer) => {
    const manager = exchange();
    answer(manager === undefined ? notReady : { kind: 'answered', body: manager.status() });
  });
  questions.answer('exchangeWish', (body, answer) => {
    const manager = exchange();
    if (manager === undefined) return answer(notReady);
    if (!isWish(body))
      return answer({
        kind: 'refused',
        code: 'bad_request',
        message: 'this node does not know such a request',
      });
    if ((body as ExchangeWish).kind === 'pause') manager.pause();
    else manager.resume();
    answer({ kind: 'answered', body: { paused: manager.paused } });
  });
}
