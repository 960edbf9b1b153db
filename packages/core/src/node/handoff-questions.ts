/**
 * What nodes ask each other about transfers: what runs and what waits, a copy that is to be sent for a repair, and what
 * an operator wants of a node that is not the one he speaks to. JSON, so everything is looked at before it is believed.
 */
import type { Epoch, PartitionId } from '../contracts/ids.ts';
import { TRANSFERS_MAX, type TransferLimits } from '../handoff/controls.ts';
import type { HandoffManager } from '../handoff/handoff-manager.ts';
import type { CopyRequest } from '../handoff/port.ts';
import type { InboundStatus } from '../handoff/receiver.ts';
import type { TransferStatus, WaitingTransfer } from '../handoff/transfer-status.ts';
import {
  isCount,
  isListOf,
  isName,
  isNumber,
  isOptional,
  isRecord,
  isSentence,
  isText,
} from '../membership/shape.ts';
import type { QuestionOutcome, Questions } from './questions.ts';

/** An operator's wish: for one partition where one is named, for all of the node's transfers where none is. */
export type TransferWish =
  | { readonly kind: 'pause' | 'resume'; readonly partition?: number }
  | { readonly kind: 'cancel' | 'repair'; readonly partition: number }
  /** What is left out stays as it is; `bytesPerSecond: null` lifts that limit. Nothing: only tell. */
  | {
      readonly kind: 'limit';
      readonly out?: number;
      readonly in?: number;
      readonly bytesPerSecond?: number | null;
    };

/** What a node answers to `transfers`; nodes before this version do not tell of `inbound`. */
export interface TransfersAnswer {
  readonly active: readonly TransferStatus[];
  readonly waiting: readonly WaitingTransfer[];
  readonly inbound?: readonly InboundStatus[];
}

const nameShape = {
  kind: isName,
  service: isText,
  partition: isCount,
  sourcePartition: isCount,
  from: isName,
  to: isName,
};
const isTransfers = isRecord({
  active: isListOf(isRecord({ ...nameShape, items: isCount, bytes: isCount })),
  waiting: isListOf(isRecord({ ...nameShape, reason: isSentence, sinceMs: isNumber })),
  inbound: isOptional(isListOf(isRecord({ ...nameShape, items: isCount, bytes: isCount }))),
});

/** What another node has answered to `transfers`; undefined when it makes no sense to this version. */
export function transfersOf(body: unknown): TransfersAnswer | undefined {
  return isTransfers(body) ? (body as TransfersAnswer) : undefined;
}

const BAD: QuestionOutcome = {
  kind: 'refused',
  code: 'bad_request',
  message: 'this node does not know such a request',
};

/** `handoff`: undefined until the node has a ring. */
export function answerAboutHandoff(questions: Questions, handoff: () => HandoffManager | undefined): void {
  const about = (
    topic: string,
    answerOf: (manager: HandoffManager, body: unknown, from: string) => QuestionOutcome,
  ) =>
    questions.answer(topic, (body, answer, from) => {
      const manager = handoff();
      if (manager !== undefined) return answer(answerOf(manager, body, from));
      answer({ kind: 'refused', code: 'not_ready', message: 'this node has no ring yet' });
    });
  about('transfers', (manager) => {
    return answered({ active: manager.active(), waiting: manager.waiting(), inbound: manager.inbound() });
  });
  about('wish', (manager, body) => {
    const wish = wishOf(body);
    if (wish === undefined) return BAD;
    const { partitions } = manager;
    if (!('partition' in wish) || wish.partition < partitions) return fulfil(manager, wish);
    const message = `there is no partition ${wish.partition}; the last one is ${partitions - 1}`;
    return { kind: 'refused', code: 'bad_request', message };
  });
  questions.answer('copy', (body, answer, from) => {
    const request = copyRequestOf(body);
    if (request === undefined) return answer(BAD);
    const manager = handoff();
    const message = manager === undefined ? 'it has no ring yet' : manager.takeCopyRequest(from, request);
    if (message === undefined) answer(answered({}));
    else answer({ kind: 'refused', code: 'not_now', message });
  });
}

/** Why something was not done; undefined: it was. */
export function refusalOf(outcome: QuestionOutcome): string | undefined {
  if (outcome.kind === 'answered') return undefined;
  return outcome.kind === 'refused' ? outcome.message : outcome.reason;
}

function fulfil(manager: HandoffManager, wish: TransferWish): QuestionOutcome {
  switch (wish.kind) {
    case 'pause':
      manager.pause(wish.partition as PartitionId | undefined);
      return answered(manager.paused);
    case 'resume':
      manager.resume(wish.partition as PartitionId | undefined);
      return answered(manager.paused);
    case 'cancel':
      return answered({ cancelled: manager.cancel(wish.partition as PartitionId) });
    case 'repair': {
      const result = manager.repair(wish.partition as PartitionId);
      if ('begun' in result) return answered(result);
      return { kind: 'refused', code: 'not_now', message: result.refusal };
    }
    case 'limit': {
      const { kind: _, bytesPerSecond, ...limits } = wish;
      const bandwidth = bytesPerSecond === undefined ? {} : { bytesPerSecond: bytesPerSecond ?? undefined };
      manager.limitTo({ ...limits, ...bandwidth });
      return answered(describeLimits(manager.transferLimits));
    }
  }
}

/** JSON has no undefined. */
function describeLimits({ bytesPerSecond, ...limits }: TransferLimits): object {
  return { ...limits, bytesPerSecond: bytesPerSecond ?? null };
}

function answered(body: unknown): QuestionOutcome {
  return { kind: 'answered', body };
}

function wishOf(body: unknown): TransferWish | undefined {
  const raw = (body ?? {}) as Record<string, unknown>;
  const { kind, partition } = raw;
  const known = kind === 'pause' || kind === 'resume' || kind === 'cancel' || kind === 'repair';
  if (known) {
    if (partition !== undefined && !isCount(partition)) return undefined;
    if (partition === undefined && (kind === 'cancel' || kind === 'repair')) return undefined;
    return { kind, ...(partition !== undefined && { partition }) } as TransferWish;
  }
  if (kind !== 'limit') return undefined;
  const wanted = Object.fromEntries(
    (['out', 'in', 'bytesPerSecond'] as const).flatMap((name) =>
      raw[name] === undefined ? [] : [[name, raw[name]]],
    ),
  );
  const fits = Object.entries(wanted).every(
    ([name, value]) =>
      (isCount(value) && (name === 'bytesPerSecond' || (value as number) <= TRANSFERS_MAX)) ||
      (name === 'bytesPerSecond' && value === null),
  );
  return fits && wanted['bytesPerSecond'] !== 0 ? { kind, ...wanted } : undefined;
}

function copyRequestOf(body: unknown): CopyRequest | undefined {
  const raw = (body ?? {}) as Record<string, unknown>;
  const { service, epoch, ringBits, source, target } = raw;
  const fits = typeof service === 'string' && [epoch, ringBits, source, target].every(isCount);
  if (!fits) return undefined;
  return {
    service,
    epoch: epoch as Epoch,
    ringBits: ringBits as number,
    source: source as PartitionId,
    target: target as PartitionId,
  };
}
