/** Requests and their results as they come from another node: looked at before they are believed. */
import type { AdminRequest, RequestResult } from '../membership/events.ts';
import { noResultShapes } from '../membership/messages.ts';
import { isPlan } from '../membership/plan.ts';
import {
  isBoolean,
  isCount,
  isKindOf,
  isLatin1,
  isListOf,
  isName,
  isNullOr,
  isOneOf,
  isOptional,
  isPositive,
  isRecord,
  isSentence,
  isText,
  type Check,
} from '../membership/shape.ts';
import type { QuestionOutcome } from './questions.ts';

const propertyFields = { n: isPositive, level: isOneOf('eventual', 'strict') };

/** What is known of each kind, beside the kind. */
const FIELDS: Readonly<Record<AdminRequest['kind'], Readonly<Record<string, Check>>>> = {
  leave: { node: isName },
  replace: { node: isName, by: isName },
  'force-replace': { node: isName, by: isName },
  'force-remove': { node: isName },
  resize: { ringSize: isPositive },
  abortResize: {},
  down: { nodes: isListOf(isName), force: isBoolean },
  bucket: {
    prefix: isLatin1,
    to: isNullOr(isRecord(propertyFields)),
    was: isRecord({ prefix: isLatin1, ...propertyFields }),
  },
  clear: {},
  plan: {},
  commit: { planId: isOptional(isText) },
};

/** Undefined when it is no request that this version knows. */
export function adminRequestOf(body: unknown): AdminRequest | undefined {
  const raw = recordOf(body);
  const fields = fieldsOfKind(raw['kind']);
  if (fields === undefined || !isRecord(fields)(raw)) return undefined;
  const known = Object.keys(fields).map((name) => [name, raw[name]]);
  return { kind: raw['kind'], ...Object.fromEntries(known) } as AdminRequest;
}

function fieldsOfKind(kind: unknown): Readonly<Record<string, Check>> | undefined {
  return typeof kind === 'string' && Object.hasOwn(FIELDS, kind)
    ? FIELDS[kind as AdminRequest['kind']]
    : undefined;
}

const isStaged: Check = isRecord({ epoch: isCount, via: isName });
const isDone: Check = isRecord({ epoch: isCount, warnings: isOptional(isListOf(isSentence)) });

/** What each request, and a join, comes to when it is carried out. */
const RESULTS: Readonly<Record<AdminRequest['kind'] | 'join', Readonly<Record<string, Check>>>> = {
  join: { staged: isStaged },
  leave: { staged: isStaged },
  replace: { staged: isStaged },
  'force-replace': { staged: isStaged },
  'force-remove': { staged: isStaged },
  resize: { staged: isStaged },
  abortResize: { done: isDone },
  down: { done: isDone },
  bucket: { done: isDone },
  clear: { cleared: isRecord({ epoch: isCount }) },
  plan: { planned: isRecord({ plan: isPlan }) },
  commit: { committed: isRecord({ epoch: isCount }) },
};

/** What came of a request. Undefined when it is no such result, whole, that this version knows. */
export function requestResultOf(
  request: AdminRequest['kind'] | 'join',
  outcome: QuestionOutcome,
): RequestResult | undefined {
  if (outcome.kind !== 'answered') return undefined;
  const isResult = isKindOf({ ...RESULTS[request], ...noResultShapes });
  return isResult(outcome.body) ? (outcome.body as RequestResult) : undefined;
}

/** Why there is no result, in words for people. */
export function describeNoResult(outcome: QuestionOutcome): string {
  if (outcome.kind === 'answered') return 'its answer makes no sense to this version';
  return outcome.kind === 'refused' ? outcome.message : outcome.reason;
}

function recordOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
}
