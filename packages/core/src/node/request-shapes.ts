/** Requests and their results as they come from another node: looked at before they are believed. */
import type { NodeId } from '../contracts/ids.ts';
import type { AdminRequest, RequestResult } from '../membership/events.ts';
import type { QuestionOutcome } from './questions.ts';

/** Undefined when it is no request that this version knows. */
export function adminRequestOf(body: unknown): AdminRequest | undefined {
  const { kind, node, planId } = fieldsOf(body);
  switch (kind) {
    case 'plan':
    case 'clear':
      return { kind };
    case 'leave':
      return typeof node === 'string' ? { kind, node: node as NodeId } : undefined;
    case 'commit':
      return planId === undefined || typeof planId === 'string' ? { kind, planId } : undefined;
    default:
      return undefined;
  }
}

const RESULT_KINDS: ReadonlySet<unknown> = new Set<RequestResult['kind']>([
  'staged',
  'cleared',
  'planned',
  'committed',
  'not_claimant',
  'refused',
]);

/** Undefined when it is no result that this version knows. */
export function requestResultOf(body: unknown): RequestResult | undefined {
  return RESULT_KINDS.has(fieldsOf(body).kind) ? (body as RequestResult) : undefined;
}

export function describeNoResult(outcome: QuestionOutcome): string {
  if (outcome.kind === 'answered') return 'its answer makes no sense to this version';
  return outcome.kind === 'refused' ? outcome.message : outcome.reason;
}

function fieldsOf(body: unknown): { kind?: unknown; node?: unknown; planId?: unknown } {
  return typeof body === 'object' && body !== null ? body : {};
}
